"""The record and the policy: what every store has, whatever it is used for."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)

from troth.store.tables.base import Number, metadata

_NAMED = "person IS NOT NULL"

settings = Table(
    "settings",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
    comment="Facts about this database itself, such as the name of its log.",
)

leaves = Table(
    "leaves",
    metadata,
    Column("index", Number, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary, nullable=False),
    Column("entry", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False),
    CheckConstraint('"index" >= 0', name="leaves_index_is_natural"),
    CheckConstraint("length(hash) = 32", name="leaves_hash_is_sha256"),
    comment="The entries of the record, in the order of the one sequencer: 0, 1, 2, … without a gap.",
)

tiles = Table(
    "tiles",
    metadata,
    Column("level", Integer, nullable=False),
    Column("index", Number, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("hashes", LargeBinary, nullable=False),
    PrimaryKeyConstraint("level", "index"),
    CheckConstraint("length(hashes) = 8192", name="tiles_are_full"),
    comment="The full tiles of the tree. Everything here follows from `leaves` and can be computed again.",
)

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("size", Number, primary_key=True, autoincrement=False),
    Column("root", LargeBinary, nullable=False),
    Column("note", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False),
    comment="Every checkpoint that was signed, one for each size of the log.",
)

policy_versions = Table(
    "policy_versions",
    metadata,
    Column("policy", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("effective", BigInteger, nullable=False),
    Column("title", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("source", LargeBinary, nullable=False),
    Column("published_at", BigInteger, nullable=False),
    Column("leaf", BigInteger, nullable=False, unique=True),
    PrimaryKeyConstraint("policy", "version"),
    comment="The published versions of the policy, to the byte. A published version never changes.",
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Number, primary_key=True, autoincrement=True),
    Column("topic", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("sent_at", BigInteger),
    Column("person", Text),
    Index("outbox_waiting", "id", sqlite_where=text("sent_at IS NULL"), postgresql_where=text("sent_at IS NULL")),
    Index("outbox_person", "person", sqlite_where=text(_NAMED), postgresql_where=text(_NAMED)),
    comment="What has to be told to others because of a change that is committed. Sent at least once, in order.",
)

openings = Table(
    "openings",
    metadata,
    Column("event", Text, primary_key=True),
    Column("leaf", BigInteger, nullable=False, unique=True),
    Column("person", Text),
    Column("sealed", LargeBinary, nullable=False),
    Index("openings_person", "person"),
    comment="Salts and values that open the commitments of an entry, sealed under the person's key.",
)

requests = Table(
    "requests",
    metadata,
    Column("key", LargeBinary, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("result", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("person", Text),
    Index("requests_person", "person"),
    comment="What was answered to a request, by an HMAC of the caller's key, so that sending it twice does it once.",
)
