"""The gate of mail: what a client submits is read, decided recipient by recipient, and queued, before it is told 250.

In one durable unit of work become true: an entry `mailed` for each recipient, the row that says so on the person's
page, and the message in the queue, sealed. Marketing becomes a message for each recipient, with what it must bear and
an envelope sender that bounces come back to; service mail passes as it is, to its recipients together, or, of a stream
that names whom `bounces` are passed on to, with such envelope senders, too. Both are signed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from email.utils import format_datetime
from typing import TypeVar

import msgspec

from troth.gates.mail.content.encoded import decoded
from troth.gates.mail.content.language import message_language
from troth.gates.mail.content.message import Message, read_message
from troth.gates.mail.content.places import body_parts
from troth.gates.mail.content.splicing import Insertions, as_field, splice
from troth.gates.mail.deciding.classifying import Classified, classify
from troth.gates.mail.deciding.mailing import Mailing
from troth.gates.mail.deciding.verdict import Verdict
from troth.gates.mail.errors import MailError
from troth.gates.mail.sending.ending import enter
from troth.gates.mail.sending.queue import ADD_SENT, Job, Line, Parcel, Queue
from troth.gates.mail.sending.relaying import Relay
from troth.gates.mail.signing.dkim import SigningKey, sign
from troth.gates.mail.streams import Stream, StreamError
from troth.gates.mail.taking.addresses import is_address
from troth.gates.mail.taking.credentials import Credentials
from troth.gates.mail.taking.protocol import Stated
from troth.gates.tally import NOBODYS, Tally
from troth.people.changes import Person
from troth.store import Unit
from troth.store.schema import to_micros

T = TypeVar("T")
THREADS = 2  # in which messages are read, decided and signed; more would only take turns
Keys = Callable[[str], Sequence[SigningKey]]


class _Ready(msgspec.Struct, frozen=True):
    """A message that is ready for the queue: its bytes, from whom, and the verdicts on whom it goes to."""

    content: bytes
    sender: str
    verdicts: tuple[Verdict, ...]


class Accepting:
    """The gate of a relay. `mailing` gives what decides by now; `keys` the DKIM keys of a domain, which may be none."""

    def __init__(
        self,
        mailing: Callable[[], Mailing],
        queue: Queue,
        keys: Keys = lambda domain: (),
        *,
        host: str = "localhost",
        relay: Relay | None = None,
        tally: Tally | None = None,
    ) -> None:
        self._mailing = mailing
        self._tally = tally
        self._queue = queue
        self._people = queue.people
        self._credentials = Credentials(queue.store)
        self._keys = keys
        self._host = host
        self._relay = relay
        self._threads = ThreadPoolExecutor(THREADS, "troth-mail-accepting")

    def close(self) -> None:
        """Wait for what is being taken, and take nothing more."""
        self._threads.shutdown()

    # --- as the gate of a connection ----------------------------------------------------------------------------------

    async def authenticate(self, user: str, secret: str) -> Stream | None:
        """See Gate."""
        found = await self._in_thread(lambda: self._credentials.find(user, secret))
        return None if found is None else self._mailing().streams.get(found.stream)

    async def check_sender(self, stream: Stream, sender: str) -> None:
        """See Gate."""
        _check_domain(stream, sender.rpartition("@")[2], "The sender")

    async def check_recipient(self, stream: Stream, recipient: str) -> None:
        """See Gate. Only strict streams are answered here: on others, who may get it is told by nobody's reply."""
        if stream.strict:
            mailing = self._mailing()
            (verdict,) = await self._in_thread(lambda: mailing.verdicts(stream, [recipient], make=False))
            if not verdict.allowed:
                self._count([verdict])
                raise _refusal(verdict)

    async def accept(self, stream: Stream, sender: str, recipients: list[str], content: bytes, stated: Stated) -> str:
        """See Gate."""
        lease = None if self._relay is None else self._relay.lease(len(recipients))
        work = await self._in_thread(lambda: self._prepare(stream, sender, recipients, content, stated, lease))
        (text, jobs), verdicts = await self._people.store.write_async(work)
        self._count(verdicts)
        if self._relay is not None:
            if lease is not None:
                self._relay.offer(jobs)
            elif jobs:
                self._relay.wake()
        return text

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    # --- a message ----------------------------------------------------------------------------------------------------

    def take(  # noqa: PLR0917
        self,
        stream: Stream,
        sender: str,
        recipients: Sequence[str],
        content: bytes,
        stated: Stated,
        lease: str | None = None,
    ) -> tuple[str, list[Job]]:
        """Take a message; the text of the reply and the lines that were queued under the lease, once all is durable.

        MailError: it is refused, and nothing of it was kept. StoreUnavailableError: the same; it may be tried later.
        """
        taken, verdicts = self._people.store.write(self._prepare(stream, sender, recipients, content, stated, lease))
        self._count(verdicts)
        return taken

    def _count(self, verdicts: Sequence[Verdict]) -> None:
        """Count what was decided about each recipient, once that is final. What is no address was not decided about."""
        if self._tally is None:
            return
        at = self._people.store.clock()
        for one in verdicts:
            if one.reason != "bad-address":
                self._tally.count("mail", one.statement or NOBODYS, one.version or "", one.allowed, at)

    def _prepare(  # noqa: PLR0917
        self,
        stream: Stream,
        sender: str,
        recipients: Sequence[str],
        content: bytes,
        stated: Stated,
        lease: str | None,
    ) -> Callable[[Unit], tuple[tuple[str, list[Job]], Sequence[Verdict]]]:
        """Everything about a message but the unit of work in which it is taken, which is returned.

        That gives the text of the reply with the lines, and the verdicts.
        """
        mailing = self._mailing()
        message = read_message(content)
        at = self._people.store.clock()
        version = mailing.point.policy.in_force(at)
        try:
            classified = classify(
                mailing.streams, stream, version, ((one.name, one.text) for one in message.fields), _texts(message)
            )
        except StreamError as error:
            raise MailError(550, "5.7.1", str(error)) from None
        stream = classified.stream
        _check_domain(stream, message.sender.domain, "From")
        verdicts = mailing.verdicts(stream, recipients, at, language=message_language(message))
        if all(verdict.outcome == "refused" for verdict in verdicts):
            self._count(verdicts)
            raise _refusal(verdicts[0])
        id = self._people.scribe.random(9).hex()
        ready = self._ready(message, classified, verdicts, sender, id, stated, at)

        def work(unit: Unit) -> tuple[tuple[str, list[Job]], Sequence[Verdict]]:
            jobs = []
            for verdict in verdicts:
                if not verdict.allowed:
                    self._enter(unit, mailing, stream, id, verdict)
            for one in ready:
                lines = tuple(self._enter(unit, mailing, stream, id, verdict) for verdict in one.verdicts)
                parcel = Parcel(
                    message=id, stream=stream.id, content=one.content, sender=one.sender, returns=sender, lines=lines
                )
                if classified.held is not None:
                    self._queue.put(unit, parcel, state="held")
                else:
                    jobs += self._queue.put(unit, parcel, lease=lease)
            return (_told(id, verdicts, classified.held), jobs), verdicts

        return work

    def _ready(  # noqa: PLR0917
        self,
        message: Message,
        classified: Classified,
        verdicts: Sequence[Verdict],
        sender: str,
        id: str,
        stated: Stated,
        at: datetime,
    ) -> list[_Ready]:
        """The messages that leave: one for each recipient who has an envelope sender of their own, else one."""
        allowed = [verdict for verdict in verdicts if verdict.allowed]
        missing = []
        if message.text("date") is None:
            missing.append(("Date", format_datetime(at)))
        if message.text("message-id") is None:
            missing.append(("Message-ID", f"<{id}@{message.sender.domain}>"))
        trace = as_field("Received", f"by {self._host} (Troth) with {stated.protocol} id {id}; {format_datetime(at)}")
        keys = self._keys(message.sender.domain)

        def signed(insertions: Insertions) -> bytes:
            spliced = splice(message, insertions)
            return trace + sign(spliced, keys, at) + spliced

        if not classified.marketing and allowed:
            content = signed(Insertions(tuple(missing)))
            if classified.stream.bounces is None:
                return [_Ready(content, sender, tuple(allowed))]
            return [_Ready(content, f"{one.verp}@{one.returns}", (one,)) for one in allowed]
        made = []
        for verdict in allowed:
            if verdict.offer is None or not is_address(f"{verdict.verp}@{verdict.returns}"):
                raise MailError(550, "5.7.1", "There is no opt-out for a recipient, so it is not sent.")
            content = signed(Insertions((*missing, *verdict.headers), verdict.footer))
            made.append(_Ready(content, f"{verdict.verp}@{verdict.returns}", (verdict,)))
        return made

    def _enter(self, unit: Unit, mailing: Mailing, stream: Stream, id: str, verdict: Verdict) -> Line:
        """The entry of one recipient and the row on the person's page; the line for the queue."""
        person = self._person(unit, verdict)
        outcome = "taken" if verdict.allowed else verdict.outcome
        values: dict[str, object] = {
            "policy": mailing.point.policy.id, "version": verdict.version or "", "statement": verdict.statement or "",
            "stream": stream.id, "purpose": stream.purpose, "outcome": outcome,
            "mail": {"message": id, "reason": verdict.reason, "product": stream.product},
        }  # fmt: skip
        leaf = enter(unit, self._queue, "mailed", person, values)
        at = to_micros(unit.at)
        unit.change(
            ADD_SENT,
            {
                "leaf": leaf, "message": id, "person": None if person is None else person.id, "stream": stream.id,
                "state": "queued" if verdict.allowed else verdict.outcome,
                "reason": None if verdict.allowed else verdict.reason, "at": at, "changed_at": at,
            },
        )  # fmt: skip
        return Line(address=verdict.address, person=person, leaf=leaf)

    def _person(self, unit: Unit, verdict: Verdict) -> Person | None:
        """Whose address it is. UnknownPersonError: the person was erased meanwhile, so it has to be decided again."""
        return None if verdict.person is None else self._people.seek(unit, verdict.person)


