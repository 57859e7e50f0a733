"""The register of recipients in the store: facts are added to it, each with its entry in the record, and read back.

Whether a fact may be registered is for `entering` to say; it is asked within the unit of work, so that two who register
at once cannot both be right about what was there before.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Any

from troth.conditions import entering
from troth.conditions.facts import Fact, RecipientError, Said, read_said, recorded, what_of, written
from troth.conditions.kept import FactTable, KeptFacts, Random
from troth.conditions.standing import RecipientStanding, standing
from troth.policy.history import Policy
from troth.store import Store, Unit
from troth.store.schema import from_micros, recipient_facts, to_micros

FACTS = FactTable(recipient_facts, "recipient", "recipient")


class Register:
    """The recipients in `store`, held against `policy`. Safe to share between threads.

    Everything raises StoreUnavailableError when the store is not there: nothing was changed, nothing is known.
    """

    def __init__(self, store: Store, policy: Policy, random: Random = secrets.token_bytes) -> None:
        self.store = store
        self.policy = policy
        self._random = random
        self._kept = KeptFacts(store, FACTS, _fact)
        self._latest: tuple[int, datetime, dict[str, RecipientStanding]] | None = None

    # --- reading ------------------------------------------------------------------------------------------------------

    def facts(self) -> tuple[Fact, ...]:
        """Every fact, in the order of the record. Facts are never changed, so only what is new is read again."""
        return self._kept.all()

    def standing(self, at: datetime | None = None) -> dict[str, RecipientStanding]:
        """Every recipient as it stands at a moment, or now, by id; not to be changed."""
        facts, at = self.facts(), at or self.store.clock()
        latest = self._latest
        if latest is not None and latest[0] == len(facts) and at >= latest[1]:
            return latest[2]
        found = standing(facts, at)
        newest = max((fact.at for fact in facts), default=at)
        if at >= newest:  # from here on no moment adds a fact
            self._latest = (len(facts), newest, found)
        return found

    def contradictions(self) -> list[str]:
        """A sentence for each fact that is not what its entry in the record says, or is missing: somebody altered them.

        It reads the whole record: to take away the fact that a contract was terminated would bring the contract back.
        """
        return self._kept.contradictions(
            lambda fact, _: {"recipient": fact.recipient, "change": fact.what, "said": recorded(fact.said)}
        )

    # --- writing ------------------------------------------------------------------------------------------------------

    def add(self, recipient: str, said: Said, *, by: str) -> Fact:
        """Register a fact about a recipient; it is durable and in the record when this returns. `by` says who does it.

        RecipientError: it cannot be so; see `entering`.
        """
        return self.add_with(recipient, lambda _: said, by=by)

    def add_with(self, recipient: str, make: Callable[[RecipientStanding | None], Said], *, by: str) -> Fact:
        """The same with a fact that is made from how the recipient stands, which is None for a new one."""
        if not by:
            raise RecipientError("A fact names who registered it.")

        def work(unit: Unit) -> Fact:
            facts = self._kept.within(unit)
            # A clock that was put back does not make what was registered before unsaid.
            known = standing(facts, max((fact.at for fact in facts), default=unit.at))
            said = make(known.get(recipient))
            entering.check(self.policy, known, recipient, said, unit.at)
            entry: dict[str, object] = {"recipient": recipient, "change": what_of(said), "said": recorded(said)}
            row: dict[str, Any] = {"recipient": recipient, "what": what_of(said), "said": written(said)}
            try:
                leaf = FACTS.add(unit, entry, row | {"at": to_micros(unit.at), "staff": by}, self._random)
            except ValueError as error:
                raise RecipientError(f"The record does not take this: {error}") from None
            return Fact(leaf, recipient, said, unit.at, by)

        return self.store.write(work)


def _fact(row: Any) -> Fact:
    return Fact(row.leaf, row.recipient, read_said(row.what, row.said), from_micros(row.at), row.staff)
