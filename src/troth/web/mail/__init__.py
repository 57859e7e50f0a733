"""The page on which staff see the gate of mail, and what it shares with the gate over HTTP."""
