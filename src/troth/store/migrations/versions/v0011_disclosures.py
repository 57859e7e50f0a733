"""What was disclosed to whom about whom."""

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """To this revision."""


def downgrade() -> None:
    """Back to the one before."""
