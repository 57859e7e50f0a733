"""Facts about a transfer of the business to a successor, and how it stands. They are added and never changed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta

from troth.accountability.ledger import Fact

Moment: TypeAlias = Annotated[datetime, Meta(tz=True)]
SORT = "transfer"
State = Literal["telling", "told", "in force", "cancelled"]


class _Said(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a fact says."""


class Planned(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """The business goes to a successor, a recipient, from `effective` on; people are told so many days before.

    `purpose` is what the policy gives data to a successor for; `document` the SHA-256 of the contract.
    """

    successor: str
    effective: Moment
    days: int
    purpose: str
    document: str


class Told(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """So many more persons were told."""

    persons: int


class Everybody(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """Everybody of whom something was held was told by now. Who comes after that is told, too, and waits as long."""


class Cancelled(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """It was called off, and nothing is handed over any more."""

    why: str


class Archived(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """An archive was handed over: the disclosures in it, of how many persons, and the SHA-256 of its manifest."""

    disclosure: str
    persons: int
    manifest: str


Said: TypeAlias = Planned | Told | Everybody | Cancelled | Archived
# What a fact says, by the name under which the store has it. A name never changes its meaning.
WHATS: dict[str, type[Said]] = {
    "planned": Planned, "told": Told, "everybody": Everybody, "cancelled": Cancelled, "archived": Archived,
}  # fmt: skip


class TransferStanding(msgspec.Struct, frozen=True):
    """A transfer and what became of it. `everybody` is when everybody had been told, None if that is not so yet."""

    id: str
    planned: Planned
    at: datetime
    told: int = 0
    everybody: datetime | None = None
    cancelled: str | None = None
    archives: tuple[Archived, ...] = ()

    @property
    def ahead(self) -> timedelta:
        """How long before somebody's data moves they are told."""
        return timedelta(days=self.planned.days)

    def state(self, at: datetime) -> State:
        """What it is at a moment."""
        if self.cancelled is not None:
            return "cancelled"
        if self.everybody is None:
            return "telling"
        return "in force" if self.lacks(at) is None else "told"

    def lacks(self, at: datetime) -> str | None:
        """Why nothing may be handed over at a moment; None: of whoever was told long enough before, it may."""
        if self.cancelled is not None:
            return "It was called off."
        if at < self.planned.effective:
            return f"The business changes hands on {self.planned.effective:%Y-%m-%d}."
        if self.everybody is None:
            return "Not everybody has been told yet."
        if at < self.everybody + self.ahead:
            return f"People were told on {self.everybody:%Y-%m-%d}, and {self.planned.days} days ahead are promised."
        return None


def standing(facts: Iterable[Fact[Any]], at: datetime | None = None) -> dict[str, TransferStanding]:
    """Every transfer as its facts tell, up to a moment if one is given, by id; `facts` are in the record's order."""
    found: dict[str, TransferStanding] = {}
    replace = msgspec.structs.replace
    for fact in facts:
        if at is not None and fact.at > at:
            continue
        one = found.get(fact.subject)
        match fact.said:
            case Planned() as planned if one is None:
                found[fact.subject] = TransferStanding(fact.subject, planned, fact.at)
            case Told(persons=persons) if one is not None:
                found[fact.subject] = replace(one, told=one.told + persons)
            case Everybody() if one is not None and one.everybody is None:
                found[fact.subject] = replace(one, everybody=fact.at)
            case Cancelled(why=why) if one is not None:
                found[fact.subject] = replace(one, cancelled=why)
            case Archived() as archived if one is not None:
                found[fact.subject] = replace(one, archives=(*one.archives, archived))
    return found
