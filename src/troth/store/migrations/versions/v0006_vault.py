"""What was collected, the epochs of the keys, and what an erasure has to find of a person."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_PARTIAL = (
    ("outbox_person", "outbox", ["person"], "person IS NOT NULL"),
    ("persons_erased_leaf", "persons", ["erased_leaf"], "erased_leaf IS NOT NULL"),
    ("items_expires", "items", ["expires_at"], "expires_at IS NOT NULL"),
    ("items_blind", "items", ["data", "blind"], "blind IS NOT NULL"),
)


def upgrade() -> None:
    """To this revision."""
    op.create_table(
        "items",
        sa.Column("leaf", sa.BigInteger, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("sealed_for", sa.Text, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sa.Column("statement", sa.Text, nullable=False),
        sa.Column("policy", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("product", sa.Text),
        sa.Column("collected_at", sa.BigInteger, nullable=False),
        sa.Column("keeps", sa.Text),
        sa.Column("expires_at", sa.BigInteger),
        sa.Column("blind", sa.LargeBinary),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("leaf", "position"),
    )
    op.create_index("items_person", "items", ["person", "data"])
    op.create_index("items_data", "items", ["data", "person"])
    op.create_table(
        "epochs",
        sa.Column("epoch", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("made_at", sa.BigInteger, nullable=False),
        sa.Column("retired_at", sa.BigInteger),
    )
    op.add_column("outbox", sa.Column("person", sa.Text))
    op.add_column("persons", sa.Column("erased_leaf", sa.BigInteger))
    op.add_column("requests", sa.Column("person", sa.Text))
    _fill()
    op.create_index("requests_person", "requests", ["person"])
    op.create_index("person_links_other", "person_links", ["other"])
    for name, table, columns, where in _PARTIAL:
        op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def _fill() -> None:
    """Of the messages and requests that are there already, whom they are about."""
    if op.get_bind().dialect.name == "postgresql":
        person, leaf = "body::json->>'person'", "(result::json->>0)::bigint"
    else:
        person, leaf = "json_extract(body, '$.person')", "json_extract(result, '$[0]')"
    op.execute(f"UPDATE outbox SET person = {person} WHERE topic = 'choice'")  # noqa: S608 - words of our own
    op.execute(
        f"UPDATE requests SET person = (SELECT c.person FROM choice_changes c WHERE c.leaf = {leaf})"  # noqa: S608
    )


def downgrade() -> None:
    """Back to the one before."""
    for name, table, _, _ in _PARTIAL:
        op.drop_index(name, table)
    op.drop_index("person_links_other", "person_links")
    op.drop_index("requests_person", "requests")
    for table, column in (("outbox", "person"), ("persons", "erased_leaf"), ("requests", "person")):
        op.drop_column(table, column)
    op.drop_table("items")
    op.drop_table("epochs")
