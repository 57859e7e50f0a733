"""The queue of deliveries: what has to reach a recipient is put into it in the unit of work that decided it.

What was disclosed is not in it. A delivery names its batch; what is sent is made at each attempt, when it is decided
again what may leave. Only what follows a disclosure, such as an opt-out, has a body, which knows persons by pseudonym.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, Literal, get_args

import msgspec
from sqlalchemy import bindparam, select

from troth.people import People
from troth.store import Store, Unit
from troth.store.schema import deliveries, endpoints, to_micros

Random = Callable[[int], bytes]
Kind = Literal["disclosure", "opt-out", "correction", "erasure", "notice"]
KINDS: tuple[Kind, ...] = get_args(Kind)

_COLUMNS = [column.name for column in deliveries.columns]
ADD = deliveries.insert().values({name: bindparam(name) for name in _COLUMNS})
ENABLED = (
    select(endpoints.c.id)
    .where(endpoints.c.recipient == bindparam("of_recipient"), endpoints.c.state == "enabled")
    .limit(1)
)


class Queue:
    """The deliveries in `store`, which has the people. Safe to share between threads."""

    def __init__(self, store: Store, people: People, random: Random = secrets.token_bytes) -> None:
        self.store = store
        self.people = people
        self._random = random

    def reachable(self, recipient: str) -> bool:
        """Whether a recipient has an enabled endpoint. StoreUnavailableError: nobody knows."""
        with self.store.read() as connection:
            return connection.execute(ENABLED, {"of_recipient": recipient}).first() is not None

    def add(
        self,
        unit: Unit,
        *,
        kind: str,
        recipient: str,
        disclosure: str | None = None,
        batch: int | None = None,
        body: str | None = None,
        endpoint: str | None = None,
    ) -> str:
        """Put a delivery into the queue, in a unit of work; its id, `msg_` and 32 hex digits.

        A `disclosure` has its id and `batch` and no body. What follows has a `body`, a JSON object in which persons are
        pseudonyms. Without `endpoint` it goes to the one that is enabled when it is sent. ValueError: not so.
        """
        if kind not in KINDS:
            raise ValueError(f"There is no kind of delivery '{kind}'. There are: {', '.join(KINDS)}.")
        if kind == "disclosure" and (disclosure is None or batch is None or body is not None):
            raise ValueError("The delivery of a disclosure names it and its batch, and has no body.")
        if kind != "disclosure":
            _check_body(kind, body)
        id = f"msg_{self._random(16).hex()}"
        values: dict[str, Any] = dict.fromkeys(_COLUMNS)
        values |= {
            "id": id, "kind": kind, "recipient": recipient, "endpoint": endpoint, "disclosure": disclosure,
            "batch": batch, "body": body, "nonce": self._random(16).hex(), "state": "waiting", "attempts": 0,
            "next_at": to_micros(unit.at), "sent": "", "created_at": to_micros(unit.at),
        }  # fmt: skip
        unit.change(ADD, values)
        return id


def _check_body(kind: str, body: str | None) -> None:
    try:
        read = msgspec.json.decode(body or "")
    except msgspec.DecodeError:
        read = None
    if not isinstance(read, dict):
        raise ValueError(f"The body of the delivery '{kind}' is a JSON object.")
