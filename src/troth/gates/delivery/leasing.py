"""Leases: who sends a delivery, and until when nobody else does.

Whoever sends first takes a lease, durably. If the process dies, the lease ends by itself and another attempt is made:
a delivery is sent at least once. Each recipient is leased for by itself, so that a long queue of one is no queue of
another. Before anything is sent, the SHA-256 of it is written down, so that what may have arrived is known even when
nothing came back; only the answer to one of these can be acknowledged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, func, select, text

from troth.gates.delivery.endpoints import BY_ID as ENDPOINT_BY_ID
from troth.gates.delivery.endpoints import ENABLED_OF, EndpointError, Endpoints, Keyed
from troth.store import Unit
from troth.store.schema import deliveries, to_micros

LEASE = timedelta(minutes=2)  # longer than an attempt takes, with what has to be decided before it

_WAITING = text("state = 'waiting'")  # as the index has it
_first = select(func.min(deliveries.c.recipient)).where(_WAITING).cte("waiting", recursive=True)
_next = (
    select(func.min(deliveries.c.recipient))
    .where(_WAITING, deliveries.c.recipient > _first.c[0])
    .correlate(_first)
    .scalar_subquery()
)
# From one recipient to the next by the index, however much waits for each.
RECIPIENTS = (
    (found := _first.union_all(select(_next).where(_first.c[0].is_not(None)))).select().where(found.c[0].is_not(None))
)
SOONEST = select(func.min(deliveries.c.next_at)).where(_WAITING, deliveries.c.recipient == bindparam("of_recipient"))

COLUMNS = [
    deliveries.c[name]
    for name in (
        "id", "kind", "recipient", "endpoint", "disclosure", "batch", "body", "nonce", "attempts", "sent", "created_at",
    )
]  # fmt: skip
DUE = (
    select(*COLUMNS)
    .where(_WAITING, deliveries.c.recipient == bindparam("of_recipient"), deliveries.c.next_at <= bindparam("now"))
    .order_by(deliveries.c.next_at, deliveries.c.id)
    .limit(bindparam("at_most"))
)
# While it is leased, it is due again when the lease ends.
TAKE = (
    deliveries.update()
    .where(deliveries.c.id == bindparam("of_id"))
    .values(leased_until=bindparam("new_until"), next_at=bindparam("new_next"))
)
_HELD = deliveries.update().where(
    deliveries.c.id == bindparam("of_id"), _WAITING, deliveries.c.leased_until == bindparam("of_until")
)
MARK = _HELD.values(sent=bindparam("new_sent"), sent_to=bindparam("new_sent_to"), attempts=bindparam("new_attempts"))
PUT_OFF = _HELD.values(next_at=bindparam("new_next"), leased_until=None, why=bindparam("new_why"))


class Leased(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery under a lease, and the endpoint to which it goes, None if none is enabled.

    `until` is the end of the lease in microseconds; it is also what shows that the lease is this one.
    """

    id: str
    kind: str
    recipient: str
    endpoint: str | None
    disclosure: str | None
    batch: int | None
    body: str | None
    nonce: str
    attempts: int
    sent: tuple[str, ...]
    created_at: int
    until: int
    to: Keyed | None


def due(connection: Connection, at: datetime) -> list[str]:
    """The recipients for whom something is due."""
    now, found = to_micros(at), []
    for (recipient,) in connection.execute(RECIPIENTS).all():
        soonest = connection.execute(SOONEST, {"of_recipient": recipient}).scalar()
        if soonest is not None and soonest <= now:
            found.append(str(recipient))
    return found


def lease(unit: Unit, endpoints: Endpoints, wanted: Mapping[str, int]) -> list[Leased]:
    """Take leases for the next deliveries of each recipient, so many of each as `wanted` says."""
    found: list[Leased] = []
    until = to_micros(unit.at + LEASE)
    for recipient, count in wanted.items():
        values = {"of_recipient": recipient, "now": to_micros(unit.at), "at_most": count}
        known: dict[str | None, Keyed | None] = {}
        for row in unit.rows(DUE, values):
            id, kind, _, endpoint, disclosure, batch, body, nonce, attempts, sent, created_at = row
            if endpoint not in known:
                known[endpoint] = _endpoint(unit, endpoints, recipient, endpoint)
            unit.change(TAKE, {"of_id": id, "new_until": until, "new_next": until})
            one = Leased(
                id=id, kind=kind, recipient=recipient, endpoint=endpoint, disclosure=disclosure, batch=batch, body=body,
                nonce=nonce, attempts=attempts, sent=tuple(sent.split()), created_at=created_at, until=until,
                to=known[endpoint],
            )  # fmt: skip
            found.append(one)
    return found


def mark(unit: Unit, leased: Leased, digest: str, endpoint: str) -> bool:
    """Write down that a body is about to be sent. False: the lease has ended, and it must not be."""
    sent = dict.fromkeys((*leased.sent, digest))
    values = {
        "of_id": leased.id, "of_until": leased.until, "new_sent": " ".join(sent), "new_sent_to": endpoint,
        "new_attempts": leased.attempts + 1,
    }  # fmt: skip
    return unit.change(MARK, values) == 1


def put_off(unit: Unit, leased: Sequence[Leased], until: datetime, why: str | None = None) -> None:
    """Give leases back, for an attempt at a later moment that counts as this one would have."""
    for one in leased:
        values: dict[str, Any] = {"of_id": one.id, "of_until": one.until, "new_next": to_micros(until), "new_why": why}
        unit.change(PUT_OFF, values)


def _endpoint(unit: Unit, endpoints: Endpoints, recipient: str, endpoint: str | None) -> Keyed | None:
    if endpoint is None:
        rows = unit.rows(ENABLED_OF, {"of_recipient": recipient})
    else:
        rows = unit.rows(ENDPOINT_BY_ID, {"of_id": endpoint})
    try:
        found = endpoints.keyed(rows, unit.at)
    except EndpointError:  # its secret cannot be opened, and nobody else's business waits for that
        return None
    return found if found is not None and found.endpoint.state == "enabled" else None
