"""What comes back from mail is done: an address that does not work is suppressed, and who wants no more is out.

Who it is about is never taken from what a message says, but from the address that it came to, or from an address or a
link of ours that it quotes: only who got a message from us has those, so nobody can refuse for somebody else. The same
report twice is done once. Everything is durable and in the record before it is acknowledged.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from typing import Literal

import msgspec
from sqlalchemy import bindparam, select

from troth.gates.mail.returning.passing_on import pass_on
from troth.gates.mail.returning.reports import Read, ReportError, What, is_hard, read_report
from troth.gates.mail.sending.queue import Queue
from troth.gates.mail.streams import Stream, Streams
from troth.gates.mail.verp import Token, Verp, VerpError
from troth.people import Identifier, People
from troth.people.acting import act_of
from troth.people.changes import CURRENT_OF, How, Person, read_current
from troth.people.errors import ExpiredPassError, UnknownPassError, UnknownPersonError
from troth.people.passes import Pass, Passes
from troth.people.suppressions import CHOICE, EVERYTHING, SHORT, Reason, Suppressed, add_row, hidden
from troth.policy.model import Version
from troth.record.commitment import new_event, new_salt
from troth.record.kinds import make_entry
from troth.record.log import append
from troth.store import Unit
from troth.store.schema import identifiers, mail_returns, to_micros

Did = Literal["suppressed", "opted-out", "done-before", "counted", "nothing"]
DAY = timedelta(days=1)

OF_BLIND = select(identifiers.c.person).where(
    identifiers.c.kind == "email", identifiers.c.blind >= bindparam("first"), identifiers.c.blind < bindparam("last")
)
_COUNTED = [mail_returns.c[name] for name in ("day", "stream", "what", "status", "source")]
COUNT_ONE = (
    mail_returns.update()
    .where(*(column == bindparam(f"of_{column.name}") for column in _COUNTED))
    .values(number=mail_returns.c.number + 1)
)
ADD_COUNT = mail_returns.insert().values({column.name: bindparam(column.name) for column in mail_returns.columns})
COUNTS = select(mail_returns.c.stream, mail_returns.c.what, mail_returns.c.number).where(
    mail_returns.c.day == bindparam("of_day")
)

_PASS = re.compile(r"/unsubscribe/([A-Za-z0-9_-]{20,512})", re.ASCII)


class ReturnError(ValueError):
    """What came back is not taken; nothing was changed. `code` and `enhanced` are those of the reply of SMTP."""

    def __init__(self, code: int, enhanced: str, text: str) -> None:
        self.code, self.enhanced, self.text = code, enhanced, text
        super().__init__(f"{code} {enhanced} {text}")


class Taken(msgspec.Struct, frozen=True):
    """What was understood and what was done. `status` is that of a bounce, `stream` the id of a stream that is known.

    `done-before`: it was so already. `counted`: it changes nothing but a count, such as a bounce that may pass.
    """

    what: What
    did: Did
    status: str = ""
    stream: str | None = None


class Returns:
    """Takes what comes back. Safe to share between threads."""

    def __init__(self, people: People, streams: Streams) -> None:
        self.people = people
        self.streams = streams
        self.verp = Verp(people.key, streams)
        self._passes = Passes(people.key)
        self._queue = Queue(people)

    def expects(self, recipient: str) -> bool:
        """Whether something may come to this address: it was made here, or it is at a domain of a stream.

        What comes to an address of the second sort is done only if it quotes an address or link of ours.
        """
        local, _, domain = recipient.rpartition("@")
        if domain.lower().rstrip(".") in self.streams.domains:
            return not self._is_made(local) or self._token(local) is not None
        return self._token(local) is not None

    def take(self, raw: bytes, recipient: str, *, source: str) -> Taken:
        """Do what a message that came back says, about whom it proves to be about; what was done, once it is durable.

        `recipient` is the address that it came to and `source` how, such as lmtp or webhook. ReturnError: it cannot be
        read, or proves nothing. StoreUnavailableError: nothing was done, it may be sent again.
        """
        local = recipient.rpartition("@")[0] if "@" in recipient else recipient
        token = self._token(local)
        if token is None and self._is_made(local):
            raise ReturnError(550, "5.1.1", "This address was not made here. Nothing was changed.")
        try:
            read = read_report(raw)
        except ReportError as problem:
            if token is None or token.kind != "u":
                raise ReturnError(550, "5.6.0", str(problem)) from None
            read = Read("opt-out")
        if token is not None and token.kind == "u":
            read = Read("opt-out", "", ())
        if read.what in ("reply", "nothing"):
            if token is None and not self._proves(read):
                raise ReturnError(550, "5.7.1", "This is for nobody here: it proves to be about no message of ours.")
            return self._take(read.what, "", token, source, raw) if token is not None else Taken(read.what, "nothing")
        if token is not None:
            return self._take(read.what, read.status, token, source, raw)
        token = next(self.verp.find(read.texts), None)
        if token is not None:
            return self._take(read.what, read.status, token, source)
        entry = next(self._entries(read.texts), None)
        if entry is None or read.what not in ("opt-out", "complaint"):
            raise ReturnError(
                550, "5.7.1", "It proves to be about no message of ours, so nothing was changed. Quote the message."
            )
        return self._of_pass(read.what, entry, source)

    def told(self, recipient: str, what: What, status: str = "", *, source: str) -> Taken:
        """Do what somebody tells about a message, by the address that it would have come back to.

        ReturnError: that was not made here.
        """
        token = self._token(recipient.rpartition("@")[0] if "@" in recipient else recipient)
        if token is None:
            raise ReturnError(550, "5.1.1", "This address was not made here. Nothing was changed.")
        return self._take(what, status, token, source)

    def bounced(self, stream: Stream, address: str, status: str, *, source: str = "relay") -> Taken:
        """Say that a server refused a recipient with a status (RFC 3463); the same as a report of it.

        IdentifierError: it is no address.
        """
        blind = self.people.key.blind(Identifier("email", address))[:SHORT]
        return self._take("bounce", status, Token("b", blind, None, stream.id), source)

    # --- who it is about ----------------------------------------------------------------------------------------------

    def _is_made(self, local: str) -> bool:
        """Whether a local part has the form of those that are made here."""
        return re.fullmatch(r"[bur]-[a-z2-7]{40,}", local.lower()) is not None

    def _token(self, local: str) -> Token | None:
        try:
            return self.verp.read(local)
        except VerpError:
            return None

    def _proves(self, read: Read) -> bool:
        return next(self.verp.find(read.texts), None) is not None or next(self._entries(read.texts), None) is not None

    def _entries(self, texts: Sequence[str]) -> Iterator[Pass]:
        """The passes of unsubscribe links in some texts. Only who got the message, or whom they showed it, has them."""
        now = self.people.store.clock()
        for text in texts:
            for match in _PASS.finditer(text):
                try:
                    yield self._passes.read(match[1], "unsubscribe", now)
                except (UnknownPassError, ExpiredPassError):
                    continue

    # --- what is done -------------------------------------------------------------------------------------------------

    def _take(self, what: What, status: str, token: Token, source: str, raw: bytes | None = None) -> Taken:
        """Do it, and pass the message on if it is one that came to an envelope sender, both or neither."""
        to = self._passed_on_to(token)
        work = self._work(what, status, token, source)
        if raw is None or to is None:
            return Taken(what, "nothing", "", token.stream) if work is None else self.people.write(work)

        def both(unit: Unit) -> Taken:
            taken = Taken(what, "nothing", "", token.stream) if work is None else work(unit)
            pass_on(unit, self._queue, to, raw, self._person(unit, token))
            return taken

        return self.people.write(both)

    def _work(self, what: What, status: str, token: Token, source: str) -> Callable[[Unit], Taken] | None:
        if what in ("reply", "nothing"):
            return None
        if what == "bounce" and is_hard(status):
            return partial(self._suppress, token=token, status=status, source=source)
        if what in ("bounce", "delay") or token.choice is None:
            return partial(self._count, what=what, status=status, token=token, source=source)
        return partial(self._refuse, what=what, token=token, source=source)

    def _passed_on_to(self, token: Token) -> str | None:
        """Whom the stream passes on what comes back to; only of an envelope sender, and not of what merely quotes one.

        So what is passed on does not go in circles, even to an address of which all mail comes here again.
        """
        return None if token.kind != "b" or token.stream is None else self.streams[token.stream].bounces

    def _count(self, unit: Unit, what: What, status: str, token: Token, source: str) -> Taken:
        count_return(unit, token.stream, what, status, source)
        return Taken(what, "counted", status, token.stream)

    def _suppress(self, unit: Unit, token: Token, status: str, source: str) -> Taken:
        address = hidden(self.people.key, token.blind)
        if not add_row(unit, Suppressed(address, EVERYTHING, "bounce", source, unit.at)):
            return Taken("bounce", "done-before", status, token.stream)
        self._enter(
            unit, "bounce", status, "suppressed", token.stream, source, self._person(unit, token), address, None
        )
        return Taken("bounce", "suppressed", status, token.stream)

    def _refuse(self, unit: Unit, what: What, token: Token, source: str) -> Taken:
        """Out of the choice; where nobody has the address any more, the address itself is suppressed for it."""
        assert token.choice is not None  # noqa: S101 - see _take
        person = self._person(unit, token)
        address = hidden(self.people.key, token.blind)
        if person is not None:
            product = None if token.stream is None else self.streams[token.stream].product
            done = self._choose(unit, person, token.choice, what, product)
        else:
            reason: Reason = "complaint" if what == "complaint" else "opt-out"
            done = add_row(unit, Suppressed(address, CHOICE + token.choice, reason, source, unit.at))
        if not done:
            return Taken(what, "done-before", "", token.stream)
        did: Did = "suppressed" if person is None else "opted-out"
        self._enter(unit, what, "", did, token.stream, source, person, address, token.choice)
        return Taken(what, did, "", token.stream)

    def _of_pass(self, what: What, entry: Pass, source: str) -> Taken:
        def work(unit: Unit) -> Taken:
            person = self.people.seek(unit, entry.person)
            assert person is not None  # noqa: S101 - an id is somebody, or an error
            assert entry.choice is not None  # noqa: S101 - as every pass of that kind has
            if not self._choose(unit, person, entry.choice, what, entry.product):
                return Taken(what, "done-before")
            self._enter(unit, what, "", "opted-out", None, source, person, None, entry.choice)
            return Taken(what, "opted-out")

        try:
            return self.people.write(work)
        except UnknownPersonError:
            raise ReturnError(550, "5.7.1", "Nothing is known any more of whom it is about.") from None

    def _choose(self, unit: Unit, person: Person, choice: str, what: What, product: str | None) -> bool:
        """Put a person out of a choice, in a unit of work; whether they were not."""
        current = read_current(unit.rows(CURRENT_OF, {"of_person": person.id})).get(choice)
        if current is not None and current.state == "out":
            return False
        version = self._version(unit, choice)
        covered = product if product is not None and version.covered(product) is not None else None
        how: How = "complaint" if what == "complaint" else "mail"
        act = act_of(self.people.policy, version, "person", how, product=covered)
        signal = None if current is None else current.signal_leaf
        self.people.scribe.change(unit, person, choice, "out", act, signal)
        return True

    def _version(self, unit: Unit, choice: str) -> Version:
        """The latest version in force until now that had the choice."""
        for version in reversed(self.people.policy.versions):
            if version.effective <= unit.at and any(one.id == choice for one in version.choices):
                return version
        raise ReturnError(550, "5.7.1", "It is about a choice that no version of the policy in force had.")

    def _person(self, unit: Unit, token: Token) -> Person | None:
        """Whose the address is now."""
        last = (int.from_bytes(token.blind, "big") + 1).to_bytes(SHORT + 1, "big")
        # One more than the largest number has no room in as many bytes; then nothing comes after.
        bounds = {"first": token.blind, "last": last[1:] if last[0] == 0 else b"\xff" * 40}
        rows = unit.rows(OF_BLIND, bounds)
        return self.people.seek(unit, str(rows[0][0])) if rows else None

    def _enter(  # noqa: PLR0917
        self,
        unit: Unit,
        what: What,
        status: str,
        did: Did,
        stream: str | None,
        source: str,
        person: Person | None,
        address: bytes | None,
        choice: str | None,
    ) -> None:
        """The entry `returned`, which the person can open, and its count."""
        about = {"address": None if address is None else address.hex(), "choice": choice}
        values: dict[str, object] = {
            "what": what, "source": source, "stream": stream or "", "status": status, "did": did,
            "person": None if person is None else person.id, "about": about,
        }  # fmt: skip
        if person is None:
            append(unit, make_entry("returned", new_event(), unit.at, values, new_salt()))
        else:
            self.people.scribe.enter(unit, "returned", person, values)
        count_return(unit, stream, what, status, source)


def count_return(unit: Unit, stream: str | None, what: What, status: str, source: str) -> None:
    """Count something that came back, for its day (UTC)."""
    day = to_micros(unit.at.replace(hour=0, minute=0, second=0, microsecond=0))
    values = {"day": day, "stream": stream or "", "what": what, "status": status, "source": source}
    if unit.change(COUNT_ONE, {f"of_{name}": value for name, value in values.items()}) == 0:
        unit.change(ADD_COUNT, {**values, "number": 1})
