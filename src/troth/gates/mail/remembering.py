"""How long it is remembered which mail went to whom: the lines on people's pages, deleted when their time is over.

What the record says of a message stays: this is only what finds it, person by person. A line whose message is still on
its way is kept until that has ended.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from sqlalchemy import bindparam, select

from troth.store import Store, Unit
from troth.store.schema import mail_sent, to_micros

KEPT = timedelta(days=400)  # a year and a month: who complains of a mail finds it, and the same season's of the last
AT_ONCE = 1_000  # lines that are looked at in one transaction: others that write wait for no more

# Lines are written in the order of their entries, so the oldest come first, by the primary key.
OLDEST = (
    select(mail_sent.c.leaf, mail_sent.c.at, mail_sent.c.state)
    .where(mail_sent.c.leaf > bindparam("after"))
    .order_by(mail_sent.c.leaf)
    .limit(bindparam("at_most"))
)
FORGET = mail_sent.delete().where(
    mail_sent.c.leaf > bindparam("after"),
    mail_sent.c.leaf <= bindparam("up_to"),
    mail_sent.c.at < bindparam("before"),
    mail_sent.c.state != "queued",
)


def forget(store: Store, kept: timedelta = KEPT, *, at_once: int = AT_ONCE) -> int:
    """Delete the lines that are older than this; how many. It may be called every second. StoreUnavailableError."""
    deleted, after, at_most = 0, -1, 1  # mostly the oldest line is not over yet, and then none is
    while True:
        before = to_micros(store.clock() - kept)
        with store.read() as connection:
            rows = connection.execute(OLDEST, {"after": after, "at_most": at_most}).all()
        over = [row for row in rows if row.at < before]
        if any(row.state != "queued" for row in over):
            part = {"after": after, "up_to": over[-1].leaf, "before": before}
            deleted += store.write(partial(_delete, part=part))
        if len(over) < at_most:
            return deleted
        after, at_most = over[-1].leaf, at_once


def _delete(unit: Unit, part: dict[str, int]) -> int:
    return unit.change(FORGET, part)
