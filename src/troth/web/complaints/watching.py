"""Watches the deadlines of complaints: reminds staff, passes on what nobody answered, and mails whoever complained.

What was mailed is noted before it is sent, so that one process of several sends it. What could not be handed over is
tried again, a while later.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid

from sqlalchemy import bindparam, select

from troth.accountability.complaints.deadlines import Deadline, deadlines, overdue
from troth.accountability.complaints.desk import ComplaintDesk
from troth.accountability.complaints.entering import final
from troth.accountability.complaints.facts import Acknowledged, Closed, Determined, Escalated, Said
from troth.accountability.complaints.standing import ComplaintStanding
from troth.accountability.errors import CaseError
from troth.accountability.ledger import Fact
from troth.policy.model import Version
from troth.store import Unit
from troth.store.schema import complaint_told, to_micros
from troth.web.choices.mail import Post
from troth.web.complaints.words import OUTCOMES, TOLD

AGAIN = timedelta(minutes=5)  # until what could not be sent is tried again
MOMENT = timedelta(minutes=1)  # that the page has to mail the code with the acknowledgement
MAILED = ("acknowledged", "added", "answered", "escalated", "asked", "mediated", "determined", "remedied", "closed")

_OF = (complaint_told.c.complaint == bindparam("of_complaint"), complaint_told.c.what == bindparam("of_what"))
ALL = select(complaint_told.c.complaint, complaint_told.c.what)
ONE = select(complaint_told.c.at).where(*_OF)
ADD = complaint_told.insert().values(complaint=bindparam("complaint"), what=bindparam("what"), at=bindparam("at"))
TAKE = complaint_told.delete().where(*_OF)

log = logging.getLogger("troth.web")


class Watch:
    """The watch over one desk. `site` is the address of the pages, `may_mail` whether people may be mailed now."""

    def __init__(self, desk: ComplaintDesk, post: Post, site: str, may_mail: Callable[[], bool]) -> None:
        self.desk = desk
        self._post = post
        self._site = site.rstrip("/")
        self._may_mail = may_mail
        self._told: set[tuple[str, str]] | None = None
        self._later: dict[tuple[str, str], datetime] = {}

    def run(self) -> None:
        """Do what the time has come for. StoreUnavailableError: it is done the next time."""
        known = self.desk.standing()
        if not known:
            return
        at = self.desk.store.clock()
        version = self.desk.policy.in_force(at) or self.desk.policy.versions[0]
        for one in known.values():
            if one.open:
                for deadline in deadlines(one):
                    self._remind(version, one, deadline, at)
                self._pass_on(one, at)
        for one in known.values():
            self._tell(version, one, at)

    def acknowledge(self, one: ComplaintStanding, page: str) -> None:
        """Mail the code with the acknowledgement, once; `page` is the address that has it."""
        version = self.desk.policy.in_force(self.desk.store.clock())
        fact = one.last(Acknowledged)
        if version is not None and fact is not None:
            self._mail(version, one, fact, page)

    def _remind(self, version: Version, one: ComplaintStanding, deadline: Deadline, at: datetime) -> None:
        mark = deadline.mark(at)
        if mark is None:
            return
        stated = next((one for one in version.answers if (one.about or one.id) == "complaints"), None)
        address = (stated.email if stated is not None else None) or version.publisher.email
        if address is None:
            return
        left = "It is too late." if mark == "late" else f"It is due by {deadline.until:%Y-%m-%d %H:%M} UTC."
        subject = f"{'Overdue' if mark == 'late' else 'Due'}: {deadline.what} {one.kind} {deadline.id}"
        text = f"{left}\n\ntroth complaint show {deadline.id}\n"
        key = (deadline.id, f"{deadline.what} {to_micros(deadline.until)} {mark}")
        self._send(key, lambda: _message(version, address, subject, text, at), at)

    def _pass_on(self, one: ComplaintStanding, at: datetime) -> None:
        received = one.received
        said: Said | None = None
        waits = one.state in ("received", "acknowledged") and one.kind == "complaint"
        if waits and received.then is not None and overdue(one, at):
            said = Escalated(by="troth", to=received.then, why="late", handed=received.agreed)
        elif final(one, at):
            said = Closed(by="troth", why="final")
        if said is None:
            return
        try:
            self.desk.do(one.id, said)
        except CaseError as problem:  # somebody was first
            log.warning("A complaint was not passed on: %s", problem)

    def _tell(self, version: Version, one: ComplaintStanding, at: datetime) -> None:
        for fact in one.facts:
            fresh = isinstance(fact.said, Acknowledged) and fact.said.by == "troth" and at < fact.at + MOMENT
            if fact.said.by != "person" and fact.what in MAILED and not fresh:
                self._mail(version, one, fact, f"{self._site}/complaints")

    def _mail(self, version: Version, one: ComplaintStanding, fact: Fact[Said], page: str) -> None:
        key, at = (one.id, f"fact {fact.leaf}"), self.desk.store.clock()
        if not any(kept.sort == "address" for kept in one.received.kept):
            return
        self._send(key, lambda: self._message(version, one, fact, page, at), at)

    def _message(
        self, version: Version, one: ComplaintStanding, fact: Fact[Said], page: str, at: datetime
    ) -> EmailMessage | None:
        """What whoever complained is mailed of a step; None: they were erased, or may not be mailed."""
        opened = self.desk.texts.read(one.id)
        address = next((o.written.text for o in opened.values() if o.written.sort == "address"), None)
        if address is None or version.publisher.email is None or not self._may_mail():
            return None
        said = "\n\n".join(
            opened[kept.id].written.text for kept in fact.said.kept if kept.sort == "text" and kept.id in opened
        )
        remark = OUTCOMES[fact.said.outcome] if isinstance(fact.said, Determined) else ""
        if isinstance(fact.said, Acknowledged):
            until = one.received.answer_by
            remark = f"You get an answer by {until.day} {until:%B %Y}." if until is not None else "Thank you."
        parts = [f"{TOLD[fact.what]}.", remark, said, f"How it stands, and what you can do:\n{page}"]
        text = "\n\n".join(part for part in parts if part) + "\n"
        subject = f"Your {one.kind} {one.id}: {TOLD[fact.what].lower()}"
        return _message(version, address, subject, text, at)

    def _send(self, key: tuple[str, str], make: Callable[[], EmailMessage | None], at: datetime) -> None:
        """Send a message once: whoever notes it first sends it."""
        if self._told is None:
            with self.desk.store.read() as connection:
                self._told = {(row.complaint, row.what) for row in connection.execute(ALL)}
        if key in self._told or self._later.get(key, at) > at:
            return
        complaint, what = key

        def claim(unit: Unit) -> bool:
            if unit.rows(ONE, {"of_complaint": complaint, "of_what": what}):
                return False
            unit.change(ADD, {"complaint": complaint, "what": what, "at": to_micros(unit.at)})
            return True

        if not self.desk.store.write(claim):
            self._told.add(key)
            return
        try:
            message = make()
            if message is not None:
                self._post.send(message)
            self._told.add(key)
        except Exception as problem:
            self._later[key] = at + AGAIN
            self.desk.store.write(lambda unit: unit.change(TAKE, {"of_complaint": complaint, "of_what": what}))
            log.warning("A message about a complaint could not be sent; it is tried again: %s", type(problem).__name__)


def _message(version: Version, address: str, subject: str, text: str, at: datetime) -> EmailMessage:
    publisher = version.publisher
    sender = publisher.email or "postmaster@localhost"
    message = EmailMessage()
    message["From"] = f'"{publisher.name.replace(chr(34), "")}" <{sender}>'
    message["To"] = address
    message["Date"] = format_datetime(at)
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
    message["Subject"] = subject
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834, section 5
    message.set_content(f"{text}\n{publisher.name}\n{publisher.address}\n")
    return message
