"""Endpoints of recipients and what is on its way to them."""

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """To this revision."""


def downgrade() -> None:
    """Back to the one before."""
