"""What people decide: CH1 to CH5."""

from __future__ import annotations

from troth.policy.check.clauses.shape import Missing, NotApplicable, Outcome, Satisfied, clause, marketing
from troth.policy.check.shape import Subject
from troth.policy.coverage import Allowing
from troth.policy.model import Shares


def _third_party(subject: Subject) -> tuple[Shares, ...]:
    """The statements that give data to third parties for their own ends: not the law's, not a successor's."""
    found = []
    for shares in subject.version.shares:
        paths = [subject.version.recipient_path(recipient) for recipient in shares.recipients]
        if any("third_party" in path and "third_party.successor" not in path for path in paths):
            found.append(shares)
    return tuple(found)


@clause("CH1", "Declare a choice and gate with it (`unless:` or `only_if:`) marketing and what third parties receive.")
def ch1(subject: Subject) -> Outcome:
    """An opt-out for new purposes and for third parties."""
    concerned: tuple[Allowing, ...] = (*marketing(subject), *_third_party(subject))
    if not concerned:
        return NotApplicable("Data is used for nothing but the service, and no third party receives it.")
    for statement in concerned:
        if not statement.unless and not statement.only_if:
            return Missing(f"Nobody can refuse '{statement.id}'.", subject.path(statement))
    return Satisfied(tuple(f"choices.{choice}" for each in concerned for choice in (*each.unless, *each.only_if)))


@clause("CH2", "Give the choice that stops it `at:` (its page) and `signals: gpc`.")
def ch2(subject: Subject) -> Outcome:
    """An opt-out link, and an answer to Global Privacy Control."""
    version = subject.version
    trackers = [
        statement for statement in version.collects if any(tracker.party == "third" for tracker in statement.trackers)
    ]
    concerned: tuple[Allowing, ...] = (*_third_party(subject), *trackers)
    if not concerned:
        return NotApplicable("No third party receives data, and no third party sets trackers.")
    choices = {choice.id: choice for choice in version.choices}
    found: list[str] = []
    for statement in concerned:
        stopping = [choices[name] for name in (*statement.unless, *statement.only_if)]
        answering = [
            choice for choice in stopping if choice.at and ("gpc" in choice.signals or choice.model == "opt-in")
        ]
        if not answering:
            reason = f"No choice with a page and an answer to Global Privacy Control stops '{statement.id}'."
            return Missing(reason, subject.path(statement))
        found += [f"choices.{choice.id}" for choice in answering]
    return Satisfied(tuple(found))


@clause("CH3", "Add the right `withdraw`, or give the opt-in choice `at:`, the page where it is taken back.")
def ch3(subject: Subject) -> Outcome:
    """How consent is withdrawn."""
    asking = [statement for statement in subject.gated if statement.basis == "consent" or statement.only_if]
    if not asking:
        return NotApplicable("Nothing rests on consent.")
    right = [f"rights.{right.id}" for right in subject.version.rights if right.id == "withdraw"]
    if right:
        return Satisfied(tuple(right))
    pages = {choice.id for choice in subject.version.choices if choice.at}
    for statement in asking:
        if not pages.intersection(statement.only_if):
            return Missing(f"Nothing says how the consent to '{statement.id}' is withdrawn.", subject.path(statement))
    return Satisfied(tuple(f"choices.{name}" for each in asking for name in each.only_if if name in pages))


@clause("CH4", "Add the right `object`.")
def ch4(subject: Subject) -> Outcome:
    """The right to object."""
    right = [f"rights.{right.id}" for right in subject.version.rights if right.id == "object"]
    if right:
        return Satisfied(tuple(right))
    resting = [each for each in subject.gated if each.basis in ("legitimate-interest", "public-task")]
    if not marketing(subject) and not resting:
        return NotApplicable("There is no marketing, and nothing rests on a legitimate interest or a public task.")
    return Missing("Nothing says that people can object.", "rights")


@clause("CH5", "Leave `lasts` out: a choice then holds until the person changes it.")
def ch5(subject: Subject) -> Outcome:
    """A choice persists until changed."""
    choices = subject.version.choices
    if not choices:
        return NotApplicable("There are no choices.")
    for choice in choices:
        if choice.lasts is not None:
            return Missing(
                f"An agreement to '{choice.id}' ends by itself after {choice.lasts}.", subject.path(choice, "lasts")
            )
    return Satisfied(tuple(subject.path(choice) for choice in choices))
