"""Reading persons and their choices. What is in force for a person is one read."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Any, Literal

import msgspec
from sqlalchemy import Select, bindparam, func, or_, select

from troth.people.changes import (
    ACCEPTED,
    CHANGE_COLUMNS,
    CURRENT_COLUMNS,
    Change,
    Current,
    in_and_out,
    read_change,
    read_current,
    stated,
)
from troth.people.identifiers import Identifier
from troth.people.importing import Exported
from troth.people.keys import IndexKey
from troth.people.strictness import Model, State, effective, effective_with_source
from troth.store import Store
from troth.store.schema import choice_changes, choices, identifiers, persons

Who = Identifier | str

PERSON_OF = select(identifiers.c.person).where(
    identifiers.c.kind == bindparam("of_kind"), identifiers.c.blind == bindparam("of_blind")
)
_LIVING = select(func.coalesce(persons.c.merged_into, persons.c.id)).where(persons.c.id == bindparam("of_id"))
_ID, _IDENTIFIER = _LIVING.scalar_subquery(), PERSON_OF.scalar_subquery()
_ABSORBED = persons.alias()


def _history(person: Any) -> Select[Any]:
    absorbed = select(_ABSORBED.c.id).where(_ABSORBED.c.merged_into == person)
    return (
        select(*CHANGE_COLUMNS)
        .where(or_(choice_changes.c.person == person, choice_changes.c.person.in_(absorbed)))
        .order_by(choice_changes.c.leaf)
    )


CURRENT_BY_ID = select(*CURRENT_COLUMNS).where(choices.c.person == _ID)
CURRENT_BY_IDENTIFIER = select(*CURRENT_COLUMNS).where(choices.c.person == _IDENTIFIER)
HISTORY_BY_ID, HISTORY_BY_IDENTIFIER = _history(_ID), _history(_IDENTIFIER)
ALL_CURRENT = select(choices.c.person, *CURRENT_COLUMNS).order_by(choices.c.person, choices.c.choice)


class Standing(msgspec.Struct, frozen=True):
    """How a person stands to one choice: the state that counts, and the changes that explain it, in their order.

    `source` is the choice that the state comes from: itself, an ancestor, or None.
    """

    choice: str
    state: State
    source: str | None
    changes: tuple[Change, ...]


def read_persons(store: Store, key: IndexKey, whos: Iterable[Who]) -> dict[Who, str]:
    """The ids of the persons meant, in one read; of an id, the one that it means now. Who is nobody is left out."""
    found: dict[Who, str] = {}
    with store.read() as connection:
        for who in whos:
            statement = _LIVING if isinstance(who, str) else PERSON_OF
            person = connection.execute(statement, _values(key, who)).scalar()
            if person is not None:
                found[who] = str(person)
    return found


def read_choices(store: Store, key: IndexKey, who: Who) -> dict[str, Current]:
    """The choices of a person as they are now, by id."""
    statement = CURRENT_BY_ID if isinstance(who, str) else CURRENT_BY_IDENTIFIER
    with store.read() as connection:
        return read_current([tuple(row) for row in connection.execute(statement, _values(key, who))])


def read_stated(store: Store, key: IndexKey, who: Who, names: Container[str]) -> dict[str, Literal["in", "out"]]:
    """What a person said, as a decision point takes it that knows the choices `names`; of somebody unknown, nothing."""
    said = in_and_out(read_choices(store, key, who))
    return {name: state for name, state in said.items() if name in names}


def read_history(store: Store, key: IndexKey, who: Who, choice: str | None) -> list[Change]:
    """The changes of a person's choices, or of one of them, in the order of the record."""
    statement = HISTORY_BY_ID if isinstance(who, str) else HISTORY_BY_IDENTIFIER
    with store.read() as connection:
        changes = [read_change(tuple(row)) for row in connection.execute(statement, _values(key, who))]
    return [change for change in changes if choice in (None, change.choice)]


def read_standing(store: Store, key: IndexKey, who: Who, choice: str) -> Standing:
    """How a person stands to one choice, and why."""
    state, source = effective_with_source(stated(read_choices(store, key, who)), choice)
    changes = [change for change in read_history(store, key, who, None) if change.choice in (choice, source)]
    return Standing(choice, state, source, tuple(changes))


def read_export(store: Store, models: Mapping[str, Model]) -> Iterator[Exported]:
    """Every choice of every person who made one: those of the policy with what counts, and others that are stored."""
    with store.read() as connection:
        person: str | None = None
        rows: list[tuple[Any, ...]] = []
        for row in connection.execution_options(yield_per=1000).execute(ALL_CURRENT):
            if row[0] != person:
                yield from _exported(person, rows, models)
                person, rows = row[0], []
            rows.append(tuple(row)[1:])
        yield from _exported(person, rows, models)


def _exported(person: str | None, rows: list[tuple[Any, ...]], models: Mapping[str, Model]) -> Iterator[Exported]:
    if person is None:
        return
    current = read_current(rows)
    states = stated(current)
    for choice in sorted({*models, *current} - {ACCEPTED}):  # agreeing to a version is between it and this store
        own, counts = current.get(choice), effective(states, choice)
        if own is None and counts == "unset":
            continue
        yield Exported(
            person=person,
            choice=choice,
            state="unset" if own is None else own.state,
            counts=counts,
            made_at=None if own is None else own.made_at,
            version=None if own is None else own.version,
            own_act=own is not None and own.actor == "person",
        )


def _values(key: IndexKey, who: Who) -> dict[str, Any]:
    return {"of_id": who} if isinstance(who, str) else {"of_kind": who.kind, "of_blind": key.blind(who)}
