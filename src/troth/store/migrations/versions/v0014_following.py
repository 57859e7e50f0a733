"""What follows people who were disclosed."""

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """To this revision."""


def downgrade() -> None:
    """Back to the one before."""
