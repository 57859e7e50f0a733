"""Retention: when an item may be kept no longer, and its deletion.

Until when is set as an item is put in, if the policy counts from the collection (`30 days`), and when the event happens
from which it counts otherwise (`account + 24 months`). What is over is deleted in the order in which it was over, some
at a time, each time with an entry `expired` in the same transaction. So it may be broken off anywhere, and goes on with
the next call.
"""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import BindParameter, and_, bindparam, func, or_, select

from troth.policy.problems import nearest
from troth.policy.values import ANCHORS, read_period
from troth.record.commitment import new_event
from troth.record.kinds import make_entry
from troth.record.log import append
from troth.store import Store, Unit
from troth.store.schema import items, to_micros
from troth.vault.errors import VaultError

SWEPT_AT_ONCE = 1_000  # items in one transaction: others that write wait for no more

KEPT_AFTER = (
    select(items.c.keeps)
    .where(
        items.c.person == bindparam("of_person"),
        or_(items.c.keeps == bindparam("anchor"), items.c.keeps.like(bindparam("beginning"))),
    )
    .distinct()
)
# What an earlier event ended stays ended.
SET_END = (
    items.update()
    .where(
        items.c.person == bindparam("of_person"),
        items.c.keeps == bindparam("of_keeps"),
        or_(items.c.expires_at.is_(None), items.c.expires_at > bindparam("later_than")),
    )
    .values(expires_at=bindparam("new_end"))
)
_END: BindParameter[int] = bindparam("end")
_LEAF: BindParameter[int] = bindparam("of_leaf")
_POSITION: BindParameter[int] = bindparam("of_position")
_OVER = select(items.c.expires_at, items.c.leaf, items.c.position).where(items.c.expires_at <= bindparam("now"))
_IN_TIME = (items.c.expires_at, items.c.leaf, items.c.position)
LAST_OF_SOME = _OVER.order_by(*_IN_TIME).limit(1).offset(bindparam("skipped"))
LAST_OF_ALL = _OVER.order_by(*(column.desc() for column in _IN_TIME)).limit(1)
_UP_TO = and_(
    items.c.expires_at <= _END,
    or_(
        items.c.expires_at < _END,
        items.c.leaf < _LEAF,
        and_(items.c.leaf == _LEAF, items.c.position <= _POSITION),
    ),
)
COUNT = (
    select(items.c.policy, items.c.statement, func.count()).where(_UP_TO).group_by(items.c.policy, items.c.statement)
)
DELETE = items.delete().where(_UP_TO)
ANY_OVER = _OVER.limit(1)


def end_after(unit: Unit, person: str, anchor: str, at: datetime) -> int:
    """Let the periods begin, of the items of a person, that begin with an event; how many items have another end now.

    VaultError: there is no such event.
    """
    if anchor not in ANCHORS:
        near = nearest(anchor, list(ANCHORS))
        hint = f"Did you mean '{near}'?" if near else f"There are: {', '.join(ANCHORS)}."
        raise VaultError(f"'{anchor}' is not an event that a period can begin with. {hint}")
    changed = 0
    wanted = {"of_person": person, "anchor": anchor, "beginning": f"{anchor} +%"}
    for (keeps,) in unit.rows(KEPT_AFTER, wanted):
        end = msgspec.structs.replace(read_period(keeps), after=None).ends(at)
        if end is not None:
            new = to_micros(end)
            values = {"of_person": person, "of_keeps": keeps, "later_than": new, "new_end": new}
            changed += unit.change(SET_END, values)
    return changed


def any_over(store: Store) -> bool:
    """Whether anything may be kept no longer, by the store's clock. Raises StoreUnavailableError."""
    with store.read() as connection:
        return connection.execute(ANY_OVER, {"now": to_micros(store.clock())}).first() is not None


def delete_some(unit: Unit, limit: int) -> int:
    """Delete what was over first, at most `limit` items, with their entries; how many they were."""
    now = {"now": to_micros(unit.at)}
    rows = unit.rows(LAST_OF_SOME, {**now, "skipped": limit - 1}) or unit.rows(LAST_OF_ALL, now)
    if not rows:
        return 0
    end, leaf, position = rows[0]
    up_to = {"end": end, "of_leaf": leaf, "of_position": position}
    by_policy: dict[str, dict[str, int]] = {}
    for policy, statement, count in unit.rows(COUNT, up_to):
        by_policy.setdefault(policy, {})[statement] = int(count)
    for policy, counts in sorted(by_policy.items()):
        append(unit, make_entry("expired", new_event(), unit.at, {"policy": policy, "items": counts}))
    return unit.change(DELETE, up_to)
