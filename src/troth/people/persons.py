"""Persons in a unit of work: found, made, linked to identifiers, merged, and taken apart again.

A person is a random id of 32 hex digits. `person_number` is a 63-bit part of it, which the database keeps unique, so
that a table in memory can go by it.
"""

from __future__ import annotations

import msgspec
from sqlalchemy import bindparam, or_, select

from troth.people.changes import CURRENT_OF, Act, Change, Current, Person, Scribe, read_current, set_current, stated
from troth.people.errors import UnknownPersonError
from troth.people.identifiers import Identifier, IdentifierKind, is_person_id
from troth.people.keys import IndexKey
from troth.people.sealing import new_person_key
from troth.people.strictness import Model, State, merge_states
from troth.store import Unit
from troth.store.schema import choices, identifiers, items, person_links, persons, to_micros

FIND = (
    select(persons.c.id, persons.c.sealing_key)
    .join(identifiers, identifiers.c.person == persons.c.id)
    .where(identifiers.c.kind == bindparam("of_kind"), identifiers.c.blind == bindparam("of_blind"))
)
BY_ID = select(persons.c.id, persons.c.sealing_key, persons.c.merged_into).where(persons.c.id == bindparam("of_id"))
ADD_PERSON = persons.insert().values(
    {name: bindparam(name) for name in ("id", "number", "sealing_key", "merged_into", "created_at")}
)
ADD_IDENTIFIER = identifiers.insert().values(
    {name: bindparam(name) for name in ("kind", "blind", "person", "linked_at")}
)
MOVE_IDENTIFIER = (
    identifiers.update()
    .where(identifiers.c.kind == bindparam("of_kind"), identifiers.c.blind == bindparam("of_blind"))
    .values(person=bindparam("new_person"), linked_at=bindparam("new_linked_at"))
)
MOVE_IDENTIFIERS = (
    identifiers.update().where(identifiers.c.person == bindparam("of_person")).values(person=bindparam("new_person"))
)
OF_KIND = (
    select(identifiers.c.blind)
    .where(identifiers.c.person == bindparam("of_person"), identifiers.c.kind == bindparam("of_kind"))
    .order_by(identifiers.c.linked_at)
)
# What was collected stays sealed for whom it was collected from.
MOVE_ITEMS = items.update().where(items.c.person == bindparam("of_person")).values(person=bindparam("new_person"))
ABSORB = (
    persons.update()
    .where(or_(persons.c.id == bindparam("of_person"), persons.c.merged_into == bindparam("of_person_too")))
    .values(merged_into=bindparam("new_person"))
)
FORGET_CURRENT = choices.delete().where(choices.c.person == bindparam("of_person"))
ADD_LINK = person_links.insert().values({column.name: bindparam(column.name) for column in person_links.columns})


def person_number(person: str) -> int:
    """The 63-bit part of a person's id. UnknownPersonError: this is no id of a person."""
    if not is_person_id(person):
        raise UnknownPersonError("The id of a person is 32 hex digits.")
    return int(person[:16], 16) >> 1


