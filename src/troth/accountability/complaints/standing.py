"""How a complaint stands: a pure function of its facts. Nothing of it is stored.

received → acknowledged → answered → settled, or escalated → mediated → determined → appealed → remedied or closed.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

import msgspec

from troth.accountability.complaints.facts import (
    Acknowledged,
    Added,
    Agreed,
    Answered,
    Appealed,
    Closed,
    Determined,
    Erased,
    Escalated,
    Kind,
    Mediated,
    Received,
    Remedied,
    Said,
    Settled,
)
from troth.accountability.errors import CaseError
from troth.accountability.ledger import Fact

State = Literal[
    "received", "acknowledged", "answered", "settled", "escalated", "mediated", "determined", "appealed", "remedied",
    "closed",
]  # fmt: skip
ENDED: tuple[State, ...] = ("settled", "remedied", "closed")
WITH_BODY: tuple[State, ...] = ("escalated", "mediated", "determined", "appealed")

_MOVES: dict[type[Said], State] = {
    Received: "received",
    Acknowledged: "acknowledged",
    Answered: "answered",
    Settled: "settled",
    Escalated: "escalated",
    Mediated: "mediated",
    Determined: "determined",
    Appealed: "appealed",
    Remedied: "remedied",
    Closed: "closed",
}


class ComplaintStanding(msgspec.Struct, frozen=True):
    """A complaint as its facts tell, the first of which is that it was received."""

    id: str
    facts: tuple[Fact[Said], ...]

    @property
    def received(self) -> Received:
        """What came in."""
        said = self.facts[0].said
        if not isinstance(said, Received):
            raise CaseError(f"The first fact of the complaint '{self.id}' is not that it was received.")
        return said

    @property
    def kind(self) -> Kind:
        """Complaint or feedback."""
        return self.received.kind

    @property
    def at(self) -> datetime:
        """When it came in."""
        return self.facts[0].at

    @property
    def state(self) -> State:
        """How it stands."""
        return next(_MOVES[type(fact.said)] for fact in reversed(self.facts) if type(fact.said) in _MOVES)

    @property
    def open(self) -> bool:
        """Whether something is still to be done."""
        return self.state not in ENDED

    @property
    def body(self) -> str | None:
        """The recourse body that it went to: the id of a claim or a recipient."""
        said = self.last(Escalated)
        return said.said.to if said is not None and isinstance(said.said, Escalated) else None

    @property
    def handed(self) -> bool:
        """Whether the body may read what was written."""
        return any((isinstance(f.said, Escalated) and f.said.handed) or isinstance(f.said, Agreed) for f in self.facts)

    @property
    def erased(self) -> bool:
        """Whether what people wrote is gone."""
        return self.last(Erased) is not None

    @property
    def determination(self) -> Determined | None:
        """What the body decided last."""
        fact = self.last(Determined)
        return fact.said if fact is not None and isinstance(fact.said, Determined) else None

    @property
    def upheld(self) -> bool:
        """Whether it was found to be right, and is not remedied yet."""
        found = self.determination
        return found is not None and found.outcome != "dismissed" and self.state in ("determined", "appealed")

    @property
    def ending(self) -> Closed | None:
        """Why it was closed; None while it is not."""
        fact = self.facts_of(Closed)
        return fact[-1].said if fact and self.state == "closed" and isinstance(fact[-1].said, Closed) else None

    def last(self, kind: type[Said]) -> Fact[Said] | None:
        """The latest fact of a kind."""
        return next((fact for fact in reversed(self.facts) if isinstance(fact.said, kind)), None)

    def facts_of(self, *kinds: type[Said]) -> tuple[Fact[Said], ...]:
        """The facts of some kinds, in order."""
        return tuple(fact for fact in self.facts if isinstance(fact.said, kinds))

    def unread(self) -> bool:
        """Whether the person wrote something after staff last did something."""
        staff = max((n for n, fact in enumerate(self.facts) if fact.said.by in ("staff", "troth")), default=-1)
        return any(isinstance(fact.said, Added) and fact.said.by != "staff" for fact in self.facts[staff + 1 :])


def standing(facts: Iterable[Fact[Said]], at: datetime | None = None) -> dict[str, ComplaintStanding]:
    """Every complaint by id, as it was known by a moment."""
    found: dict[str, list[Fact[Said]]] = {}
    for fact in facts:
        if at is None or fact.at <= at:
            found.setdefault(fact.subject, []).append(fact)
    return {id: ComplaintStanding(id, tuple(some)) for id, some in found.items()}
