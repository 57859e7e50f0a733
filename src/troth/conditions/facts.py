"""Facts about recipients: what was registered, when and by whom. They are added and never changed.

Everything that holds of a recipient now follows from its facts and a moment (see `standing`). A fact states dates of
its own, such as that on which a contract ends; it counts from the moment `at` which it was registered, so that what was
answered on a day in the past can be answered again.

Each fact is an entry in the record. What might be about a person stays out of it, since the record can never forget:
the name of a recipient, whom to write to, the reason somebody gave, and who of the staff it was.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from troth.conditions.kept import Wording
from troth.policy.model import TransferBasis

Moment: TypeAlias = Annotated[datetime, Meta(tz=True)]

NOT_IN_RECORD = ("name", "contact", "why")


class RecipientError(ValueError):
    """What is asked of the register cannot be; the text says why, and what would do. Nothing was changed or given."""


class _Said(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a fact says."""


class Profile(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """Who a recipient is. A later one replaces it as a whole. `countries` are ISO 3166-1 alpha-2, the own one first."""

    name: str
    kind: str
    contact: str | None = None
    site: str | None = None
    countries: tuple[str, ...] = ()


class Contract(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """A contract (GDPR articles 28(3) and 26): what may be received, what for, and from when to when.

    `ends` is the first moment at which it no longer holds, None if it has no end. `accepts` is the version of the
    policy that the recipient is bound to. Each data term may be received for each of the purposes. `document` is the
    SHA-256 of the paper; `signed` when it was signed, None if it is only proposed yet.
    """

    id: str
    begins: Moment
    ends: Moment | None = None
    accepts: str
    data: tuple[str, ...]
    purposes: tuple[str, ...]
    safeguards: tuple[str, ...] = ()
    document: str | None = None
    signed: Moment | None = None


class Signed(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """A proposed contract was signed."""

    contract: str
    on: Moment
    document: str | None = None


class Terminated(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """A contract ends `on` a date; by `due` what was received is returned or deleted (GDPR article 28(3)(g))."""

    contract: str
    on: Moment
    owed: Literal["return", "delete"]
    due: Moment
    why: str | None = None


class Returned(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """The recipient confirmed that it returned or deleted what it received under a contract."""

    contract: str
    on: Moment
    how: Literal["returned", "deleted"]
    document: str | None = None


class Transfer(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """What transfers to a country rest on (GDPR articles 45 to 49), from when to when; `ends` as for a contract.

    A framework is a claim of the policy, and stands no longer than that.
    """

    id: str
    country: str
    by: TransferBasis
    begins: Moment
    ends: Moment | None = None
    claim: str | None = None
    document: str | None = None


class Revoked(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """The basis of a transfer stands no longer, from `on`."""

    transfer: str
    on: Moment
    why: str | None = None


class Engaged(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """The recipient engages another one as its sub-processor (GDPR article 28(2) and (4)), from `on`."""

    subprocessor: str
    on: Moment


class Released(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """A sub-processor is none any longer, from `on`."""

    subprocessor: str
    on: Moment


class Page(_Said, frozen=True, kw_only=True, omit_defaults=True):
    """A page on a covered site or product that names the recipient to whoever gives data there, from `begins` on.

    `ends` is the first moment at which it does so no longer. A later fact of the same address and beginning replaces
    it.
    """

    url: str
    product: str
    begins: Moment
    ends: Moment | None = None


Said: TypeAlias = Profile | Contract | Signed | Terminated | Returned | Transfer | Revoked | Engaged | Released | Page

# What a fact says, by the name under which the store and the record have it. A name never changes its meaning.
WHATS: dict[str, type[Said]] = {
    "registered": Profile,
    "contract": Contract,
    "signed": Signed,
    "terminated": Terminated,
    "returned": Returned,
    "transfer": Transfer,
    "revoked": Revoked,
    "engaged": Engaged,
    "released": Released,
    "page": Page,
}
_WORDING: Wording[Said] = Wording(WHATS, NOT_IN_RECORD, RecipientError)


class Fact(msgspec.Struct, frozen=True):
    """A fact about `recipient`: what it `said`, when it was registered, by whom; `leaf` is its entry in the record."""

    leaf: int
    recipient: str
    said: Said
    at: datetime
    by: str

    @property
    def what(self) -> str:
        """Its name, one of `WHATS`."""
        return what_of(self.said)


what_of, written, recorded, read_said = _WORDING.what, _WORDING.written, _WORDING.recorded, _WORDING.read