class Registry:
    """Who is who, for units of work."""

    __slots__ = ("key", "models", "scribe")

    def __init__(self, key: IndexKey, scribe: Scribe, models: dict[str, Model]) -> None:
        self.key = key
        self.scribe = scribe
        self.models = models

    def find(self, unit: Unit, identifier: Identifier) -> Person | None:
        """The person of an identifier, or None. UnknownPersonError: the person was erased."""
        rows = unit.rows(FIND, {"of_kind": identifier.kind, "of_blind": self.key.blind(identifier)})
        return _person(rows[0][0], rows[0][1]) if rows else None

    def person(self, unit: Unit, id: str) -> Person:
        """The person with that id, or the one that it was merged into. UnknownPersonError: there is none."""
        for _ in range(2):  # merges are kept flat: what a person was merged into is a person
            rows = unit.rows(BY_ID, {"of_id": id})
            if not rows:
                break
            if rows[0][2] is None:
                return _person(rows[0][0], rows[0][1])
            id = rows[0][2]
        raise UnknownPersonError(f"There is no person {id}.")

    def resolve(self, unit: Unit, who: Identifier | str) -> Person:
        """The person of an id or identifier; one never seen becomes a person. UnknownPersonError: no such id."""
        if isinstance(who, str):
            return self.person(unit, who)
        person = self.find(unit, who)
        if person is None:
            person = self.make(unit)
            self.attach(unit, person, who)
        return person

    def make(self, unit: Unit) -> Person:
        """A new person. If ever two ids share their number, the database refuses, and the request may be sent again."""
        id = self.scribe.random(16).hex()
        self.scribe.wrapping.prepare(unit)
        person = Person(id, new_person_key(self.scribe.wrapping, id, self.scribe.random))
        unit.change(
            ADD_PERSON,
            {
                "id": id,
                "number": person_number(id),
                "sealing_key": person.sealing_key,
                "merged_into": None,
                "created_at": to_micros(unit.at),
            },
        )
        return person

    def attach(self, unit: Unit, person: Person, identifier: Identifier) -> None:
        """Link an identifier that is nobody's yet."""
        blind = self.key.blind(identifier)
        unit.change(
            ADD_IDENTIFIER,
            {"kind": identifier.kind, "blind": blind, "person": person.id, "linked_at": to_micros(unit.at)},
        )
        values: dict[str, object] = {"person": person.id, "identifier": [identifier.kind, blind.hex()]}
        leaf, _ = self.scribe.enter(unit, "linked", person, values)
        _note(unit, leaf, person, "linked", identifier.kind, None)

    def link(self, unit: Unit, person: Person, identifier: Identifier, act: Act) -> list[Change]:
        """Link an identifier to a person; if it is another person's, both become one. The changes of choices."""
        other = self.find(unit, identifier)
        if other is None:
            self.attach(unit, person, identifier)
            return []
        return [] if other.id == person.id else self.merge(unit, person, other, act)

    def merge(self, unit: Unit, person: Person, other: Person, act: Act) -> list[Change]:
        """Make `other` the same person as `person`, whose id stays; the stricter choice is kept each time."""
        ours = read_current(unit.rows(CURRENT_OF, {"of_person": person.id}))
        theirs = read_current(unit.rows(CURRENT_OF, {"of_person": other.id}))
        merged = merge_states(self.models, stated(ours), stated(theirs))
        leaf, _ = self.scribe.enter(unit, "merged", person, {"person": person.id, "other": other.id})
        _note(unit, leaf, person, "merged", None, other.id)
        changes = []
        for choice in dict.fromkeys((*ours, *theirs, *merged)):
            mine, their = ours.get(choice), theirs.get(choice)
            signals = [row.signal_leaf for row in (mine, their) if row is not None and row.signal_leaf is not None]
            signal = max(signals, default=None)
            state: State = merged.get(choice, "unset")
            latest = max(
                (row for row in (mine, their) if row and row.state == state), key=lambda row: row.leaf, default=None
            )
            if state != (mine.state if mine else "unset"):
                # What was taken over is as old as it was, and said by whoever said it.
                of = act if latest is None else _made_as(act, latest)
                changes.append(self.scribe.change(unit, person, choice, state, of, signal))
            elif latest is not None:
                # Both said the same: what counts is who said it last, for a signal that comes again and for imports.
                set_current(unit, person.id, msgspec.structs.replace(latest, signal_leaf=signal))
        unit.change(FORGET_CURRENT, {"of_person": other.id})
        unit.change(MOVE_IDENTIFIERS, {"of_person": other.id, "new_person": person.id})
        unit.change(MOVE_ITEMS, {"of_person": other.id, "new_person": person.id})
        unit.change(ABSORB, {"of_person": other.id, "of_person_too": other.id, "new_person": person.id})
        return changes

    def unlink(self, unit: Unit, identifier: Identifier, act: Act) -> tuple[Person, list[Change]]:
        """Make the identifier a person of its own, which keeps every refusal and nothing else."""
        person = self.find(unit, identifier)
        if person is None:
            raise UnknownPersonError("Nobody has this identifier.")
        return self._part(unit, person, identifier.kind, self.key.blind(identifier), act)

    def unlink_all(
        self, unit: Unit, person: Person, kind: IdentifierKind, act: Act
    ) -> list[tuple[Person, list[Change]]]:
        """The same for every identifier of a kind that the person has."""
        blinds = [bytes(row[0]) for row in unit.rows(OF_KIND, {"of_person": person.id, "of_kind": kind})]
        return [self._part(unit, person, kind, blind, act) for blind in blinds]

    def _part(
        self, unit: Unit, person: Person, kind: IdentifierKind, blind: bytes, act: Act
    ) -> tuple[Person, list[Change]]:
        alone = self.make(unit)
        moved = {"new_person": alone.id, "new_linked_at": to_micros(unit.at)}
        unit.change(MOVE_IDENTIFIER, {"of_kind": kind, "of_blind": blind, **moved})
        values: dict[str, object] = {
            "person": person.id, "identifier": [kind, blind.hex()], "other": alone.id,
        }  # fmt: skip
        leaf, _ = self.scribe.enter(unit, "unlinked", person, values)
        _note(unit, leaf, person, "unlinked", kind, alone.id)
        current = read_current(unit.rows(CURRENT_OF, {"of_person": person.id}))
        refused = [row for row in current.values() if row.state == "out"]
        write = self.scribe.change
        return alone, [write(unit, alone, row.choice, "out", _made_as(act, row), row.signal_leaf) for row in refused]


def _person(id: str, sealing_key: bytes | None) -> Person:
    if sealing_key is None:
        raise UnknownPersonError("The person was erased.")
    return Person(id, bytes(sealing_key))


def _note(  # noqa: PLR0917
    unit: Unit, leaf: int, person: Person, what: str, kind: str | None, other: str | None
) -> None:
    values = {"leaf": leaf, "person": person.id, "what": what, "kind": kind, "other": other, "at": to_micros(unit.at)}
    unit.change(ADD_LINK, values)


def _made_as(act: Act, row: Current) -> Act:
    return msgspec.structs.replace(act, actor=row.actor, version=row.version, made_at=row.made_at, source=row.leaf)
