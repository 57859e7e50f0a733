"""Deliveries as they stand: looked at, and tried again by staff. Where one stands is its state.

`waiting`       it is to be sent, or to be tried again at a moment.
`delivered`     the recipient answered that it has it; its signature is due by a moment.
`acknowledged`  the recipient signed that it received it.
`failed`        all attempts failed.
`stopped`       when it was to be sent, nothing of it was allowed to leave any more.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Literal, get_args

import msgspec
from sqlalchemy import bindparam, or_, select, text

from troth.gates.delivery.queue import Kind
from troth.store import Store, Unit
from troth.store.schema import deliveries, from_micros, to_micros

Random = Callable[[int], bytes]
State = Literal["waiting", "delivered", "acknowledged", "failed", "stopped"]
STATES: tuple[State, ...] = get_args(State)

COLUMNS = [
    deliveries.c[name]
    for name in (
        "id", "kind", "recipient", "endpoint", "disclosure", "batch", "state", "attempts", "next_at", "sent", "sent_to",
        "created_at", "delivered_at", "due_at", "acknowledged_at", "digest", "why",
    )
]  # fmt: skip
BY_ID = select(*COLUMNS).where(deliveries.c.id == bindparam("of_id"))
LISTED = (
    select(*COLUMNS)
    .where(
        or_(deliveries.c.recipient == bindparam("of_recipient"), bindparam("any_recipient") == 1),
        or_(deliveries.c.state == bindparam("of_state"), bindparam("any_state") == 1),
        or_(deliveries.c.disclosure == bindparam("of_disclosure"), bindparam("any_disclosure") == 1),
    )
    .order_by(deliveries.c.created_at.desc(), deliveries.c.id)
    .limit(bindparam("at_most"))
)
OVERDUE = (
    select(*COLUMNS)
    .where(text("state = 'delivered'"), deliveries.c.due_at <= bindparam("now"))
    .order_by(deliveries.c.due_at)
    .limit(bindparam("at_most"))
)
AGAIN = (
    deliveries.update()
    .where(deliveries.c.id == bindparam("of_id"))
    .values(
        state="waiting",
        attempts=0,
        next_at=bindparam("new_next_at"),
        leased_until=None,
        nonce=bindparam("new_nonce"),
        due_at=None,
        why=None,
    )
)


class DeliveryError(ValueError):
    """What is asked of a delivery cannot be; the text says why."""


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery, without what it carries.

    `next_at` is when it is tried next, as long as it waits. `sent` are the SHA-256 of the bodies that were sent or may
    have been, `digest` is that of the one which the recipient took. `why` says what came of the last attempt.
    """

    id: str
    kind: Kind
    recipient: str
    endpoint: str | None
    disclosure: str | None
    batch: int | None
    state: State
    attempts: int
    next_at: datetime | None
    sent: tuple[str, ...]
    sent_to: str | None
    created_at: datetime
    delivered_at: datetime | None
    due_at: datetime | None
    acknowledged_at: datetime | None
    digest: str | None
    why: str | None

    def overdue(self, at: datetime) -> bool:
        """Whether the recipient should have acknowledged it by now."""
        return self.state == "delivered" and self.due_at is not None and self.due_at <= at


class Deliveries:
    """The deliveries in `store`. Safe to share between threads."""

    def __init__(self, store: Store, random: Random = secrets.token_bytes) -> None:
        self.store = store
        self._random = random

    def overdue(self, limit: int = 100) -> list[Delivery]:
        """What was delivered and should have been acknowledged by now, the longest overdue first."""
        values = {"now": to_micros(self.store.clock()), "at_most": limit}
        with self.store.read() as connection:
            return [read_delivery(tuple(row)) for row in connection.execute(OVERDUE, values)]

    def list(
        self,
        *,
        recipient: str | None = None,
        state: State | None = None,
        disclosure: str | None = None,
        limit: int = 100,
    ) -> list[Delivery]:
        """The latest deliveries first, at most so many."""
        values = {
            "of_recipient": recipient or "", "any_recipient": int(recipient is None), "of_state": state or "",
            "any_state": int(state is None), "of_disclosure": disclosure or "",
            "any_disclosure": int(disclosure is None), "at_most": limit,
        }  # fmt: skip
        with self.store.read() as connection:
            return [read_delivery(tuple(row)) for row in connection.execute(LISTED, values)]

    def one(self, id: str) -> Delivery:
        """A delivery by its id. DeliveryError: there is none."""
        with self.store.read() as connection:
            row = connection.execute(BY_ID, {"of_id": id}).first()
        if row is None:
            raise DeliveryError(f"There is no delivery '{id[:100]}'. `troth delivery list` has them.")
        return read_delivery(tuple(row))

    def retry(self, id: str) -> Delivery:
        """Send a delivery again, as if it were new: at once, and up to ten times. What may leave is decided anew.

        DeliveryError: there is none, or the recipient acknowledged it.
        """

        def work(unit: Unit) -> Delivery:
            rows = unit.rows(BY_ID, {"of_id": id})
            if not rows:
                raise DeliveryError(f"There is no delivery '{id[:100]}'. `troth delivery list` has them.")
            if rows[0][6] == "acknowledged":
                raise DeliveryError("The recipient acknowledged it. It has no need of it again.")
            new = {"of_id": id, "new_next_at": to_micros(unit.at), "new_nonce": self._random(16).hex()}
            unit.change(AGAIN, new)
            return read_delivery(unit.rows(BY_ID, {"of_id": id})[0])

        return self.store.write(work)


def read_delivery(row: Sequence[Any]) -> Delivery:
    """The delivery in a row of COLUMNS."""
    values = dict(zip((column.name for column in COLUMNS), row, strict=True))
    for name in ("created_at", "next_at", "delivered_at", "due_at", "acknowledged_at"):
        values[name] = None if values[name] is None else from_micros(values[name])
    if values["state"] != "waiting":
        values["next_at"] = None
    values["sent"] = tuple(values["sent"].split())
    return Delivery(**values)
