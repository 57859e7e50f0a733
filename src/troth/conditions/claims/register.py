"""The register of claims in the store: facts are added to it, each with its entry in the record, and read back.

Whether a fact may be entered is for `entering` to say; it is asked within the unit of work. Who has to sign for one is
for `accountability` to see to: here `act` is the digest of what was signed, which the entry holds too.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from troth.conditions.claims import entering
from troth.conditions.claims.applied import applied, moments
from troth.conditions.claims.facts import ClaimError, Fact, Said, read_said, recorded, what_of, written
from troth.conditions.claims.standing import ClaimStanding, standing
from troth.conditions.kept import FactTable, KeptFacts, Random
from troth.policy.history import Policy
from troth.store import Store, Unit
from troth.store.schema import claim_facts, from_micros, to_micros

FACTS = FactTable(claim_facts, "claim", "claim")


class ClaimRegister:
    """The claims in `store`, held against `policy`. Safe to share between threads.

    Everything raises StoreUnavailableError when the store is not there: nothing was changed, nothing is known.
    """

    def __init__(self, store: Store, policy: Policy, random: Random = secrets.token_bytes) -> None:
        self.store = store
        self.policy = policy
        self._random = random
        self._kept = KeptFacts(store, FACTS, _fact)

    # --- reading ------------------------------------------------------------------------------------------------------

    def facts(self) -> tuple[Fact, ...]:
        """Every fact, in the order of the record. Facts are never changed, so only what is new is read again."""
        return self._kept.all()

    def standing(self, at: datetime | None = None) -> dict[str, ClaimStanding]:
        """Every claim in the register as it stands at a moment, or now, by id."""
        return standing(self.facts(), at or self.store.clock())

    def apply(self, at: datetime | None = None) -> tuple[Policy, datetime | None]:
        """The policy with its claims as they stand at a moment, or now, and until when that is so, by what is known."""
        at = at or self.store.clock()
        found = self.standing(at)
        return applied(self.policy, found, at, self.standing), moments(found, at)

    def seals(self, at: datetime | None = None) -> tuple[tuple[str, str], ...]:
        """The claims that stand at a moment, or now, by a signature that bears a seal, each with the seal's name."""
        at = at or self.store.clock()
        found = ((id, one.signing(at)) for id, one in sorted(self.standing(at).items()) if one.holds(at))
        return tuple((id, signing.said.seal) for id, signing in found if signing is not None and signing.said.seal)

    def seal_places(self, at: datetime | None = None) -> dict[str, frozenset[str]]:
        """Every seal there ever was, with the hosts on which it may stand at a moment; none where it is not valid."""
        at = at or self.store.clock()
        in_force = self.apply(at)[0].in_force(at)
        covered = (
            {} if in_force is None else {one.id: urlsplit(one.site).hostname for one in in_force.covers if one.site}
        )
        stated = {} if in_force is None else {claim.id: claim for claim in in_force.claims}
        found: dict[str, frozenset[str]] = {}
        for id, one in self.standing(at).items():
            carrying, claim = one.signing(at), stated.get(id)
            valid = claim is not None and claim.seal and claim.current(at) and one.holds(at) and carrying is not None
            sites = carrying.draft.covers if valid and carrying is not None else ()
            hosts = frozenset(host for site in sites if (host := covered.get(site)))
            found |= {signing.said.seal: hosts for signing in one.signings if signing.said.seal}
        return found

    def contradictions(self) -> list[str]:
        """A sentence for each fact that is not what its entry in the record says, or is missing: somebody altered them.

        It reads the whole record: to take away the fact that a claim was suspended would bring the claim back.
        """
        return self._kept.contradictions(
            lambda fact, row: {
                "claim": fact.claim,
                "change": fact.what,
                "said": recorded(fact.said),
                "act": row.act or "",
            }
        )

    # --- writing ------------------------------------------------------------------------------------------------------

    def add(self, claim: str, said: Said, *, by: str, act: str | None = None) -> Fact:
        """Enter a fact about a claim; it is durable and in the record when this returns.

        `by` says who does it, `act` is the digest of what they signed. ClaimError: it cannot be so; see `entering`.
        """
        return self.add_with(claim, lambda _: said, by=by, act=act)

    def add_with(self, claim: str, make: Callable[[ClaimStanding], Said], *, by: str, act: str | None = None) -> Fact:
        """The same with a fact that is made from how the claim stands."""
        if not by:
            raise ClaimError("A fact names who entered it.")
        return self.store.write(lambda unit: self.enter(unit, claim, make, by=by, act=act))

    def enter(
        self, unit: Unit, claim: str, make: Callable[[ClaimStanding], Said], *, by: str, act: str | None = None
    ) -> Fact:
        """The same within a unit of work."""
        facts = self._kept.within(unit)
        # A clock that was put back does not make what was entered before unsaid.
        known = standing(facts, max((fact.at for fact in facts), default=unit.at))
        one = known.get(claim, ClaimStanding(claim))
        said = make(one)
        entering.check(self.policy, one, said, unit.at)
        entry = {"claim": claim, "change": what_of(said), "said": recorded(said), "act": act or ""}
        row: dict[str, Any] = {"claim": claim, "what": what_of(said), "said": written(said), "act": act}
        try:
            leaf = FACTS.add(unit, entry, row | {"at": to_micros(unit.at), "staff": by}, self._random)
        except ValueError as error:
            raise ClaimError(f"The record does not take this: {error}") from None
        return Fact(leaf, claim, said, unit.at, by)


def _fact(row: Any) -> Fact:
    return Fact(row.leaf, row.claim, read_said(row.what, row.said), from_micros(row.at), row.staff)
