"""How a kind of entry is declared: its name, what it says, and its fields."""

from __future__ import annotations

from typing import Literal

import msgspec


class Field(msgspec.Struct, frozen=True):
    """A field of a kind. `type`: `id`, `date`, `text`, `integer`, `sha256`, `counts`, or `commitment`.

    `counts` are integers by ids. Only a commitment may be about a person, since it is never in the clear.
    """

    name: str
    type: Literal["id", "date", "text", "integer", "sha256", "counts", "commitment"]
    about: str


class Kind(msgspec.Struct, frozen=True):
    """A kind of entry: its name, what it says, its fields. All fields are required; kinds never change, they follow."""

    name: str
    about: str
    fields: tuple[Field, ...]
