"""What follows persons who were disclosed, and who wants to know of changes in the list of recipients."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """To this revision."""
    op.create_table(
        "follow_cursors",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.create_table(
        "follow_ups",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("recipient", sa.Text, nullable=False),
        sa.Column("person", sa.Text),
        sa.Column("pseudonym", sa.Text, nullable=False),
        sa.Column("choice", sa.Text),
        sa.Column("data", sa.Text),
        sa.Column("disclosure", sa.Text),
        sa.Column("sentence", sa.Text),
        sa.Column("source", sa.BigInteger, nullable=False),
        sa.Column("made_at", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("why", sa.Text),
        sa.Column("delivery", sa.Text),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("due_at", sa.BigInteger, nullable=False),
        sa.Column("done_at", sa.BigInteger),
        sa.Column("done_by", sa.Text),
        sa.Column("late_leaf", sa.BigInteger),
    )
    op.create_index("follow_ups_recipient", "follow_ups", ["recipient", "pseudonym"])
    op.create_index("follow_ups_state", "follow_ups", ["state", "due_at"])
    named = sa.text("person IS NOT NULL")
    op.create_index("follow_ups_person", "follow_ups", ["person"], sqlite_where=named, postgresql_where=named)
    op.create_table(
        "recipient_subscriptions",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("blind", sa.LargeBinary, nullable=False),
        sa.Column("told_leaf", sa.BigInteger, nullable=False),
        sa.Column("told_at", sa.BigInteger, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("next_at", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
    )
    op.create_index("recipient_subscriptions_blind", "recipient_subscriptions", ["blind"], unique=True)
    if op.get_bind().dialect.name == "postgresql":
        for table, column in (
            ("follow_ups", "pseudonym"),
            ("recipient_subscriptions", "address"),
            ("recipient_subscriptions", "blind"),
        ):
            op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET STATISTICS 0")


def downgrade() -> None:
    """Back to the one before."""
    for table in ("recipient_subscriptions", "follow_ups", "follow_cursors"):
        op.drop_table(table)
