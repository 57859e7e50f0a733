"""The keys of services; and whose data of one kind is held, to be read off one index."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """To this revision."""
    op.create_table(
        "service_keys",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("previous", sa.LargeBinary),
        sa.Column("previous_until", sa.BigInteger),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("rotated_at", sa.BigInteger),
        sa.Column("revoked_at", sa.BigInteger),
    )
    op.create_index("service_keys_name", "service_keys", ["name"])
    op.drop_index("items_data", "items")
    op.create_index("items_data", "items", ["data", "person", "version", "expires_at"])


def downgrade() -> None:
    """Back to the one before."""
    op.drop_index("items_data", "items")
    op.create_index("items_data", "items", ["data", "person"])
    op.drop_table("service_keys")
