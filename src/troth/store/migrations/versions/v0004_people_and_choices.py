"""Persons, their identifiers as blind indexes, and their choices with the whole history."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """To this revision."""
    op.create_table(
        "persons",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False, unique=True),
        sa.Column("sealing_key", sa.LargeBinary),
        sa.Column("merged_into", sa.Text),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.create_index("persons_merged_into", "persons", ["merged_into"])
    op.create_table(
        "identifiers",
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("blind", sa.LargeBinary, nullable=False),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("linked_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("kind", "blind"),
    )
    op.create_index("identifiers_person", "identifiers", ["person"])
    op.create_table(
        "choices",
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("choice", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("leaf", sa.BigInteger, nullable=False),
        sa.Column("made_at", sa.BigInteger, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("how", sa.Text, nullable=False),
        sa.Column("signal_leaf", sa.BigInteger),
        sa.PrimaryKeyConstraint("person", "choice"),
    )
    op.create_table(
        "choice_changes",
        sa.Column("leaf", _number, primary_key=True, autoincrement=False),
        sa.Column("event", sa.Text, nullable=False, unique=True),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("choice", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("staff", sa.Text),
        sa.Column("how", sa.Text, nullable=False),
        sa.Column("signal", sa.Text),
        sa.Column("product", sa.Text),
        sa.Column("policy", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("made_at", sa.BigInteger, nullable=False),
        sa.Column("recorded_at", sa.BigInteger, nullable=False),
    )
    op.create_index("choice_changes_person", "choice_changes", ["person", "leaf"])
    op.create_table(
        "person_links",
        sa.Column("leaf", _number, primary_key=True, autoincrement=False),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("kind", sa.Text),
        sa.Column("other", sa.Text),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_index("person_links_person", "person_links", ["person", "leaf"])
    op.create_table(
        "requests",
        sa.Column("key", sa.LargeBinary, primary_key=True),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("result", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Back to the one before."""
    for table in ("requests", "person_links", "choice_changes", "choices", "identifiers", "persons"):
        op.drop_table(table)