def _check_domain(stream: Stream, domain: str, what: str) -> None:
    if domain.lower() not in stream.domains:
        text = (
            f"{what} of the stream {stream.id} is at {' or '.join(stream.domains)}, not at {domain[:100] or 'nobody'}"
        )
        raise MailError(550, "5.7.1", text)


def _refusal(verdict: Verdict) -> MailError:
    return MailError(550, "5.7.1", f"{verdict.reason}: {verdict.sentence}"[:400])


def _texts(message: Message) -> list[str]:
    """The text parts of a message, for the signs of bulk mail; those that cannot be decoded are left out."""
    try:
        parts = body_parts(message)
    except MailError:
        return []
    found = []
    for part in parts:
        try:
            found.append(decoded(message.raw, part).decode(part.charset or "ascii", "replace"))
        except (MailError, LookupError, ValueError):
            continue
    return found


def _told(id: str, verdicts: Sequence[Verdict], held: str | None) -> str:
    """What a client is told of a message that was taken."""
    allowed = sum(verdict.allowed for verdict in verdicts)
    text = f"Taken as {id}"
    if allowed < len(verdicts):
        text += f", for {allowed} of {len(verdicts)} recipients; the others get no such mail"
    return text if held is None else f"{text}; held until staff releases it. {held}"
