"""The outbox, and what opens the commitments of the record."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """To this revision."""
    op.create_table(
        "outbox",
        sa.Column("id", _number, primary_key=True, autoincrement=True),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("sent_at", sa.BigInteger),
    )
    waiting = sa.text("sent_at IS NULL")
    op.create_index("outbox_waiting", "outbox", ["id"], sqlite_where=waiting, postgresql_where=waiting)
    op.create_table(
        "openings",
        sa.Column("event", sa.Text, primary_key=True),
        sa.Column("leaf", sa.BigInteger, nullable=False, unique=True),
        sa.Column("person", sa.Text),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
    )
    op.create_index("openings_person", "openings", ["person"])


def downgrade() -> None:
    """Back to the one before."""
    op.drop_table("openings")
    op.drop_table("outbox")
