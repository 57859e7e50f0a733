"""Mail: what is on its way, what came back, and who gets none."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, PrimaryKeyConstraint, Table, Text, text

from troth.store.tables.base import Number, metadata

_NAMED = "person IS NOT NULL"
_LEASED = "lease IS NOT NULL"

mail_bodies = Table(
    "mail_bodies",
    metadata,
    Column("id", Text, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("size", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    comment="Messages on their way, each under a key of its own that lies sealed in the lines of its recipients.",
)

mail_queue = Table(
    "mail_queue",
    metadata,
    Column("id", Number, primary_key=True, autoincrement=True),
    Column("message", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("person", Text),
    Column("leaf", BigInteger),
    Column("stream", Text, nullable=False),
    Column("destination", LargeBinary, nullable=False),
    Column("envelope", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("next_at", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("reply", Text),
    Column("lease", Text),
    Column("leased_until", BigInteger),
    Index("mail_queue_next", "state", "next_at"),
    Index("mail_queue_body", "body"),
    Index("mail_queue_message", "message"),
    Index("mail_queue_lease", "lease", sqlite_where=text(_LEASED), postgresql_where=text(_LEASED)),
    Index("mail_queue_person", "person", sqlite_where=text(_NAMED), postgresql_where=text(_NAMED)),
    comment="Who gets which message, until it is handed over: the addresses sealed, the domain as an HMAC.",
)

mail_sent = Table(
    "mail_sent",
    metadata,
    Column("leaf", Number, primary_key=True, autoincrement=False),
    Column("message", Text, nullable=False),
    Column("person", Text),
    Column("stream", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("at", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Index("mail_sent_at", "stream", "at"),
    Index("mail_sent_message", "message"),
    Index("mail_sent_person", "person", sqlite_where=text(_NAMED), postgresql_where=text(_NAMED)),
    comment="What was mailed to whom, or withheld, and what became of it; `leaf` is the entry that says so.",
)

suppressions = Table(
    "suppressions",
    metadata,
    Column("address", LargeBinary, nullable=False),
    Column("scope", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("since", BigInteger, nullable=False),
    PrimaryKeyConstraint("address", "scope"),
    comment="Which addresses get no mail of which kind: an HMAC of the address. It outlives the person whose it was.",
)

mail_credentials = Table(
    "mail_credentials",
    metadata,
    Column("id", Text, primary_key=True),
    Column("stream", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("revoked_at", BigInteger),
    comment="Who may submit mail: the stream that it is of, and the SHA-256 of the secret.",
)

mail_returns = Table(
    "mail_returns",
    metadata,
    Column("day", BigInteger, nullable=False),
    Column("stream", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("number", BigInteger, nullable=False),
    PrimaryKeyConstraint("day", "stream", "what", "status", "source"),
    comment="How much came back of mail, day by day: bounces, complaints, opt-outs. It says nothing of anybody.",
)
