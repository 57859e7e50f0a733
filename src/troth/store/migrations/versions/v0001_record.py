"""The record: leaves, the tiles over them, the checkpoints signed for them; and facts about the database."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

# Written out, not imported from the schema: a migration stays what it was when the schema goes on.
_number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """To this revision."""
    op.create_table(
        "settings",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.create_table(
        "leaves",
        sa.Column("index", _number, primary_key=True, autoincrement=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.Column("entry", sa.LargeBinary, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.CheckConstraint('"index" >= 0', name="leaves_index_is_natural"),
        sa.CheckConstraint("length(hash) = 32", name="leaves_hash_is_sha256"),
    )
    op.create_table(
        "tiles",
        sa.Column("level", sa.Integer, nullable=False),
        sa.Column("index", _number, nullable=False),
        sa.Column("root", sa.LargeBinary, nullable=False),
        sa.Column("hashes", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("level", "index"),
        sa.CheckConstraint("length(hashes) = 8192", name="tiles_are_full"),
    )
    op.create_table(
        "checkpoints",
        sa.Column("size", _number, primary_key=True, autoincrement=False),
        sa.Column("root", sa.LargeBinary, nullable=False),
        sa.Column("note", sa.LargeBinary, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Back to the one before."""
    for table in ("checkpoints", "tiles", "leaves", "settings"):
        op.drop_table(table)
