"""Answering for it: staff and what they signed, cases, claims, complaints, and what was verified."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, LargeBinary, PrimaryKeyConstraint, Table, Text

from troth.store.tables.base import Number, metadata

staff_facts = Table(
    "staff_facts",
    metadata,
    Column("leaf", Number, primary_key=True, autoincrement=False),
    Column("staff", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("said", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("act", Text),
    comment="Who of the staff may sign what, and with which public key, in the order of the record.",
)

signed_acts = Table(
    "signed_acts",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("staff", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False),
    comment="What staff signed, to the byte, by its SHA-256. It counts once: nobody can send it a second time.",
)

case_facts = Table(
    "case_facts",
    metadata,
    Column("leaf", Number, primary_key=True, autoincrement=False),
    Column("event", Text, nullable=False),
    Column("salt", LargeBinary, nullable=False),
    Column("sort", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("said", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("staff", Text),
    Column("act", Text),
    Column("people", Text),
    Column("people_salt", LargeBinary),
    Index("case_facts_subject", "subject", "leaf"),
    comment="What became of legal requests and transfers of the business. How one stands now follows from these.",
)

case_persons = Table(
    "case_persons",
    metadata,
    Column("subject", Text, nullable=False),
    Column("person", Text, nullable=False),
    PrimaryKeyConstraint("subject", "person"),
    Index("case_persons_person", "person"),
    comment="Whom a legal request is about, as it stands now.",
)

notices = Table(
    "notices",
    metadata,
    Column("subject", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("how", Text, nullable=False),
    PrimaryKeyConstraint("subject", "person"),
    Index("notices_person", "person"),
    comment="Who was told of a legal request or of a transfer of the business, when, and how.",
)

claim_facts = Table(
    "claim_facts",
    metadata,
    Column("leaf", Number, primary_key=True, autoincrement=False),
    Column("claim", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("said", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("staff", Text, nullable=False),
    Column("act", Text),
    Index("claim_facts_claim", "claim", "leaf"),
    comment="What was entered about claims, in the order of the record; `act` is the digest of what staff signed.",
)

claim_warnings = Table(
    "claim_warnings",
    metadata,
    Column("claim", Text, primary_key=True),
    Column("ends", BigInteger, primary_key=True),
    Column("days", BigInteger, primary_key=True),
    Column("at", BigInteger, nullable=False),
    comment="Of which end of a claim staff were warned, how many days ahead, and when.",
)

verifications = Table(
    "verifications",
    metadata,
    Column("leaf", Number, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("sentence", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("verifications_name", "name", "leaf"),
    comment="What was verified, when, and what was found: passed, failed, or unknown where nothing could tell.",
)

complaints = Table(
    "complaints",
    metadata,
    Column("id", Text, primary_key=True),
    Column("code", LargeBinary, nullable=False, unique=True),
    Column("sealing_key", LargeBinary),
    Column("blind", LargeBinary),
    Column("created_at", BigInteger, nullable=False),
    Index("complaints_created", "created_at"),
    Index("complaints_blind", "blind"),
    comment="Complaints: the hash of the code that leads to one, and its key, wrapped; without one, it was erased.",
)

complaint_texts = Table(
    "complaint_texts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("complaint", Text, nullable=False),
    Column("sort", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Index("complaint_texts_complaint", "complaint"),
    comment="What people wrote in complaints, their addresses and files, sealed under the key of the complaint.",
)

complaint_told = Table(
    "complaint_told",
    metadata,
    Column("complaint", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    PrimaryKeyConstraint("complaint", "what"),
    comment="Which step of a complaint was mailed to whoever complained, and which reminder to staff.",
)
