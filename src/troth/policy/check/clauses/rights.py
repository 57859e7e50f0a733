"""What people can ask for, and how their data is guarded: AC1 to AC5, SE1, SE2, IN1."""

from __future__ import annotations

from troth.policy.check.clauses.shape import Missing, Outcome, Satisfied, answer, answered, clause, every
from troth.policy.check.shape import Subject
from troth.policy.model import Rights

_MONTH = 31  # the longest month, GDPR article 12(3)
_CONFIRM = 14  # 10 business days, CCPA regulations section 7021(a)
_ANSWER = 45  # calendar days, CCPA regulations section 7021(b)
# Requests to which the clocks apply: refusing and withdrawing take effect at once.
_REQUESTS = ("access", "correct", "erase", "restrict", "port", "human-review")


def _right(subject: Subject, id: str) -> Rights | None:
    return next((right for right in subject.version.rights if right.id == id), None)


@clause("AC1", "Add the right `access` with `at:`, the page where people ask.")
def ac1(subject: Subject) -> Outcome:
    """How to get access."""
    access = _right(subject, "access")
    if access is None:
        return Missing("Nothing says how people see their data.", "rights")
    if access.at is None:
        return Missing("'access' does not say where people ask.", subject.path(access))
    return Satisfied((subject.path(access), subject.path(access, "at")))


@clause("AC2", "Add the rights `correct`, `erase`, `restrict` and `port`.")
def ac2(subject: Subject) -> Outcome:
    """Correct, erase, restrict, port."""
    lacking = [id for id in ("correct", "erase", "restrict", "port") if _right(subject, id) is None]
    if lacking:
        return Missing(f"These rights are not stated: {', '.join(lacking)}.", "rights")
    return Satisfied(("rights.correct", "rights.erase", "rights.restrict", "rights.port"))


@clause("AC3", "Give each right `within:` (30 days for the GDPR) and, for the CCPA, `confirm_within:` (10 days).")
def ac3(subject: Subject) -> Outcome:
    """The clocks, by the frameworks that are asked for: with both, the shorter one holds."""
    rights = [right for right in subject.version.rights if right.id in _REQUESTS]
    if not rights:
        return Missing("No right is stated, so nothing is answered by any day.", "rights")
    gdpr, ccpa = "gdpr" in subject.frameworks, "ccpa" in subject.frameworks
    longest = _MONTH if gdpr or not ccpa else _ANSWER
    for right in rights:
        if right.within is None:
            return Missing(f"'{right.id}' does not say by when it is answered.", subject.path(right))
        if right.within.after is not None or right.within.days > longest:
            reason = f"'{right.id}' is answered within {right.within}; {longest} days is the most."
            return Missing(reason, subject.path(right, "within"))
        if ccpa and (right.confirm_within is None or right.confirm_within.days > _CONFIRM):
            reason = f"'{right.id}' does not say that it is confirmed within 10 business days."
            return Missing(reason, subject.path(right))
    return Satisfied(tuple(subject.path(right, "within") for right in rights))


@clause("AC4", "Add `identity:` to the rights and, for the CCPA, `agents:`.")
def ac4(subject: Subject) -> Outcome:
    """The identity check, and authorised agents."""
    rights = [right for right in subject.version.rights if right.id in _REQUESTS]
    if not rights:
        return Missing("No right is stated.", "rights")
    identity = every(subject, rights, "identity", "does not say how the identity of who asks is checked")
    if isinstance(identity, Missing) or "ccpa" not in subject.frameworks:
        return identity
    return every(subject, rights, "agents", "does not say how somebody can ask for another person")


@clause("AC5", "Add an answer about `non-retaliation`.")
def ac5(subject: Subject) -> Outcome:
    """No retaliation."""
    return answered(subject, "non-retaliation", "that nobody is treated worse for using a right")


@clause("SE1", "Write a `protects` statement with `by:`, the safeguards.")
def se1(subject: Subject) -> Outcome:
    """The safeguards."""
    protects = subject.version.protects
    if not protects:
        return Missing("Nothing says how data is protected.", "protects")
    return Satisfied(tuple(subject.path(statement, "by") for statement in protects))


@clause("SE2", "Add an answer about `breach` with `within: 72 hours` and `email:` or `at:`.")
def se2(subject: Subject) -> Outcome:
    """Whom to tell of a breach, and that it is reported within 72 hours."""
    breach = answer(subject, "breach")
    if breach is None:
        return Missing("No answer says what happens after a breach.", "answers")
    if breach.within is None or breach.within.after is not None or breach.within.days > 3:
        return Missing(f"'{breach.id}' does not promise a report within 72 hours.", subject.path(breach))
    if not breach.email and not breach.at and not subject.version.publisher.email:
        return Missing(f"'{breach.id}' names no contact.", subject.path(breach))
    return Satisfied((subject.path(breach, "within"),))


@clause("IN1", "Add an answer about `accuracy`.")
def in1(subject: Subject) -> Outcome:
    """How data is kept accurate."""
    return answered(subject, "accuracy", "how data is kept accurate")
