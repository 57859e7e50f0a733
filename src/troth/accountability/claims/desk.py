"""Where staff act on claims: each fact is signed by somebody with the role for it, in one unit of work with the fact.

A claim is drafted and assessed by anybody of the staff and signed by an officer alone (Data Privacy Framework,
Supplemental Principle 7(d): a corporate officer). What ends or suspends it is signed by an officer or by counsel.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from datetime import datetime

import msgspec

from troth.accountability.errors import StaffError
from troth.accountability.signing import Act, Random, SignedAct, make_act
from troth.accountability.staff import ROLES, Role, StaffRegister
from troth.conditions.claims.facts import Fact, Said, what_of
from troth.conditions.claims.register import ClaimRegister
from troth.policy.history import Policy
from troth.record import canonical
from troth.store import Store, Unit

SEAL = 16  # bytes of the name of a seal's page: nobody guesses it

OFFICERS: tuple[Role, ...] = ("officer",)
LAWYERS: tuple[Role, ...] = ("officer", "counsel")
WHO: Mapping[str, Collection[Role]] = {
    "drafted": ROLES,
    "assessed": ROLES,
    "signed": OFFICERS,
    "suspended": LAWYERS,
    "reinstated": OFFICERS,
    "withdrawn": LAWYERS,
    "voided": LAWYERS,
}


class ClaimDesk:
    """The claims of `policy` in `store`, as staff act on them. Safe to share between threads."""

    def __init__(self, store: Store, policy: Policy, random: Random = secrets.token_bytes) -> None:
        self.register = ClaimRegister(store, policy, random)
        self.staff = StaffRegister(store, random)
        self._random = random

    def seal(self) -> str:
        """A name for the page of a seal: 32 hex digits."""
        return self._random(SEAL).hex()

    def act(self, claim: str, said: Said, at: datetime) -> Act:
        """What somebody has to sign for a fact."""
        return make_act(f"claim.{what_of(said)}", claim, _values(said), at, self._random)

    def enter(self, claim: str, said: Said, signed: SignedAct) -> Fact:
        """Enter a fact that somebody signed; it is durable and in the record when this returns.

        StaffError: the act does not hold, is for something else, or is not for them to sign. ClaimError: see there.
        """

        def work(unit: Unit) -> Fact:
            one = self.staff.take(unit, signed, WHO[what_of(said)])
            act = signed.act
            same = canonical.encode(dict(act.values)) == canonical.encode(_values(said))
            if (act.kind, act.subject) != (f"claim.{what_of(said)}", claim) or not same:
                raise StaffError("What was signed is something else than what is to be entered.")
            return self.register.enter(unit, claim, lambda _: said, by=one.id, act=signed.digest)

        return self.register.store.write(work)

    def contradictions(self) -> list[str]:
        """A sentence for each fact that the record or a signature contradicts, or that nobody with the role signed."""
        found = self.register.contradictions()
        everybody = {one.id: one for one in self.staff.everybody()}
        found += [
            f"Fact {fact.leaf} ({fact.what} of '{fact.claim}') was entered by nobody of the staff."
            for fact in self.register.facts()
            if fact.by not in everybody
        ]
        return found


def _values(said: Said) -> dict[str, object]:
    values: dict[str, object] = msgspec.to_builtins(said)
    return values
