"""The register of claims in the store: facts are added to it, each with its entry in the record, and read back.

Whether a fact may be entered is for `entering` to say; it is asked within the unit of work. Who has to sign for one is
for `accountability` to see to: here `act` is the digest of what was signed, which the entry holds too.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import bindparam, select

from troth.conditions.claims import entering
from troth.conditions.claims.applied import applied, moments
from troth.conditions.claims.facts import ClaimError, Fact, Said, read_said, recorded, what_of, written
from troth.conditions.claims.standing import ClaimStanding, standing
from troth.policy.history import Policy
from troth.record.commitment import new_event
from troth.record.kinds import make_entry, read_entry
from troth.record.log import append
from troth.store import Store, Unit
from troth.store.schema import claim_facts, from_micros, leaves, to_micros

Random = Callable[[int], bytes]

_COLUMNS = list(claim_facts.columns)
AFTER = select(*_COLUMNS).where(claim_facts.c.leaf > bindparam("seen")).order_by(claim_facts.c.leaf)
WITH_ENTRIES = (
    select(*_COLUMNS, leaves.c.entry)
    .join_from(claim_facts, leaves, claim_facts.c.leaf == leaves.c["index"], isouter=True)
    .order_by(claim_facts.c.leaf)
)
ENTRIES = select(leaves.c["index"], leaves.c.entry).order_by(leaves.c["index"])
_KIND = b'"kind":"claim"'  # as canonical JSON has it; within a string the quotes would be escaped
ADD = claim_facts.insert().values({column.name: bindparam(column.name) for column in _COLUMNS})


class ClaimRegister:
    """The claims in `store`, held against `policy`. Safe to share between threads.

    Everything raises StoreUnavailableError when the store is not there: nothing was changed, nothing is known.
    """

    def __init__(self, store: Store, policy: Policy, random: Random = secrets.token_bytes) -> None:
        self.store = store
        self.policy = policy
        self._random = random
        self._lock = threading.Lock()
        self._facts: tuple[Fact, ...] = ()

    # --- reading ------------------------------------------------------------------------------------------------------

    def facts(self) -> tuple[Fact, ...]:
        """Every fact, in the order of the record. Facts are never changed, so only what is new is read again."""
        with self._lock:
            seen = self._facts[-1].leaf if self._facts else -1
            with self.store.read() as connection:
                new = tuple(_fact(row) for row in connection.execute(AFTER, {"seen": seen}))
            self._facts += new
            return self._facts

    def standing(self, at: datetime | None = None) -> dict[str, ClaimStanding]:
        """Every claim in the register as it stands at a moment, or now, by id."""
        return standing(self.facts(), at or self.store.clock())

    def apply(self, at: datetime | None = None) -> tuple[Policy, datetime | None]:
        """The policy with its claims as they stand at a moment, or now, and until when that is so, by what is known."""
        at = at or self.store.clock()
        found = self.standing(at)
        return applied(self.policy, found, at), moments(found, at)

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
        with self.store.read() as connection:
            rows = connection.execute(WITH_ENTRIES).all()
            known = {row.leaf for row in rows}
            found = [sentence for row in rows if (sentence := _contradiction(row)) is not None]
            for index, entry in connection.execute(ENTRIES, execution_options={"yield_per": 10_000}):
                if _KIND in bytes(entry) and index not in known:
                    found.append(f"Entry {index} of the record is about a claim, and its fact is missing.")
        return found

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
        facts = [_fact(_Row(row)) for row in unit.rows(AFTER, {"seen": -1})]
        # A clock that was put back does not make what was entered before unsaid.
        known = standing(facts, max((fact.at for fact in facts), default=unit.at))
        one = known.get(claim, ClaimStanding(claim))
        said = make(one)
        entering.check(self.policy, one, said, unit.at)
        values: dict[str, object] = {
            "claim": claim,
            "change": what_of(said),
            "said": recorded(said),
            "act": act or "",
        }
        try:
            entry = make_entry("claim", new_event(self._random), unit.at, values)
        except ValueError as error:
            raise ClaimError(f"The record does not take this: {error}") from None
        leaf = append(unit, entry)
        row: dict[str, Any] = {"leaf": leaf, "claim": claim, "what": what_of(said), "said": written(said), "act": act}
        unit.change(ADD, row | {"at": to_micros(unit.at), "staff": by})
        return Fact(leaf, claim, said, unit.at, by)


class _Row:
    """A row of the table, in the order of its columns."""

    def __init__(self, values: Sequence[Any]) -> None:
        self.leaf, self.claim, self.what, self.said, self.at, self.staff, self.act = values


def _fact(row: Any) -> Fact:
    return Fact(row.leaf, row.claim, read_said(row.what, row.said), from_micros(row.at), row.staff)


def _contradiction(row: Any) -> str | None:
    name = f"Fact {row.leaf} ({row.what} of '{row.claim}')"
    if row.entry is None:
        return f"{name} has no entry in the record."
    try:
        entry = read_entry(bytes(row.entry))
        fact = _fact(row)
    except ValueError as error:
        return f"{name} cannot be read: {error}"
    expected = {"kind": "claim", "claim": fact.claim, "change": fact.what, "said": recorded(fact.said)}
    if any(entry.get(field) != value for field, value in {**expected, "act": row.act or ""}.items()):
        return f"{name} is not what its entry in the record says."
    return None
