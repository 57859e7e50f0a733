"""What became of the mail of a day, stream by stream, in numbers. They say nothing of anybody."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, case, func, select

from troth.gates.mail.returning.returns import COUNTS
from troth.store import Store
from troth.store.schema import mail_queue, mail_sent, to_micros

SENT = (
    select(mail_sent.c.stream, mail_sent.c.state, func.count())
    .where(mail_sent.c.stream == bindparam("of_stream"), mail_sent.c.at >= bindparam("since"))
    .group_by(mail_sent.c.stream, mail_sent.c.state)
)
_STANDS = case((mail_queue.c.state == "held", "held"), (mail_queue.c.tries > 0, "deferred"), else_="waiting")
WAITING = select(mail_queue.c.stream, _STANDS, func.count()).group_by(mail_queue.c.stream, _STANDS)


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """A stream since midnight (UTC), by recipients: `accepted` were taken, `sent` of these left; the others got none.

    `waiting`, `deferred` (tried before) and `held` are those in the queue now, from whatever day. `bounced`,
    `complained` and `opted_out` came back today.
    """

    stream: str
    accepted: int = 0
    sent: int = 0
    failed: int = 0
    suppressed: int = 0
    refused: int = 0
    waiting: int = 0
    deferred: int = 0
    held: int = 0
    bounced: int = 0
    complained: int = 0
    opted_out: int = 0

    @property
    def asked(self) -> int:
        """How many recipients mail was submitted for."""
        return self.accepted + self.suppressed + self.refused

    @property
    def share(self) -> float | None:
        """The part of those asked for that got none, since they refused or the address does not work."""
        return self.suppressed / self.asked if self.asked else None


def read_day(store: Store, streams: Iterable[str], at: datetime) -> list[Day]:
    """The day of each stream, in their order. StoreUnavailableError."""
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    with store.read() as connection:
        waiting = _by(connection.execute(WAITING).all())
        back = _by(connection.execute(COUNTS, {"of_day": to_micros(midnight)}).all())
        return [_day(connection, stream, to_micros(midnight), waiting, back) for stream in streams]


def _day(
    connection: Connection,
    stream: str,
    since: int,
    waiting: dict[tuple[str, str], int],
    back: dict[tuple[str, str], int],
) -> Day:
    states = _by(connection.execute(SENT, {"of_stream": stream, "since": since}).all())
    not_taken = {"suppressed", "refused"}
    return Day(
        stream=stream,
        accepted=sum(count for (_, state), count in states.items() if state not in not_taken),
        sent=states.get((stream, "sent"), 0),
        failed=states.get((stream, "failed"), 0),
        suppressed=states.get((stream, "suppressed"), 0),
        refused=states.get((stream, "refused"), 0),
        waiting=waiting.get((stream, "waiting"), 0),
        deferred=waiting.get((stream, "deferred"), 0),
        held=waiting.get((stream, "held"), 0),
        bounced=back.get((stream, "bounce"), 0),
        complained=back.get((stream, "complaint"), 0),
        opted_out=back.get((stream, "opt-out"), 0),
    )


def _by(rows: Iterable[Sequence[Any]]) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for one, other, count in rows:
        found[str(one), str(other)] = found.get((str(one), str(other)), 0) + int(count)
    return found
