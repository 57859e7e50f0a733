"""A decision in plain words, for the command line and for pages: pure text, no colour and no layout."""

from __future__ import annotations

import msgspec

from troth.decision.question import REASONS, Decision, Question
from troth.policy.history import Policy
from troth.policy.model import Version

_VERB = {"collect": "collect", "use": "use", "share": "share", "sell": "sell", "trade": "trade", "rent": "rent out"}


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """What to tell a person: the `answer` in a sentence, `why`, and what the promise says, if one decides."""

    answer: str
    why: str
    sentence: str | None
    duties: tuple[str, ...]


def words(policy: Policy, question: Question, decision: Decision) -> Words:
    """The decision on a question, as sentences with the labels of the version that decided."""
    version = _version(policy, question, decision)
    vocabulary = version.vocabulary
    act = f"{_VERB[question.action]} {_label(version, 'data', question.data)}"
    if question.recipient is not None:
        declared = version.recipient(question.recipient)
        name = declared.name if declared else vocabulary.label("recipient", question.recipient)
        act += f" {'with' if question.action == 'share' else 'to'} {name}"
    if question.purpose is not None:
        act += f" for “{vocabulary.label('purpose', question.purpose)}”"
    if question.moment is not None:
        act += f" {vocabulary.label('moment', question.moment)}"
    covered = version.covered(question.product) if question.product else None
    who = covered.name if covered else question.product or version.publisher.name
    answer = f"{'Yes' if decision.allowed else 'No'}: {who} {'may' if decision.allowed else 'may not'} {act}."
    return Words(
        answer=answer,
        why=_why(version, decision),
        sentence=decision.sentence,
        duties=tuple(vocabulary.label("duty", duty) for duty in decision.duties),
    )


def _version(policy: Policy, question: Question, decision: Decision) -> Version:
    if decision.version is not None:
        return policy.version(decision.version)
    return policy.in_force(question.at) or policy.versions[0]


def _label(version: Version, kind: str, slug: str) -> str:
    return f"“{version.vocabulary.label(kind, slug)}”"


def _why(version: Version, decision: Decision) -> str:
    why = REASONS[decision.reason]
    if decision.gate is None:
        return why
    kind, name = decision.gate.kind, decision.gate.name
    failed = {
        "unless": f"The person is out of the choice '{name}'.",
        "only_if": f"The person is not in the choice '{name}', and it is needed.",
        "given": f"The condition '{name}' ({version.vocabulary.label('condition', name)}) does not hold.",
    }[kind]
    if decision.reason == "collected-under":
        return f"{why} {failed}"
    return failed
