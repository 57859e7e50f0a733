"""How often each gate was asked under each statement, by day: allowed and refused. It is about nobody.

Gates count as they decide, in memory; the running server writes the counts down every second. A crash loses the counts
of the last second and nothing else: what was let through is in the record, each by itself.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Literal

import msgspec
from sqlalchemy import bindparam, func, select

from troth.decision.question import Decision
from troth.store import Store, Unit
from troth.store.schema import tallies

Gate = Literal["collect", "use", "share", "mail"]
DAY = 86_400  # seconds
EPOCH = date(1970, 1, 1).toordinal()
NOBODYS = "-"  # in place of a statement where none says anything about what was asked

# How often each was decided within one request: the statement and version, None where there is none, and the answer.
Decided = dict[tuple[str | None, str | None, bool], int]

_KEYS = ("day", "gate", "statement", "version")
ADD_TO = (
    tallies.update()
    .where(*(tallies.c[name] == bindparam(f"of_{name}") for name in _KEYS))
    .values(
        allowed=tallies.c.allowed + bindparam("more_allowed"), refused=tallies.c.refused + bindparam("more_refused")
    )
)
BEGIN = tallies.insert().values({name: bindparam(name) for name in (*_KEYS, "allowed", "refused")})
SINCE = (
    select(
        tallies.c.day, tallies.c.statement, func.sum(tallies.c.allowed), func.sum(tallies.c.refused),
    )
    .where(tallies.c.day >= bindparam("since"))
    .group_by(tallies.c.day, tallies.c.statement)
    .order_by(tallies.c.day)
)  # fmt: skip


class Counted(msgspec.Struct, frozen=True):
    """A day under a statement: how often something was allowed, and how often refused."""

    day: date
    allowed: int
    refused: int


class Tally:
    """Counts of one process. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[tuple[int, str, str, str], list[int]] = {}

    def add(self, gate: Gate, decision: Decision, at: datetime, number: int = 1) -> None:
        """Count a decision about a person, under the first statement that decided it."""
        statement = decision.statements[0] if decision.statements else NOBODYS
        self.count(gate, statement, decision.version or "", decision.allowed, at, number)

    def count(  # noqa: PLR0917 - the columns of the table
        self, gate: Gate, statement: str, version: str, allowed: bool, at: datetime, number: int = 1
    ) -> None:
        """Count what was decided under a statement of a version."""
        # All clocks here tell UTC, and so the day is read off; anything else is worked out.
        day = at.toordinal() - EPOCH if at.tzinfo is UTC else int(at.timestamp()) // DAY
        key = (day, gate, statement, version)
        with self._lock:
            self._counts.setdefault(key, [0, 0])[0 if allowed else 1] += number

    def add_all(self, gate: Gate, decided: Decided, at: datetime) -> None:
        """Count what one request counted for itself while it was answered."""
        for (statement, version, allowed), number in decided.items():
            self.count(gate, statement or NOBODYS, version or "", allowed, at, number)

    def write(self, store: Store) -> None:
        """Write down what was counted since the last time. StoreUnavailableError: it stays, for the next time."""
        with self._lock:
            taken, self._counts = self._counts, {}
        if not taken:
            return
        try:
            store.write(lambda unit: _write(unit, taken))
        except BaseException:
            with self._lock:
                for key, (allowed, refused) in taken.items():
                    sums = self._counts.setdefault(key, [0, 0])
                    sums[0] += allowed
                    sums[1] += refused
            raise


def counts_by_statement(store: Store, at: datetime, days: int = 90) -> dict[str, tuple[Counted, ...]]:
    """What was decided under each statement in the last days, day by day; days without anything are left out."""
    today = int(at.timestamp()) // DAY
    found: dict[str, list[Counted]] = {}
    with store.read() as connection:
        for day, statement, allowed, refused in connection.execute(SINCE, {"since": today - days + 1}):
            one = Counted(_date(int(day)), int(allowed), int(refused))
            found.setdefault(str(statement), []).append(one)
    return {statement: tuple(some) for statement, some in found.items()}


def _date(day: int) -> date:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day)).date()


def _write(unit: Unit, taken: Mapping[tuple[int, str, str, str], list[int]]) -> None:
    for key, (allowed, refused) in taken.items():
        row = dict(zip(_KEYS, key, strict=True))
        more = {"more_allowed": allowed, "more_refused": refused}
        if unit.change(ADD_TO, {**{f"of_{name}": value for name, value in row.items()}, **more}) == 0:
            unit.change(BEGIN, {**row, "allowed": allowed, "refused": refused})
