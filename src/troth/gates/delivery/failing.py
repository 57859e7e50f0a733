"""What becomes of a delivery that did not arrive: it waits for its next attempt, is given up, or stops.

An endpoint that wants nothing any more (410) is disabled at once, and one at which nothing arrived for three days, too.
Either is an entry in the record, and is there for staff to see.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam, select, text

from troth.gates.delivery.endpoints import Endpoints
from troth.gates.delivery.leasing import Leased
from troth.gates.delivery.schedule import next_attempt, read_retry_after
from troth.gates.delivery.sending import Answer
from troth.record.commitment import new_event
from troth.record.kinds import make_entry
from troth.record.log import append
from troth.store import Unit
from troth.store.schema import deliveries, endpoints, from_micros, to_micros

Random = Callable[[int], bytes]

DISABLED_AFTER = timedelta(days=3)  # without a single delivery that arrived
GONE = "It answered that it wants nothing any more (410)."
FAILING = "Nothing arrived there for three days."

_HELD = deliveries.update().where(
    deliveries.c.id == bindparam("of_id"),
    text("state = 'waiting'"),
    deliveries.c.leased_until == bindparam("of_until"),
)
AGAIN = _HELD.values(
    attempts=bindparam("new_attempts"), next_at=bindparam("new_next"), leased_until=None, why=bindparam("new_why")
)
END = _HELD.values(
    state=bindparam("new_state"),
    attempts=bindparam("new_attempts"),
    leased_until=None,
    nonce=None,
    why=bindparam("new_why"),
)
FAILING_SINCE = select(endpoints.c.failing_since).where(endpoints.c.id == bindparam("of_id"))
FAILS = (
    endpoints.update()
    .where(endpoints.c.id == bindparam("of_id"), endpoints.c.failing_since.is_(None))
    .values(failing_since=bindparam("new_since"))
)
WORKS = (
    endpoints.update()
    .where(endpoints.c.id == bindparam("of_id"), endpoints.c.failing_since.is_not(None))
    .values(failing_since=None)
)


class Failing:
    """Writes down, in units of work, what became of attempts at which nothing arrived."""

    def __init__(self, endpoints: Endpoints, random: Random = secrets.token_bytes) -> None:
        self._endpoints = endpoints
        self._random = random

    def failed(self, unit: Unit, leased: Leased, attempts: int, answer: Answer) -> str | None:
        """An attempt failed, the last of so many: another one follows, or it is given up.

        It returns why the endpoint is disabled now, None if it is not.
        """
        chance = int.from_bytes(self._random(4), "big") / 2**32
        asked = read_retry_after(answer.retry_after, unit.at)
        again = next_attempt(attempts, unit.at, chance, asked)
        held = {"of_id": leased.id, "of_until": leased.until, "new_attempts": attempts, "new_why": answer.why}
        if again is not None:
            counts = unit.change(AGAIN, {**held, "new_next": to_micros(again)})
        else:
            counts = unit.change(END, {**held, "new_state": "failed"})
            if counts:
                self._enter(unit, leased, attempts, "failed", answer.code)
        return self._endpoint_failed(unit, leased, answer) if counts and leased.to is not None else None

    def stopped(self, unit: Unit, leased: Leased, code: str, why: str) -> None:
        """Nothing of it may leave any more, and nothing was sent this time."""
        held: dict[str, Any] = {"of_id": leased.id, "of_until": leased.until, "new_attempts": leased.attempts}
        if unit.change(END, {**held, "new_state": "stopped", "new_why": why}):
            self._enter(unit, leased, leased.attempts, "stopped", code)

    def works(self, unit: Unit, endpoint: str) -> None:
        """Something arrived at an endpoint."""
        unit.change(WORKS, {"of_id": endpoint})

    def _endpoint_failed(self, unit: Unit, leased: Leased, answer: Answer) -> str | None:
        if leased.to is None:
            return None
        id = leased.to.endpoint.id
        if answer.gone:
            self._endpoints.set_state(unit, id, "disabled", GONE)
            return GONE
        unit.change(FAILS, {"of_id": id, "new_since": to_micros(unit.at)})
        ((since,),) = unit.rows(FAILING_SINCE, {"of_id": id})
        if unit.at - from_micros(since) < DISABLED_AFTER:
            return None
        self._endpoints.set_state(unit, id, "disabled", FAILING)
        return FAILING

    def _enter(self, unit: Unit, leased: Leased, attempts: int, outcome: str, code: str) -> None:
        values: dict[str, object] = {
            "delivery": leased.id, "what": leased.kind, "recipient": leased.recipient,
            "disclosure": leased.disclosure or "", "batch": leased.batch or 0, "attempts": attempts,
            "outcome": outcome, "reason": code,
        }  # fmt: skip
        append(unit, make_entry("undelivered", new_event(self._random), unit.at, values))
