"""A newer value of what was disclosed goes to who has the older one, if the gate says that it may still leave.

It is found in two steps. A new item is looked at in a unit of work, and what may have to be told is noted as
`deciding`. Then the gate is asked, by the same purpose: what it allows becomes a disclosure of its own, which carries
the value, and the follow-up says which older one it corrects. The value itself is never in a follow-up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from sqlalchemy import bindparam, func, select

from troth.gates.errors import GateError
from troth.gates.following.followups import FollowUp, State, add, cursor, move_cursor, new_follow_up
from troth.gates.following.received import ANY, Line, lines_of, living
from troth.gates.share.wanted import Segment, Shared, Wanted
from troth.people import People
from troth.people.errors import UnknownPersonError
from troth.people.reading import Who
from troth.store import Unit
from troth.store.schema import disclosed, disclosures, from_micros, items
from troth.vault import SealedItem, Vault
from troth.vault.errors import DamagedItemError

AT_ONCE = 200  # items in one unit of work
CORRECTIONS = "items"
SERVICE = "troth"  # who asks the gate
NEW_ITEMS = (
    select(items.c.leaf, items.c.position, items.c.person, items.c.data, items.c.collected_at)
    .where(items.c.leaf > bindparam("after"))
    .order_by(items.c.leaf, items.c.position)
    .limit(bindparam("at_most"))
)
OF_LEAF = (
    select(items.c.leaf, items.c.position, items.c.person, items.c.data, items.c.collected_at)
    .where(items.c.leaf == bindparam("of_leaf"))
    .order_by(items.c.position)
)
LAST_ITEM = select(func.coalesce(func.max(items.c.leaf), -1))
ASKED = select(disclosures.c.product, disclosures.c.identified, disclosures.c.under, disclosures.c.purpose).where(
    disclosures.c.id == bindparam("of_id")
)
# The latest line with which the recipient got it.
_LEAF_OF = select(func.max(disclosed.c.leaf)).where(
    disclosed.c.disclosure == bindparam("of_id"), disclosed.c.pseudonym == bindparam("of_pseudonym")
)


class Gate(Protocol):
    """The gate `share`, as far as a correction needs it."""

    def share(self, wanted: Wanted, whos: Sequence[Who] | Segment, *, key: str | None = None) -> Shared:
        """See `troth.gates.share`."""
        ...


class Corrections:
    """Finds newer values in units of work, and asks the gate about them."""

    def __init__(self, vault: Vault, gate: Gate | None) -> None:
        self._vault = vault
        self._people: People = vault.people
        self._gate = gate

    def follow(self, unit: Unit) -> int:
        """Look at the next items; how many there were."""
        after = cursor(unit, CORRECTIONS)
        if not unit.rows(ANY):
            last = int(unit.rows(LAST_ITEM)[0][0])
            if last > after:
                move_cursor(unit, CORRECTIONS, last)
            return 0
        rows = list(unit.rows(NEW_ITEMS, {"after": after, "at_most": AT_ONCE}))
        if len(rows) == AT_ONCE:  # what came in together is looked at together
            last = rows[-1][0]
            rows = [row for row in rows if row[0] != last] + list(unit.rows(OF_LEAF, {"of_leaf": last}))
        by_collection: dict[tuple[int, str, int], list[str]] = {}
        for leaf, _, person, data, collected_at in rows:
            by_collection.setdefault((int(leaf), str(person), int(collected_at)), []).append(str(data))
        for (leaf, person, collected_at), data in by_collection.items():
            self._collected(unit, leaf, person, data, collected_at)
        if rows:
            move_cursor(unit, CORRECTIONS, int(rows[-1][0]))
        return len(rows)

    def _collected(self, unit: Unit, leaf: int, person: str, data: list[str], collected_at: int) -> None:
        ids = living(unit, person)
        latest: dict[tuple[str, str, str], tuple[Line, list[str]]] = {}
        for line in lines_of(unit, ids):
            terms = [term for term in data if term in line.data]
            if terms and line.leaf < leaf:
                latest[line.recipient, line.purpose, line.pseudonym] = (line, terms)
        for (recipient, _, pseudonym), (line, terms) in latest.items():
            one = new_follow_up(
                unit, self._people.scribe.random, kind="correction", recipient=recipient, person=ids[0],
                pseudonym=pseudonym, data=terms, disclosure=line.disclosure, source=leaf,
                made_at=from_micros(collected_at), state="deciding",
            )  # fmt: skip
            add(unit, one)

    def decide(self, one: FollowUp, reachable: bool) -> tuple[State | None, str | None, str | None]:
        """What becomes of a correction: its state (None: there is nothing to correct), why, and the new disclosure.

        It may be asked again: the gate answers the same. StoreUnavailableError, StaleChoicesError: try again later.
        """
        person = self._people.find(one.person) if one.person is not None else None
        if person is None:
            return None, None, None  # erased since, which is passed on as that
        if not self._differs(one, person):
            return None, None, None
        if self._people.key.pseudonym(one.recipient, person) != one.pseudonym:
            return (
                "staff",
                "Two persons became one since, and the recipient knows this one by an older pseudonym.",
                None,
            )
        if not reachable:
            return "staff", "The recipient has no endpoint.", None
        if self._gate is None:
            return "deciding", None, None
        try:
            shared = self._gate.share(self._wanted(one), [person], key=one.id)
        except GateError as refused:
            return "refused", refused.message, None
        if shared.state == "running":
            return "deciding", None, None
        if not shared.persons:
            why = shared.why or next((one.sentence for one in shared.refusals if one.sentence), "It may not leave now.")
            return "refused", why, None
        return "sent", None, shared.id

    def _differs(self, one: FollowUp, person: str) -> bool:
        """Whether a newer value is another than the one that the recipient has."""
        with self._people.store.read() as connection:
            given = connection.execute(_LEAF_OF, {"of_id": one.disclosure, "of_pseudonym": one.pseudonym}).scalar()
        opener = self._vault.opener()
        by_term: dict[str, list[SealedItem]] = {}
        for item in self._vault.read([person], one.data):
            by_term.setdefault(item.data, []).append(item)
        for found in by_term.values():
            found.sort(key=lambda item: (item.leaf, item.position))
            before = [item for item in found if given is not None and item.leaf < given]
            try:
                if not before or opener.open(before[-1]) != opener.open(found[-1]):
                    return True
            except (UnknownPersonError, DamagedItemError):
                return True
        return False

    def _wanted(self, one: FollowUp) -> Wanted:
        with self._people.store.read() as connection:
            row: Any = connection.execute(ASKED, {"of_id": one.disclosure}).one()
        return Wanted(
            recipient=one.recipient, purpose=row.purpose, data=one.data, product=row.product, service=SERVICE,
            under=row.under, identified=bool(row.identified),
        )  # fmt: skip
