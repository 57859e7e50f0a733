"""Staff, legal requests and transfers of the business."""

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """To this revision."""


def downgrade() -> None:
    """Back to the one before."""
