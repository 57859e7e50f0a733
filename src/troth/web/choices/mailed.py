"""The mail that went to a person, or was kept back since they refused, for the page of their choices. No content."""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import bindparam, or_, select

from troth.people import People
from troth.store.schema import from_micros, mail_sent, persons

MOST = 200  # lines on the page, the latest

# What became of a message, in words. What is not here was never to go to the person and is not shown.
STATES = {
    "queued": "on its way",
    "sent": "handed to your mail provider",
    "failed": "your mail provider did not take it",
    "suppressed": "kept back",
    "dropped": "not sent",
}
REASONS = {
    "opted-out": "kept back, since you refused",
    "not-opted-in": "kept back, since you did not agree",
    "bounced": "kept back, since mail to the address did not arrive before",
    "collected-under": "kept back, since you were promised otherwise when you gave the address",
}

_MEANT = select(persons.c.id).where(
    or_(persons.c.id == bindparam("of_id"), persons.c.merged_into == bindparam("of_id"))
)
MAILED = (
    select(mail_sent.c.leaf, mail_sent.c.stream, mail_sent.c.state, mail_sent.c.reason, mail_sent.c.at)
    .where(mail_sent.c.person.in_(_MEANT), mail_sent.c.state.in_(list(STATES)))
    .order_by(mail_sent.c.leaf.desc())
    .limit(MOST)
)


class Mailed(msgspec.Struct, frozen=True):
    """One message: when it was submitted, what became of it, in words, and the index of its entry in the record."""

    at: datetime
    told: str
    leaf: int


class MailedOf(msgspec.Struct, frozen=True):
    """The messages of one stream, the latest first."""

    stream: str
    lines: tuple[Mailed, ...]


def mailed_to(people: People, person: str) -> tuple[MailedOf, ...]:
    """The mail of a person, stream by stream, the one of the latest message first. StoreUnavailableError."""
    found: dict[str, list[Mailed]] = {}
    with people.store.read() as connection:
        for row in connection.execute(MAILED, {"of_id": person}):
            told = REASONS.get(row.reason or "", STATES[row.state]) if row.state == "suppressed" else STATES[row.state]
            at = from_micros(row.at).replace(second=0, microsecond=0)
            found.setdefault(row.stream, []).append(Mailed(at, told, row.leaf))
    return tuple(MailedOf(stream, tuple(lines)) for stream, lines in found.items())
