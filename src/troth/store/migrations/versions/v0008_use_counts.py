"""How much was released, minute by minute."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """To this revision."""
    op.create_table(
        "use_counts",
        sa.Column("minute", sa.BigInteger, nullable=False),
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("statement", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("product", sa.Text, nullable=False),
        sa.Column("persons", sa.BigInteger, nullable=False),
        sa.Column("released", sa.BigInteger, nullable=False),
        sa.Column("leaf", sa.BigInteger),
        sa.PrimaryKeyConstraint("minute", "service", "statement", "version", "purpose", "product"),
    )
    op.create_index(
        "use_counts_open",
        "use_counts",
        ["minute"],
        sqlite_where=sa.text("leaf IS NULL"),
        postgresql_where=sa.text("leaf IS NULL"),
    )


def downgrade() -> None:
    """Back to the one before."""
    op.drop_table("use_counts")
