"""What Alembic runs for every migration: always on the open connection that `troth.store.migrate` gives."""

from alembic import context

from troth.store.schema import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    transaction_per_migration=False,
    render_as_batch=True,
)
context.run_migrations()
