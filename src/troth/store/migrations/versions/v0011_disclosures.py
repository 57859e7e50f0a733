"""What was disclosed to whom about whom.

Of what belongs to a person PostgreSQL takes no samples: see 0010.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

UNSAMPLED = (
    ("disclosures", "key"),
    ("disclosures", "digest"),
    ("disclosed", "pseudonym"),
    ("disclosed", "opening"),
    ("disclosed", "commitment"),
)


def upgrade() -> None:
    """To this revision."""
    op.create_table(
        "disclosures",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("recipient", sa.Text, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("product", sa.Text),
        sa.Column("data", sa.Text, nullable=False),
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("policy", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("format", sa.Text, nullable=False),
        sa.Column("under", sa.Text),
        sa.Column("identified", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("key", sa.LargeBinary, unique=True),
        sa.Column("digest", sa.LargeBinary),
        sa.Column("segment", sa.Text),
        sa.Column("cursor", sa.Text),
        sa.Column("steps", sa.BigInteger, nullable=False),
        sa.Column("batches", sa.BigInteger, nullable=False),
        sa.Column("asked", sa.BigInteger),
        sa.Column("persons", sa.BigInteger, nullable=False),
        sa.Column("released", sa.BigInteger, nullable=False),
        sa.Column("refused", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("why", sa.Text),
    )
    op.create_index("disclosures_created", "disclosures", ["created_at", "id"])
    op.create_index("disclosures_recipient", "disclosures", ["recipient", "created_at", "id"])
    running = sa.text("state = 'running'")
    op.create_index(
        "disclosures_running", "disclosures", ["created_at"], sqlite_where=running, postgresql_where=running
    )
    op.create_table(
        "disclosure_waiting",
        sa.Column("disclosure", sa.Text, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("person", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("disclosure", "position"),
    )
    op.create_index("disclosure_waiting_person", "disclosure_waiting", ["person"])
    op.create_table(
        "disclosure_batches",
        sa.Column("disclosure", sa.Text, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("leaf", sa.BigInteger, nullable=False, unique=True),
        sa.Column("persons", sa.BigInteger, nullable=False),
        sa.Column("released", sa.BigInteger, nullable=False),
        sa.Column("root", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("disclosure", "number"),
    )
    op.create_table(
        "disclosed",
        sa.Column("leaf", sa.BigInteger, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("disclosure", sa.Text, nullable=False),
        sa.Column("recipient", sa.Text, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("person", sa.Text),
        sa.Column("pseudonym", sa.Text, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sa.Column("statements", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("withheld", sa.Text),
        sa.Column("withheld_at", sa.BigInteger),
        sa.Column("commitment", sa.LargeBinary, nullable=False),
        sa.Column("opening", sa.LargeBinary),
        sa.Column("erased_leaf", sa.BigInteger),
        sa.PrimaryKeyConstraint("leaf", "position"),
    )
    op.create_index("disclosed_person", "disclosed", ["person"])
    op.create_index("disclosed_recipient", "disclosed", ["recipient", "pseudonym"])
    erased = sa.text("erased_leaf IS NOT NULL")
    op.create_index("disclosed_erased", "disclosed", ["erased_leaf"], sqlite_where=erased, postgresql_where=erased)
    if op.get_bind().dialect.name == "postgresql":
        for table, column in UNSAMPLED:
            op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET STATISTICS 0")


def downgrade() -> None:
    """Back to the one before."""
    for table in ("disclosed", "disclosure_batches", "disclosure_waiting", "disclosures"):
        op.drop_table(table)
