"""How a claim stands at a moment: a pure function of its facts and that moment. Nothing of it is stored.

*draft* → *assessed* → *signed* → *current* → *due* → *lapsed*, or *suspended*, *withdrawn*, *void*. A claim holds
while it is current or due, and in no other state. Since that is computed when it is asked, a claim that ends today
does not hold today, whether or not anything ran in between.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from troth.conditions.claims.facts import (
    Assessed,
    Drafted,
    Evidence,
    Fact,
    Reinstated,
    Requirement,
    Signed,
    Suspended,
    Voided,
    Withdrawn,
)

State = Literal["draft", "assessed", "signed", "current", "due", "lapsed", "suspended", "withdrawn", "void"]
HOLDING: tuple[State, ...] = ("current", "due")  # the states in which a claim may be made
WARNINGS = (90, 30, 7)  # days ahead of its end at which staff are told


class Signing(msgspec.Struct, frozen=True):
    """A signature and how long it carries. `leaf` is its entry; `by` the draft that was signed.

    `ended` is when it was withdrawn or became void before its time, and `why`.
    """

    leaf: int
    said: Signed
    draft: Drafted
    ended: datetime | None = None
    why: str = ""
    state: Literal["withdrawn", "void"] | None = None

    @property
    def end(self) -> datetime:
        """The first moment at which it carries no longer."""
        return self.said.ends if self.ended is None else min(self.said.ends, self.ended)

    def carries(self, at: datetime) -> bool:
        """Whether it carries the claim at a moment, apart from a suspension."""
        return self.said.begins <= at < self.end


class ClaimStanding(msgspec.Struct, frozen=True):
    """A claim as its facts tell. `assessed` belongs to `draft`, and `assessment` is its entry."""

    id: str
    draft: Drafted | None = None
    assessed: Assessed | None = None
    assessment: int | None = None
    assessed_at: datetime | None = None
    signings: tuple[Signing, ...] = ()
    # When it was suspended and reinstated, in the order of the dates; of two on one date the later entry counts.
    turns: tuple[tuple[datetime, bool, str], ...] = ()
    voided: Voided | None = None

    def open(self) -> tuple[Requirement, ...]:
        """The requirements of the draft that were not found to be met."""
        if self.draft is None:
            return ()
        met = {one.requirement for one in self.assessed.evidence if one.verdict == "met"} if self.assessed else set()
        return tuple(one for one in self.draft.requirements if one.id not in met)

    def evidence(self) -> dict[str, Evidence]:
        """What was found for each requirement, by its id."""
        return {one.requirement: one for one in self.assessed.evidence} if self.assessed else {}

    def signing(self, at: datetime) -> Signing | None:
        """The signature that carries it at a moment; of several, the one that does so longest."""
        return max((one for one in self.signings if one.carries(at)), key=lambda one: one.end, default=None)

    def suspension(self, at: datetime) -> tuple[datetime, str] | None:
        """Since when and why it is suspended at a moment; None if it is not."""
        before = [turn for turn in self.turns if turn[0] <= at]
        return (before[-1][0], before[-1][2]) if before and before[-1][1] else None

    def state(self, at: datetime) -> State:
        """What it is at a moment."""
        if self.voided is not None and self.voided.on <= at:
            return "void"
        signing = self.signing(at)
        if signing is not None:
            if self.suspension(at) is not None:
                return "suspended"
            return "current" if self.warning(at) is None else "due"
        begun = [one for one in self.signings if one.said.begins <= at]
        if any(at < one.said.begins < one.end for one in self.signings):
            return "signed"
        if begun:
            latest = max(begun, key=lambda one: (one.end, one.leaf))
            return "withdrawn" if latest.state == "withdrawn" and latest.end == latest.ended else "lapsed"
        return "draft" if self.draft is None or self.assessed is None or self.open() else "assessed"

    def holds(self, at: datetime) -> bool:
        """Whether it may be made at a moment."""
        return self.state(at) in HOLDING

    def warning(self, at: datetime) -> int | None:
        """The least of 90, 30 and 7 days within which it ends or is due, seen from a moment; None if later.

        It ends when the signature that carries it does, unless the next one carries on without a gap.
        """
        ending = self.ending(at)
        return None if ending is None else days_left(ending, at)

    def ending(self, at: datetime) -> datetime | None:
        """When it ends or is due, whichever is earlier, seen from a moment; None if no signature carries it then."""
        signing = self.signing(at)
        if signing is None:
            return None
        ends = [self.carried_until(at)]
        if signing.said.due is not None and not any(one.leaf > signing.leaf for one in self.signings):
            ends.append(signing.said.due)
        return min(ends)

    def carried_until(self, at: datetime) -> datetime:
        """Until when signatures carry it without a gap from a moment on; that moment if none does."""
        moment = at
        while found := [one.end for one in self.signings if one.said.begins <= moment < one.end]:
            moment = max(found)
        return moment


def days_left(ends: datetime, at: datetime) -> int | None:
    """The least of 90, 30 and 7 days within which something ends, seen from a moment; None if it is later."""
    return min((days for days in WARNINGS if ends - at <= timedelta(days=days)), default=None)


def standing(facts: Iterable[Fact], at: datetime) -> dict[str, ClaimStanding]:
    """Every claim as the facts tell that were entered by `at`, by id. `facts` are in the order of the record."""
    found: dict[str, ClaimStanding] = {}
    for fact in facts:
        if fact.at <= at:
            found[fact.claim] = _after(found.get(fact.claim, ClaimStanding(fact.claim)), fact)
    return found


def _after(one: ClaimStanding, fact: Fact) -> ClaimStanding:
    """A claim after one more fact."""
    replace = msgspec.structs.replace
    match fact.said:
        case Drafted() as draft:
            return replace(one, draft=draft, assessed=None, assessment=None, assessed_at=None)
        case Assessed() as assessed:
            return replace(one, assessed=assessed, assessment=fact.leaf, assessed_at=fact.at)
        case Signed() as signed if one.draft is not None and signed.assessment == one.assessment and not one.open():
            return replace(one, signings=(*one.signings, Signing(fact.leaf, signed, one.draft)))
        case Suspended() as suspended:
            return replace(one, turns=_turned(one, suspended.on, True, suspended.why))
        case Reinstated() as reinstated:
            return replace(one, turns=_turned(one, reinstated.on, False, reinstated.why))
        case Withdrawn() as withdrawn:
            return replace(one, signings=_ended(one, withdrawn.on, withdrawn.why, "withdrawn"))
        case Voided() as voided:
            first = voided if one.voided is None or voided.on < one.voided.on else one.voided
            return replace(one, voided=first, signings=_ended(one, voided.on, voided.why, "void"))
        case _:
            return one


def _turned(one: ClaimStanding, on: datetime, suspended: bool, why: str) -> tuple[tuple[datetime, bool, str], ...]:
    # Sorting is stable: what was entered later stands later among those of one date.
    return tuple(sorted((*one.turns, (on, suspended, why)), key=lambda turn: turn[0]))


def _ended(one: ClaimStanding, on: datetime, why: str, state: Literal["withdrawn", "void"]) -> tuple[Signing, ...]:
    """The signatures that there are so far, none of which carries anything from a date on."""
    return tuple(
        signing
        if signing.ended is not None and signing.ended <= on
        else msgspec.structs.replace(signing, ended=on, why=why, state=state)
        for signing in one.signings
    )
