"""Complaints, and what became of them."""

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """To this revision."""


def downgrade() -> None:
    """Back to the one before."""
