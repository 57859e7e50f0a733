"""Endpoints of recipients and what is on its way to them."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """To this revision."""
    op.create_table(
        "endpoints",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("recipient", sa.Text, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("method", sa.Text, nullable=False),
        sa.Column("secret", sa.LargeBinary, nullable=False),
        sa.Column("previous", sa.LargeBinary),
        sa.Column("previous_until", sa.BigInteger),
        sa.Column("ack_key", sa.Text),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("why", sa.Text),
        sa.Column("failing_since", sa.BigInteger),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("rotated_at", sa.BigInteger),
    )
    op.create_index("endpoints_recipient", "endpoints", ["recipient", "state"])
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("recipient", sa.Text, nullable=False),
        sa.Column("endpoint", sa.Text),
        sa.Column("disclosure", sa.Text),
        sa.Column("batch", sa.Integer),
        sa.Column("body", sa.Text),
        sa.Column("nonce", sa.Text),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_at", sa.BigInteger, nullable=False),
        sa.Column("leased_until", sa.BigInteger),
        sa.Column("sent", sa.Text, nullable=False),
        sa.Column("sent_to", sa.Text),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("delivered_at", sa.BigInteger),
        sa.Column("due_at", sa.BigInteger),
        sa.Column("acknowledged_at", sa.BigInteger),
        sa.Column("digest", sa.Text),
        sa.Column("why", sa.Text),
    )
    _index("deliveries_waiting", ["recipient", "next_at", "id"], "state = 'waiting'")
    _index("deliveries_due", ["due_at"], "state = 'delivered'")
    op.create_index("deliveries_disclosure", "deliveries", ["disclosure", "batch"])
    op.create_index("deliveries_recipient", "deliveries", ["recipient", "created_at"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE deliveries ALTER COLUMN body SET STATISTICS 0")


def downgrade() -> None:
    """Back to the one before."""
    op.drop_table("deliveries")
    op.drop_table("endpoints")


def _index(name: str, columns: list[str], where: str) -> None:
    op.create_index(name, "deliveries", columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
