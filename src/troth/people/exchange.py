"""Choices as JSON Lines, one choice on each line: how they leave for another system, and how they come from one.

A line that leaves is an `Exported`. A line that comes has `who` (as `parse_who` reads it), `choice`, `state` and
`made_at`, and may have `own_act`, `version` and `product`: see `Imported`. The members `person` and `counts` of a line
that left are known too, so what was exported can be imported again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Annotated, cast

import msgspec

from troth.people.errors import PeopleError
from troth.people.identifiers import parse_who
from troth.people.importing import Imported, Taken
from troth.people.people import People
from troth.people.strictness import State

# What an outcome means, to whoever sent the line.
OUTCOMES = {
    "taken": "it holds here from now on",
    "same": "it was so already",
    "weaker": "it would undo a refusal; only the person's own, later word does that",
    "older": "the person said something else here since",
    "lapsed": "the agreement was over by now",
}
MEMBERS = "who, choice, state, made_at, and may have own_act, version and product"


class BadLineError(PeopleError):
    """A line that is no choice, or cannot be taken; `number` is its place, from 1. All lines before it were taken."""

    def __init__(self, number: int, problem: str) -> None:
        self.number = number
        super().__init__(f"Line {number}: {problem}")


class Line(msgspec.Struct, frozen=True):
    """What became of a line. `record` and `taken` are None for one that says nothing of its own: see `import_lines`."""

    number: int
    record: Imported | None
    taken: Taken | None


class _Line(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    choice: str
    state: str
    made_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    who: str | None = None
    person: str | None = None
    counts: str | None = None
    own_act: bool = False
    version: str | None = None
    product: str | None = None


_decode = msgspec.json.Decoder(_Line).decode
_encode = msgspec.json.Encoder().encode


def export_lines(people: People) -> Iterator[bytes]:
    """Every choice of everybody, a line each, with what counts. Raises StoreUnavailableError."""
    for row in people.export():
        yield _encode(row) + b"\n"


def import_lines(people: People, lines: Iterable[bytes], *, staff: str) -> Iterator[Line]:
    """Take over the choices on the lines, where that weakens none; what became of each, in order, once durable.

    Empty lines are passed over. A line of an export that has no `made_at` says only what follows from the other lines
    of that person, so there is nothing to take. BadLineError: see there. Raises StoreUnavailableError.
    """
    waiting: deque[tuple[int, Imported]] = deque()
    idle: deque[int] = deque()

    def records() -> Iterator[Imported]:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                record = _read(number, line)
                if record is None:
                    idle.append(number)
                else:
                    waiting.append((number, record))
                    yield record

    def idle_before(number: int) -> Iterator[Line]:
        while idle and idle[0] < number:
            yield Line(idle.popleft(), None, None)

    try:
        for taken in people.import_choices(records(), staff=staff):
            number, record = waiting.popleft()
            yield from idle_before(number)
            yield Line(number, record, taken)
    except BadLineError as error:
        yield from idle_before(error.number)
        raise
    except PeopleError as error:
        if not waiting:  # it is not about a line
            raise
        number = waiting[0][0]
        yield from idle_before(number)
        raise BadLineError(number, str(error)) from None
    while idle:
        yield Line(idle.popleft(), None, None)


def _read(number: int, line: bytes) -> Imported | None:
    try:
        read = _decode(line)
        if (read.who is None) == (read.person is None):
            raise ValueError("`who` says whose it is, once")
        if read.made_at is None and read.state != "unset":
            raise ValueError("`made_at` is missing, which says when it was made")
        who = parse_who(read.who or read.person or "", bare=True)
    except PeopleError as error:
        raise BadLineError(number, str(error)) from None
    except ValueError as error:
        raise BadLineError(number, f"This is not a choice: {error}. A line has {MEMBERS}.") from None
    if read.made_at is None:
        return None
    return Imported(
        who=who,
        choice=read.choice,
        state=cast("State", read.state),  # whether it is one is checked with the choice
        made_at=read.made_at,
        own_act=read.own_act,
        version=read.version,
        product=read.product,
    )
