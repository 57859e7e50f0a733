"""Facts about a complaint: what happened to it, and who did it. None of them holds what somebody wrote.

`kept` names the texts and files that belong to a fact, each with a commitment under a salt that is sealed with it. So
the record stays provable, and says nothing once the key of the complaint is destroyed.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, TypeAlias, get_args

import msgspec
from msgspec import Meta

Moment: TypeAlias = Annotated[datetime, Meta(tz=True)]
By = Literal["person", "staff", "body", "troth"]
Kind = Literal["complaint", "feedback", "request"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Sort = Literal["text", "wanted", "address", "file"]
Why = Literal["asked", "late"]
Outcome = Literal["upheld", "partly", "dismissed"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
Ending = Literal["ineligible", "silent", "noted", "withdrawn", "final", "done"]


class Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A text or a file that is kept sealed: its id, what it is, and the commitment to it (64 hex digits)."""

    id: str
    sort: Sort
    commitment: str


class _Said(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a fact says: by whom, and for a body by which one (its id)."""

    by: By
    body: str | None = None
    kept: tuple[Kept, ...] = ()


class Received(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """It came in, under a version of the policy. A request uses the right `statement`.

    `answer_by` is the first moment at which an answer is too late (feedback has none), `then` who comes next by the
    policy (a claim or a recipient). `agreed`: the person agrees that the texts are handed over to them.
    """

    kind: Kind
    version: str
    statement: str | None = None
    site: str | None = None
    answer_by: Moment | None = None
    acknowledge_by: Moment | None = None
    then: str | None = None
    agreed: bool = False


class Acknowledged(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """Whoever complained was told that it is here."""


class Added(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody wrote more about it."""


class Answered(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """The organisation answered."""


class Settled(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """Whoever complained says that this settles it."""


class Escalated(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """It goes to the recourse body `to`. `handed`: with what people wrote, to which the person agreed."""

    to: str
    why: Why
    handed: bool = False


class Agreed(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """The person agrees afterwards that the body reads what was written."""


class Asked(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """The body asks something."""


class Mediated(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """The body proposes how both could settle it."""


class Determined(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """The body decides. `remedy_by` is the first moment at which the remedy is too late."""

    outcome: Outcome
    remedy_by: Moment | None = None


class Appealed(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """The determination is to be looked at again."""


class Remedied(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """What was determined is done."""


class Closed(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """It ends, and why; of an ineligible one `rule` is the rule of the programme that it does not meet."""

    why: Ending
    rule: str | None = None


class Erased(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """What people wrote was erased: the key is destroyed."""


Said: TypeAlias = (
    Received
    | Acknowledged
    | Added
    | Answered
    | Settled
    | Escalated
    | Agreed
    | Asked
    | Mediated
    | Determined
    | Appealed
    | Remedied
    | Closed
    | Erased
)

# By the name under which the store and the record have it. A name never changes its meaning.
WHATS: dict[str, type[Said]] = {
    "received": Received,
    "acknowledged": Acknowledged,
    "added": Added,
    "answered": Answered,
    "settled": Settled,
    "escalated": Escalated,
    "agreed": Agreed,
    "asked": Asked,
    "mediated": Mediated,
    "determined": Determined,
    "appealed": Appealed,
    "remedied": Remedied,
    "closed": Closed,
    "erased": Erased,
}
_NAMES = {said: what for what, said in WHATS.items()}


def what_of(said: Said) -> str:
    """The name of what a fact says, one of `WHATS`."""
    return _NAMES[type(said)]
