"""The migrations of the schema, run by Alembic through `troth.store.migrate`."""
