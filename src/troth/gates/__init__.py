"""The gates: where personal data passes. Each asks the decision point, does what was allowed, and writes the record."""
