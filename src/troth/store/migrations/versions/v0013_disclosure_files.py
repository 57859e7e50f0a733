"""Files made for recipients."""

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """To this revision."""


def downgrade() -> None:
    """Back to the one before."""
