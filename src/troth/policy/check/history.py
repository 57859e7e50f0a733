"""What one version lost against the one before it."""

from __future__ import annotations

from collections.abc import Iterator

from troth.policy.check.shape import Found, Subject, check_that
from troth.policy.model import Answer, Version


@check_that(
    "contact-lost",
    "error",
    "An earlier version gave a way to reach the organisation that this one lacks.",
    "Give the address again; people who read the earlier version still look for it.",
)
def contact_lost(subject: Subject) -> Iterator[Found]:
    """A contact address that one version lost: an e-mail address, the contact answer or the address in it."""
    older, version = _before(subject), subject.version
    if older is None:
        return
    if older.publisher.email and not version.publisher.email:
        yield Found("publisher", f"{older.id} had the e-mail address {older.publisher.email}; this version has none.")
    for topic in ("contact", "complaints"):
        was, now = _answer(older, topic), _answer(version, topic)
        if was is not None and now is None:
            yield Found("answers", f"{older.id} said where {_WHERE[topic]} ('{was.id}'); this version does not.")
        elif was is not None and now is not None:
            for field in ("email", "at"):
                if getattr(was, field) and not (now.email or now.at):
                    message = f"{older.id} gave {getattr(was, field)} under '{was.id}'; this version gives no address."
                    yield Found(subject.path(now), message, now.id)
                    break


_WHERE = {"contact": "to write to", "complaints": "complaints go"}


@check_that(
    "telephone-lost",
    "note",
    "An earlier version gave a telephone number that this one lacks.",
    "Give a number again, if there is one.",
)
def telephone_lost(subject: Subject) -> Iterator[Found]:
    """Some people reach an organisation only by telephone."""
    older = _before(subject)
    if older is not None and older.publisher.phone and not subject.version.publisher.phone:
        yield Found("publisher", f"{older.id} had the telephone number {older.publisher.phone}; this version has none.")


def _before(subject: Subject) -> Version | None:
    return subject.older[-1] if subject.older else None


def _answer(version: Version, topic: str) -> Answer | None:
    return next((answer for answer in version.answers if topic in (answer.about, answer.id)), None)
