"""A follow-up: one thing that one recipient has to be told about one person, and how far that is.

It knows the person by the recipient's pseudonym. The person's id is beside it only so that the person can see it, and
goes when the person is erased.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec
from sqlalchemy import bindparam, select

from troth.store import Unit
from troth.store.schema import follow_cursors, follow_ups, from_micros, to_micros

What = Literal["opt-out", "correction", "erasure"]
# `deciding`: the gate is asked whether a correction may go; `sent`: it is with the deliveries; `staff`: no endpoint
# takes it, so staff tells it by other means; `done`: acknowledged, or told; `refused`: a correction that may not go.
State = Literal["deciding", "sent", "staff", "done", "refused"]
OPEN: tuple[State, ...] = ("deciding", "sent", "staff")
WITHIN = timedelta(days=7)  # after which a recipient that has not acknowledged is late

COLUMNS = list(follow_ups.columns)
ADD = follow_ups.insert().values({column.name: bindparam(column.name) for column in COLUMNS})
TOLD = (
    select(follow_ups.c.id)
    .where(
        follow_ups.c.recipient == bindparam("of_recipient"),
        follow_ups.c.pseudonym == bindparam("of_pseudonym"),
        follow_ups.c.kind == bindparam("of_kind"),
        follow_ups.c.source >= bindparam("since"),
    )
    .limit(1)
)
TOLD_OF_CHOICE = TOLD.where(follow_ups.c.choice == bindparam("of_choice"))
CURSOR = select(follow_cursors.c.value).where(follow_cursors.c.name == bindparam("of_name"))
MOVE = follow_cursors.update().where(follow_cursors.c.name == bindparam("of_name")).values(value=bindparam("new_value"))
BEGIN = follow_cursors.insert().values(name=bindparam("of_name"), value=bindparam("new_value"))


class FollowUp(msgspec.Struct, frozen=True, kw_only=True):
    """What has to be told. `source` is the entry of the record that it follows, `made_at` when that was.

    `choice` belongs to an opt-out, `data` (terms) and `disclosure` to a correction: the one that gave the older value,
    and once it was sent, the one that gives the newer. `delivery` is its message, `late_leaf` the entry that says that
    it is late.
    """

    id: str
    kind: What
    recipient: str
    person: str | None
    pseudonym: str
    choice: str | None
    data: tuple[str, ...]
    disclosure: str | None
    sentence: str | None
    source: int
    made_at: datetime
    state: State
    why: str | None
    delivery: str | None
    created_at: datetime
    due_at: datetime
    done_at: datetime | None
    done_by: str | None
    late_leaf: int | None


def new_follow_up(
    unit: Unit,
    random: Callable[[int], bytes],
    *,
    kind: What,
    recipient: str,
    person: str | None,
    pseudonym: str,
    source: int,
    made_at: datetime,
    state: State,
    choice: str | None = None,
    data: Sequence[str] = (),
    disclosure: str | None = None,
    sentence: str | None = None,
) -> FollowUp:
    """A follow-up of this moment, not written yet."""
    return FollowUp(
        id=f"fol_{random(16).hex()}", kind=kind, recipient=recipient, person=person, pseudonym=pseudonym, choice=choice,
        data=tuple(data), disclosure=disclosure, sentence=sentence, source=source, made_at=made_at, state=state,
        why=None, delivery=None, created_at=unit.at, due_at=unit.at + WITHIN, done_at=None, done_by=None,
        late_leaf=None,
    )  # fmt: skip


def add(unit: Unit, one: FollowUp) -> None:
    """Write a follow-up."""
    row: dict[str, Any] = msgspec.structs.asdict(one)
    row["data"] = json.dumps(list(one.data)) if one.data else None
    for name in ("made_at", "created_at", "due_at"):
        row[name] = to_micros(row[name])
    row["done_at"] = None if one.done_at is None else to_micros(one.done_at)
    unit.change(ADD, row)


def read_follow_up(row: Sequence[Any]) -> FollowUp:
    """The follow-up in a row of COLUMNS."""
    values = dict(zip((column.name for column in COLUMNS), row, strict=True))
    for name in ("made_at", "created_at", "due_at", "done_at"):
        values[name] = None if values[name] is None else from_micros(values[name])
    values["data"] = tuple(json.loads(values["data"])) if values["data"] else ()
    return FollowUp(**values)


def message(one: FollowUp) -> str:
    """What the recipient is sent, as JSON: the pseudonym, and nothing else that says who it is."""
    body: dict[str, object] = {"type": f"troth.{one.kind}", "subject": one.pseudonym, "at": one.made_at}
    if one.kind == "opt-out":
        body |= {"choice": one.choice, "state": "out", "sentence": one.sentence}
    elif one.kind == "correction":
        body |= {"data": list(one.data), "disclosure": one.disclosure}
    return msgspec.json.encode(body).decode()


def cursor(unit: Unit, name: str) -> int:
    """Up to which index of the record a source was looked at; -1 before the first time."""
    rows = unit.rows(CURSOR, {"of_name": name})
    return int(rows[0][0]) if rows else -1


def move_cursor(unit: Unit, name: str, value: int | str) -> None:
    """Say up to where a source was looked at, in the same unit of work as what came of it."""
    values = {"of_name": name, "new_value": str(value)}
    if unit.change(MOVE, values) == 0:
        unit.change(BEGIN, values)
