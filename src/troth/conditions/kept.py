"""Facts as a register keeps them: rows of a table that are added and never changed, each with its entry in the record.

What the registers of recipients and of claims have in common is here: how what a fact says is written, how facts are
read and added, and how they are held against the record. What may be said, and what follows from it, is theirs.
"""

from __future__ import annotations

import threading
from collections import namedtuple
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Generic, TypeVar

import msgspec
from sqlalchemy import Table, bindparam, select

from troth.record import canonical
from troth.record.commitment import new_event
from troth.record.kinds import make_entry, read_entry
from troth.record.log import append
from troth.store import Store, Unit
from troth.store.schema import leaves

S = TypeVar("S")
F = TypeVar("F")
Random = Callable[[int], bytes]

ENTRIES = select(leaves.c["index"], leaves.c.entry).order_by(leaves.c["index"])


class Wording(Generic[S]):
    """How what a fact says is written, by the name of its type. `left_out` is what the record must not have of it.

    `error` is what is raised for a fact that cannot be read; `about` says what the facts are about, with a blank.
    """

    def __init__(
        self, whats: Mapping[str, type[S]], left_out: Collection[str], error: type[ValueError], about: str = ""
    ) -> None:
        self._whats = whats
        self._names = {said: what for what, said in whats.items()}
        self._left_out = left_out
        self._error = error
        self._about = about

    def what(self, said: S) -> str:
        """The name of what a fact says."""
        return self._names[type(said)]

    def written(self, said: S) -> str:
        """What a fact says, as canonical JSON, which is how the store keeps it."""
        return canonical.encode(msgspec.to_builtins(said)).decode()

    def recorded(self, said: S) -> str:
        """What the record says of it: the same without what may be about a person, at any depth."""
        return canonical.encode(self._without(msgspec.to_builtins(said))).decode()

    def read(self, what: str, text: str) -> S:
        """What a fact says, from the store; raises the error if it is not of this Troth, or was altered."""
        if what not in self._whats:
            raise self._error(f"There is no fact '{what}'{self._about}. A later Troth may have written it.")
        try:
            return msgspec.json.decode(text, type=self._whats[what])
        except msgspec.DecodeError as error:
            raise self._error(f"A fact '{what}' in the store cannot be read: {error}") from None

    def _without(self, value: object) -> object:
        if isinstance(value, dict):
            return {name: self._without(one) for name, one in value.items() if name not in self._left_out}
        if isinstance(value, (list, tuple)):
            return [self._without(one) for one in value]
        return value


class FactTable:
    """A table of facts with the statements on it, compiled once. `kind` is that of their entries.

    `subject` is the column, and the field of an entry, that says what a fact is about.
    """

    def __init__(self, table: Table, kind: str, subject: str) -> None:
        columns = list(table.columns)
        self.kind = kind
        self.subject = subject
        self._row = _row_of(table)
        self.after = select(*columns).where(table.c.leaf > bindparam("seen")).order_by(table.c.leaf)
        self.with_entries = (
            select(*columns, leaves.c.entry)
            .join_from(table, leaves, table.c.leaf == leaves.c["index"], isouter=True)
            .order_by(table.c.leaf)
        )
        self._add = table.insert().values({column.name: bindparam(column.name) for column in columns})
        # As canonical JSON has it; within a string the quotes would be escaped.
        self.mark = f'"kind":"{kind}"'.encode()

    def rows(self, unit: Unit) -> Iterator[Any]:
        """Every row, within a unit of work, in the order of the record."""
        return (self._row(*row) for row in unit.rows(self.after, {"seen": -1}))

    def add(self, unit: Unit, entry: Mapping[str, object], row: Mapping[str, Any], random: Random) -> int:
        """Add a row and its entry; the index of the entry. ValueError: the record does not take it."""
        leaf = append(unit, make_entry(self.kind, new_event(random), unit.at, entry))
        unit.change(self._add, {**row, "leaf": leaf})
        return leaf


def _row_of(table: Table) -> Callable[..., Any]:
    """What makes a row of a table from its values, in the order of the columns, with their names as its attributes."""
    return namedtuple(table.name, [column.name for column in table.columns])


class KeptFacts(Generic[F]):
    """The facts of a table in `store`, read as facts by `read`. Safe to share between threads.

    Everything raises StoreUnavailableError when the store is not there.
    """

    def __init__(self, store: Store, table: FactTable, read: Callable[[Any], F]) -> None:
        self._store = store
        self._table = table
        self._read = read
        self._lock = threading.Lock()
        self._facts: tuple[F, ...] = ()
        self._seen = -1

    def all(self) -> tuple[F, ...]:
        """Every fact, in the order of the record. Facts are never changed, so only what is new is read again."""
        with self._lock:
            with self._store.read() as connection:
                rows = connection.execute(self._table.after, {"seen": self._seen}).all()
            self._facts += tuple(self._read(row) for row in rows)
            if rows:
                self._seen = rows[-1].leaf
            return self._facts

    def within(self, unit: Unit) -> list[F]:
        """The same within a unit of work."""
        return [self._read(row) for row in self._table.rows(unit)]

    def contradictions(self, expected: Callable[[F, Any], Mapping[str, object]]) -> list[str]:
        """A sentence for each fact that is not what its entry says, or is missing: somebody altered them.

        `expected` is what the entry of a fact has to say, from the fact and its row. It reads the whole record.
        """
        with self._store.read() as connection:
            rows = connection.execute(self._table.with_entries).all()
            known = {row.leaf for row in rows}
            found = [sentence for row in rows if (sentence := self._contradiction(row, expected)) is not None]
            for index, entry in connection.execute(ENTRIES, execution_options={"yield_per": 10_000}):
                if self._table.mark in bytes(entry) and index not in known:
                    found.append(f"Entry {index} of the record is about a {self._table.kind}, and its fact is missing.")
        return found

    def _contradiction(self, row: Any, expected: Callable[[F, Any], Mapping[str, object]]) -> str | None:
        name = f"Fact {row.leaf} ({row.what} of '{getattr(row, self._table.subject)}')"
        if row.entry is None:
            return f"{name} has no entry in the record."
        try:
            entry = read_entry(bytes(row.entry))
            wanted = {"kind": self._table.kind, **expected(self._read(row), row)}
        except ValueError as error:
            return f"{name} cannot be read: {error}"
        if any(entry.get(field) != value for field, value in wanted.items()):
            return f"{name} is not what its entry in the record says."
        return None
