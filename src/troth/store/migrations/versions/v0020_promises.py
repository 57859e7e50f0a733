"""What was verified about promises."""

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """To this revision."""


def downgrade() -> None:
    """Back to the one before."""
