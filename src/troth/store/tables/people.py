"""People: who is meant, what they chose, what is held of them, and under which keys."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, PrimaryKeyConstraint, Table, Text, text

from troth.store.tables.base import Number, metadata

_ERASED = "erased_leaf IS NOT NULL"
_EXPIRES = "expires_at IS NOT NULL"
_BLIND = "blind IS NOT NULL"

persons = Table(
    "persons",
    metadata,
    Column("id", Text, primary_key=True),
    Column("number", BigInteger, nullable=False, unique=True),
    Column("sealing_key", LargeBinary),
    Column("merged_into", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("erased_leaf", BigInteger),
    Index("persons_merged_into", "merged_into"),
    Index("persons_erased_leaf", "erased_leaf", sqlite_where=text(_ERASED), postgresql_where=text(_ERASED)),
    comment="Persons by a random id, of which `number` is a part. Who was erased has no key, and the entry of that.",
)

identifiers = Table(
    "identifiers",
    metadata,
    Column("kind", Text, nullable=False),
    Column("blind", LargeBinary, nullable=False),
    Column("person", Text, nullable=False),
    Column("linked_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("kind", "blind"),
    Index("identifiers_person", "person"),
    comment="Who is meant by an identifier: an HMAC of it under a key that is not in the database, never itself.",
)

choices = Table(
    "choices",
    metadata,
    Column("person", Text, nullable=False),
    Column("choice", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("leaf", BigInteger, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("version", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("how", Text, nullable=False),
    Column("signal_leaf", BigInteger),
    PrimaryKeyConstraint("person", "choice"),
    comment="The choices as they are now: in, out, or unset after a removal. `leaf` is the change that made them so.",
)

choice_changes = Table(
    "choice_changes",
    metadata,
    Column("leaf", Number, primary_key=True, autoincrement=False),
    Column("event", Text, nullable=False, unique=True),
    Column("person", Text, nullable=False),
    Column("choice", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("staff", Text),
    Column("how", Text, nullable=False),
    Column("signal", Text),
    Column("product", Text),
    Column("policy", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Index("choice_changes_person", "person", "leaf"),
    comment="Every change of a choice, in the order of the record: the index of its entry is its number here.",
)

person_links = Table(
    "person_links",
    metadata,
    Column("leaf", Number, primary_key=True, autoincrement=False),
    Column("person", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("kind", Text),
    Column("other", Text),
    Column("at", BigInteger, nullable=False),
    Index("person_links_person", "person", "leaf"),
    Index("person_links_other", "other"),
    comment="Every identifier that was linked or unlinked and every merge of two persons, in the order of the record.",
)

codes = Table(
    "codes",
    metadata,
    Column("blind", LargeBinary, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("sent_at", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("sent", Integer, nullable=False),
    Column("since", BigInteger, nullable=False),
    Index("codes_until", "until"),
    comment="The code that opens an address's choices, as an HMAC; kept for addresses that nobody has too, for a day.",
)

items = Table(
    "items",
    metadata,
    Column("leaf", BigInteger, nullable=False),
    Column("position", Integer, nullable=False),
    Column("person", Text, nullable=False),
    Column("sealed_for", Text, nullable=False),
    Column("data", Text, nullable=False),
    Column("statement", Text, nullable=False),
    Column("policy", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("product", Text),
    Column("collected_at", BigInteger, nullable=False),
    Column("keeps", Text),
    Column("expires_at", BigInteger),
    Column("blind", LargeBinary),
    Column("sealed", LargeBinary, nullable=False),
    PrimaryKeyConstraint("leaf", "position"),
    Index("items_person", "person", "data"),
    Index("items_data", "data", "person", "version", "expires_at"),
    Index("items_expires", "expires_at", sqlite_where=text(_EXPIRES), postgresql_where=text(_EXPIRES)),
    Index("items_blind", "data", "blind", sqlite_where=text(_BLIND), postgresql_where=text(_BLIND)),
    comment="What was collected, each value sealed under the key of the person `sealed_for`, who is `person` by now.",
)

epochs = Table(
    "epochs",
    metadata,
    Column("epoch", Integer, primary_key=True, autoincrement=False),
    Column("fingerprint", Text, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("retired_at", BigInteger),
    comment="The keys that wrap the keys of persons, which are elsewhere: their numbers, and how to know each again.",
)
