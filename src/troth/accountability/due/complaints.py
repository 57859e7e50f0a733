"""What is due of complaints: their deadlines, and what somebody added since staff last did something. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from troth.accountability.complaints.deadlines import What, due
from troth.accountability.complaints.standing import ComplaintStanding
from troth.accountability.due.due import Due, level_of

AS = "--as NAME"
STEPS: Mapping[What, tuple[str, str]] = {
    "acknowledge": ("Say that it is here.", "troth complaint acknowledge {} {}"),
    "answer": ("Answer it.", "troth complaint answer {} --text TEXT {}"),
    "remedy": ("Do what the recourse body determined, and say so.", "troth complaint remedy {} --text TEXT {}"),
}


def due_of_complaints(known: Iterable[ComplaintStanding], at: datetime) -> Iterator[Due]:
    """What is due of complaints: each step that has a deadline, and what was added and nobody answered."""
    some = list(known)
    for deadline in due(some, at):
        what, command = STEPS[deadline.what]
        yield Due(
            room="complaints", level=level_of(deadline.until, at), what=what, about=deadline.id, when=deadline.until,
            command=command.format(deadline.id, AS),
        )  # fmt: skip
    for one in some:
        if one.open and one.unread():
            command = f"troth complaint show {one.id}"
            what = "Something was added to it that nobody has answered."
            yield Due(room="complaints", level="open", what=what, about=one.id, when=None, command=command)
