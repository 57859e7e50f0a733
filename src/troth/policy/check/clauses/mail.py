"""Marketing by e-mail: EM1 to EM7."""

from __future__ import annotations

from collections.abc import Iterable

from troth.policy.check.clauses.shape import (
    Missing,
    NotApplicable,
    Outcome,
    Satisfied,
    clause,
    marketing_mail,
)
from troth.policy.check.shape import Subject
from troth.policy.model import Choice, Collects, Uses

_NO_MAIL = NotApplicable("No marketing is sent by e-mail.")


def _with_duty(subject: Subject, duty: str, what: str) -> Outcome:
    """Satisfied when all marketing mail comes with the duty."""
    uses = marketing_mail(subject)
    for statement in uses:
        if duty not in statement.must:
            return Missing(f"'{statement.id}' {what}.", subject.path(statement))
    return Satisfied(tuple(subject.path(statement, "must") for statement in uses)) if uses else _NO_MAIL


def _choices(subject: Subject, statements: Iterable[Collects | Uses]) -> tuple[Choice, ...]:
    names = {name for statement in statements for name in (*statement.unless, *statement.only_if)}
    return tuple(choice for choice in subject.version.choices if choice.id in names)


@clause("EM1", "Add `must: [postal-address]`.")
def em1(subject: Subject) -> Outcome:
    """The postal address in every marketing e-mail."""
    return _with_duty(subject, "postal-address", "sends mail without the duty to name the postal address")


@clause("EM2", "Give the choice `link_works:` of 30 days or more.")
def em2(subject: Subject) -> Outcome:
    """The opt-out in a mail works for at least 30 days."""
    uses = marketing_mail(subject)
    found: list[str] = []
    for statement in uses:
        lasting = [
            choice for choice in _choices(subject, [statement]) if choice.link_works and choice.link_works.days >= 30
        ]
        if not lasting:
            reason = f"No choice says that the opt-out link in the mail of '{statement.id}' works for 30 days."
            return Missing(reason, subject.path(statement))
        found += [subject.path(choice, "link_works") for choice in lasting]
    return Satisfied(tuple(found)) if uses else _NO_MAIL


@clause("EM3", "Honour the choice at once (leave `within` out), or within 10 business days.")
def em3(subject: Subject) -> Outcome:
    """An opt-out honoured within 10 business days, which are 14 days."""
    uses = marketing_mail(subject)
    if not uses:
        return _NO_MAIL
    choices = _choices(subject, uses)
    if not choices:
        return Missing(f"Nobody can refuse '{uses[0].id}'.", subject.path(uses[0]))
    for choice in choices:
        if choice.within is not None and (choice.within.after is not None or choice.within.days > 14):
            return Missing(f"'{choice.id}' is honoured within {choice.within}.", subject.path(choice, "within"))
    return Satisfied(tuple(subject.path(choice) for choice in choices))


@clause("EM4", "Take `needs` away: whoever has the mail can refuse the next one.")
def em4(subject: Subject) -> Outcome:
    """No fee, login or further data to opt out."""
    uses = marketing_mail(subject)
    if not uses:
        return _NO_MAIL
    choices = _choices(subject, uses)
    for choice in choices:
        if choice.needs:
            return Missing(f"'{choice.id}' needs {' and '.join(choice.needs)}.", subject.path(choice, "needs"))
    if not choices:
        return Missing(f"Nobody can refuse '{uses[0].id}'.", subject.path(uses[0]))
    return Satisfied(tuple(subject.path(choice) for choice in choices))


@clause("EM5", "Add `must: [honest-header]`.")
def em5(subject: Subject) -> Outcome:
    """An honest header and subject."""
    return _with_duty(subject, "honest-header", "sends mail without the duty to an honest sender and subject")


@clause("EM6", "Write one statement for `service.notice` and another for marketing.")
def em6(subject: Subject) -> Outcome:
    """Marketing and transactional mail told apart."""
    uses = marketing_mail(subject)
    if not uses:
        return _NO_MAIL
    covers = subject.version.vocabulary.covers
    for statement in uses:
        if any(not covers("purpose", "marketing", purpose) for purpose in statement.purposes):
            reason = f"'{statement.id}' mixes marketing with other purposes."
            return Missing(reason, subject.path(statement, "for"))
    using: tuple[Collects | Uses, ...] = (*subject.version.uses, *subject.version.collects)
    notices = [subject.path(statement) for statement in using if "service.notice" in statement.purposes]
    return Satisfied((*(subject.path(statement) for statement in uses), *notices))


@clause("EM7", "Add `must: [one-click]`.")
def em7(subject: Subject) -> Outcome:
    """The one-click unsubscribe header."""
    return _with_duty(subject, "one-click", "sends mail without one-click unsubscription")
