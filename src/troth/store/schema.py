"""The tables of Troth, one schema for SQLite and PostgreSQL.

Columns hold integers, text and bytes and nothing else, so that a row is the same in both and no conversion can differ.
Moments are integers: microseconds since 1970-01-01 UTC. How a database gets from one revision to the next is in
`migrations`; `REVISIONS` names them in order, and a test holds the two together.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)

REVISIONS = (
    "0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009", "0010", "0011", "0012", "0013", "0014",
    "0015", "0016", "0017", "0018", "0019", "0020",
)  # fmt: skip
VERSION_TABLE = "troth_schema"

metadata = MetaData()

_NAMED, _ERASED = "person IS NOT NULL", "erased_leaf IS NOT NULL"
_WAITS, _DELIVERED = "state = 'waiting'", "state = 'delivered'"
_EXPIRES, _BLIND = "expires_at IS NOT NULL", "blind IS NOT NULL"
_LEASED = "lease IS NOT NULL"
_RUNNING = "state = 'running'"

# In SQLite only a column declared INTEGER is the row's own number; BIGINT would need an index beside the table.
Number = BigInteger().with_variant(Integer(), "sqlite")

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

recipient_facts = Table(
    "recipient_facts",
    metadata,
    Column("leaf", Number, primary_key=True, autoincrement=False),
    Column("recipient", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("said", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("staff", Text, nullable=False),
    Index("recipient_facts_recipient", "recipient", "leaf"),
    comment="What was registered about recipients, in the order of the record. How one stands now follows from these.",
)

endpoints = Table(
    "endpoints",
    metadata,
    Column("id", Text, primary_key=True),
    Column("recipient", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("secret", LargeBinary, nullable=False),
    Column("previous", LargeBinary),
    Column("previous_until", BigInteger),
    Column("ack_key", Text),
    Column("state", Text, nullable=False),
    Column("why", Text),
    Column("failing_since", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("rotated_at", BigInteger),
    Index("endpoints_recipient", "recipient", "state"),
    comment="Where recipients take deliveries, with what signs them, sealed under a key that is not in the database.",
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("endpoint", Text),
    Column("disclosure", Text),
    Column("batch", Integer),
    Column("body", Text),
    Column("nonce", Text),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", BigInteger, nullable=False),
    Column("leased_until", BigInteger),
    Column("sent", Text, nullable=False),
    Column("sent_to", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("delivered_at", BigInteger),
    Column("due_at", BigInteger),
    Column("acknowledged_at", BigInteger),
    Column("digest", Text),
    Column("why", Text),
    Index("deliveries_waiting", "recipient", "next_at", "id", sqlite_where=text(_WAITS), postgresql_where=text(_WAITS)),
    Index("deliveries_due", "due_at", sqlite_where=text(_DELIVERED), postgresql_where=text(_DELIVERED)),
    Index("deliveries_disclosure", "disclosure", "batch"),
    Index("deliveries_recipient", "recipient", "created_at"),
    comment="What is on its way to recipients and what reached them: never what was disclosed, only of which batch.",
)

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

disclosures = Table(
    "disclosures",
    metadata,
    Column("id", Text, primary_key=True),
    Column("recipient", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("product", Text),
    Column("data", Text, nullable=False),
    Column("service", Text, nullable=False),
    Column("policy", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("format", Text, nullable=False),
    Column("under", Text),
    Column("identified", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("key", LargeBinary, unique=True),
    Column("digest", LargeBinary),
    Column("segment", Text),
    Column("cursor", Text),
    Column("steps", BigInteger, nullable=False),
    Column("batches", BigInteger, nullable=False),
    Column("asked", BigInteger),
    Column("persons", BigInteger, nullable=False),
    Column("released", BigInteger, nullable=False),
    Column("refused", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("outcome", Text, nullable=False),
    Column("why", Text),
    Index("disclosures_created", "created_at", "id"),
    Index("disclosures_recipient", "recipient", "created_at", "id"),
    Index("disclosures_running", "created_at", sqlite_where=text(_RUNNING), postgresql_where=text(_RUNNING)),
    comment="Each disclosure that was asked for: to whom, for what, and how far it came. No data, and nobody's name.",
)

disclosure_waiting = Table(
    "disclosure_waiting",
    metadata,
    Column("disclosure", Text, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("person", Text, nullable=False),
    PrimaryKeyConstraint("disclosure", "position"),
    Index("disclosure_waiting_person", "person"),
    comment="The persons of a disclosure whose turn has not come yet.",
)

disclosure_batches = Table(
    "disclosure_batches",
    metadata,
    Column("disclosure", Text, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("leaf", BigInteger, nullable=False, unique=True),
    Column("persons", BigInteger, nullable=False),
    Column("released", BigInteger, nullable=False),
    Column("root", LargeBinary, nullable=False),
    PrimaryKeyConstraint("disclosure", "number"),
    comment="The parts in which a disclosure was made, each with its entry in the record and the root of its lines.",
)

disclosed = Table(
    "disclosed",
    metadata,
    Column("leaf", BigInteger, nullable=False),
    Column("position", Integer, nullable=False),
    Column("disclosure", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("person", Text),
    Column("pseudonym", Text, nullable=False),
    Column("data", Text, nullable=False),
    Column("statements", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("withheld", Text),
    Column("withheld_at", BigInteger),
    Column("commitment", LargeBinary, nullable=False),
    Column("opening", LargeBinary),
    Column("erased_leaf", BigInteger),
    PrimaryKeyConstraint("leaf", "position"),
    Index("disclosed_person", "person"),
    Index("disclosed_recipient", "recipient", "pseudonym"),
    Index("disclosed_erased", "erased_leaf", sqlite_where=text(_ERASED), postgresql_where=text(_ERASED)),
    comment="Who received which data of whom, line by line. Of who was erased the line stays, and says of nobody.",
)

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

recipient_keys = Table(
    "recipient_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("recipient", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("key", LargeBinary, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("leaf", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("ended_at", BigInteger),
    Index("recipient_keys_recipient", "recipient", "leaf"),
    comment="The public keys that files are encrypted to, and the SHA-256 of the secrets with which they are fetched.",
)

disclosure_files = Table(
    "disclosure_files",
    metadata,
    Column("disclosure", Text, primary_key=True),
    Column("recipient", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("why", Text),
    Column("next_at", BigInteger, nullable=False),
    Column("name", Text),
    Column("leased_until", BigInteger),
    Column("progress", BigInteger, nullable=False),
    Column("seen", BigInteger, nullable=False),
    Column("items", BigInteger, nullable=False),
    Column("withheld", BigInteger, nullable=False),
    Column("world", Text),
    Column("key", Text),
    Column("manifest", Text),
    Column("size", BigInteger),
    Column("sha256", Text),
    Column("made_at", BigInteger),
    Column("keep_until", BigInteger),
    Column("fetch", Text),
    Column("fetched_at", BigInteger),
    Index("disclosure_files_state", "state", "next_at"),
    comment="The encrypted file of each disclosure that is one: how far it is, and which file it is. No data.",
)

file_links = Table(
    "file_links",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("disclosure", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("fetches", Integer, nullable=False),
    Column("used_at", BigInteger),
    Column("ended_at", BigInteger),
    Index("file_links_disclosure", "disclosure", "created_at"),
    comment="The links by which files are fetched, by the SHA-256 of each: whose it is, and whether it still opens.",
)

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

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_micros(moment: datetime) -> int:
    """A moment as the tables keep it: microseconds since 1970-01-01 UTC."""
    return (moment - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """The moment, in UTC, that a table keeps."""
    return _EPOCH + micros * _MICROSECOND
