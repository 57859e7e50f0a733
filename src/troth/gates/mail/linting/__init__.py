"""Is a message ready for the large mailbox providers and the laws on marketing? `troth mail lint`."""
