"""What was registered about recipients."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """To this revision."""
    op.create_table(
        "recipient_facts",
        sa.Column("leaf", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=False),
        sa.Column("recipient", sa.Text, nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("said", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("staff", sa.Text, nullable=False),
    )
    op.create_index("recipient_facts_recipient", "recipient_facts", ["recipient", "leaf"])


def downgrade() -> None:
    """Back to the one before."""
    op.drop_table("recipient_facts")
