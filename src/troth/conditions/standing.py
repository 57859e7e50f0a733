"""How a recipient stands at a moment: a pure function of its facts and that moment. Nothing of it is stored.

A contract goes from *proposed* over *signed* to *in force*, is *expiring* for its last 90 days, and then has *lapsed*;
or it was *terminated*, and what was received is due to be returned or deleted. Since all of that is computed when it is
asked, a contract that ends today gives nothing today, whether or not anything ran in between.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from troth.conditions.facts import (
    Contract,
    Engaged,
    Fact,
    Page,
    Profile,
    Released,
    Returned,
    Revoked,
    Signed,
    Terminated,
    Transfer,
)

State = Literal["proposed", "signed", "in force", "expiring", "lapsed", "terminated"]
GIVING: tuple[State, ...] = ("in force", "expiring")  # the states in which a contract gives something
# What a recipient is when it has several contracts: the first of these that one of them is.
BEST: tuple[State, ...] = ("in force", "expiring", "signed", "proposed", "terminated", "lapsed")
WARNINGS = (90, 30, 7)  # days before its end at which a contract is warned about


class ContractStanding(msgspec.Struct, frozen=True):
    """A contract and what became of it; `registered` is when it was."""

    terms: Contract
    registered: datetime
    signed: Signed | None = None
    terminated: Terminated | None = None
    returned: Returned | None = None

    @property
    def signed_on(self) -> datetime | None:
        """When it was or will be signed; None if that is not known yet."""
        return self.signed.on if self.signed is not None else self.terms.signed

    @property
    def end(self) -> datetime | None:
        """The first moment at which it no longer holds; None if it has no end."""
        ends = [one for one in (self.terms.ends, self.terminated.on if self.terminated else None) if one is not None]
        return min(ends, default=None)

    def state(self, at: datetime) -> State:
        """What it is at a moment."""
        if self.terminated is not None and self.terminated.on <= at:
            return "terminated"
        if self.terms.ends is not None and self.terms.ends <= at:
            return "lapsed"
        if self.signed_on is None or at < self.signed_on:
            return "proposed"
        if at < self.terms.begins:
            return "signed"
        return "in force" if self.warning(at) is None else "expiring"

    def gives(self, at: datetime) -> bool:
        """Whether it is in force at a moment."""
        return self.state(at) in GIVING

    def warning(self, at: datetime) -> int | None:
        """The least of 90, 30 and 7 days within which it ends, seen from a moment; None if it does not end so soon."""
        if self.end is None:
            return None
        left = self.end - at
        return min((days for days in WARNINGS if left <= timedelta(days=days)), default=None)

    def owes(self, at: datetime) -> Terminated | None:
        """The termination by which something is still to be returned or deleted at a moment; None if nothing is."""
        return self.terminated if self.state(at) == "terminated" and self.returned is None else None


class TransferStanding(msgspec.Struct, frozen=True):
    """What a transfer rests on, and whether that was revoked."""

    terms: Transfer
    registered: datetime
    revoked: Revoked | None = None

    @property
    def end(self) -> datetime | None:
        """The first moment at which it no longer stands; None if it has no end."""
        ends = [one for one in (self.terms.ends, self.revoked.on if self.revoked else None) if one is not None]
        return min(ends, default=None)

    def stands(self, at: datetime) -> bool:
        """Whether it stands at a moment by its own dates; whether the claim of a framework does, the policy knows."""
        return self.terms.begins <= at and (self.end is None or at < self.end)


class RecipientStanding(msgspec.Struct, frozen=True):
    """A recipient as its facts tell up to a moment: contracts and transfers by their ids, in the record's order.

    `pages` are those that name it to people, in the order in which they were first registered.
    """

    id: str
    profile: Profile
    contracts: dict[str, ContractStanding]
    transfers: dict[str, TransferStanding]
    engaged: dict[str, datetime]
    released: dict[str, datetime]
    pages: tuple[Page, ...] = ()

    def naming(self, at: datetime) -> tuple[Page, ...]:
        """The pages that name it at a moment."""
        return tuple(page for page in self.pages if page.begins <= at and (page.ends is None or at < page.ends))

    def state(self, at: datetime) -> State:
        """The best state that one of its contracts has; proposed without any."""
        states = {contract.state(at) for contract in self.contracts.values()}
        return next((state for state in BEST if state in states), "proposed")

    def subprocessors(self, at: datetime) -> tuple[str, ...]:
        """The sub-processors that it engages at a moment."""
        return tuple(
            id
            for id, since in self.engaged.items()
            if since <= at and not (id in self.released and self.released[id] <= at)
        )


def standing(facts: Iterable[Fact], at: datetime) -> dict[str, RecipientStanding]:
    """Every recipient as the facts tell that were registered by `at`, by id, in the order in which they came.

    `facts` are in the order of the record. What does not belong to anything that was registered before says nothing.
    """
    found: dict[str, RecipientStanding] = {}
    for fact in facts:
        if fact.at <= at:
            one = found.get(fact.recipient)
            if one is not None:
                found[fact.recipient] = _after(one, fact)
            elif isinstance(fact.said, Profile):
                found[fact.recipient] = RecipientStanding(fact.recipient, fact.said, {}, {}, {}, {})
    return found


def _after(one: RecipientStanding, fact: Fact) -> RecipientStanding:
    """A recipient after one more fact."""
    replace = msgspec.structs.replace
    match fact.said:
        case Profile() as profile:
            return replace(one, profile=profile)
        case Contract() as terms:
            return replace(one, contracts={**one.contracts, terms.id: ContractStanding(terms, fact.at)})
        case Signed() as signed if signed.contract in one.contracts:
            changed = replace(one.contracts[signed.contract], signed=signed)
            return replace(one, contracts={**one.contracts, signed.contract: changed})
        case Terminated() as terminated if terminated.contract in one.contracts:
            changed = replace(one.contracts[terminated.contract], terminated=terminated)
            return replace(one, contracts={**one.contracts, terminated.contract: changed})
        case Returned() as returned if returned.contract in one.contracts:
            changed = replace(one.contracts[returned.contract], returned=returned)
            return replace(one, contracts={**one.contracts, returned.contract: changed})
        case Transfer() as basis:
            return replace(one, transfers={**one.transfers, basis.id: TransferStanding(basis, fact.at)})
        case Revoked() as revoked if revoked.transfer in one.transfers:
            ended = replace(one.transfers[revoked.transfer], revoked=revoked)
            return replace(one, transfers={**one.transfers, revoked.transfer: ended})
        case Engaged() as engaged:
            left = {id: on for id, on in one.released.items() if id != engaged.subprocessor}
            return replace(one, engaged={**one.engaged, engaged.subprocessor: engaged.on}, released=left)
        case Released() as released:
            return replace(one, released={**one.released, released.subprocessor: released.on})
        case Page() as page:
            before = [other for other in one.pages if (other.url, other.begins) != (page.url, page.begins)]
            return replace(one, pages=(*before, page))
        case _:
            return one
