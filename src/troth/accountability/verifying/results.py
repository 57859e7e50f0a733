"""The results of tests, each with its entry in the record; the latest one of a test counts."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec
from sqlalchemy import bindparam, func, select

from troth.record.commitment import new_event
from troth.record.kinds import make_entry
from troth.record.log import append
from troth.store import Store, Unit
from troth.store.schema import from_micros, to_micros, verifications

State = Literal["passed", "failed", "unknown"]
Random = Callable[[int], bytes]

FRESH = timedelta(days=35)  # a result that is older says nothing any more
LONGEST = 2000  # characters of a sentence

_COLUMNS = list(verifications.columns)
ADD = verifications.insert().values({column.name: bindparam(column.name) for column in _COLUMNS})
_NEWEST = select(func.max(verifications.c.leaf)).group_by(verifications.c.name)
LATEST = select(*_COLUMNS).where(verifications.c.leaf.in_(_NEWEST)).order_by(verifications.c.name)
OF = (
    select(*_COLUMNS)
    .where(verifications.c.name == bindparam("of_name"))
    .order_by(verifications.c.leaf.desc())
    .limit(bindparam("at_most"))
)


class Found(msgspec.Struct, frozen=True):
    """What one test found: its name, how it went, and a sentence that says what was seen, which everybody can read.

    `detail` is for whoever runs the test: what would help those who attack. It is kept nowhere.
    """

    name: str
    state: State
    sentence: str
    detail: str = ""


class Result(msgspec.Struct, frozen=True):
    """A result that was kept. `leaf` is its entry in the record. One that is read has no `detail` (see Found)."""

    leaf: int
    name: str
    state: State
    sentence: str
    at: datetime
    detail: str = ""

    def fresh(self, at: datetime) -> bool:
        """Whether it still says something at a moment."""
        return timedelta(0) <= at - self.at <= FRESH


class Results:
    """The results in `store`. Safe to share between threads. Everything raises StoreUnavailableError."""

    def __init__(self, store: Store, random: Random = secrets.token_bytes) -> None:
        self.store = store
        self._random = random

    def enter(self, found: Sequence[Found]) -> tuple[Result, ...]:
        """Keep what was found, all in one unit of work with the entries."""
        return self.store.write(lambda unit: tuple(self._enter(unit, one) for one in found))

    def latest(self) -> dict[str, Result]:
        """The latest result of each test, by its name."""
        with self.store.read() as connection:
            return {row.name: _result(row) for row in connection.execute(LATEST)}

    def of(self, name: str, most: int = 100) -> list[Result]:
        """The results of a test, the latest first."""
        with self.store.read() as connection:
            return [_result(row) for row in connection.execute(OF, {"of_name": name, "at_most": most})]

    def failing(self, latest_ones: Mapping[str, Result] | None = None) -> dict[str, datetime]:
        """Since when each test fails that failed the last time: its first failure after it last did otherwise.

        `latest_ones` are the latest results, where they were read already.
        """
        found: dict[str, datetime] = {}
        for name, latest in (self.latest() if latest_ones is None else latest_ones).items():
            if latest.state == "failed":
                for one in self.of(name, 10_000):
                    if one.state != "failed":
                        break
                    found[name] = one.at
        return found

    def _enter(self, unit: Unit, one: Found) -> Result:
        sentence = one.sentence[:LONGEST]
        values: dict[str, object] = {"name": one.name, "result": one.state, "sentence": sentence}
        leaf = append(unit, make_entry("verified", new_event(self._random), unit.at, values))
        row = {"leaf": leaf, "name": one.name, "state": one.state, "sentence": sentence, "at": to_micros(unit.at)}
        unit.change(ADD, row)
        return Result(leaf, one.name, one.state, sentence, unit.at, one.detail)


def _result(row: Any) -> Result:
    leaf, name, state, sentence, at = row
    return Result(leaf, name, state, sentence, from_micros(at))
