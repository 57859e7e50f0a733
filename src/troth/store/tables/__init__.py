"""The tables, by what they are about. `troth.store.schema` has all of them together."""
