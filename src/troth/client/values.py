"""What the client takes and gives: frozen values.

They are dataclasses and not the msgspec structs of the server, because they live in other people's applications, where
every package that comes along is one more to keep. Values of persons are left out of their representations, as those
end up in logs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What is to be collected: the statement that it comes under, and values by data term.

    `person` is whose it is (`email:…`, `account:…`, `cookie:…` or an id); without it the e-mail address among the
    fields says so.
    """

    statement: str
    fields: Mapping[str, Json] = field(repr=False)
    person: str | None = field(default=None, repr=False)
    product: str | None = None
    moment: str | None = None


@dataclass(frozen=True, slots=True)
class Browser:
    """The person's own device, when it is the one that sends: the origin of the page, and the cookie `troth`.

    It has no service key. The signed cookie says whose data it is where no e-mail address does, and nothing optional is
    collected before the person has agreed.
    """

    origin: str
    cookie: str | None = field(default=None, repr=False)

    def headers(self) -> dict[str, str]:
        """What is passed on."""
        return {"Origin": self.origin} | ({"Cookie": f"troth={self.cookie}"} if self.cookie else {})


@dataclass(frozen=True, slots=True)
class Dropped:
    """A field of which nothing was stored, and why: a reason of a decision, or `empty`."""

    field: str
    reason: str
    sentence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """What was stored, durably. `entry` is its index in the record; `duties` must be done along with it."""

    person: str | None
    entry: int
    statement: str
    version: str
    sentence: str
    stored: tuple[str, ...]
    dropped: tuple[Dropped, ...] = ()
    masked: tuple[str, ...] = ()
    duties: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """Data that was not released: the reason, and the sentence of the policy that says so."""

    data: str
    reason: str
    sentence: str = ""
    statement: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OfPerson:
    """What came out of one person. `asked` is how they were named, `person` their id, None for nobody here."""

    person: str | None
    asked: str | None = field(repr=False)
    values: Mapping[str, Json] = field(repr=False)
    refused: tuple[Refusal, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What was released, in the order of the persons that were asked for; `duties` must be done along with it."""

    persons: tuple[OfPerson, ...]
    duties: tuple[str, ...] = ()
    next: str | None = None


@dataclass(frozen=True, slots=True)
class Gate:
    """The gate that refuses: `unless` or `only_if` with a choice, or `given` with a condition."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A decision of the policy decision point. It is true where it allows, so `if client.decide(…):` is right.

    A permission holds only along with its `duties`.
    """

    allowed: bool
    reason: str
    statements: tuple[str, ...] = ()
    sentence: str = ""
    duties: tuple[str, ...] = ()
    gate: Gate | None = None
    version: str | None = None

    def __bool__(self) -> bool:
        return self.allowed
