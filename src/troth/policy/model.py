"""The language: what a policy file can say, as frozen values.

One `Version` is one file. Its top-level keys are verbs; below each verb stand *statements*, each with an id (its key),
the sentence people read (`says`) and the rule that the machine keeps. A `Policy` (see `history.py`) is the versions of
a policy through time.

These structs are the single description of the language: `reading.py` reads a file by them, `schema.py` makes the JSON
Schema from them. What a field means to those two is said in its annotation (see `annotations.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from troth.policy.annotations import (
    ChoiceIds,
    Conditions,
    Country,
    DataTerms,
    Date,
    Duties,
    Email,
    Id,
    Keyed,
    Language,
    Means,
    Moments,
    Products,
    Purposes,
    RecipientKind,
    Recipients,
    Safeguards,
    Several,
    Url,
)
from troth.policy.problems import Place
from troth.policy.values import Period, Text
from troth.policy.vocabulary import Vocabulary

Basis = Literal["consent", "contract", "legal-obligation", "vital-interest", "public-task", "legitimate-interest"]
Source = Literal["person", "use", "device", "third_party"]
Signal = Literal["gpc", "dnt"]
RIGHTS = ("access", "correct", "erase", "restrict", "object", "port", "withdraw", "human-review")
Topic = Literal[
    "contact", "complaints", "recourse", "supervisory-authority", "jurisdiction", "arbitration", "verification",
    "certification", "children", "changes", "breach", "accuracy", "liability", "automated-decisions",
    "non-retaliation", "accessibility", "do-not-track", "acquisition", "sale", "marketing-mail", "feedback",
]  # fmt: skip
Action = Literal["collect", "use", "share", "sell", "trade", "rent"]
TransferBasis = Literal["adequacy", "standard-clauses", "binding-rules", "framework", "consent", "derogation"]

# The verbs under which statements stand, in the order in which a notice tells them.
VERBS = ("collects", "uses", "shares", "never", "protects", "choices", "rights", "claims", "answers")


class Contact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody who answers for the policy, or `none` with the reason why there is nobody."""

    name: Annotated[str | None, Meta(description="Name of the person or body")] = None
    address: str | None = None
    email: Email | None = None
    phone: str | None = None
    none: Annotated[Text | None, Meta(description="Why there is nobody in this role")] = None


