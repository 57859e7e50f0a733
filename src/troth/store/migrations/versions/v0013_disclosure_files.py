"""Files made for recipients, the links they are fetched by, and the recipients' keys."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """To this revision."""
    op.create_table(
        "recipient_keys",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("recipient", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("key", sa.LargeBinary, nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("leaf", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
    )
    op.create_index("recipient_keys_recipient", "recipient_keys", ["recipient", "leaf"])
    op.create_table(
        "disclosure_files",
        sa.Column("disclosure", sa.Text, primary_key=True),
        sa.Column("recipient", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("why", sa.Text),
        sa.Column("next_at", sa.BigInteger, nullable=False),
        sa.Column("name", sa.Text),
        sa.Column("leased_until", sa.BigInteger),
        sa.Column("progress", sa.BigInteger, nullable=False),
        sa.Column("seen", sa.BigInteger, nullable=False),
        sa.Column("items", sa.BigInteger, nullable=False),
        sa.Column("withheld", sa.BigInteger, nullable=False),
        sa.Column("world", sa.Text),
        sa.Column("key", sa.Text),
        sa.Column("manifest", sa.Text),
        sa.Column("size", sa.BigInteger),
        sa.Column("sha256", sa.Text),
        sa.Column("made_at", sa.BigInteger),
        sa.Column("keep_until", sa.BigInteger),
        sa.Column("fetch", sa.Text),
        sa.Column("fetched_at", sa.BigInteger),
    )
    op.create_index("disclosure_files_state", "disclosure_files", ["state", "next_at"])
    op.create_table(
        "file_links",
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        sa.Column("disclosure", sa.Text, nullable=False),
        sa.Column("recipient", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("fetches", sa.Integer, nullable=False),
        sa.Column("used_at", sa.BigInteger),
        sa.Column("ended_at", sa.BigInteger),
    )
    op.create_index("file_links_disclosure", "file_links", ["disclosure", "created_at"])


def downgrade() -> None:
    """Back to the one before."""
    for table in ("file_links", "disclosure_files", "recipient_keys"):
        op.drop_table(table)
