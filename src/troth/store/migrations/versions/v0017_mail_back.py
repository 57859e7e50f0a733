"""What comes back from mail, and who gets none."""

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """To this revision."""


def downgrade() -> None:
    """Back to the one before."""
