"""The gates over HTTP, below `/v1`: data comes in and goes out here, each time asked of the policy."""
