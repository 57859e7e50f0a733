"""The unit of work: a change, its record entries and its messages, which become durable together or not at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ClauseElement

from troth.store.errors import FailedUnitError
from troth.store.schema import to_micros
from troth.store.transaction import Compiled

MAX_ENTRY = 65_535  # bytes: what the length of an entry has room for in the record's format


class Unit:
    """Handed to the work that a writer runs; of no use once the work has returned."""

    __slots__ = ("_compile", "_cursor", "_failed", "_first", "_leaves", "_messages", "at")

    def __init__(self, cursor: Any, compiler: Callable[[ClauseElement], Compiled], first: int, at: datetime) -> None:
        self.at = at
        self._cursor = cursor
        self._compile = compiler
        self._first = first
        self._failed = False
        self._leaves: list[tuple[int, bytes, bytes, int]] = []
        self._messages: list[tuple[str, str, int, str | None]] = []

    def rows(self, statement: ClauseElement, values: Mapping[str, Any] | None = None) -> Sequence[Sequence[Any]]:
        """Run a statement that returns rows; all of them. The statement is best a constant: it is compiled once."""
        self._run(statement, values)
        rows: Sequence[Sequence[Any]] = self._cursor.fetchall()
        return rows

    def change(self, statement: ClauseElement, values: Mapping[str, Any] | None = None) -> int:
        """Run a statement that changes rows; how many it changed. Errors of the database driver come through."""
        self._run(statement, values)
        return int(self._cursor.rowcount)

    def append(self, entry: bytes, leaf_hash: bytes) -> int:
        """Add an entry to the record; its index, which is final once the unit is committed."""
        if len(entry) > MAX_ENTRY:
            raise ValueError(f"The entry has {len(entry)} bytes; the record takes at most {MAX_ENTRY}.")
        index = self._first + len(self._leaves)
        self._leaves.append((index, leaf_hash, entry, to_micros(self.at)))
        return index

    def send(self, topic: str, body: str, person: str | None = None) -> None:
        """Put a message into the outbox; it is sent after the commit, at least once.

        `person` is the id of whom it is about, so that it goes when that person is erased.
        """
        self._messages.append((topic, body, to_micros(self.at), person))

    def _run(self, statement: ClauseElement, values: Mapping[str, Any] | None) -> None:
        if self._failed:
            raise FailedUnitError("An earlier statement of this unit of work failed; nothing more can be done in it.")
        compiled = self._compile(statement)
        try:
            self._cursor.execute(compiled.sql, compiled.arguments(values or {}))
        except BaseException:
            # A failed statement may have ended the transaction; a further one would then be committed by itself.
            self._failed = True
            raise
