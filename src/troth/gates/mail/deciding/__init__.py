"""Who may get a message: the verdict on each recipient, and what a message to them has to offer."""
