"""Facts about claims: what was entered, when and by whom. They are added and never changed.

A claim is drafted with its requirements, assessed against them, and signed by an officer for a time. What happens
outside, as when a court strikes a framework down, is a fact with the date on which it takes effect, too. How a claim
stands follows from its facts and a moment (see `standing`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from troth.conditions.kept import Wording

Moment: TypeAlias = Annotated[datetime, Meta(tz=True)]
How = Literal["clause", "check", "record", "test", "document", "person"]
Verdict = Literal["met", "unmet"]

# What may be about a person, or has to stay unguessable, is left out of the record, which everybody can read.
NOT_IN_RECORD = ("holder", "officer", "why", "text", "by", "seal")


class ClaimError(ValueError):
    """What is asked about a claim cannot be; the text says why, and what would do. Nothing was entered."""


class _Said(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a fact says."""


class Requirement(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that a programme or framework asks for, and how one knows that it is met.

    `how` is `clause` (of the policy check, named by `what`), `check` (the policy has no finding of that code), `record`
    (a question that the record answers), `test` (a safeguard that is tested), `document` (a paper with a date), or
    `person` (somebody has to say so). `source` is where the programme says it.
    """

    id: str
    says: str
    source: str
    how: How
    what: str | None = None


class Drafted(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """The claim is made, or made anew: who holds it, for which sites, and what it asks for.

    `covers` are the ids of the covered sites and products on which it may be shown, `months` is how long a signature
    carries it at most. A later draft replaces this one for
    the next assessment; what was signed before stays as it is.
    """

    holder: str
    requirements: tuple[Requirement, ...]
    covers: tuple[str, ...]
    months: int = 12


class Evidence(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """How one requirement was found to be. `document` is the SHA-256 of a paper, `dated` its date."""

    requirement: str
    verdict: Verdict
    how: How
    text: str = ""
    document: str | None = None
    dated: Moment | None = None


class Assessed(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """The latest draft was held against its requirements under a version of the policy."""

    version: str
    evidence: tuple[Evidence, ...]


class Signed(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """An officer signed the latest assessment: the claim stands from `begins` until `ends`, that moment excluded.

    `assessment` is the entry of the assessment. `due` is when it has to be certified anew. `seal` names the page by
    which its seal is validated, and cannot be guessed.
    """

    officer: str
    assessment: int
    begins: Moment
    ends: Moment
    due: Moment | None = None
    seal: str = ""


class Suspended(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """It does not stand from `on` until it is reinstated."""

    on: Moment
    why: str


class Reinstated(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """It stands again from `on`."""

    on: Moment
    why: str = ""


class Withdrawn(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """The holder or the programme took it back, from `on`. A new signature makes it anew."""

    on: Moment
    why: str


class Voided(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """What it rests on is no more, from `on`, as by the judgment that `source` names. No signature brings it back."""

    on: Moment
    why: str
    source: str = ""


Said: TypeAlias = Drafted | Assessed | Signed | Suspended | Reinstated | Withdrawn | Voided

# What a fact says, by the name under which the store and the record have it. A name never changes its meaning.
WHATS: dict[str, type[Said]] = {
    "drafted": Drafted,
    "assessed": Assessed,
    "signed": Signed,
    "suspended": Suspended,
    "reinstated": Reinstated,
    "withdrawn": Withdrawn,
    "voided": Voided,
}
_WORDING: Wording[Said] = Wording(WHATS, NOT_IN_RECORD, ClaimError, " about claims")


class Fact(msgspec.Struct, frozen=True):
    """A fact about `claim`: what it `said`, when it was entered, by whom; `leaf` is its entry in the record."""

    leaf: int
    claim: str
    said: Said
    at: datetime
    by: str

    @property
    def what(self) -> str:
        """Its name, one of `WHATS`."""
        return what_of(self.said)


what_of, written, recorded, read_said = _WORDING.what, _WORDING.written, _WORDING.recorded, _WORDING.read
