"""What was verified about promises, and how often each was asked about."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """To this revision."""
    op.create_table(
        "verifications",
        sa.Column("leaf", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("sentence", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_index("verifications_name", "verifications", ["name", "leaf"])
    op.create_table(
        "tallies",
        sa.Column("day", sa.BigInteger, nullable=False),
        sa.Column("gate", sa.Text, nullable=False),
        sa.Column("statement", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("allowed", sa.BigInteger, nullable=False),
        sa.Column("refused", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("day", "gate", "statement", "version"),
    )


def downgrade() -> None:
    """Back to the one before."""
    op.drop_table("tallies")
    op.drop_table("verifications")
