"""Taking mail from those who submit it (RFC 6409): connections, commands, credentials, and the bytes of a message."""
