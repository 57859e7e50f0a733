"""How a legal request stands at a moment: a pure function of its facts and that moment. Nothing of it is stored.

    received → under review → approved → told → released → closed
                    │    ↘ refused
                    └→ challenged → upheld (under review again) | narrowed (to be narrowed first) | dismissed (refused)

Approved is what two of the staff approved, neither of whom took it in, as its scope stands now; to narrow it asks for
both again. Or it is an emergency: one approves, and another reviews that by a day.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from troth.accountability.ledger import Fact
from troth.accountability.legal.facts import (
    Approved,
    Challenged,
    Closed,
    Decided,
    Gag,
    Gagged,
    Looked,
    Narrowed,
    Outcome,
    Raised,
    Received,
    Refused,
    Released,
    Reviewing,
    Scope,
    Told,
)
from troth.accountability.terms import Terms

APPROVERS = 2
State = Literal["received", "under review", "challenged", "approved", "released", "refused", "closed"]
# What each state is called, and whether anything can be released in it.
STATES: Mapping[State, str] = {
    "received": "Taken in; nobody has reviewed it yet.",
    "under review": "Being reviewed; not yet approved by two.",
    "challenged": "Contested before a court, which has not decided.",
    "approved": "Approved; people are told before anything is released, unless that is forbidden.",
    "released": "Data was released by it, and more may be.",
    "refused": "Refused, or dismissed by a court.",
    "closed": "Done with.",
}


class RequestStanding(msgspec.Struct, frozen=True):
    """A request and what became of it. `approvers` approved the scope as it stands; `released` are the disclosures.

    `taken_by` took it in. `approved_at` is when it was approved by enough, `emergency` why one was enough, if so.
    """

    id: str
    received: Received
    at: datetime
    taken_by: str | None
    scope: Scope
    gag: Gag | None
    reviewed_by: str | None = None
    approvers: tuple[str, ...] = ()
    approved_at: datetime | None = None
    emergency: str | None = None
    looked: Looked | None = None
    ceiling: int | None = None
    raised_by: str | None = None
    refused: str | None = None
    challenged: str | None = None
    outcome: Outcome | None = None
    narrowings: int = 0
    released: tuple[str, ...] = ()
    released_at: datetime | None = None
    told: int = 0
    closed: bool = False

    @property
    def state(self) -> State:
        """What it is now."""
        if self.closed:
            return "closed"
        if self.refused is not None:
            return "refused"
        if self.challenged is not None:
            return "challenged"
        if self.released:
            return "released"
        if self.approved_at is not None:
            return "approved"
        return "under review" if self.reviewed_by is not None else "received"

    def gagged(self, at: datetime) -> bool:
        """Whether nobody may be told at a moment."""
        return self.gag is not None and (self.gag.until is None or at < self.gag.until)

    def over(self, terms: Terms) -> bool:
        """Whether it is about more persons than may be without an officer who raises the ceiling for it."""
        return self.scope.persons > max(terms.ceiling, self.ceiling or 0)

    def ended(self, at: datetime) -> bool:
        """Whether its end has come, after which nothing is released by it."""
        return self.received.ends is not None and self.received.ends <= at

    def late(self, at: datetime) -> bool:
        """Whether its deadline has passed without an answer."""
        answered = self.released or self.refused is not None or self.closed
        return self.received.deadline is not None and self.received.deadline <= at and not answered

    def review_due(self, terms: Terms) -> datetime | None:
        """By when an emergency has to be reviewed; None where there is none, or it was."""
        if self.emergency is None or self.approved_at is None or self.looked is not None:
            return None
        return self.approved_at + terms.review

    def releasable(self, terms: Terms, at: datetime) -> str | None:
        """Why nothing may be released at a moment; None: it may, to those who were told or must not be."""
        if self.state not in ("approved", "released"):
            return f"It is {self.state}."
        if self.ended(at):
            return f"It ended on {self.received.ends:%Y-%m-%d}."
        if self.approved_at is None:
            return f"{len(self.approvers)} of {APPROVERS} approved it as its scope stands."
        if self.over(terms):
            most = max(terms.ceiling, self.ceiling or 0)
            return f"It is about {self.scope.persons} persons, more than {most}: an officer has to raise the ceiling."
        if self.looked is not None and not self.looked.justified:
            return "The review found that the emergency was not justified."
        due = self.review_due(terms)
        if due is not None and due <= at:
            return f"The emergency should have been reviewed by {due:%Y-%m-%d}."
        return None

    def tells(self, at: datetime) -> bool:
        """Whether people are to be told at a moment: something was released, or will be, and nothing forbids it.

        In an emergency they are told as soon as something was released, and not before.
        """
        coming = self.state == "approved" and self.emergency is None and not self.ended(at)
        return not self.gagged(at) and (bool(self.released) or coming)

    def ahead(self, terms: Terms) -> timedelta:
        """How long before a release somebody is told; nothing in an emergency, where they are told at once."""
        return timedelta() if self.emergency is not None else terms.ahead


def standing(facts: Iterable[Fact[Any]], at: datetime | None = None) -> dict[str, RequestStanding]:
    """Every request as its facts tell, up to a moment if one is given, by id; `facts` are in the record's order."""
    found: dict[str, RequestStanding] = {}
    for fact in facts:
        if at is not None and fact.at > at:
            continue
        one = found.get(fact.subject)
        if one is not None:
            found[fact.subject] = after(one, fact)
        elif isinstance(fact.said, Received):
            said = fact.said
            found[fact.subject] = RequestStanding(fact.subject, said, fact.at, fact.staff, said.scope, said.gag)
    return found


def after(one: RequestStanding, fact: Fact[Any]) -> RequestStanding:
    """A request after one more fact."""
    replace = msgspec.structs.replace
    match fact.said:
        case Reviewing():
            return replace(one, reviewed_by=fact.staff)
        case Narrowed(scope=scope):
            number = one.narrowings + 1
            outcome = None if one.outcome == "narrowed" else one.outcome
            return replace(
                one, scope=scope, approvers=(), approved_at=None, emergency=None, narrowings=number, outcome=outcome
            )
        case Approved(emergency=str() as danger):
            return replace(one, approvers=(fact.staff,), approved_at=fact.at, emergency=danger, looked=None)
        case Approved():
            approvers = tuple(dict.fromkeys((*one.approvers, fact.staff or "")))
            enough = len(approvers) >= APPROVERS
            return replace(one, approvers=approvers, approved_at=fact.at if enough else None)
        case Raised(ceiling=ceiling):
            return replace(one, ceiling=ceiling, raised_by=fact.staff)
        case Refused(why=why):
            return replace(one, refused=why)
        case Challenged(why=why):
            return replace(one, challenged=why, approvers=(), approved_at=None, emergency=None)
        case Decided(outcome="dismissed"):
            return replace(one, challenged=None, outcome="dismissed", refused="dismissed by a court")
        case Decided(outcome=outcome):
            return replace(one, challenged=None, outcome=outcome)
        case Gagged(gag=gag):
            return replace(one, gag=gag)
        case Told(persons=persons):
            return replace(one, told=one.told + persons)
        case Released(disclosure=disclosure):
            released = tuple(dict.fromkeys((*one.released, disclosure)))
            return replace(one, released=released, released_at=one.released_at or fact.at)
        case Looked() as looked:
            return replace(one, looked=looked)
        case Closed():
            return replace(one, closed=True)
        case _:
            return one
