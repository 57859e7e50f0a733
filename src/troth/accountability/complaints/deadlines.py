"""Which deadlines run for a complaint, whether they were met, and when staff are reminded. Pure.

An answer is due within the days that the policy promises, 45 where it promises none (Data Privacy Framework,
Supplemental Principle 11(d)(i)); that it is here is due within 30 days (UK GDPR complaints procedure, DPA 2018 s. 164A,
where the policy's own time is not shorter). A request is due by the days of its right. A moment at or after the end of
a deadline is too late.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from troth.accountability.complaints.facts import (
    Acknowledged,
    Answered,
    Appealed,
    Closed,
    Determined,
    Escalated,
    Remedied,
    Said,
    Settled,
)
from troth.accountability.complaints.standing import ComplaintStanding
from troth.accountability.ledger import Fact
from troth.policy.model import Version
from troth.policy.values import Period

What = Literal["acknowledge", "answer", "remedy"]
Mark = Literal["half", "7 days", "1 day", "late"]

ANSWER = timedelta(days=45)
ACKNOWLEDGE = timedelta(days=30)
A_MONTH = Period(count=1, unit="month")
YEAR = timedelta(days=365)

# What ends the waiting for each. A complaint that goes to the body in time is the body's from then on.
_ENDS: dict[What, tuple[type[Said], ...]] = {
    "acknowledge": (Acknowledged, Answered, Settled, Escalated, Closed),
    "answer": (Answered, Settled, Escalated, Closed),
    "remedy": (Remedied, Appealed, Determined, Closed, Settled),
}


class Deadline(msgspec.Struct, frozen=True):
    """A deadline of a complaint: what is due, since when, the first moment at which it is late, and when it was met."""

    id: str
    what: What
    since: datetime
    until: datetime
    met: datetime | None

    def late(self, at: datetime) -> bool:
        """Whether it was passed by a moment without its step."""
        return (self.met if self.met is not None and self.met <= at else at) >= self.until

    def mark(self, at: datetime) -> Mark | None:
        """The latest reminder whose time has come, None while it is early or once it is met."""
        if self.met is not None:
            return None
        if at >= self.until:
            return "late"
        if at >= self.until - timedelta(days=1):
            return "1 day"
        if at >= self.until - timedelta(days=7) and self.until - timedelta(days=7) > self.since:
            return "7 days"
        return "half" if at >= self.since + (self.until - self.since) / 2 else None


def deadlines(one: ComplaintStanding) -> tuple[Deadline, ...]:
    """Every deadline that a complaint ever had."""
    found: list[Deadline] = []
    received = one.received
    if received.acknowledge_by is not None:
        found.append(_deadline(one, "acknowledge", 0, received.acknowledge_by))
    if received.answer_by is not None:
        found.append(_deadline(one, "answer", 0, received.answer_by))
    for place, fact in enumerate(one.facts):
        if isinstance(fact.said, Determined) and fact.said.remedy_by is not None:
            found.append(_deadline(one, "remedy", place, fact.said.remedy_by))
    return tuple(found)


def due(known: Iterable[ComplaintStanding], at: datetime) -> list[Deadline]:
    """The deadlines that wait for their step: those that were passed first, then the nearest."""
    waiting = [deadline for one in known for deadline in deadlines(one) if deadline.met is None]
    return sorted(waiting, key=lambda one: (not one.late(at), one.until))


def missed(known: Iterable[ComplaintStanding], at: datetime, within: timedelta = YEAR) -> list[Deadline]:
    """The deadlines of the last twelve months that were passed without their step."""
    return [
        deadline for one in known for deadline in deadlines(one) if at - within < deadline.until and deadline.late(at)
    ]


def overdue(one: ComplaintStanding, at: datetime) -> bool:
    """Whether an answer, or that it is here, is overdue: the person may go to the body, and it goes by itself."""
    return any(deadline.what != "remedy" and deadline.met is None and deadline.late(at) for deadline in deadlines(one))


def answer_by(version: Version, at: datetime) -> datetime:
    """The first moment at which an answer to a complaint of that moment is too late, by the version of then."""
    stated = next((one for one in version.answers if (one.about or one.id) == "complaints"), None)
    within = stated.within.ends(at) if stated is not None and stated.within is not None else None
    return within or at + ANSWER


def request_by(version: Version, right: str | None, at: datetime) -> datetime:
    """The first moment at which an answer to a request is too late: a month where the right states no days.

    GDPR, article 12(3). LookupError: the version states no such right.
    """
    stated = next((one for one in version.rights if one.id == right), None)
    if stated is None:
        raise LookupError(f"The version {version.id} states no right '{right}'.")
    within = stated.within.ends(at) if stated.within is not None else None
    return within or A_MONTH.ends(at) or at + ACKNOWLEDGE


def _deadline(one: ComplaintStanding, what: What, place: int, until: datetime) -> Deadline:
    after: tuple[Fact[Said], ...] = one.facts[place + 1 :]
    met = next((fact.at for fact in after if isinstance(fact.said, _ENDS[what])), None)
    return Deadline(one.id, what, one.facts[place].at, until, met)
