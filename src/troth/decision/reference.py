"""The meaning of a policy, written down literally: slow and obvious.

This is the semantics of Troth. The steps are numbered as in `docs/reference/decisions.md`. Everything faster (the
kernel, batches, SQL) is tested against this file on random policies, people and questions, so when two answers differ,
this one is right.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from troth.decision.question import Decision, Gate, Known, Question, check_question
from troth.policy.history import Policy
from troth.policy.model import Collects, Gated, Never, Shares, Statement, Uses, Version
from troth.policy.vocabulary import dotted_path

S = TypeVar("S", bound=Statement)


def decide(policy: Policy, question: Question) -> Decision:
    """The decision on a question. Raises QuestionError for a question that names something unknown."""
    check_question(question, Known(policy))

    # 1. The version in force at that time.
    version = policy.in_force(question.at)
    if version is None:
        return Decision(allowed=False, reason="no-policy-in-force")

    # 2. A product that is not covered.
    if question.product is not None and version.covered(question.product) is None:
        return Decision(allowed=False, reason="not-covered", version=version.id)

    # 3. Data that may no longer be kept.
    if question.expires is not None and question.at >= question.expires:
        return Decision(allowed=False, reason="expired", version=version.id)

    # 4 to 7. What this version says.
    decision = decide_in(version, question)
    if not decision.allowed:
        return decision

    # 8. What the version says under which the data was collected, unless the person agreed to the present one since.
    if question.collected_under is None or question.collected_under == version.id:
        return decision
    if question.accepted is not None and policy.version(question.accepted).effective >= version.effective:
        return decision
    older = policy.version(question.collected_under)
    if question.product is not None and older.covered(question.product) is None:
        return Decision(allowed=False, reason="collected-under", version=older.id)
    promised = decide_in(older, question)
    if not promised.allowed:
        return Decision(
            allowed=False,
            reason="collected-under",
            statements=promised.statements,
            sentence=promised.sentence,
            gate=promised.gate,
            version=older.id,
        )

    # 9. Allowed, by both; the duties of both come with it.
    return Decision(
        allowed=True,
        reason="stated",
        statements=decision.statements,
        sentence=decision.sentence,
        version=version.id,
        duties=_together((decision.duties, promised.duties)),
    )


def decide_in(version: Version, question: Question) -> Decision:
    """What one version says: steps 4 to 7 and 9."""
    # 4. Nothing overrides a `never`.
    forbidding = [statement for statement in version.never if _forbids(version, statement, question)]
    if forbidding:
        return _decision(version, "never", _most_specific_first(version, forbidding, question))

    # 5. The statements that cover the question. What the policy does not say, the organisation does not do.
    candidates = [
        statement for statement in _of_action(version, question.action) if _covers(version, statement, question)
    ]
    if not candidates or not _knows(version, question):
        return Decision(allowed=False, reason="not-stated", version=version.id)
    candidates = _most_specific_first(version, candidates, question)

    # 6. A candidate stands if all its gates pass.
    failing = {statement.id: failing_gate(version, statement, question) for statement in candidates}
    standing = [statement for statement in candidates if failing[statement.id] is None]

    # 7. None stands: the first failing gate of the most specific one says why.
    if not standing:
        gate = failing[candidates[0].id]
        assert gate is not None  # noqa: S101 - none stands
        reason = {"unless": "opted-out", "only_if": "not-opted-in", "given": "condition-not-met"}[gate.kind]
        return _decision(version, reason, candidates, gate=gate)

    # 9. Allowed.
    return _decision(version, "stated", standing, duties=_together(statement.must for statement in standing))


def _decision(
    version: Version,
    reason: str,
    statements: Sequence[Statement],
    *,
    gate: Gate | None = None,
    duties: tuple[str, ...] = (),
) -> Decision:
    return Decision(
        allowed=reason == "stated",
        reason=reason,
        statements=tuple(statement.id for statement in statements),
        sentence=statements[0].says.in_(version.language),
        gate=gate,
        version=version.id,
        duties=duties,
    )


def _together(several: Iterable[Sequence[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for some in several for name in some))


# --- steps 4 and 5: which statements speak of the question ------------------------------------------------------------


def _of_action(version: Version, action: str) -> list[Gated]:
    """The statements that can permit an action: nothing can permit to sell, trade or rent."""
    if action == "collect":
        return list(version.collects)
    if action == "use":  # what was collected for a purpose may be used for it
        return [*version.uses, *version.collects]
    if action == "share":
        return list(version.shares)
    return []


def _knows(version: Version, question: Question) -> bool:
    """Whether the version knows every term of the question; what only another version knows is not stated here."""
    vocabulary = version.vocabulary
    return (
        vocabulary.knows("data", question.data)
        and (question.purpose is None or vocabulary.knows("purpose", question.purpose))
        and (
            question.recipient is None
            or version.recipient(question.recipient) is not None
            or vocabulary.knows("recipient", question.recipient)
        )
        and (question.moment is None or vocabulary.knows("moment", question.moment))
    )


def _covers(version: Version, statement: Gated, question: Question) -> bool:
    """Whether the statement's terms cover the question's data, purpose, recipient, product and moment."""
    assert isinstance(statement, Collects | Uses | Shares)  # noqa: S101 - so says `_of_action`
    if statement.data and not _covering_terms(version, "data", question.data, statement.data):
        return False
    if question.purpose is not None and not _covering_terms(version, "purpose", question.purpose, statement.purposes):
        return False
    if isinstance(statement, Shares):
        assert question.recipient is not None  # noqa: S101 - a question about sharing names one
        if not _covering_terms(version, "recipient", question.recipient, statement.recipients):
            return False
    if statement.where and question.product not in statement.where:
        return False
    return not (
        question.action == "collect"
        and question.moment is not None
        and isinstance(statement, Collects)
        and statement.when
        and question.moment not in statement.when
    )


def _forbids(version: Version, statement: Never, question: Question) -> bool:
    """Whether a `never` names the action and overlaps the question in every dimension that both state."""
    if question.action not in statement.actions:
        return False
    if statement.data and not _overlapping_terms(version, "data", question.data, statement.data):
        return False
    if (
        statement.purposes
        and question.purpose is not None
        and not _overlapping_terms(version, "purpose", question.purpose, statement.purposes)
    ):
        return False
    if (
        statement.recipients
        and question.recipient is not None
        and not _overlapping_terms(version, "recipient", question.recipient, statement.recipients)
    ):
        return False
    return not (statement.where and question.product is not None and question.product not in statement.where)


def _path(version: Version, kind: str, term: str) -> tuple[str, ...]:
    return version.recipient_path(term) if kind == "recipient" else version.vocabulary.path(kind, term)


def _covering_terms(version: Version, kind: str, asked: str, terms: Sequence[str]) -> list[str]:
    """Those of `terms` that equal the term asked about or are its ancestors."""
    return [term for term in terms if term in _path(version, kind, asked)]


def _overlapping_terms(version: Version, kind: str, asked: str, terms: Sequence[str]) -> list[str]:
    """Those of `terms` that cover the term asked about or are covered by it."""
    return [term for term in terms if term in _path(version, kind, asked) or asked in _path(version, kind, term)]


# --- the order of the statements --------------------------------------------------------------------------------------

_DECLARED = 1_000_000  # a declared recipient comes before any kind, however many segments that has


def _most_specific_first(version: Version, statements: Sequence[S], question: Question) -> list[S]:
    """Most segments in the matching data term, then purpose, then recipient, then the order in the file."""

    def rank(statement: Statement) -> tuple[int, int, int, int]:
        assert isinstance(statement, Collects | Uses | Shares | Never)  # noqa: S101 - others decide nothing
        recipients = statement.recipients if isinstance(statement, Shares | Never) else ()
        return (
            -_segments(version, statement, "data", question.data, statement.data),
            -_segments(version, statement, "purpose", question.purpose, statement.purposes),
            -_segments(version, statement, "recipient", question.recipient, recipients),
            statement.order,
        )

    return sorted(statements, key=rank)


def _segments(version: Version, statement: Statement, kind: str, asked: str | None, terms: Sequence[str]) -> int:
    """The segments of the longest term that matches; 0 where the statement or the question leaves the dimension out."""
    if asked is None or not terms:
        return 0
    match = _overlapping_terms if isinstance(statement, Never) else _covering_terms
    return max(
        _DECLARED if kind == "recipient" and version.recipient(term) is not None else len(_path(version, kind, term))
        for term in match(version, kind, asked, terms)
    )


# --- step 6: gates ----------------------------------------------------------------------------------------------------


def failing_gate(version: Version, statement: Gated, question: Question) -> Gate | None:
    """The first gate that does not pass, in the order `unless`, `only_if`, `given`; None when all pass."""
    for choice in statement.unless:
        if state_of(choice, question) == "out":
            return Gate("unless", choice)
    for choice in statement.only_if:
        if state_of(choice, question) != "in":
            return Gate("only_if", choice)
    for condition in statement.given:
        if not holds(version, condition, question):
            return Gate("given", condition)
    return None


def state_of(choice: str, question: Question) -> str | None:
    """The state of a choice: its own, else that of its nearest ancestor; None when it is neither in nor out."""
    for ancestor in reversed(dotted_path(choice)):
        if ancestor in question.choices:
            return question.choices[ancestor]
    return None


def holds(version: Version, condition: str, question: Question) -> bool:
    """Whether a condition holds. One that bears the id of a claim holds while that claim is current, whoever asks."""
    for claim in version.claims:
        if claim.id == condition:
            return claim.current(question.at)
    return condition in question.given
