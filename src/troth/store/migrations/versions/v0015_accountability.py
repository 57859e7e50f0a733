"""Staff with keys of their own and what they signed; legal requests, transfers of the business, and who was told."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UNSAMPLED = (("case_facts", "said"), ("case_facts", "salt"), ("case_facts", "people_salt"))  # see revision 0010


def upgrade() -> None:
    """To this revision."""
    op.create_table(
        "staff_facts",
        sa.Column("leaf", _NUMBER, primary_key=True, autoincrement=False),
        sa.Column("staff", sa.Text, nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("said", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("act", sa.Text),
    )
    op.create_table(
        "signed_acts",
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("staff", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("signature", sa.LargeBinary, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "case_facts",
        sa.Column("leaf", _NUMBER, primary_key=True, autoincrement=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("salt", sa.LargeBinary, nullable=False),
        sa.Column("sort", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("said", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("staff", sa.Text),
        sa.Column("act", sa.Text),
        sa.Column("people", sa.Text),
        sa.Column("people_salt", sa.LargeBinary),
    )
    op.create_index("case_facts_subject", "case_facts", ["subject", "leaf"])
    op.create_table(
        "case_persons",
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("person", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("subject", "person"),
    )
    op.create_index("case_persons_person", "case_persons", ["person"])
    op.create_table(
        "notices",
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("how", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("subject", "person"),
    )
    op.create_index("notices_person", "notices", ["person"])
    if op.get_bind().dialect.name == "postgresql":
        for table, column in UNSAMPLED:
            op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET STATISTICS 0")


def downgrade() -> None:
    """Back to the one before."""
    for table in ("notices", "case_persons", "case_facts", "signed_acts", "staff_facts"):
        op.drop_table(table)
