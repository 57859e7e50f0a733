"""Facts about a legal request: what an authority asked for, and what became of it. Added and never changed.

A request is about data terms for one purpose, about persons, and where it says so about products and a time in which
the data was collected. It has a deadline, by which it is to be answered, and may have an end, after which nothing is
released by it any more. A gag forbids telling anybody until a day, or with no day for as long as it is not lifted.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, TypeAlias, get_args

import msgspec
from msgspec import Meta

Moment: TypeAlias = Annotated[datetime, Meta(tz=True)]

# What a request is, as the transparency report counts it.
Process = Literal["warrant", "court-order", "subpoena", "national-security", "civil", "emergency", "other"]
PROCESSES: tuple[Process, ...] = get_args(Process)
Outcome = Literal["upheld", "narrowed", "dismissed"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)


class _Said(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a fact says."""


class Scope(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """What a request is about. Terms cover what lies below them; `persons` counts whom it is about.

    `everybody` is the segment that it names instead of persons: `statement:ID`, `product:ID` or `all`. Without
    `products` it is about all of them. Data counts that was collected from `since` until `until`, that moment excluded.
    """

    data: tuple[str, ...]
    products: tuple[str, ...] = ()
    since: Moment | None = None
    until: Moment | None = None
    persons: int
    everybody: str | None = None


class Gag(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """That nobody may be told, until a moment; None: as long as it is not lifted. `basis` is the law that says so."""

    until: Moment | None = None
    basis: str


class Received(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """A request came in. `document` is the SHA-256 of the paper, `basis` the law that it rests on."""

    authority: str
    process: Process
    basis: str
    document: str
    purpose: str
    scope: Scope
    reference: str | None = None
    deadline: Moment | None = None
    ends: Moment | None = None
    gag: Gag | None = None


class Reviewing(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody reviews it."""


class Narrowed(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """Its scope is less from now on. Who approved it before approved something else, and has to do it again."""

    scope: Scope
    why: str


class Approved(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """One of two approved the scope as it stands. With `emergency` one is enough, and another reviews it afterwards."""

    emergency: str | None = None


class Raised(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """The ceiling on the number of persons is another one for this request."""

    ceiling: int
    why: str


class Refused(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """It is refused, and nothing is released by it any more."""

    why: str


class Challenged(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """It is contested before a court; nothing is released until that is decided."""

    why: str


class Decided(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """The court decided: the request is upheld, has to be narrowed, or is dismissed and with that refused."""

    outcome: Outcome
    document: str | None = None


class Gagged(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """The gag is another one from now on; None: it is lifted."""

    gag: Gag | None = None
    document: str | None = None


class Told(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """So many persons were told: by a notice on their page and by mail (`notice`), or as staff say (`letter`)."""

    persons: int
    how: Literal["notice", "letter"] = "notice"


class Released(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """Data was released by a disclosure of the gate."""

    disclosure: str
    persons: int


class Linked(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """A new link to the file of a disclosure was made for the authority, open for so many days."""

    disclosure: str
    days: int


class Looked(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """A second one reviewed what was released in an emergency, and found it justified or not."""

    justified: bool
    why: str


class Closed(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """Nothing more is done about it."""


Said: TypeAlias = (
    Received | Reviewing | Narrowed | Approved | Raised | Refused | Challenged | Decided | Gagged | Told | Released
    | Linked | Looked | Closed
)  # fmt: skip

# What a fact says, by the name under which the store has it. A name never changes its meaning.
WHATS: dict[str, type[Said]] = {
    "received": Received,
    "reviewing": Reviewing,
    "narrowed": Narrowed,
    "approved": Approved,
    "raised": Raised,
    "refused": Refused,
    "challenged": Challenged,
    "decided": Decided,
    "gagged": Gagged,
    "told": Told,
    "released": Released,
    "linked": Linked,
    "looked": Looked,
    "closed": Closed,
}
