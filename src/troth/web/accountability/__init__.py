"""The pages of accountability: the transparency report, and what a person was told of a case."""
