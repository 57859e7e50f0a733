"""Opt-outs go to everyone who received data under a statement that the choice governs, and to partners of the page.

A choice governs the statements that name it or what lies below it (`unless`, `only_if`). What counts is how the person
stands now: a refusal that was taken back before it was passed on is passed on to nobody. Where two persons became one,
what one of them had refused goes to those who know the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

from sqlalchemy import bindparam, func, select

from troth.conditions.standing import RecipientStanding
from troth.conditions.stated import statements_about
from troth.gates.following.followups import TOLD_OF_CHOICE, FollowUp, cursor, move_cursor, new_follow_up
from troth.gates.following.received import ANY, lines_of, living
from troth.people import People
from troth.people.changes import ACCEPTED, CURRENT_OF, Current, read_current, stated
from troth.people.strictness import effective_with_source
from troth.policy.model import Gated
from troth.store import Unit
from troth.store.schema import choice_changes, from_micros, person_links

AT_ONCE = 200  # changes in one unit of work
CHANGES, MERGES = "choices", "merges"  # the names of the cursors
_CHANGE = [choice_changes.c[name] for name in ("leaf", "person", "choice", "state", "product", "made_at")]
NEW_CHANGES = (
    select(*_CHANGE)
    .where(choice_changes.c.leaf > bindparam("after"))
    .order_by(choice_changes.c.leaf)
    .limit(bindparam("at_most"))
)
NEW_MERGES = (
    select(person_links.c.leaf, person_links.c.person, person_links.c.at)
    .where(person_links.c.leaf > bindparam("after"), person_links.c.what == "merged")
    .order_by(person_links.c.leaf)
    .limit(bindparam("at_most"))
)
LAST_CHANGE = select(func.coalesce(func.max(choice_changes.c.leaf), -1))
LAST_LINK = select(func.coalesce(func.max(person_links.c.leaf), -1))

Emit = Callable[[Unit, FollowUp], None]


class OptOuts:
    """Finds what has to be told of choices, in units of work. `known` are the recipients as they stand now."""

    def __init__(self, people: People, emit: Emit) -> None:
        self._people = people
        self._emit = emit

    def follow_changes(self, unit: Unit, known: Mapping[str, RecipientStanding]) -> int:
        """Look at the next changes of choices; how many there were."""
        after = cursor(unit, CHANGES)
        pages = any(one.pages for one in known.values())
        if not pages and not unit.rows(ANY):
            # Nobody received anything, so there is nobody to tell, whatever people chose.
            last = int(unit.rows(LAST_CHANGE)[0][0])
            if last > after:
                move_cursor(unit, CHANGES, last)
            return 0
        rows = unit.rows(NEW_CHANGES, {"after": after, "at_most": AT_ONCE})
        for leaf, person, choice, state, product, made_at in rows:
            if state != "in" and choice != ACCEPTED:
                self._changed(unit, int(leaf), str(person), str(choice), product, from_micros(made_at), known)
        if rows:
            move_cursor(unit, CHANGES, int(rows[-1][0]))
        return len(rows)

    def follow_merges(self, unit: Unit) -> int:
        """Look at the next persons who became one; how many there were."""
        after = cursor(unit, MERGES)
        if not unit.rows(ANY):
            last = int(unit.rows(LAST_LINK)[0][0])
            if last > after:
                move_cursor(unit, MERGES, last)
            return 0
        rows = unit.rows(NEW_MERGES, {"after": after, "at_most": AT_ONCE})
        for leaf, person, at in rows:
            ids = living(unit, str(person))
            if ids:
                self._tell_recipients(unit, ids, None, int(leaf), from_micros(at))
        # Most links are no merges, and need not be looked at again.
        last = int((rows[-1] if len(rows) == AT_ONCE else unit.rows(LAST_LINK)[0])[0])
        if last > after:
            move_cursor(unit, MERGES, last)
        return len(rows)

    def _changed(  # noqa: PLR0917
        self,
        unit: Unit,
        leaf: int,
        person: str,
        choice: str,
        product: str | None,
        made_at: datetime,
        known: Mapping[str, RecipientStanding],
    ) -> None:
        ids = living(unit, person)
        if not ids:
            return  # who was erased is passed on as that
        self._tell_recipients(unit, ids, choice, leaf, made_at)
        if product is not None:
            self._tell_partners(unit, ids[0], choice, product, made_at, known)

    def _tell_recipients(
        self, unit: Unit, ids: tuple[str, ...], choice: str | None, leaf: int, made_at: datetime
    ) -> None:
        lines = lines_of(unit, ids)
        if not lines:
            return
        current = read_current(unit.rows(CURRENT_OF, {"of_person": ids[0]}))
        in_force = self._people.policy.in_force(unit.at)
        for line in lines:
            statements = list(line.allowed_by(self._people.policy))
            if in_force is not None:
                statements += [one for one in in_force.shares if one.id in line.statements and one not in statements]
            for statement in statements:
                for gate, said in refusing(statement, current, choice):
                    of, source, at = said or (choice or gate, leaf, made_at)
                    self._tell(unit, ids[0], line.recipient, line.pseudonym, of, source, at, str(statement.says))

    def _tell_partners(  # noqa: PLR0917
        self,
        unit: Unit,
        person: str,
        choice: str,
        product: str,
        made_at: datetime,
        known: Mapping[str, RecipientStanding],
    ) -> None:
        """The partners whose page it was made on, where the choice governs what they would receive."""
        version = self._people.policy.in_force(unit.at)
        partners = [
            one for one in known.values() if any(page.product == product for page in one.naming(made_at))
        ]  # fmt: skip
        if version is None or not partners:
            return
        current = read_current(unit.rows(CURRENT_OF, {"of_person": person}))
        for one in partners:
            for statement in statements_about(version, one.id, one.profile.kind):
                for _, said in refusing(statement, current, choice):
                    if said is not None and said[0] == choice:
                        of, source, at = said
                        pseudonym = self._people.key.pseudonym(one.id, person)
                        self._tell(unit, person, one.id, pseudonym, of, source, at, str(statement.says))

    def _tell(  # noqa: PLR0917
        self,
        unit: Unit,
        person: str,
        recipient: str,
        pseudonym: str,
        choice: str,
        source: int,
        made_at: datetime,
        sentence: str,
    ) -> None:
        told = {"of_recipient": recipient, "of_pseudonym": pseudonym, "of_kind": "opt-out", "of_choice": choice}
        if unit.rows(TOLD_OF_CHOICE, {**told, "since": source}):
            return
        one = new_follow_up(
            unit, self._people.scribe.random, kind="opt-out", recipient=recipient, person=person, pseudonym=pseudonym,
            choice=choice, sentence=sentence, source=source, made_at=made_at, state="sent",
        )  # fmt: skip
        self._emit(unit, one)


def refusing(
    statement: Gated, current: Mapping[str, Current], choice: str | None
) -> Iterator[tuple[str, tuple[str, int, datetime] | None]]:
    """The gates by which the person refuses a statement now, of those that a choice governs (None: of all).

    With each comes the choice that was said, the entry by which, and when; None where nothing is said and it takes a
    yes.
    """
    states = stated(dict(current))
    for gate in dict.fromkeys((*statement.unless, *statement.only_if)):
        if choice is not None and gate != choice and not gate.startswith(f"{choice}."):
            continue
        state, source = effective_with_source(states, gate)
        if state == "out" or (state != "in" and gate in statement.only_if):
            row = current.get(source) if source is not None else None
            yield gate, None if row is None or source is None else (source, row.leaf, row.made_at)
