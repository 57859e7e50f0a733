"""Mail that is on its way."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
NAMED, LEASED = sa.text("person IS NOT NULL"), sa.text("lease IS NOT NULL")
# What PostgreSQL keeps no samples of; see revision 0010.
UNSAMPLED = (
    ("mail_bodies", "sealed"),
    ("mail_queue", "envelope"),
    ("mail_queue", "destination"),
)


def upgrade() -> None:
    """To this revision."""
    op.create_table(
        "mail_bodies",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "mail_queue",
        sa.Column("id", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("person", sa.Text),
        sa.Column("leaf", sa.BigInteger),
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("destination", sa.LargeBinary, nullable=False),
        sa.Column("envelope", sa.LargeBinary, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("next_at", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.Column("reply", sa.Text),
        sa.Column("lease", sa.Text),
        sa.Column("leased_until", sa.BigInteger),
    )
    op.create_index("mail_queue_next", "mail_queue", ["state", "next_at"])
    op.create_index("mail_queue_body", "mail_queue", ["body"])
    op.create_index("mail_queue_message", "mail_queue", ["message"])
    op.create_index("mail_queue_lease", "mail_queue", ["lease"], sqlite_where=LEASED, postgresql_where=LEASED)
    op.create_index("mail_queue_person", "mail_queue", ["person"], sqlite_where=NAMED, postgresql_where=NAMED)
    op.create_table(
        "mail_sent",
        sa.Column("leaf", NUMBER, primary_key=True, autoincrement=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("person", sa.Text),
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
    )
    op.create_index("mail_sent_at", "mail_sent", ["stream", "at"])
    op.create_index("mail_sent_message", "mail_sent", ["message"])
    op.create_index("mail_sent_person", "mail_sent", ["person"], sqlite_where=NAMED, postgresql_where=NAMED)
    if op.get_bind().dialect.name == "postgresql":
        for table, column in UNSAMPLED:
            op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET STATISTICS 0")


def downgrade() -> None:
    """Back to the one before."""
    op.drop_table("mail_sent")
    op.drop_table("mail_queue")
    op.drop_table("mail_bodies")
