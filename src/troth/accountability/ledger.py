"""The ledger of cases: facts about a legal request or a transfer of the business, added and never changed.

How a case stands follows from its facts and a moment. Each fact is an entry `case` in the record, which commits to all
that it says, the kind of case included: the record is public, and that there is a request at all may be secret. The
salt lies beside the fact, so that what the store has can be held against the record, and shown once it may be.

Whom a case is about is committed to under a salt of its own, which goes when one of them is erased.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec
from sqlalchemy import bindparam, func, select

from troth.accountability.errors import CaseError
from troth.record import canonical
from troth.record.cases import said_of
from troth.record.commitment import commit, new_event, new_salt
from troth.record.kinds import make_entry, read_entry
from troth.record.log import append
from troth.store import Store, Unit
from troth.store.schema import case_facts, case_persons, from_micros, leaves, persons, to_micros

Random = Callable[[int], bytes]
S = TypeVar("S")

_COLUMNS = list(case_facts.columns)
OF_SORT = select(*_COLUMNS).where(case_facts.c.sort == bindparam("of_sort")).order_by(case_facts.c.leaf)
OF_SUBJECT = (
    select(*_COLUMNS)
    .where(case_facts.c.subject == bindparam("of_subject"), case_facts.c.sort == bindparam("of_sort"))
    .order_by(case_facts.c.leaf)
)
NEWEST = select(func.max(case_facts.c.leaf)).where(case_facts.c.sort == bindparam("of_sort"))
ADD = case_facts.insert().values({column.name: bindparam(column.name) for column in _COLUMNS})
ADD_PERSON = case_persons.insert().values(subject=bindparam("subject"), person=bindparam("person"))
TAKE_PERSON = case_persons.delete().where(
    case_persons.c.subject == bindparam("of_subject"), case_persons.c.person == bindparam("of_person")
)
PERSONS = (
    select(case_persons.c.person, persons.c.merged_into)
    .join_from(case_persons, persons, case_persons.c.person == persons.c.id)
    .where(case_persons.c.subject == bindparam("of_subject"), persons.c.erased_leaf.is_(None))
    .order_by(case_persons.c.person)
)
WITH_ENTRIES = (
    select(*_COLUMNS, leaves.c.entry)
    .join_from(case_facts, leaves, case_facts.c.leaf == leaves.c["index"], isouter=True)
    .order_by(case_facts.c.leaf)
)


class Fact(msgspec.Struct, Generic[S], frozen=True):
    """A fact about the case `subject`: what it `said`, when, by whom of the staff (an id), by which signed act.

    `people` commits to whom the case is about from then on. Without `staff` Troth did it itself.
    """

    leaf: int
    subject: str
    what: str
    said: S
    at: datetime
    staff: str | None = None
    act: str | None = None
    people: str | None = None


class People(msgspec.Struct, frozen=True):
    """Persons by their ids, with the salt under which they are committed to; made by `people_of`."""

    ids: tuple[str, ...]
    salt: bytes

    @property
    def commitment(self) -> str:
        """The commitment to them, 64 hex digits."""
        return commit_people(self.salt, self.ids)


def people_of(ids: Iterable[str], random: Random = secrets.token_bytes) -> People:
    """Persons, each once and in order, under a new salt."""
    return People(tuple(sorted(set(ids))), new_salt(random))


class Ledger(Generic[S]):
    """The facts of one sort of case in `store`; `whats` are the kinds of facts, by the name the store has for them."""

    def __init__(
        self, store: Store, sort: str, whats: Mapping[str, type[S]], random: Random = secrets.token_bytes
    ) -> None:
        self.store = store
        self.sort = sort
        self.random = random
        self._whats = whats
        self._names = {said: what for what, said in whats.items()}
        self._read: tuple[int, tuple[Fact[S], ...]] = (-1, ())

    # --- reading ------------------------------------------------------------------------------------------------------

    def facts(self) -> tuple[Fact[S], ...]:
        """Every fact of every case, in the order of the record. They are read again when there is a new one."""
        with self.store.read() as connection:
            newest = connection.execute(NEWEST, {"of_sort": self.sort}).scalar()
            seen, known = self._read
            if newest is None or newest == seen:
                return known if newest is not None else ()
            known = tuple(self._fact(row) for row in connection.execute(OF_SORT, {"of_sort": self.sort}))
        self._read = (newest, known)
        return known

    def persons(self, subject: str) -> dict[str, str]:
        """Whom a case is about: their ids as the case has them, each with the id that means the person now."""
        with self.store.read() as connection:
            rows = connection.execute(PERSONS, {"of_subject": subject})
            return {str(row.person): str(row.merged_into or row.person) for row in rows}

    # --- in a unit of work --------------------------------------------------------------------------------------------

    def of(self, unit: Unit, subject: str) -> tuple[Fact[S], ...]:
        """The facts of one case as this unit of work sees them."""
        rows = unit.rows(OF_SUBJECT, {"of_subject": subject, "of_sort": self.sort})
        return tuple(self._fact(_Row(row)) for row in rows)

    def add(  # noqa: PLR0917
        self,
        unit: Unit,
        subject: str,
        said: S,
        staff: str | None = None,
        act: str | None = None,
        people: People | None = None,
    ) -> Fact[S]:
        """Add a fact with its entry. `people` are those whom the case is about from now on, if that changes."""
        what = self._names[type(said)]
        text = canonical.encode(msgspec.to_builtins(said)).decode()
        salt, event = new_salt(self.random), new_event(self.random)
        committed = people.commitment if people is not None else None
        values = said_of(self.sort, subject, what, text, committed, staff, act)
        leaf = append(unit, make_entry("case", event, unit.at, values, salt))
        unit.change(
            ADD,
            {
                "leaf": leaf, "event": event, "salt": salt, "sort": self.sort, "subject": subject, "what": what,
                "said": text, "at": to_micros(unit.at), "staff": staff, "act": act, "people": committed,
                "people_salt": people.salt if people is not None else None,
            },
        )  # fmt: skip
        return Fact(leaf, subject, what, said, unit.at, staff, act, committed)

    def add_persons(self, unit: Unit, subject: str, ids: Iterable[str]) -> None:
        """Put persons into a case."""
        for id in ids:
            unit.change(ADD_PERSON, {"subject": subject, "person": id})

    def take_persons(self, unit: Unit, subject: str, ids: Iterable[str]) -> None:
        """Take persons out of a case."""
        for id in ids:
            unit.change(TAKE_PERSON, {"of_subject": subject, "of_person": id})

    def persons_of(self, unit: Unit, subject: str) -> list[str]:
        """Whom a case is about, as this unit of work sees it."""
        return [str(row[0]) for row in unit.rows(PERSONS, {"of_subject": subject})]

    def _fact(self, row: Any) -> Fact[S]:
        if row.what not in self._whats:
            raise CaseError(f"There is no fact '{row.what}' of this kind of case. A later Troth may have written it.")
        try:
            said: S = msgspec.json.decode(row.said, type=self._whats[row.what])
        except msgspec.DecodeError as error:
            raise CaseError(f"A fact '{row.what}' in the store cannot be read: {error}") from None
        return Fact(row.leaf, row.subject, row.what, said, from_micros(row.at), row.staff, row.act, row.people)


def commit_people(salt: bytes, ids: Iterable[str]) -> str:
    """The commitment to persons: their ids in order, each once."""
    return commit(salt, "people", sorted(set(ids)))


def contradictions(store: Store, acts: Mapping[str, tuple[str, str]]) -> list[str]:
    """A sentence for each fact of a case that is not what its entry in the record says, or is missing.

    `acts` are the signed acts by digest, each with who signed it and what it is about.
    """
    found: list[str] = []
    latest: dict[str, tuple[str, bytes]] = {}
    with store.read() as connection:
        for row in connection.execute(WITH_ENTRIES):
            name = f"Fact {row.leaf} ({row.what} of {row.sort} '{row.subject}')"
            if row.entry is None:
                found.append(f"{name} has no entry in the record.")
                continue
            salt = bytes(row.salt)
            values = said_of(row.sort, row.subject, row.what, row.said, row.people, row.staff, row.act)
            expected = {"kind": "case", "event": row.event}
            expected |= {field: commit(salt, field, value) for field, value in values.items()}
            entry = _entry(row.entry)
            if any(entry.get(field) != value for field, value in expected.items()):
                found.append(f"{name} is not what its entry in the record says.")
            elif row.act is not None and acts.get(row.act) != (row.staff, row.subject):
                found.append(f"{name} names a signed act that is not there, or is about something else.")
            if row.people is not None:
                latest.pop(row.subject, None)
                if row.people_salt is not None:
                    latest[row.subject] = (row.people, bytes(row.people_salt))
        for subject, (people, salt) in latest.items():
            ids = [str(row.person) for row in connection.execute(PERSONS, {"of_subject": subject})]
            if commit_people(salt, ids) != people:
                found.append(f"Case '{subject}' is about other persons than its entry in the record says.")
    return found


def leaves_of_cases(store: Store) -> set[int]:
    """The indexes of the entries that facts of cases name."""
    with store.read() as connection:
        return {int(leaf) for (leaf,) in connection.execute(select(case_facts.c.leaf))}


def _entry(data: bytes) -> dict[str, object]:
    try:
        return read_entry(bytes(data))
    except ValueError:
        return {}


class _Row:
    """A row of the table, in the order of its columns."""

    def __init__(self, values: Sequence[Any]) -> None:
        (
            self.leaf, self.event, self.salt, self.sort, self.subject, self.what, self.said, self.at, self.staff,
            self.act, self.people, self.people_salt,
        ) = values  # fmt: skip
