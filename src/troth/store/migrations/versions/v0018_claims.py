"""What was entered about claims."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """To this revision."""
    op.create_table(
        "claim_facts",
        sa.Column("leaf", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=False),
        sa.Column("claim", sa.Text, nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("said", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("staff", sa.Text, nullable=False),
        sa.Column("act", sa.Text),
    )
    op.create_index("claim_facts_claim", "claim_facts", ["claim", "leaf"])
    op.create_table(
        "claim_warnings",
        sa.Column("claim", sa.Text, nullable=False),
        sa.Column("ends", sa.BigInteger, nullable=False),
        sa.Column("days", sa.BigInteger, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("claim", "ends", "days"),
    )


def downgrade() -> None:
    """Back to the one before."""
    op.drop_table("claim_warnings")
    op.drop_table("claim_facts")
