"""The pages about those who receive data: who they are by each version, what changed, and a feed of that."""
