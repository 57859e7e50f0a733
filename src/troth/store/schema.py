"""The tables of Troth, one schema for SQLite and PostgreSQL.

Columns hold integers, text and bytes and nothing else, so that a row is the same in both and no conversion can differ.
Moments are integers: microseconds since 1970-01-01 UTC. How a database gets from one revision to the next is in
`migrations`; `REVISIONS` names them in order, and a test holds the two together.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from troth.store.tables.answering import (
    case_facts,
    case_persons,
    claim_facts,
    claim_warnings,
    complaint_texts,
    complaint_told,
    complaints,
    notices,
    signed_acts,
    staff_facts,
    verifications,
)
from troth.store.tables.base import metadata
from troth.store.tables.core import (
    checkpoints,
    leaves,
    openings,
    outbox,
    policy_versions,
    requests,
    settings,
    tiles,
)
from troth.store.tables.following import (
    follow_cursors,
    follow_ups,
    recipient_subscriptions,
)
from troth.store.tables.mail import (
    mail_bodies,
    mail_credentials,
    mail_queue,
    mail_returns,
    mail_sent,
    suppressions,
)
from troth.store.tables.people import (
    choice_changes,
    choices,
    codes,
    epochs,
    identifiers,
    items,
    person_links,
    persons,
)
from troth.store.tables.services import (
    service_keys,
    tallies,
    use_counts,
)
from troth.store.tables.sharing import (
    deliveries,
    disclosed,
    disclosure_batches,
    disclosure_files,
    disclosure_waiting,
    disclosures,
    endpoints,
    file_links,
    recipient_facts,
    recipient_keys,
)

REVISIONS = (
    "0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009", "0010", "0011", "0012", "0013", "0014",
    "0015", "0016", "0017", "0018", "0019", "0020",
)  # fmt: skip
VERSION_TABLE = "troth_schema"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_micros(moment: datetime) -> int:
    """A moment as the tables keep it: microseconds since 1970-01-01 UTC."""
    return (moment - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """The moment, in UTC, that a table keeps."""
    return _EPOCH + micros * _MICROSECOND


__all__ = [
    "REVISIONS",
    "VERSION_TABLE",
    "case_facts",
    "case_persons",
    "checkpoints",
    "choice_changes",
    "choices",
    "claim_facts",
    "claim_warnings",
    "codes",
    "complaint_texts",
    "complaint_told",
    "complaints",
    "deliveries",
    "disclosed",
    "disclosure_batches",
    "disclosure_files",
    "disclosure_waiting",
    "disclosures",
    "endpoints",
    "epochs",
    "file_links",
    "follow_cursors",
    "follow_ups",
    "from_micros",
    "identifiers",
    "items",
    "leaves",
    "mail_bodies",
    "mail_credentials",
    "mail_queue",
    "mail_returns",
    "mail_sent",
    "metadata",
    "notices",
    "openings",
    "outbox",
    "person_links",
    "persons",
    "policy_versions",
    "recipient_facts",
    "recipient_keys",
    "recipient_subscriptions",
    "requests",
    "service_keys",
    "settings",
    "signed_acts",
    "staff_facts",
    "suppressions",
    "tallies",
    "tiles",
    "to_micros",
    "use_counts",
    "verifications",
]
