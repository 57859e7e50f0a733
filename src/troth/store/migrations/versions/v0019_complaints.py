"""Complaints: the key of each, what people wrote sealed under it, and who was told of what."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"

UNSAMPLED = (  # see revision 0010
    ("complaints", "code"),
    ("complaints", "sealing_key"),
    ("complaints", "blind"),
    ("complaint_texts", "sealed"),
)


def upgrade() -> None:
    """To this revision."""
    op.create_table(
        "complaints",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("code", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("sealing_key", sa.LargeBinary),
        sa.Column("blind", sa.LargeBinary),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.create_index("complaints_created", "complaints", ["created_at"])
    op.create_index("complaints_blind", "complaints", ["blind"])
    op.create_table(
        "complaint_texts",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("complaint", sa.Text, nullable=False),
        sa.Column("sort", sa.Text, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
    )
    op.create_index("complaint_texts_complaint", "complaint_texts", ["complaint"])
    op.create_table(
        "complaint_told",
        sa.Column("complaint", sa.Text, nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("complaint", "what"),
    )
    if op.get_bind().dialect.name == "postgresql":
        for table, column in UNSAMPLED:
            op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET STATISTICS 0")


def downgrade() -> None:
    """Back to the one before."""
    for table in ("complaint_told", "complaint_texts", "complaints"):
        op.drop_table(table)
