"""One durable transaction on a plain driver connection, in the words of SQLite and of PostgreSQL.

The writer speaks to the driver itself: between two commits every statement counts, and SQLAlchemy's own execution would
cost more than the databases do. The statements still come from SQLAlchemy, compiled once for each database.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, cast

from sqlalchemy import ClauseElement, Dialect, bindparam
from sqlalchemy.sql.compiler import SQLCompiler

from troth.store.schema import leaves, outbox

# Any number that no other program takes in the same database: the ASCII of "troth".
SEQUENCER = int.from_bytes(b"troth", "big")

LOCK = f"SELECT pg_advisory_xact_lock({SEQUENCER})"
NEXT_INDEX = 'SELECT coalesce(max("index") + 1, 0) FROM leaves'
ADD_LEAF = leaves.insert().values({name: bindparam(name) for name in ("index", "hash", "entry", "at")})
ADD_MESSAGE = (
    outbox.insert().values({name: bindparam(name) for name in ("topic", "body", "created_at", "person")}).inline()
)


class Compiled(NamedTuple):
    """A statement as text for one database, with the order of its parameters if they go by position."""

    sql: str
    order: tuple[str, ...] | None
    defaults: dict[str, Any]

    def arguments(self, values: Mapping[str, Any]) -> Any:
        """The parameters as the driver takes them. KeyError: one is missing."""
        if self.defaults:
            values = {**self.defaults, **values}
        return values if self.order is None else [values[name] for name in self.order]


def compile_statement(statement: ClauseElement, dialect: Dialect) -> Compiled:
    """The statement as text for that database. Only values that are given in the statement itself are defaults."""
    compiled = cast("SQLCompiler", statement.compile(dialect=dialect))
    order = compiled.positiontup if compiled.positional else None
    defaults = {name: bind.effective_value for bind, name in compiled.bind_names.items() if not bind.required}
    return Compiled(str(compiled), tuple(order) if order is not None else None, defaults)


class Transaction(Protocol):
    """What the writer needs of a database."""

    cursor: Any

    def begin(self) -> int:
        """Begin, alone among all writers; returns the index of the next leaf."""

    def mark(self, first: bool) -> None:
        """Set the mark to which the next unit can be undone; the unit before it is kept."""

    def undo(self) -> None:
        """Take back everything since the mark. Raises if the transaction is lost."""

    def finish(self, rows: Sequence[Sequence[Any]], messages: Sequence[Sequence[Any]]) -> None:
        """Add leaves (index, hash, entry, at) and messages (ADD_MESSAGE), commit; durable on return."""

    def abandon(self) -> None:
        """Take everything back."""


class SqliteTransaction:
    """SQLite: `BEGIN IMMEDIATE` takes the one lock that there is for writing, for all processes."""

    def __init__(self, connection: Any, dialect: Dialect) -> None:
        self.cursor = connection.cursor()
        self._connection = connection
        self._leaf = compile_statement(ADD_LEAF, dialect).sql
        self._message = compile_statement(ADD_MESSAGE, dialect).sql

    def begin(self) -> int:
        """See Transaction."""
        self.cursor.execute("BEGIN IMMEDIATE")
        return int(self.cursor.execute(NEXT_INDEX).fetchone()[0])

    def mark(self, first: bool) -> None:
        """See Transaction."""
        if not first:
            self.cursor.execute("RELEASE unit")
        self.cursor.execute("SAVEPOINT unit")

    def undo(self) -> None:
        """See Transaction. A full disk can end the whole transaction; then there is no mark left, and this raises."""
        self.cursor.execute("ROLLBACK TO unit")

    def finish(self, rows: Sequence[Sequence[Any]], messages: Sequence[Sequence[Any]]) -> None:
        """See Transaction."""
        if len(rows) == 1:
            self.cursor.execute(self._leaf, rows[0])
        elif rows:
            self.cursor.executemany(self._leaf, rows)
        if messages:
            self.cursor.executemany(self._message, messages)
        self.cursor.execute("COMMIT")

    def abandon(self) -> None:
        """See Transaction."""
        if self._connection.in_transaction:
            self.cursor.execute("ROLLBACK")


class PostgresTransaction:
    """PostgreSQL: an advisory lock, held until the commit, lets one writer at a time give out indices."""

    def __init__(self, connection: Any, dialect: Dialect) -> None:
        self.cursor = connection.cursor()
        # The columns by position: the rows of a group are sequences, as for SQLite.
        self._leaf = 'INSERT INTO leaves ("index", hash, entry, at) VALUES (%s, %s, %s, %s)'
        self._message = "INSERT INTO outbox (topic, body, created_at, person) VALUES (%s, %s, %s, %s)"

    def begin(self) -> int:
        """See Transaction. The lock comes in a statement of its own, for a statement sees what was there when it began.

        Three statements that the server has prepared are quicker than one text that it must parse each time.
        """
        execute = self.cursor.execute
        execute("BEGIN")
        execute(LOCK)
        return int(execute(NEXT_INDEX).fetchone()[0])

    def mark(self, first: bool) -> None:
        """See Transaction. The one before is taken away: PostgreSQL grows slow under many nested marks."""
        self.cursor.execute("SAVEPOINT unit" if first else "RELEASE SAVEPOINT unit; SAVEPOINT unit")

    def undo(self) -> None:
        """See Transaction."""
        self.cursor.execute("ROLLBACK TO SAVEPOINT unit")

    def finish(self, rows: Sequence[Sequence[Any]], messages: Sequence[Sequence[Any]]) -> None:
        """See Transaction."""
        for statement, values in ((self._leaf, rows), (self._message, messages)):
            if len(values) == 1:
                self.cursor.execute(statement, values[0])
            elif values:
                self.cursor.executemany(statement, values)
        self.cursor.execute("COMMIT")

    def abandon(self) -> None:
        """See Transaction."""
        self.cursor.execute("ROLLBACK")
