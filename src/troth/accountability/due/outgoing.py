"""What is due of what leaves: deliveries and endpoints, what follows people, files, and mail on hold. Pure.

Where there are several of one kind for one recipient they are one thing that is due, whose command lists them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import TypeVar

import msgspec

from troth.accountability.due.due import Due, Level, many
from troth.gates.delivery.deliveries import Delivery
from troth.gates.following.followups import OPEN, FollowUp
from troth.gates.share.files.row import FileRow

T = TypeVar("T")


class Disabled(msgspec.Struct, frozen=True):
    """An endpoint to which nothing is delivered, of a recipient that has no other: why, and since when it failed."""

    id: str
    recipient: str
    why: str | None
    failing_since: datetime | None


class Held(msgspec.Struct, frozen=True):
    """A message on hold: its id, its stream, and since when it is in the queue. Not for whom it is."""

    message: str
    stream: str
    since: datetime


def due_of_deliveries(
    overdue: Iterable[Delivery], failed: Iterable[Delivery], disabled: Iterable[Disabled]
) -> Iterator[Due]:
    """What is due of deliveries: not acknowledged in time, failed for good, or with no endpoint that takes them.

    What failed is no deadline that passed, since whoever receives nothing may have gone; it is due soon.
    """
    for recipient, some in _by(overdue, lambda one: one.recipient).items():
        what = f"'{recipient}' has not acknowledged {many(len(some), 'delivery', 'deliveries')}."
        command = "troth delivery list --overdue"
        if len(some) == 1:
            command = f"troth delivery retry {some[0].id}"
        when = min((one.due_at for one in some if one.due_at is not None), default=None)
        about = some[0].id if len(some) == 1 else recipient
        yield Due(room="deliveries", level="overdue", what=what, about=about, when=when, command=command)
    for recipient, some in _by(failed, lambda one: one.recipient).items():
        why = f" {some[0].why}" if len(some) == 1 and some[0].why else ""
        what = f"{many(len(some), 'delivery', 'deliveries')} to '{recipient}' failed for good.{why}"
        command = f"troth delivery list --state failed --recipient {recipient}"
        if len(some) == 1:
            command = f"troth delivery retry {some[0].id}"
        about = some[0].id if len(some) == 1 else recipient
        yield Due(room="deliveries", level="soon", what=what, about=about, when=None, command=command)
    for one in disabled:
        why = f" {one.why}" if one.why else ""
        what = f"'{one.recipient}' has no endpoint that takes anything; this one is disabled.{why}"
        command = f"troth endpoint enable {one.id}"
        yield Due(room="deliveries", level="soon", what=what, about=one.id, when=None, command=command)


def due_of_following(follow_ups: Iterable[FollowUp], at: datetime) -> Iterator[Due]:
    """What is due of what follows people: what recipients should have acknowledged by now, and what staff tells."""
    waiting = [one for one in follow_ups if one.state in OPEN and (one.state == "staff" or one.due_at <= at)]
    groups = _by(waiting, lambda one: f"{one.recipient} {one.kind} {one.state == 'staff'} {one.due_at <= at}")
    for some in groups.values():
        first, when = some[0], min(one.due_at for one in some)
        late, staff = when <= at, first.state == "staff"
        told = many(len(some), first.kind, f"{first.kind}s")
        if staff:
            what = f"'{first.recipient}' is to be told of {told} by staff, since no endpoint takes it."
            command = f"troth follow done {first.id} --by NAME"
        else:
            what = f"'{first.recipient}' has not acknowledged {told}."
            command = f"troth follow show {first.id}"
        if len(some) > 1:
            command = f"troth follow list --recipient {first.recipient}{' --late' if late else ''}"
        about = first.id if len(some) == 1 else first.recipient
        level: Level = "overdue" if late else "soon"
        yield Due(room="following", level=level, what=what, about=about, when=when, command=command)


def due_of_files(files: Iterable[FileRow], keyed: Callable[[str], bool]) -> Iterator[Due]:
    """What is due of files: those that wait to be made until their recipient has a key. `keyed`: whether it has one."""
    waiting = [row for row in files if row.state == "waiting"]
    for recipient, some in _by(waiting, lambda row: row.recipient).items():
        if not keyed(recipient):
            what = f"{many(len(some), 'file waits', 'files wait')} until '{recipient}' has a key."
            command = f"troth recipient key {recipient} FILE"
            yield Due(room="files", level="soon", what=what, about=some[0].disclosure, when=None, command=command)


def due_of_mail(held: Iterable[Held]) -> Iterator[Due]:
    """What is due of mail: messages on hold, which leave when staff lets them go, or are dropped."""
    for stream, some in _by(held, lambda one: one.stream).items():
        messages = list(dict.fromkeys(one.message for one in some))
        what = f"{many(len(messages), 'message is', 'messages are')} on hold in the stream '{stream}'."
        command = f"troth mail queue show {messages[0]}" if len(messages) == 1 else "troth mail queue list"
        about = messages[0] if len(messages) == 1 else stream
        yield Due(room="mail", level="soon", what=what, about=about, when=None, command=command)


def _by(several: Iterable[T], key: Callable[[T], str]) -> dict[str, list[T]]:
    found: dict[str, list[T]] = {}
    for one in several:
        found.setdefault(key(one), []).append(one)
    return found
