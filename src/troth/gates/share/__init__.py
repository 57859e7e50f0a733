"""The gate `share`: data leaves to a named recipient, for a stated purpose, and every departure is kept."""
