"""How much was released, minute by minute: for which service, by which statement, for what, of how many persons.

The counts are durable before anything is released. When a minute is over, each of its counts becomes an entry `used` in
the record; nothing in it is about a person.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec
from sqlalchemy import bindparam, select

from troth.record.commitment import new_event
from troth.record.kinds import make_entry, write_time
from troth.record.log import append
from troth.store import Store, Unit
from troth.store.schema import use_counts

AT_ONCE = 500  # counts in one transaction

_KEYS = ("minute", "service", "statement", "version", "purpose", "product")
_SAME = [use_counts.c[name] == bindparam(f"of_{name}") for name in _KEYS]
ADD_TO = (
    use_counts.update()
    .where(*_SAME)
    .values(
        persons=use_counts.c.persons + bindparam("more_persons"),
        released=use_counts.c.released + bindparam("more_released"),
    )
)
BEGIN = use_counts.insert().values({name: bindparam(name) for name in (*_KEYS, "persons", "released", "leaf")})
OVER = (
    select(*(use_counts.c[name] for name in (*_KEYS, "persons", "released")))
    .where(use_counts.c.leaf.is_(None), use_counts.c.minute < bindparam("before"))
    .order_by(use_counts.c.minute)
    .limit(bindparam("at_most"))
)
RECORDED = use_counts.update().where(*_SAME).values(leaf=bindparam("new_leaf"))


class Released(msgspec.Struct, frozen=True):
    """What a count is of."""

    service: str
    statement: str
    version: str
    purpose: str
    product: str


class Counts:
    """The counts in a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, at: datetime, counted: Mapping[Released, list[int]]) -> None:
        """Count a release: persons and values, by what they were. Durable on return."""
        if counted:
            minute = _minute(at)
            self._store.write(lambda unit: _add(unit, minute, counted))

    def record(self) -> int:
        """Write the entries of the minutes that are over; how many. It may be called every second."""
        written = 0
        while self._some_over() and (some := self._store.write(_record_some)):
            written += some
        return written

    def _some_over(self) -> bool:
        """Whether there is anything to write: asking takes no turn of the writer."""
        with self._store.read() as connection:
            values = {"before": _minute(self._store.clock()), "at_most": 1}
            return connection.execute(OVER, values).first() is not None


def _add(unit: Unit, minute: int, counted: Mapping[Released, list[int]]) -> None:
    for one, (persons, released) in counted.items():
        keys = {"minute": minute, **msgspec.structs.asdict(one)}
        more = {"more_persons": persons, "more_released": released}
        if unit.change(ADD_TO, {**{f"of_{name}": value for name, value in keys.items()}, **more}) == 0:
            unit.change(BEGIN, {**keys, "persons": persons, "released": released, "leaf": None})


def _record_some(unit: Unit) -> int:
    rows = unit.rows(OVER, {"before": _minute(unit.at), "at_most": AT_ONCE})
    for row in rows:
        minute, service, statement, version, purpose, product, persons, released = row
        values: dict[str, object] = {
            "minute": write_time(datetime.fromtimestamp(minute * 60, UTC)),
            "service": service,
            "statement": statement,
            "version": version,
            "purpose": purpose,
            "product": product,
            "persons": persons,
            "values": released,
        }
        leaf = append(unit, make_entry("used", new_event(secrets.token_bytes), unit.at, values))
        keys = {f"of_{name}": value for name, value in zip(_KEYS, row, strict=False)}
        unit.change(RECORDED, {**keys, "new_leaf": leaf})
    return len(rows)


def _minute(at: datetime) -> int:
    return int(at.timestamp()) // 60
