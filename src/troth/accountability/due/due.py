"""One thing that is due of staff, and which of several comes first. Pure.

`overdue` should have been done by now. `soon` is to be done within a week, or keeps something closed until it is done.
`open` waits for staff, and for nothing else, or comes later.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal, get_args

import msgspec

from troth.accountability.errors import CaseError
from troth.policy.problems import nearest

Level = Literal["overdue", "soon", "open"]
LEVELS: tuple[Level, ...] = get_args(Level)
Room = Literal[
    "legal", "transfers", "claims", "recipients", "complaints", "following", "deliveries", "files", "tests", "mail"
]
ROOMS: tuple[Room, ...] = get_args(Room)
SOON = timedelta(days=7)


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """A thing that is due: a sentence, what it is about (an id), by when, and the command that does the next step.

    Words of a command in capitals are to be filled in. `room` is where it comes from. `when` is None where no day is
    set. Nobody whose data is held is named anywhere in it.
    """

    room: Room
    level: Level
    what: str
    about: str
    when: datetime | None
    command: str


def level_of(when: datetime | None, at: datetime) -> Level:
    """How urgent something is that is due by a moment: overdue from that moment on, soon in the week before."""
    if when is None:
        return "open"
    if when <= at:
        return "overdue"
    return "soon" if when - at <= SOON else "open"


def most_urgent_first(found: Iterable[Due]) -> tuple[Due, ...]:
    """What is overdue first, then what is due soon; of these what was or is due earliest, without a day last."""
    return tuple(
        sorted(
            found,
            key=lambda one: (
                LEVELS.index(one.level), one.when is None, one.when.timestamp() if one.when else 0.0, one.room,
                one.about, one.what,
            ),
        )
    )  # fmt: skip


def check_rooms(names: Iterable[str]) -> tuple[str, ...]:
    """The names, each of a room. CaseError: one is none, with the nearest right spelling."""
    found = tuple(names)
    for name in found:
        if name not in ROOMS:
            near = nearest(name, list(ROOMS))
            hint = f"Did you mean '{near}'?" if near else f"There are: {', '.join(ROOMS)}."
            raise CaseError(f"There is no room '{name[:60]}'. {hint}")
    return found


def many(count: int, one: str, several: str | None = None) -> str:
    """`1 person`, `3 persons`."""
    return f"{count} {one if count == 1 else several or f'{one}s'}"
