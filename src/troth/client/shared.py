"""What a client shares: the request, and the answer about how far it came."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from troth.client.reading import NonsenseError, as_object, maybe, objects, text, texts
from troth.client.values import Json


@dataclass(frozen=True, slots=True)
class NotShared:
    """Data that was not shared, why, and of how many persons."""

    data: str
    reason: str
    sentence: str = ""
    statement: str | None = None
    persons: int = 0


@dataclass(frozen=True, slots=True)
class Leaving:
    """What the recipient is to get of one person, whom it knows as `subject`."""

    subject: str
    values: Mapping[str, Json] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """The values of one batch, to be carried to the recipient now, with the `duties` that come with them."""

    batch: int
    persons: tuple[Leaving, ...]
    duties: tuple[str, ...] = ()
    sentences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """How far a disclosure came. `state` is `running`, `done`, `stopped` or `refused`; `why` says why it is not done.

    `persons` is of how many something is shared, `refused` of how many nothing is, `values` how many values.
    """

    id: str
    state: str
    recipient: str
    purpose: str
    version: str
    channel: str
    asked: int | None
    persons: int
    values: int
    refused: int
    batches: int
    statements: Mapping[str, int]
    duties: tuple[str, ...] = ()
    refusals: tuple[NotShared, ...] = ()
    why: str | None = None
    contents: tuple[Contents, ...] = ()


def sharing_body(
    recipient: str, purpose: str, data: Iterable[str], whom: Mapping[str, Json], more: Mapping[str, Json | None]
) -> dict[str, Json]:
    """The body of a request to share; what is None in `more` is left out."""
    if isinstance(data, str):
        raise TypeError("`data` is a list of data terms, and not one text.")
    said = {name: value for name, value in more.items() if value is not None}
    return {"recipient": recipient, "purpose": purpose, "data": [*data], **whom, **said}


def read_shared(told: dict[str, Any]) -> Shared:
    """How far a disclosure came. NonsenseError."""
    asked = told.get("asked")
    counts = as_object(told.get("statements"))
    return Shared(
        id=text(told, "id"),
        state=text(told, "state"),
        recipient=text(told, "recipient"),
        purpose=text(told, "purpose"),
        version=text(told, "version"),
        channel=text(told, "channel"),
        asked=None if asked is None else _count(told, "asked"),
        persons=_count(told, "persons"),
        values=_count(told, "values"),
        refused=_count(told, "refused"),
        batches=_count(told, "batches"),
        statements={id: _count(counts, id) for id in counts},
        duties=texts(told, "duties"),
        refusals=tuple(
            NotShared(
                text(one, "data"), text(one, "reason"), maybe(one, "sentence") or "", maybe(one, "statement"),
                _count(one, "persons"),
            )
            for one in objects(told, "refusals")
        ),
        why=maybe(told, "why"),
        contents=tuple(read_contents(one) for one in objects(told, "contents")),
    )  # fmt: skip


def read_contents(told: dict[str, Any]) -> Contents:
    """The values of a batch. NonsenseError."""
    persons = tuple(Leaving(text(one, "subject"), as_object(one.get("values"))) for one in objects(told, "persons"))
    return Contents(
        batch=_count(told, "batch"), persons=persons, duties=texts(told, "duties"), sentences=texts(told, "sentences")
    )


def _count(told: Mapping[str, Any], name: str) -> int:
    value = told.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise NonsenseError(f"`{name}` is no number")
    return value
