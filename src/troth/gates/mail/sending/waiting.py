"""What staff see of the queue and do to it: look, send now, release what is held, drop. Each drop is in the record."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import bindparam, or_, select

from troth.gates.mail.sending.ending import enter
from troth.gates.mail.sending.envelopes import EnvelopeError
from troth.gates.mail.sending.queue import REMOVE_BODY, Queue, become
from troth.gates.mail.sending.verdicts import NOTICES
from troth.people.errors import PeopleError
from troth.store import Unit
from troth.store.schema import from_micros, mail_bodies, mail_queue, persons, to_micros

SHOWN = 1000  # lines of a list

_WHOLE = mail_queue.outerjoin(persons, persons.c.id == mail_queue.c.person).join(
    mail_bodies, mail_bodies.c.id == mail_queue.c.body
)
_COLUMNS = (*mail_queue.columns, persons.c.sealing_key, mail_bodies.c.size, mail_bodies.c.sealed)
LIST = select(*_COLUMNS).select_from(_WHOLE).order_by(mail_queue.c.next_at, mail_queue.c.id).limit(bindparam("most"))
_MEANT = or_(mail_queue.c.message == bindparam("of_message"), mail_queue.c.id == bindparam("of_line"))
FIND = select(*_COLUMNS).select_from(_WHOLE).where(_MEANT).order_by(mail_queue.c.id)
NOW = mail_queue.update().where(_MEANT).values(state="waiting", next_at=bindparam("new_next"))
ALL_WAITING_NOW = mail_queue.update().where(mail_queue.c.state == "waiting").values(next_at=bindparam("new_next"))
REMOVE_LINE = mail_queue.delete().where(mail_queue.c.id == bindparam("of_line"))


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the queue as staff see it. `state` is waiting, sending or held; `reply` the last one, as a code.

    `recipient` and `sender` are None when it cannot be opened any more.
    """

    id: int
    message: str
    stream: str
    recipient: str | None
    sender: str | None
    state: str
    tries: int
    size: int
    created_at: datetime
    next_at: datetime
    until: datetime
    reply: str | None


class Clerk:
    """Works on a queue for staff."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._store = queue.store

    def lines(self, most: int = SHOWN) -> list[Waiting]:
        """The lines that are due first. StoreUnavailableError."""
        with self._store.read() as connection:
            rows = connection.execute(LIST, {"most": most}).all()
        return [self._read(row._mapping) for row in rows]

    def find(self, id: str) -> list[Waiting]:
        """The lines of a message by its id, or one by its number; none when there are none."""
        with self._store.read() as connection:
            rows = connection.execute(FIND, _meant(id)).all()
        return [self._read(row._mapping) for row in rows]

    def content(self, id: str) -> bytes | None:
        """The bytes of a message, by its id or the number of a line. EnvelopeError: they cannot be opened any more."""
        with self._store.read() as connection:
            row = connection.execute(FIND, _meant(id)).first()
        if row is None:
            return None
        envelopes = self._queue.envelopes
        opened = envelopes.open(bytes(row.envelope), row.message, row.person, row.sealing_key)
        return envelopes.open_body(bytes(row.sealed), opened.key, row.body)

    def retry(self, id: str | None = None) -> int:
        """Try the lines of a message, or one line, now, and release them if they are held; how many.

        Without an id all that are not held.
        """

        def work(unit: Unit) -> int:
            now = to_micros(unit.at)
            if id is None:
                return unit.change(ALL_WAITING_NOW, {"new_next": now})
            return unit.change(NOW, {**_meant(id), "new_next": now})

        return self._store.write(work)

    def drop(self, id: str, why: str = "dropped") -> int:
        """Drop the lines of a message, or one line, which the record tells; how many. Whatever is being sent may be."""

        def work(unit: Unit) -> int:
            rows: Sequence[Sequence[object]] = unit.rows(FIND, _meant(id))
            names = [column.name for column in _COLUMNS]
            for row in rows:
                line = dict(zip(names, row, strict=True))
                unit.change(REMOVE_LINE, {"of_line": line["id"]})
                unit.change(REMOVE_BODY, {"of_body": line["body"]})
                if line["stream"] == NOTICES:
                    continue
                if line["leaf"] is not None:
                    become(unit, int(str(line["leaf"])), "dropped", why)
                mail = {"message": line["message"], "entry": line["leaf"], "reason": why}
                person = None
                if line["person"] is not None:
                    try:
                        person = self._queue.people.seek(unit, str(line["person"]))
                    except PeopleError:
                        person = None
                said: dict[str, object] = {"stream": line["stream"], "outcome": "dropped", "mail": mail}
                enter(unit, self._queue, "unsent", person, said)
            return len(rows)

        return self._store.write(work)

    def _read(self, row: object) -> Waiting:
        line: dict[str, object] = dict(row)  # type: ignore[call-overload]
        recipient = sender = None
        try:
            key = line["sealing_key"]
            opened = self._queue.envelopes.open(
                bytes(line["envelope"]),  # type: ignore[call-overload]
                str(line["message"]),
                None if line["person"] is None else str(line["person"]),
                None if key is None else bytes(key),  # type: ignore[call-overload]
            )
            recipient, sender = opened.recipient, opened.sender
        except EnvelopeError:
            pass
        until = line["leased_until"]
        leased = until is not None and from_micros(int(str(until))) > self._store.clock()
        return Waiting(
            id=int(str(line["id"])), message=str(line["message"]), stream=str(line["stream"]), recipient=recipient,
            sender=sender, state="sending" if leased else str(line["state"]), tries=int(str(line["tries"])),
            size=int(str(line["size"])), created_at=from_micros(int(str(line["created_at"]))),
            next_at=from_micros(int(str(line["next_at"]))), until=from_micros(int(str(line["until"]))),
            reply=None if line["reply"] is None else str(line["reply"]),
        )  # fmt: skip


def _meant(id: str) -> dict[str, object]:
    return {"of_message": id, "of_line": int(id) if id.isdigit() and len(id) < 18 else -1}
