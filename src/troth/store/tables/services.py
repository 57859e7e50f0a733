"""The services that ask, how much was released to them, and how often each promise was asked about."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, LargeBinary, PrimaryKeyConstraint, Table, Text, text

from troth.store.tables.base import metadata

service_keys = Table(
    "service_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("previous", LargeBinary),
    Column("previous_until", BigInteger),
    Column("scope", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("rotated_at", BigInteger),
    Column("revoked_at", BigInteger),
    Index("service_keys_name", "name"),
    comment="The keys of services: what each may ask for, and the SHA-256 of its secret and of the one before it.",
)

use_counts = Table(
    "use_counts",
    metadata,
    Column("minute", BigInteger, nullable=False),
    Column("service", Text, nullable=False),
    Column("statement", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("product", Text, nullable=False),
    Column("persons", BigInteger, nullable=False),
    Column("released", BigInteger, nullable=False),
    Column("leaf", BigInteger),
    PrimaryKeyConstraint("minute", "service", "statement", "version", "purpose", "product"),
    Index("use_counts_open", "minute", sqlite_where=text("leaf IS NULL"), postgresql_where=text("leaf IS NULL")),
    comment="How many values of how many persons were released, minute by minute; `leaf` is the entry that says so.",
)

tallies = Table(
    "tallies",
    metadata,
    Column("day", BigInteger, nullable=False),
    Column("gate", Text, nullable=False),
    Column("statement", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("allowed", BigInteger, nullable=False),
    Column("refused", BigInteger, nullable=False),
    PrimaryKeyConstraint("day", "gate", "statement", "version"),
    comment="How often each gate was asked under each statement, by day: allowed and refused. About nobody.",
)
