"""Letters to people about a case: asked of the gate `use` whether and where somebody may be written to, then sent.

An address is data like any other. It comes out of the vault for a purpose that the policy states, or not at all; then
the person sees the notice on the page of their choices.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Protocol

import msgspec

from troth.accountability import notices
from troth.gates.errors import GateError
from troth.gates.use import MOST_PERSONS, Purpose, Using
from troth.policy.model import Version
from troth.store import Unit

ADDRESS = "contact.email"
PURPOSES = ("service.notice", "legal.rights", "legal.comply")  # for each of which somebody may be told something
AT_ONCE = 500  # persons in one transaction


class Post(Protocol):
    """Where mail goes, as the web has it."""

    def send(self, message: EmailMessage) -> None:
        """Hand a message over. OSError: it could not be."""


class Letter(msgspec.Struct, frozen=True):
    """What somebody is told: a subject and paragraphs. The page has the same as the mail."""

    subject: str
    paragraphs: tuple[str, ...]


def addresses(using: Using, ids: Sequence[str]) -> dict[str, str]:
    """The address of each of some persons who has one and may be written to, by the decision point."""
    found: dict[str, str] = {}
    for purpose in PURPOSES:
        left = [id for id in ids if id not in found]
        for start in range(0, len(left), MOST_PERSONS):
            some = left[start : start + MOST_PERSONS]
            try:
                used = using.use(Purpose(purpose=purpose, data=(ADDRESS,), service="notices"), some)
            except GateError:
                continue  # the policy in force does not know such a purpose
            for id, one in zip(some, used.persons, strict=True):
                values = [value for value in one.values.values() if isinstance(value, str) and "@" in value]
                if values:
                    found[id] = values[0]
    return found


def message(version: Version, address: str, letter: Letter, page: str, at: datetime) -> EmailMessage:
    """The letter as a message. ValueError: the address cannot stand in a header, or the publisher names no address."""
    publisher = version.publisher
    if publisher.email is None:
        raise ValueError("The publisher of the policy has no e-mail address to send from.")
    mail = EmailMessage()
    mail["From"] = f'"{publisher.name.replace(chr(34), "")}" <{publisher.email}>'
    mail["To"] = address
    mail["Date"] = format_datetime(at)
    mail["Message-ID"] = f"<{secrets.token_hex(16)}@{publisher.email.rpartition('@')[2]}>"
    mail["Subject"] = letter.subject
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834, section 5
    text = "\n\n".join((*letter.paragraphs, f"You see this with your choices, too:\n{page}"))
    mail.set_content(f"{text}\n\n{publisher.name}\n{publisher.address}\n")
    return mail


class Telling:
    """Tells persons of a case: by mail where the gate gives an address, on their page in any case.

    A mail that cannot be handed over is sent again later, and until then the person counts as not told. Mail goes out
    before that is noted, so that after a crash somebody may get it twice, and nobody never.
    """

    def __init__(self, using: Using, version: Callable[[], Version], post: Post, page: str) -> None:
        self._using = using
        self._version = version
        self._post = post
        self._page = page

    def tell(  # noqa: PLR0917
        self,
        write: Callable[[Callable[[Unit], int]], int],
        subject: str,
        persons: Mapping[str, str],
        letter: Letter,
        at: datetime,
        enter: Callable[[Unit, int], object],
    ) -> int:
        """Tell persons (ids as the case has them, each with the id that means the person now); how many were told.

        `write` runs a unit of work; `enter` adds the fact that so many were told to the case, in the same one.
        """
        told = 0
        known = addresses(self._using, list(dict.fromkeys(persons.values())))
        sent: dict[str, bool] = {}
        ids = list(persons)
        for start in range(0, len(ids), AT_ONCE):
            some: dict[str, notices.How] = {}
            for id in ids[start : start + AT_ONCE]:
                now = persons[id]
                if now not in sent:
                    sent[now] = self._send(known.get(now), letter, at)
                if sent[now]:
                    some[id] = "mail" if now in known else "page"
            if some:
                told += write(lambda unit, some=some: _note(unit, subject, some, enter))  # type: ignore[misc]
        return told

    def _send(self, address: str | None, letter: Letter, at: datetime) -> bool:
        """Whether the person is told by now, apart from what is to be noted."""
        if address is None:
            return True
        try:
            mail = message(self._version(), address, letter, self._page, at)
        except ValueError:
            return True  # there is nowhere to send it to, or from; the page has it
        try:
            self._post.send(mail)
        except OSError:
            return False
        return True


def _note(unit: Unit, subject: str, some: Mapping[str, notices.How], enter: Callable[[Unit, int], object]) -> int:
    told = sum(notices.add(unit, subject, id, how) for id, how in some.items())
    if told:
        enter(unit, told)
    return told
