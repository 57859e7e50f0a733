"""Quick reads of one state of the database, for what is asked for every message: statements are compiled once.

On SQLite, where a read takes microseconds, most of the time would otherwise go into preparing it again. PostgreSQL is
read as everywhere else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Connection, Dialect, Engine, Select

MOST, LONGEST = 1000, 100  # compiled statements that are kept, and values in the lists of each


class Glance(Protocol):
    """One state of the database."""

    def rows(self, statement: Select[Any], values: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        """The rows of a statement, a constant whose parameters are all bound by name; a list for an expanding one."""


class SlowGlance:
    """Over a connection of SQLAlchemy."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def rows(self, statement: Select[Any], values: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        """See Glance."""
        return self._connection.execute(statement, values).all()


class _Compiled(NamedTuple):
    sql: str
    order: tuple[tuple[str, int | None], ...]  # of the parameters: the name, and which of the values of a list
    literals: dict[str, Any]  # those that the statement has itself


class Statements:
    """Compiled statements, each for some lengths of its lists. Safe to share between threads."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._known: dict[object, _Compiled] = {}

    def compiled(self, statement: Select[Any], values: Mapping[str, Any]) -> _Compiled:
        """The statement as text."""
        lengths = [len(value) for value in values.values() if isinstance(value, list)]
        key = (statement, *lengths)
        found = self._known.get(key)
        if found is None:
            found = self._compile(statement, values)
            if len(self._known) < MOST and sum(lengths) <= LONGEST:
                self._known[key] = found
        return found

    def _compile(self, statement: Select[Any], values: Mapping[str, Any]) -> _Compiled:
        options = {"render_postcompile": True}
        text = statement.params(values).compile(dialect=self._dialect, compile_kwargs=options)
        place: dict[str, tuple[str, int | None]] = {}
        for name, value in values.items():
            if isinstance(value, list):
                place |= {f"{name}_{number}": (name, number - 1) for number in range(1, len(value) + 1)}
            else:
                place[name] = (name, None)
        names = text.positiontup or []
        literals = {name: text.binds[name].effective_value for name in names if name not in place}
        return _Compiled(str(text), tuple(place.get(name, (name, None)) for name in names), literals)


class Cursors:
    """Cursors of SQLite, each on a connection of its own, kept for the next read. Safe to share between threads."""

    def __init__(self, reading: Engine) -> None:
        self._reading = reading
        self._free: list[Any] = []
        self._closed = False

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        """A cursor in a transaction of its own. After a failure its connection is not used again."""
        try:
            cursor = self._free.pop()
        except IndexError:
            cursor = self._new()
        try:
            cursor.execute("BEGIN")
            yield cursor
            cursor.execute("COMMIT")
        except BaseException:
            cursor.connection.close()
            raise
        self._free.append(cursor)
        if self._closed:
            self.close()

    def close(self) -> None:
        """Close those that are free, and the others once they are."""
        self._closed = True
        while self._free:
            self._free.pop().connection.close()

    def _new(self) -> Any:
        connection = self._reading.raw_connection()
        cursor = connection.driver_connection.cursor()  # type: ignore[union-attr]
        connection.detach()  # it takes no place among the connections that whole pages are read over
        return cursor


class QuickGlance:
    """Over a cursor of SQLite."""

    def __init__(self, cursor: Any, statements: Statements) -> None:
        self._cursor = cursor
        self._statements = statements

    def rows(self, statement: Select[Any], values: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        """See Glance."""
        sql, order, literals = self._statements.compiled(statement, values)
        if literals:
            values = {**values, **literals}
        given = [values[name] if at is None else values[name][at] for name, at in order]
        found: Sequence[Sequence[Any]] = self._cursor.execute(sql, given).fetchall()
        return found
