"""The six parts of a notice, and which statements each of them tells."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from troth.policy.model import Statement, Version, verb_of


class Heading(msgspec.Struct, frozen=True):
    """The heading of a part: its number, its anchor in a page, its title, and the verbs that it tells."""

    number: int
    id: str
    title: str
    verbs: tuple[str, ...]


class Part(msgspec.Struct, frozen=True):
    """A part of a notice: its heading and its statements."""

    heading: Heading
    statements: tuple[Statement, ...]


HEADINGS = (
    Heading(1, "part-introduction", "Introduction", ()),
    Heading(2, "part-collected", "Information collected", ("collects",)),
    Heading(3, "part-used", "How it is used", ("uses", "protects")),
    Heading(4, "part-shared", "How it is shared", ("shares", "never")),
    Heading(5, "part-choices", "Communication choices", ("choices", "rights")),
    Heading(6, "part-contact", "Contact and complaints", ("answers", "claims")),
)
_PART_OF = {verb: heading for heading in HEADINGS for verb in heading.verbs}


def part_of(statement: Statement) -> Heading:
    """The heading under which a statement is told."""
    return _PART_OF[verb_of(statement)]


def overview(version: Version, at: datetime) -> tuple[Part, ...]:
    """The six parts of the overview: statements with `overview`, and of the claims only the current ones."""
    return _parts(statement for statement in version.stated_on(at) if statement.overview)


def complete(version: Version, at: datetime) -> tuple[Part, ...]:
    """The six parts of the complete policy: every statement that is part of the notice at that moment."""
    return _parts(version.stated_on(at))


def at_product(version: Version, at: datetime, product: str) -> tuple[Part, ...]:
    """The six parts of what holds on one site or product."""
    return _parts(statement for statement in version.stated_on(at) if not statement.where or product in statement.where)


def _parts(statements: Iterable[Statement]) -> tuple[Part, ...]:
    found = list(statements)
    return tuple(
        Part(
            heading,
            # in the order of the verbs, and within a verb in the order of the file
            tuple(statement for verb in heading.verbs for statement in found if verb_of(statement) == verb),
        )
        for heading in HEADINGS
    )
