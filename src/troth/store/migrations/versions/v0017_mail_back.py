"""What comes back from mail, who gets none, and who may submit it.

Of what belongs to a person PostgreSQL takes no samples: see 0010.
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """To this revision."""
    op.create_table(
        "suppressions",
        sa.Column("address", sa.LargeBinary, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("address", "scope"),
    )
    op.create_table(
        "mail_credentials",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("revoked_at", sa.BigInteger),
    )
    op.create_table(
        "mail_returns",
        sa.Column("day", sa.BigInteger, nullable=False),
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("day", "stream", "what", "status", "source"),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE suppressions ALTER COLUMN address SET STATISTICS 0")


def downgrade() -> None:
    """Back to the one before."""
    op.drop_table("mail_returns")
    op.drop_table("mail_credentials")
    op.drop_table("suppressions")
