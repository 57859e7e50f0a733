"""A mail as bytes: read with the place of everything in it, and added to with every other byte as it was."""
