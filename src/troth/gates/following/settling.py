"""What becomes of what was passed on: it is acknowledged, or told by staff, or it is late, and that is recorded.

Once an erasure is acknowledged, nobody needs the pseudonym any more: it goes from the disclosure register, from what
was passed on, and from the messages.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import BindParameter, ColumnElement, and_, bindparam, or_, select

from troth.gates.following.followups import COLUMNS, OPEN, FollowUp, State, read_follow_up
from troth.record.commitment import new_event
from troth.record.kinds import make_entry, write_time
from troth.record.log import append
from troth.store import Unit
from troth.store.schema import deliveries, disclosed, follow_ups, to_micros

AT_ONCE = 200
OVER = ("acknowledged", "failed", "stopped")  # the states of deliveries from which nothing follows any more


def _any_of(column: ColumnElement[str], states: Sequence[str]) -> ColumnElement[bool]:
    """Whether a column is one of some words, in statements that a unit of work takes."""
    return or_(*(column == state for state in states))


ONE = select(*COLUMNS).where(follow_ups.c.id == bindparam("of_id"))
SETTLED = (
    select(*COLUMNS, deliveries.c.state, deliveries.c.why, deliveries.c.acknowledged_at)
    .join_from(follow_ups, deliveries, deliveries.c.id == follow_ups.c.delivery)
    .where(
        or_(
            and_(follow_ups.c.state == "sent", _any_of(deliveries.c.state, OVER)),
            # What was thought lost may be acknowledged all the same.
            and_(follow_ups.c.state == "staff", deliveries.c.state == "acknowledged"),
        )
    )
    .order_by(follow_ups.c.created_at, follow_ups.c.id)
    .limit(bindparam("at_most"))
)
LATE = (
    select(*COLUMNS)
    .where(_any_of(follow_ups.c.state, OPEN), follow_ups.c.due_at <= bindparam("now"), follow_ups.c.late_leaf.is_(None))
    .order_by(follow_ups.c.due_at, follow_ups.c.id)
    .limit(bindparam("at_most"))
)
SET = (
    follow_ups.update()
    .where(follow_ups.c.id == bindparam("of_id"))
    .values({name: bindparam(f"new_{name}") for name in ("state", "why", "delivery", "disclosure")})
)
DONE = (
    follow_ups.update()
    .where(follow_ups.c.id == bindparam("of_id"))
    .values(state="done", done_at=bindparam("new_done_at"), done_by=bindparam("new_done_by"))
)
MARK_LATE = follow_ups.update().where(follow_ups.c.id == bindparam("of_id")).values(late_leaf=bindparam("new_leaf"))
DROP = follow_ups.delete().where(follow_ups.c.id == bindparam("of_id"))
_SAME: tuple[BindParameter[str], BindParameter[str]] = (bindparam("of_recipient"), bindparam("of_pseudonym"))
FORGET_LINES = (
    disclosed.update()
    .where(disclosed.c.recipient == _SAME[0], disclosed.c.pseudonym == _SAME[1], disclosed.c.erased_leaf.is_not(None))
    .values(pseudonym="")
)
_THEIRS = select(follow_ups.c.delivery).where(
    follow_ups.c.recipient == _SAME[0], follow_ups.c.pseudonym == _SAME[1], follow_ups.c.delivery.is_not(None)
)
FORGET_MESSAGES = (
    deliveries.update().where(deliveries.c.id.in_(_THEIRS), _any_of(deliveries.c.state, OVER)).values(body=None)
)
FORGET_FOLLOW_UPS = (
    follow_ups.update()
    .where(follow_ups.c.recipient == _SAME[0], follow_ups.c.pseudonym == _SAME[1], ~_any_of(follow_ups.c.state, OPEN))
    .values(pseudonym="")
)
# A partner that was told of an opt-out and never received anything is told of no erasure.
STRAYS = (
    select(follow_ups.c.recipient, follow_ups.c.pseudonym)
    .where(
        follow_ups.c.person.is_(None),
        follow_ups.c.pseudonym != "",
        ~_any_of(follow_ups.c.state, OPEN),
        ~select(disclosed.c.leaf)
        .where(disclosed.c.recipient == follow_ups.c.recipient, disclosed.c.pseudonym == follow_ups.c.pseudonym)
        .exists(),
    )
    .limit(1)
)


def settle(unit: Unit) -> int:
    """Take over what became of deliveries; how many of them there were."""
    rows = unit.rows(SETTLED, {"at_most": AT_ONCE})
    for row in rows:
        one = read_follow_up(row[: len(COLUMNS)])
        state, why, acknowledged_at = row[len(COLUMNS) :]
        if state == "acknowledged":
            done(unit, one, one.recipient, acknowledged_at)
        else:
            change(unit, one, "staff", why or "It could not be delivered.")
    return len(rows)


def call_late(unit: Unit) -> int:
    """Record what is late by now; how many there were."""
    rows = unit.rows(LATE, {"now": to_micros(unit.at), "at_most": AT_ONCE})
    for row in rows:
        one = read_follow_up(row)
        values: dict[str, object] = {
            "recipient": one.recipient, "what": one.kind, "follow_up": one.id, "since": write_time(one.created_at),
        }  # fmt: skip
        leaf = append(unit, make_entry("late", new_event(), unit.at, values))
        unit.change(MARK_LATE, {"of_id": one.id, "new_leaf": leaf})
    return len(rows)


def forget_strays(unit: Unit) -> int:
    """Let go of the pseudonyms of erased persons whom a recipient knows by an opt-out alone; how many."""
    rows = unit.rows(STRAYS)
    for recipient, pseudonym in rows:
        forget(unit, str(recipient), str(pseudonym))
    return len(rows)


def hand_over(unit: Unit, one: FollowUp, by: str) -> None:
    """Say that staff told it to the recipient."""
    values: dict[str, object] = {"recipient": one.recipient, "what": one.kind, "follow_up": one.id}
    append(unit, make_entry("handed-over", new_event(), unit.at, values))
    done(unit, one, by, to_micros(unit.at))


def done(unit: Unit, one: FollowUp, by: str, at: int | None) -> None:
    """Say that the recipient knows. After an erasure nobody needs the pseudonym any more."""
    unit.change(DONE, {"of_id": one.id, "new_done_at": at or to_micros(unit.at), "new_done_by": by})
    if one.kind == "erasure":
        forget(unit, one.recipient, one.pseudonym)


def change(  # noqa: PLR0917
    unit: Unit, one: FollowUp, state: State, why: str | None, delivery: str | None = None, disclosure: str | None = None
) -> None:
    """Change the state of a follow-up."""
    unit.change(
        SET,
        {
            "of_id": one.id, "new_state": state, "new_why": why, "new_delivery": delivery or one.delivery,
            "new_disclosure": disclosure or one.disclosure,
        },
    )  # fmt: skip


def forget(unit: Unit, recipient: str, pseudonym: str) -> None:
    """Take a pseudonym out of everything that is over."""
    values = {"of_recipient": recipient, "of_pseudonym": pseudonym}
    unit.change(FORGET_MESSAGES, values)
    unit.change(FORGET_FOLLOW_UPS, values)
    unit.change(FORGET_LINES, values)
