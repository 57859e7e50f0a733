"""Passing on what follows people: `Following.run`, which the server calls every second and `troth follow run` too.

What is new is looked at in slices. A slice is one unit of work: what has to be told, its message in the queue of
deliveries, and how far it came are written together, so nothing is told twice or left out when it is broken off.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, bindparam, func, select

from troth.conditions import Register
from troth.gates.errors import GateError
from troth.gates.following import settling
from troth.gates.following.corrections import CORRECTIONS, Corrections, Gate
from troth.gates.following.erasures import ERASURES, NEW, ErasedPersons, read_place
from troth.gates.following.followups import COLUMNS, OPEN, FollowUp, add, message, read_follow_up
from troth.gates.following.optouts import CHANGES, MERGES, OptOuts
from troth.gates.share.queue import Queue
from troth.people.errors import StaleChoicesError
from troth.store import Store, StoreUnavailableError, Unit
from troth.store.schema import choice_changes, follow_cursors, follow_ups, items, person_links, to_micros
from troth.vault import Vault

AT_MOST = 5_000  # things looked at in one run
DECIDED_AT_ONCE = 50  # corrections

CURSORS = select(follow_cursors.c.name, follow_cursors.c.value)
LAST = select(
    select(func.max(choice_changes.c.leaf)).scalar_subquery(),
    select(func.max(person_links.c.leaf)).scalar_subquery(),
    select(func.max(items.c.leaf)).scalar_subquery(),
)
DECIDING = (
    select(*COLUMNS)
    .where(follow_ups.c.state == "deciding")
    .order_by(follow_ups.c.created_at, follow_ups.c.id)
    .limit(bindparam("at_most"))
)
STAFF = (
    select(*COLUMNS)
    .where(follow_ups.c.state == "staff", follow_ups.c.kind != "correction", follow_ups.c.delivery.is_(None))
    .order_by(follow_ups.c.created_at, follow_ups.c.id)
    .limit(bindparam("at_most"))
)


class Following:
    """What follows the people of a vault to the recipients of a register. Safe to share between threads.

    `gate` decides on corrections; without it they wait. Everything raises StoreUnavailableError: what was done stays.
    """

    def __init__(self, vault: Vault, register: Register, queue: Queue, gate: Gate | None = None) -> None:
        self._vault = vault
        self._store = vault.store
        self._register = register
        self._queue = queue
        self._optouts = OptOuts(vault.people, self._emit)
        self._erased = ErasedPersons(vault.people, self._emit)
        self._corrections = Corrections(vault, gate)

    # --- passing on ---------------------------------------------------------------------------------------------------

    def run(self, limit: int = AT_MOST) -> int:
        """Pass on what is new, and look after what was passed on; how many things were looked at."""
        steps: dict[str, Callable[[Unit], int]] = {
            CHANGES: self._follow_changes,
            MERGES: self._optouts.follow_merges,
            ERASURES: self._erased.follow,
            CORRECTIONS: self._corrections.follow,
        }
        looked = 0
        for name in self._behind():
            while looked < limit and (some := self._store.write(steps[name])):
                looked += some
        looked += self._decide()
        now = to_micros(self._store.clock())
        for step, statement, values in (
            (settling.settle, settling.SETTLED, {"at_most": 1}),
            (settling.call_late, settling.LATE, {"at_most": 1, "now": now}),
            (settling.forget_strays, settling.STRAYS, {}),
        ):
            while looked < limit and self._some(statement, values) and (some := self._store.write(step)):
                looked += some
        return looked

    def _follow_changes(self, unit: Unit) -> int:
        return self._optouts.follow_changes(unit, self._register.standing())

    def _behind(self) -> list[str]:
        """The sources in which there is something new: asking takes no turn of the writer."""
        with self._store.read() as connection:
            places = {str(name): str(value) for name, value in connection.execute(CURSORS)}
            changes, links, collected = connection.execute(LAST).one()
            place = read_place(places.get(ERASURES))
            erased = connection.execute(NEW, {**place, "at_most": 1}).first() is not None
        latest = {CHANGES: changes, MERGES: links, CORRECTIONS: collected}
        found = [name for name, last in latest.items() if last is not None and last > int(places.get(name, -1))]
        return [*found, *([ERASURES] if erased else [])]

    def _some(self, statement: Any, values: Mapping[str, int]) -> bool:
        """Whether there is anything to do: asking takes no turn of the writer."""
        with self._store.read() as connection:
            return connection.execute(statement, values).first() is not None

    def _emit(self, unit: Unit, one: FollowUp) -> None:
        """Write a follow-up with its message, or for staff where no endpoint takes it."""
        state, delivery, why = one.state, None, None
        if self._queue.reachable(one.recipient):
            delivery = self._queue.add(unit, kind=one.kind, recipient=one.recipient, body=message(one))
        else:
            state, why = "staff", "The recipient has no endpoint."
        add(unit, msgspec.structs.replace(one, state=state, delivery=delivery, why=why))

    def _decide(self) -> int:
        """Ask the gate about corrections, and send what waited for an endpoint that is there now."""
        for one in self._read(STAFF, at_most=DECIDED_AT_ONCE):
            if self._queue.reachable(one.recipient):
                self._store.write(functools.partial(self._send, one=one, disclosure=None))
        decided = 0
        for one in self._read(DECIDING, at_most=DECIDED_AT_ONCE):
            try:
                state, why, disclosure = self._corrections.decide(one, self._queue.reachable(one.recipient))
            except (StaleChoicesError, StoreUnavailableError):
                break
            if state == "deciding":
                continue
            decided += 1
            if state == "sent":
                self._store.write(functools.partial(self._send, one=one, disclosure=disclosure))
            elif state is None:
                self._store.write(lambda unit, id=one.id: unit.change(settling.DROP, {"of_id": id}))  # type: ignore[misc]
            else:
                self._store.write(functools.partial(settling.change, one=one, state=state, why=why))
        return decided

    def _send(self, unit: Unit, one: FollowUp, disclosure: str | None) -> None:
        """Put the message of a follow-up into the queue, unless another process did."""
        rows = unit.rows(settling.ONE, {"of_id": one.id})
        if not rows or read_follow_up(rows[0]).state != one.state:
            return
        told = msgspec.structs.replace(one, disclosure=disclosure or one.disclosure)
        delivery = self._queue.add(unit, kind=one.kind, recipient=one.recipient, body=message(told))
        settling.change(unit, one, "sent", None, delivery, disclosure)

    # --- for staff and persons ----------------------------------------------------------------------------------------

    def all(
        self, *, late: bool = False, open_only: bool = True, recipient: str | None = None, limit: int = 1000
    ) -> list[FollowUp]:
        """What is passed on, the oldest first: what is open, or of the latest all; `late`: what is late by now."""
        return list_follow_ups(self._store, late=late, open_only=open_only, recipient=recipient, limit=limit)

    def one(self, id: str) -> FollowUp:
        """A follow-up. GateError: there is none of that id."""
        with self._store.read() as connection:
            row = connection.execute(settling.ONE, {"of_id": id}).first()
        if row is None:
            raise _unknown(id)
        return read_follow_up(tuple(row))

    def done(self, id: str, *, by: str) -> FollowUp:
        """Say that staff told it to the recipient. GateError: there is none, or it is over."""
        if not by:
            raise GateError("unknown-follow-up", "What staff does names who did it.")

        def work(unit: Unit) -> FollowUp:
            rows = unit.rows(settling.ONE, {"of_id": id})
            if not rows:
                raise _unknown(id)
            one = read_follow_up(rows[0])
            if one.state not in OPEN:
                raise GateError("unknown-follow-up", f"'{id}' is {one.state}, and there is nothing left to be done.")
            settling.hand_over(unit, one, by)
            return one

        return self._store.write(work)

    def of_person(self, ids: Sequence[str]) -> list[FollowUp]:
        """What was passed on about a person with these ids, the oldest first."""
        return follow_ups_of(self._store, ids)

    def _read(self, statement: Any, **values: object) -> list[FollowUp]:
        with self._store.read() as connection:
            return [read_follow_up(tuple(row)) for row in connection.execute(statement, values)]


OF_PERSON = (
    select(*COLUMNS)
    .where(follow_ups.c.person.in_(bindparam("of_persons", expanding=True)))
    .order_by(follow_ups.c.created_at, follow_ups.c.id)
)


def follow_ups_of(store: Store, ids: Sequence[str]) -> list[FollowUp]:
    """What was passed on about a person with these ids, the oldest first. StoreUnavailableError."""
    with store.read() as connection:
        rows = connection.execute(OF_PERSON, {"of_persons": list(ids)})
        return [read_follow_up(tuple(row)) for row in rows]


def list_follow_ups(
    store: Store, *, late: bool = False, open_only: bool = True, recipient: str | None = None, limit: int = 1000
) -> list[FollowUp]:
    """What is passed on, the oldest first; see `Following.all`. StoreUnavailableError."""
    wanted: list[ColumnElement[bool]] = []
    if open_only or late:
        wanted.append(follow_ups.c.state.in_(OPEN))
    if late:
        wanted.append(follow_ups.c.due_at <= to_micros(store.clock()))
    if recipient is not None:
        wanted.append(follow_ups.c.recipient == recipient)
    statement = select(*COLUMNS).where(*wanted).order_by(follow_ups.c.created_at, follow_ups.c.id).limit(limit)
    with store.read() as connection:
        return [read_follow_up(tuple(row)) for row in connection.execute(statement)]


def _unknown(id: str) -> GateError:
    text = f"There is nothing passed on under '{id[:100]}'. `troth follow list` has what is."
    return GateError("unknown-follow-up", text)
