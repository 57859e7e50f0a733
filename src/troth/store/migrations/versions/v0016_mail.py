"""Mail that is on its way."""

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """To this revision."""


def downgrade() -> None:
    """Back to the one before."""
