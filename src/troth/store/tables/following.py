"""What follows people to those who received their data, and who is told of changes in the list of them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table, Text, text

from troth.store.tables.base import metadata

_NAMED = "person IS NOT NULL"

follow_cursors = Table(
    "follow_cursors",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
    comment="Up to where what people do was passed on to those who received their data: one place for each source.",
)

follow_ups = Table(
    "follow_ups",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("person", Text),
    Column("pseudonym", Text, nullable=False),
    Column("choice", Text),
    Column("data", Text),
    Column("disclosure", Text),
    Column("sentence", Text),
    Column("source", BigInteger, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("why", Text),
    Column("delivery", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("done_at", BigInteger),
    Column("done_by", Text),
    Column("late_leaf", BigInteger),
    Index("follow_ups_recipient", "recipient", "pseudonym"),
    Index("follow_ups_person", "person", sqlite_where=text(_NAMED), postgresql_where=text(_NAMED)),
    Index("follow_ups_state", "state", "due_at"),
    comment="What is passed on to a recipient about a person: an opt-out, a correction, an erasure, and how far it is.",
)

recipient_subscriptions = Table(
    "recipient_subscriptions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("address", Text, nullable=False),
    Column("blind", LargeBinary, nullable=False),
    Column("told_leaf", BigInteger, nullable=False),
    Column("told_at", BigInteger, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("next_at", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    Index("recipient_subscriptions_blind", "blind", unique=True),
    comment="Who is mailed when the list of recipients changes, and up to which change they were told.",
)
