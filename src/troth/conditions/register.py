"""The register of recipients in the store: facts are added to it, each with its entry in the record, and read back.

Whether a fact may be registered is for `entering` to say; it is asked within the unit of work, so that two who register
at once cannot both be right about what was there before.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select

from troth.conditions import entering
from troth.conditions.facts import Fact, RecipientError, Said, read_said, recorded, what_of, written
from troth.conditions.standing import RecipientStanding, standing
from troth.policy.history import Policy
from troth.record.commitment import new_event
from troth.record.kinds import make_entry, read_entry
from troth.record.log import append
from troth.store import Store, Unit
from troth.store.schema import from_micros, leaves, recipient_facts, to_micros

Random = Callable[[int], bytes]

_COLUMNS = list(recipient_facts.columns)
AFTER = select(*_COLUMNS).where(recipient_facts.c.leaf > bindparam("seen")).order_by(recipient_facts.c.leaf)
WITH_ENTRIES = (
    select(*_COLUMNS, leaves.c.entry)
    .join_from(recipient_facts, leaves, recipient_facts.c.leaf == leaves.c["index"], isouter=True)
    .order_by(recipient_facts.c.leaf)
)
ENTRIES = select(leaves.c["index"], leaves.c.entry).order_by(leaves.c["index"])
_KIND = b'"kind":"recipient"'  # as canonical JSON has it; within a string the quotes would be escaped
ADD = recipient_facts.insert().values({column.name: bindparam(column.name) for column in _COLUMNS})


class Register:
    """The recipients in `store`, held against `policy`. Safe to share between threads.

    Everything raises StoreUnavailableError when the store is not there: nothing was changed, nothing is known.
    """

    def __init__(self, store: Store, policy: Policy, random: Random = secrets.token_bytes) -> None:
        self.store = store
        self.policy = policy
        self._random = random
        self._lock = threading.Lock()
        self._facts: tuple[Fact, ...] = ()
        self._latest: tuple[int, datetime, dict[str, RecipientStanding]] | None = None

    # --- reading ------------------------------------------------------------------------------------------------------

    def facts(self) -> tuple[Fact, ...]:
        """Every fact, in the order of the record. Facts are never changed, so only what is new is read again."""
        with self._lock:
            seen = self._facts[-1].leaf if self._facts else -1
            with self.store.read() as connection:
                new = tuple(_fact(row) for row in connection.execute(AFTER, {"seen": seen}))
            self._facts += new
            return self._facts

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
        with self.store.read() as connection:
            rows = connection.execute(WITH_ENTRIES).all()
            known = {row.leaf for row in rows}
            found = [sentence for row in rows if (sentence := _contradiction(row)) is not None]
            for index, entry in connection.execute(ENTRIES, execution_options={"yield_per": 10_000}):
                if _KIND in bytes(entry) and index not in known:
                    found.append(f"Entry {index} of the record is about a recipient, and its fact is missing.")
        return found

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
            facts = [_fact(_Row(row)) for row in unit.rows(AFTER, {"seen": -1})]
            # A clock that was put back does not make what was registered before unsaid.
            known = standing(facts, max((fact.at for fact in facts), default=unit.at))
            said = make(known.get(recipient))
            entering.check(self.policy, known, recipient, said, unit.at)
            values: dict[str, object] = {"recipient": recipient, "change": what_of(said), "said": recorded(said)}
            try:
                entry = make_entry("recipient", new_event(self._random), unit.at, values)
            except ValueError as error:
                raise RecipientError(f"The record does not take this: {error}") from None
            leaf = append(unit, entry)
            row: dict[str, Any] = {"leaf": leaf, "recipient": recipient, "what": what_of(said), "said": written(said)}
            unit.change(ADD, row | {"at": to_micros(unit.at), "staff": by})
            return Fact(leaf, recipient, said, unit.at, by)

        return self.store.write(work)


class _Row:
    """A row of the table, in the order of its columns."""

    def __init__(self, values: Sequence[Any]) -> None:
        self.leaf, self.recipient, self.what, self.said, self.at, self.staff = values


def _fact(row: Any) -> Fact:
    return Fact(row.leaf, row.recipient, read_said(row.what, row.said), from_micros(row.at), row.staff)


def _contradiction(row: Any) -> str | None:
    name = f"Fact {row.leaf} ({row.what} of '{row.recipient}')"
    if row.entry is None:
        return f"{name} has no entry in the record."
    try:
        entry = read_entry(bytes(row.entry))
        fact = _fact(row)
        expected = {"kind": "recipient", "recipient": fact.recipient, "change": fact.what, "said": recorded(fact.said)}
    except ValueError as error:
        return f"{name} cannot be read: {error}"
    if any(entry.get(field) != value for field, value in expected.items()):
        return f"{name} is not what its entry in the record says."
    return None
