"""PostgreSQL keeps no samples of what belongs to a person.

For its plans, PostgreSQL copies some values of each column into `pg_statistic`, where no erasure finds them. It is told
to take none of these columns, and giving a column its own type again takes out what it has of it. SQLite keeps none.
"""

from alembic import op

revision = "0010"
down_revision = "0009"

UNSAMPLED = (
    ("codes", "blind", "BYTEA"),
    ("codes", "digest", "BYTEA"),
    ("identifiers", "blind", "BYTEA"),
    ("items", "blind", "BYTEA"),
    ("items", "sealed", "BYTEA"),
    ("openings", "sealed", "BYTEA"),
    ("outbox", "body", "TEXT"),
    ("persons", "sealing_key", "BYTEA"),
    ("requests", "digest", "BYTEA"),
    ("requests", "key", "BYTEA"),
    ("requests", "result", "TEXT"),
)


def upgrade() -> None:
    """To this revision."""
    if op.get_bind().dialect.name == "postgresql":
        for table, column, type in UNSAMPLED:
            op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} TYPE {type}")
            op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET STATISTICS 0")


def downgrade() -> None:
    """Back to the one before."""
    if op.get_bind().dialect.name == "postgresql":
        for table, column, _ in UNSAMPLED:
            op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET STATISTICS -1")
