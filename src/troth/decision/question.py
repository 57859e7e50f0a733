"""What is asked of the decision point and what it answers.

A `Question` is checked before it is decided: a term, choice, product, action, condition or version that the policy does
not know is the caller's mistake and raises `QuestionError`, so that a typing error is never a silent yes or no.
"Known" means known to any version of the policy: what one version knows and another does not is not stated in the
other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal

import msgspec

from troth.policy.history import Policy
from troth.policy.problems import nearest
from troth.policy.vocabulary import ACTIONS

# Why a decision is what it is. The codes are stable.
REASONS: dict[str, str] = {
    "stated": "A statement of the policy allows it, and all its gates pass.",
    "no-policy-in-force": "No version of the policy is in force at that time.",
    "not-covered": "The policy does not cover that site or product.",
    "expired": "The time for which the data may be kept has passed.",
    "never": "A statement of the policy says that this is never done.",
    "not-stated": "No statement of the policy says that this is done, and what is not said is not done.",
    "opted-out": "The person is out of the choice that the statement depends on.",
    "not-opted-in": "The person is not in the choice that the statement depends on.",
    "condition-not-met": "A condition that the statement depends on does not hold.",
    "collected-under": "The data was collected under an older version, which does not allow it.",
}

# Actions that give data to somebody: their questions name a recipient.
GIVING = ("share", "sell", "trade", "rent")
# Actions whose questions may leave the purpose out: collecting (step 5 of the decision), and what nothing can permit.
PURPOSE_OPTIONAL = ("collect", "sell", "trade", "rent")

State = Literal["in", "out"]
GateKind = Literal["unless", "only_if", "given"]


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """May this happen?

    `choices` maps ids of choices to "in" or "out" (unset ones are left out); `given` has the conditions that hold now;
    `at` is the time, with a zone. For data that is held already: `collected_under` is the version it was collected
    under, `expires` when it may no longer be kept, `accepted` the latest version that the person agreed to.
    """

    action: str
    data: str
    at: datetime
    purpose: str | None = None
    recipient: str | None = None
    product: str | None = None
    moment: str | None = None
    choices: Mapping[str, State] = {}
    given: frozenset[str] = frozenset()
    collected_under: str | None = None
    expires: datetime | None = None
    accepted: str | None = None


class Gate(msgspec.Struct, frozen=True):
    """A gate of a statement: its kind and the name of the choice or condition."""

    kind: GateKind
    name: str


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """The answer.

    `statements` are the ids of the deciding statements, the most specific first, and `sentence` is what the first of
    them says, in the policy's own language. `gate` is the one that failed. `version` is the id of the version that
    decided. `duties` come with an allowance.
    """

    allowed: bool
    reason: str
    statements: tuple[str, ...] = ()
    sentence: str | None = None
    gate: Gate | None = None
    version: str | None = None
    duties: tuple[str, ...] = ()


# What can be wrong with a question; the codes are stable.
QUESTION_ERRORS: dict[str, str] = {
    "unknown-action": "There is no such action.",
    "unknown-data": "No version of the policy knows that data term.",
    "unknown-purpose": "No version of the policy knows that purpose.",
    "unknown-recipient": "No version of the policy declares or knows that recipient.",
    "unknown-product": "No version of the policy covers that site or product.",
    "unknown-moment": "No version of the policy knows that moment of collection.",
    "unknown-choice": "No version of the policy declares that choice.",
    "unknown-condition": "No version of the policy knows that condition or claim.",
    "unknown-version": "The policy has no such version.",
    "bad-state": "The state of a choice is 'in' or 'out'.",
    "bad-time": "A time has a time zone.",
    "missing": "Something that the action needs is left out.",
    "not-taken": "Something is given that the action does not take.",
}


class QuestionError(ValueError):
    """A question that cannot be asked: the stable `code`, the `field`, what was `found`, the nearest `suggestion`."""

    def __init__(
        self, code: str, field: str, message: str, *, found: object = None, allowed: Iterable[str] = ()
    ) -> None:
        self.code = code
        self.field = field
        self.found = found
        self.allowed = tuple(allowed)
        self.suggestion = nearest(found, self.allowed) if isinstance(found, str) else None
        if self.suggestion:
            message += f" Did you mean '{self.suggestion}'?"
        self.message = message
        super().__init__(message)


class Known:
    """The names that any version of a policy knows, by field of a question."""

    def __init__(self, policy: Policy) -> None:
        def gather(names: Iterable[Iterable[str]]) -> dict[str, None]:
            return dict.fromkeys(name for some in names for name in some)

        versions = policy.versions
        self.action = dict.fromkeys(ACTIONS)
        self.data = gather(version.vocabulary.slugs("data") for version in versions)
        self.purpose = gather(version.vocabulary.slugs("purpose") for version in versions)
        self.moment = gather(version.vocabulary.slugs("moment") for version in versions)
        self.recipient = gather(
            (*(entry.id for entry in version.recipients), *version.vocabulary.slugs("recipient"))
            for version in versions
        )
        self.product = gather((entry.id for entry in version.covers) for version in versions)
        self.choice = gather((entry.id for entry in version.choices) for version in versions)
        self.condition = gather(
            (*version.vocabulary.slugs("condition"), *(claim.id for claim in version.claims)) for version in versions
        )
        self.version = dict.fromkeys(version.id for version in versions)


def check_question(question: Question, known: Known) -> None:
    """Raise QuestionError for the first thing that is wrong with the question."""
    action = question.action
    if action not in known.action:
        raise QuestionError(
            "unknown-action", "action", f"'{action}' is not an action.", found=action, allowed=known.action
        )
    _term("data", question.data, known.data, "data term")
    if question.purpose is None:
        if action not in PURPOSE_OPTIONAL:
            raise QuestionError("missing", "purpose", f"To {action} data takes a purpose.", allowed=known.purpose)
    else:
        _term("purpose", question.purpose, known.purpose, "purpose")
    if question.recipient is None:
        if action in GIVING:
            raise QuestionError("missing", "recipient", f"To {action} data takes a recipient.", allowed=known.recipient)
    elif action not in GIVING:
        raise QuestionError("not-taken", "recipient", f"To {action} data takes no recipient.", found=question.recipient)
    else:
        _term("recipient", question.recipient, known.recipient, "recipient")
    if question.product is not None:
        _term("product", question.product, known.product, "covered site or product")
    if question.moment is not None:
        if action != "collect":
            raise QuestionError("not-taken", "moment", f"To {action} data takes no moment.", found=question.moment)
        _term("moment", question.moment, known.moment, "moment of collection")
    check_choices(question.choices, known)
    for condition in question.given:
        _term("condition", condition, known.condition, "condition", field="given")
    for field in ("collected_under", "accepted"):
        version = getattr(question, field)
        if version is not None:
            _term("version", version, known.version, "version of the policy", field=field)
    for field, moment in (("at", question.at), ("expires", question.expires)):
        if moment is not None and moment.tzinfo is None:
            raise QuestionError("bad-time", field, f"`{field}` needs a time zone.", found=str(moment))


def check_choices(choices: Mapping[str, State], known: Known) -> None:
    """Raise QuestionError for a choice that no version declares, or a state that is neither in nor out."""
    for choice, state in choices.items():
        _term("choice", choice, known.choice, "choice", field="choices")
        if state not in ("in", "out"):
            message = f"The state of '{choice}' is 'in' or 'out', not {state!r}; leave an unset one out."
            raise QuestionError("bad-state", "choices", message, found=state)


def _term(kind: str, name: str, known: Mapping[str, None], what: str, field: str | None = None) -> None:
    if name not in known:
        raise QuestionError(f"unknown-{kind}", field or kind, f"'{name}' is not a {what}.", found=name, allowed=known)