class Publisher(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who makes the promises: the controller."""

    name: str
    address: Annotated[str, Meta(description="Postal address, in one line")]
    email: Email | None = None
    phone: str | None = None
    site: Url | None = None
    country: Country | None = None
    signed_by: Annotated[str | None, Meta(description="Name and office of who signs the policy")] = None
    representative: Annotated[Contact | None, Meta(description="Representative in the EU (GDPR article 27)")] = None
    officer: Annotated[Contact | None, Meta(description="Data protection officer (GDPR articles 37 to 39)")] = None


class Covered(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A site or product under the policy."""

    id: str
    place: Place
    name: str
    site: Url | None = None
    product: Annotated[bool, Meta(description="A product that people use, not only a site")] = False
    entity: Annotated[str | None, Meta(description="The company that runs it, if not the publisher")] = None
    about: Text | None = None


class Recipient(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody who may receive data, by name, and of what kind."""

    id: str
    place: Place
    name: str
    kind: RecipientKind
    site: Url | None = None
    email: Email | None = None
    country: Country | None = None
    about: Text | None = None


class OwnTerm(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A term that the policy adds to the vocabulary."""

    id: str
    place: Place
    label: Annotated[str, Meta(description="What people read")]
    parent: Annotated[str | None, Meta(description="The term above it; needed unless the key is dotted")] = None
    dpv: Annotated[str | None, Meta(description="IRI in the W3C Data Privacy Vocabulary")] = None
    fideslang: str | None = None
    sensitive: bool = False


class OwnTerms(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The terms that the policy adds, by kind."""

    data: Keyed[OwnTerm] = ()
    purpose: Keyed[OwnTerm] = ()
    recipient: Keyed[OwnTerm] = ()
    moment: Keyed[OwnTerm] = ()
    condition: Keyed[OwnTerm] = ()
    duty: Keyed[OwnTerm] = ()
    means: Keyed[OwnTerm] = ()
    safeguard: Keyed[OwnTerm] = ()


class Statement(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What every statement has. `order` is its position among the statements of the file, from 0."""

    id: str
    place: Place
    order: int
    says: Annotated[Text, Meta(description="The sentence that people read, in plain words")]
    details: Annotated[Text | None, Meta(description="The longer text of the complete policy")] = None
    overview: Annotated[bool, Meta(description="Whether the sentence is part of the short overview")] = True
    where: Annotated[Products, Meta(description="The sites and products it is limited to; all without it")] = ()


class Gated(Statement, frozen=True, kw_only=True, omit_defaults=True):
    """A statement that allows something: its gates, its duties and its legal basis."""

    unless: Annotated[ChoiceIds, Meta(description="Refused when the person is out of the choice")] = ()
    only_if: Annotated[ChoiceIds, Meta(description="Refused unless the person is in the choice")] = ()
    given: Annotated[Conditions, Meta(description="Refused unless the condition (or claim) holds")] = ()
    must: Annotated[Duties, Meta(description="Duties that come with the allowance")] = ()
    basis: Annotated[Basis | None, Meta(description="Legal basis (GDPR article 6)")] = None
    interest: Annotated[Text | None, Meta(description="The legitimate interest, named")] = None


class Tracker(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename={"purposes": "for"}):
    """A cookie, beacon or other thing that recognises a browser."""

    id: str
    place: Place
    name: str | None = None
    party: Annotated[Literal["first", "third"], Meta(description="Set by the site itself or by somebody else")]
    by: Annotated[str | None, Meta(description="Who sets it, if not the publisher")] = None
    host: str | None = None
    purposes: Purposes = ()
    lifetime: Annotated[Period, Meta(description="How long it lives")]
    necessary: Annotated[bool, Meta(description="Strictly necessary for what the person asked for")] = False
    about: Text | None = None


class Collects(Gated, frozen=True, kw_only=True, omit_defaults=True, rename={"sources": "from", "purposes": "for"}):
    """Data that is collected. It also permits the use of that data for the purposes in `for`, under its gates."""

    data: DataTerms
    sources: Annotated[Several[Source], Meta(description="Where the data come from")] = ()
    by: Annotated[Means, Meta(description="The means of collection")] = ()
    when: Annotated[Moments, Meta(description="The moments of collection")] = ()
    required: Annotated[bool, Meta(description="Whether people must give the data")] = False
    otherwise: Annotated[Text | None, Meta(description="What happens if they do not")] = None
    purposes: Purposes
    keeps: Annotated[Period | None, Meta(description="How long an item may be kept")] = None
    sensitive: Annotated[DataTerms, Meta(description="Which of the data are sensitive")] = ()
    trackers: Keyed[Tracker] = ()


class Uses(Gated, frozen=True, kw_only=True, omit_defaults=True, rename={"purposes": "for"}):
    """A use of data that was collected."""

    data: DataTerms
    purposes: Purposes
    automated: Annotated[Text | None, Meta(description="The logic of an automated decision")] = None


class Transfer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A transfer to other countries and what it rests on."""

    to: Annotated[Several[Country], Meta(description="The countries")]
    by: TransferBasis
    claim: Annotated[str | None, Meta(description="The claim whose framework it rests on")] = None
    copy: Annotated[Text | None, Meta(description="How to get a copy of the safeguards")] = None


class Shares(Gated, frozen=True, kw_only=True, omit_defaults=True, rename={"recipients": "with", "purposes": "for"}):
    """Data that is given to somebody. Without `data` it speaks of all data."""

    data: DataTerms = ()
    recipients: Recipients
    purposes: Purposes
    transfer: Transfer | None = None


class Never(
    Statement,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    rename={"actions": "do", "recipients": "with", "purposes": "for"},
):
    """Something that is never done. A dimension that it leaves out is meant as a whole."""

    actions: Several[Action]
    data: DataTerms = ()
    purposes: Purposes = ()
    recipients: Recipients = ()


class Protects(Statement, frozen=True, kw_only=True, omit_defaults=True):
    """How data is protected."""

    by: Safeguards
    data: DataTerms = ()


class Choice(Statement, frozen=True, kw_only=True, omit_defaults=True):
    """Something that people decide. Ids nest by dots: `marketing.events` is part of `marketing`."""

    model: Literal["opt-out", "opt-in"]
    at: Annotated[str | None, Meta(description="The page where people choose")] = None
    signals: Annotated[Several[Signal], Meta(description="Browser signals that count as refusing")] = ()
    within: Annotated[Period | None, Meta(description="When a choice is honoured; at once without it")] = None
    link_works: Annotated[Period | None, Meta(description="How long the opt-out link of a mail works")] = None
    lasts: Annotated[Period | None, Meta(description="How long an agreement lasts; until changed without it")] = None
    needs: Annotated[
        Several[Literal["login", "fee", "data"]], Meta(description="What people must do or give to choose")
    ] = ()


class Rights(Statement, frozen=True, kw_only=True, omit_defaults=True):
    """A right of people over their data. The id is the right."""

    at: Annotated[str | None, Meta(description="The page where people ask")] = None
    within: Annotated[Period | None, Meta(description="When the answer comes at the latest")] = None
    confirm_within: Annotated[Period | None, Meta(description="When the request is confirmed at the latest")] = None
    identity: Annotated[Text | None, Meta(description="How the identity of the person is checked")] = None
    agents: Annotated[Text | None, Meta(description="How somebody can ask for another person")] = None


class Void(msgspec.Struct, frozen=True, kw_only=True):
    """An event that ended a claim before its time."""

    on: Date
    why: Text


class Verified(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How and when a claim was verified, and who signed."""

    by: Literal["self", "outside"]
    on: Date
    signer: str


class Claim(Statement, frozen=True, kw_only=True, omit_defaults=True):
    """Membership in a programme or adherence to a framework, with its dates."""

    framework: str | None = None
    programme: str | None = None
    since: Date
    until: Annotated[Date | None, Meta(description="The first day on which it no longer holds")] = None
    void: Void | None = None
    next: Annotated[Date | None, Meta(description="When the next certification is due")] = None
    seal: bool = False
    recourse: Annotated[bool, Meta(description="Whether the programme settles complaints")] = False
    free: Annotated[bool, Meta(description="Whether its recourse is free of charge")] = False
    scope: Annotated[Text | None, Meta(description="What it covers and what not")] = None
    site: Annotated[Url | None, Meta(description="The public list or the programme's site")] = None
    verified: Verified | None = None

    def current(self, at: datetime) -> bool:
        """Whether the claim holds: from `since` until `until` or the day it is void, the ends excluded."""
        end = self.end
        return self.since <= at and (end is None or at < end)

    @property
    def end(self) -> datetime | None:
        """The first moment at which it no longer holds, or None."""
        ends = [moment for moment in (self.until, self.void.on if self.void else None) if moment is not None]
        return min(ends, default=None)


class Answer(Statement, frozen=True, kw_only=True, omit_defaults=True):
    """How the organisation answers for the policy. `about` is the topic; without it the id is."""

    about: Annotated[Topic | None, Meta(description="The topic, where the id does not name it")] = None
    at: Annotated[str | None, Meta(description="The page where people ask")] = None
    email: Email | None = None
    within: Annotated[Period | None, Meta(description="When the answer comes at the latest")] = None
    ahead: Annotated[Period | None, Meta(description="How long beforehand people are told")] = None
    then: Annotated[str | None, Meta(description="Who comes next: an answer, a claim or a recipient")] = None
    free: Annotated[bool, Meta(description="Whether it is free of charge")] = False


class Version(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One version of a policy: one file. Its id is its effective date, as `write_moment` writes it."""

    policy: Annotated[Id, Meta(description="Id of the policy, the same in all versions")]
    title: Text
    effective: Annotated[Date, Meta(description="When it comes into force; a bare date means 00:00 UTC")]
    reviewed: Annotated[Date | None, Meta(description="When it was last reviewed")] = None
    language: Annotated[Language, Meta(description="BCP 47 tag of sentences without one")] = "en"
    says: Annotated[Text | None, Meta(description="The introduction")] = None
    details: Annotated[Text | None, Meta(description="The introduction of the complete policy")] = None
    publisher: Publisher
    covers: Keyed[Covered]
    recipients: Keyed[Recipient] = ()
    own_terms: Annotated[OwnTerms, Meta(description="Terms that the policy adds")] = msgspec.field(
        name="vocabulary", default_factory=OwnTerms
    )
    collects: Keyed[Collects] = ()
    uses: Keyed[Uses] = ()
    shares: Keyed[Shares] = ()
    never: Keyed[Never] = ()
    protects: Keyed[Protects] = ()
    choices: Keyed[Choice] = ()
    rights: Keyed[Rights] = ()
    claims: Keyed[Claim] = ()
    answers: Keyed[Answer] = ()

    # What the reading adds; not part of the file.
    id: str = ""
    file: str = ""
    sha256: str = ""
    vocabulary: Vocabulary = msgspec.field(default_factory=lambda: Vocabulary(()), name="_vocabulary")
    statements: tuple[Statement, ...] = ()
    places: Mapping[str, Place] = msgspec.field(default_factory=dict)

    def statement(self, id: str) -> Statement:
        """The statement with that id; KeyError when there is none."""
        for statement in self.statements:
            if statement.id == id:
                return statement
        raise KeyError(id)

    def verb(self, id: str) -> str:
        """The verb under which a statement stands; KeyError when there is none."""
        return verb_of(self.statement(id))

    def covered(self, id: str) -> Covered | None:
        """The covered site or product with that id, or None."""
        return next((covered for covered in self.covers if covered.id == id), None)

    def recipient(self, id: str) -> Recipient | None:
        """The declared recipient with that id, or None."""
        return next((recipient for recipient in self.recipients if recipient.id == id), None)

    def recipient_path(self, recipient: str) -> tuple[str, ...]:
        """Who covers a recipient, widest first: a declared one stands below its kind and its kind's ancestors."""
        declared = self.recipient(recipient)
        if declared is None:
            return self.vocabulary.path("recipient", recipient)
        return (*self.vocabulary.path("recipient", declared.kind), recipient)

    def stated_on(self, at: datetime) -> Iterator[Statement]:
        """The statements that are part of the notice at a moment: all but the claims that are not current then."""
        for statement in self.statements:
            if not isinstance(statement, Claim) or statement.current(at):
                yield statement


_VERB_OF = {
    Collects: "collects", Uses: "uses", Shares: "shares", Never: "never", Protects: "protects",
    Choice: "choices", Rights: "rights", Claim: "claims", Answer: "answers",
}  # fmt: skip


def verb_of(statement: Statement) -> str:
    """The verb under which a statement stands."""
    return _VERB_OF[type(statement)]
