"""The queue of mail: what was acknowledged and not yet handed over. Nothing in it is lost, and little comes twice.

A line is one recipient of one message. Whoever sends takes some lines on a lease, which is renewed while they are being
sent and falls back to all when its holder dies: so no two processes send the same at the same time. What was handed
over and not yet noted when the power went is sent again: duplicates are possible, loss is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import BindParameter, and_, bindparam, func, or_, select

from troth.gates.mail.sending.envelopes import Envelope, EnvelopeError, Envelopes
from troth.people import People
from troth.people.changes import Person
from troth.store import Unit
from troth.store.schema import from_micros, mail_bodies, mail_queue, mail_sent, persons, to_micros

LEASE = timedelta(seconds=60)
LASTS = timedelta(days=5)  # RFC 5321, section 4.5.4.1: the give-up time generally needs to be at least 4-5 days

ADD_BODY = mail_bodies.insert().values({name: bindparam(name) for name in ("id", "sealed", "size", "created_at")})
_LINE = (
    "message", "body", "person", "leaf", "stream", "destination", "envelope", "state", "tries", "created_at",
    "next_at", "until", "reply", "lease", "leased_until",
)  # fmt: skip
ADD_LINE = (
    mail_queue.insert()
    .values({name: bindparam(name) for name in _LINE})
    .returning(mail_queue.c.id)
)  # fmt: skip
ADD_SENT = mail_sent.insert().values({column.name: bindparam(column.name) for column in mail_sent.columns})
_FREE = and_(
    mail_queue.c.state == "waiting",
    mail_queue.c.next_at <= bindparam("now"),
    or_(mail_queue.c.lease.is_(None), mail_queue.c.leased_until <= bindparam("now")),
)
DUE = select(mail_queue.c.id).where(_FREE).limit(1)
TAKE = (
    mail_queue.update()
    .where(
        mail_queue.c.id.in_(
            select(mail_queue.c.id)
            .where(_FREE)
            .order_by(mail_queue.c.next_at, mail_queue.c.id)
            .limit(bindparam("most"))
        )
    )
    .values(lease=bindparam("new_lease"), leased_until=bindparam("new_until"))
)
_JOB = [
    mail_queue.c[name]
    for name in (
        "id", "message", "body", "person", "leaf", "stream", "destination", "envelope", "tries", "created_at", "until",
        "lease", "reply",
    )
] + [persons.c.sealing_key, mail_bodies.c.sealed]  # fmt: skip
_WHOLE = mail_queue.outerjoin(persons, persons.c.id == mail_queue.c.person).join(
    mail_bodies, mail_bodies.c.id == mail_queue.c.body
)
TAKEN = select(*_JOB).select_from(_WHOLE).where(mail_queue.c.lease == bindparam("of_lease")).order_by(mail_queue.c.id)
RENEW = (
    mail_queue.update()
    .where(mail_queue.c.lease.between(bindparam("first"), bindparam("last")))
    .values(leased_until=bindparam("new_until"))
)
HELD = select(mail_queue.c.id, mail_queue.c.lease).where(
    mail_queue.c.id.in_(bindparam("of_ids", expanding=True)),
    mail_queue.c.lease.in_(bindparam("of_leases", expanding=True)),
    mail_queue.c.leased_until > bindparam("now"),
)
_MINE = (mail_queue.c.id == bindparam("of_id"), mail_queue.c.lease == bindparam("of_lease"))
REMOVE = mail_queue.delete().where(*_MINE)
REMOVE_BODY = mail_bodies.delete().where(
    mail_bodies.c.id == bindparam("of_body"),
    ~select(mail_queue.c.id).where(mail_queue.c.body == mail_bodies.c.id).exists(),
)
# The same for several lines at once; in slots that are left stands what nothing has.
SLOTS = 20


def _slots(name: str) -> list[BindParameter[object]]:
    return [bindparam(f"{name}{number}") for number in range(SLOTS)]


REMOVE_SEVERAL = (
    mail_queue.delete()
    .where(mail_queue.c.id.in_(_slots("id")), mail_queue.c.lease.in_(_slots("lease")))
    .returning(mail_queue.c.id)
)
REMOVE_BODIES = mail_bodies.delete().where(
    mail_bodies.c.id.in_(_slots("body")),
    ~select(mail_queue.c.id).where(mail_queue.c.body == mail_bodies.c.id).exists(),
)
ALL_SENT = (
    mail_sent.update()
    .where(mail_sent.c.leaf.in_(_slots("leaf")))
    .values(state="sent", reason=None, changed_at=bindparam("new_at"))
)
PUT_OFF = (
    mail_queue.update()
    .where(*_MINE)
    .values(
        next_at=bindparam("new_next"), tries=bindparam("new_tries"), reply=bindparam("new_reply"), lease=None,
        leased_until=None,
    )
)  # fmt: skip
BECOME = (
    mail_sent.update()
    .where(mail_sent.c.leaf == bindparam("of_leaf"))
    .values(state=bindparam("new_state"), reason=bindparam("new_reason"), changed_at=bindparam("new_at"))
)
WAITING = select(func.count()).select_from(mail_queue)
NEXT = select(func.min(mail_queue.c.next_at)).where(mail_queue.c.state == "waiting")


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One recipient of a message that is put into the queue. `leaf` is the entry `mailed` that tells of it."""

    address: str
    person: Person | None = None
    leaf: int | None = None


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """A message for one recipient or several: its bytes, and what upstream is told of where it comes from.

    `message` is the id that its submission was answered with, and `returns` whom a failure is told.
    """

    message: str
    stream: str
    content: bytes
    sender: str
    returns: str
    lines: tuple[Line, ...]


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A line that was taken, with all that is needed to hand it over."""

    id: int
    message: str
    body: str
    person: str | None
    leaf: int | None
    stream: str
    destination: bytes
    envelope: Envelope
    content: bytes
    tries: int
    created_at: datetime
    until: datetime
    lease: str
    reply: str | None = None


class Queue:
    """The queue in the store of `people`. Safe to share between threads."""

    def __init__(self, people: People, *, lease: timedelta = LEASE, lasts: timedelta = LASTS) -> None:
        self.people = people
        self.store = people.store
        self.envelopes = Envelopes(people)
        self._lease = lease
        self._lasts = lasts

    # --- putting in ---------------------------------------------------------------------------------------------------

    def put(
        self, unit: Unit, parcel: Parcel, *, state: str = "waiting", lease: str | None = None
    ) -> list[Job]:  # fmt: skip
        """Put a message into the queue in a unit of work; its lines, as jobs for whoever holds `lease`."""
        envelopes, at = self.envelopes, to_micros(unit.at)
        key, body = envelopes.new_key(), self.people.scribe.random(16).hex()
        sealed = envelopes.seal_body(parcel.content, key, body)
        unit.change(ADD_BODY, {"id": body, "sealed": sealed, "size": len(parcel.content), "created_at": at})
        jobs = []
        until = unit.at + self._lasts
        for line in parcel.lines:
            envelope = Envelope(line.address, parcel.sender, parcel.returns, key)
            person = line.person
            id, wrapped = (None, None) if person is None else (person.id, person.sealing_key)
            destination = envelopes.destination(envelope.domain)
            row = {
                "message": parcel.message, "body": body, "person": id, "leaf": line.leaf, "stream": parcel.stream,
                "destination": destination, "envelope": envelopes.seal(envelope, parcel.message, id, wrapped),
                "state": state, "tries": 0, "created_at": at, "next_at": at, "until": to_micros(until), "reply": None,
                "lease": lease, "leased_until": None if lease is None else to_micros(unit.at + self._lease),
            }  # fmt: skip
            number = int(unit.rows(ADD_LINE, row)[0][0])
            jobs.append(
                Job(
                    id=number, message=parcel.message, body=body, person=id, leaf=line.leaf, stream=parcel.stream,
                    destination=destination, envelope=envelope, content=parcel.content, tries=0, created_at=unit.at,
                    until=until, lease=lease or "",
                )
            )  # fmt: skip
        return jobs

    # --- taking out ---------------------------------------------------------------------------------------------------

    def due(self) -> bool:
        """Whether there is a line that can be taken now. StoreUnavailableError."""
        with self.store.glance() as glance:
            return bool(glance.rows(DUE, {"now": to_micros(self.store.clock())}))

    def waiting(self) -> int:
        """How many lines there are, whatever their state. StoreUnavailableError."""
        with self.store.read() as connection:
            return int(connection.execute(WAITING).scalar_one())

    def take(self, lease: str, most: int) -> tuple[list[Job], list[tuple[int, str]]]:
        """Take lines that are due, on a lease of that name, which nobody else uses: the longest due first.

        Beside the jobs: the lines, with the id of their body, that cannot be opened any more. StoreUnavailableError.
        """

        def work(unit: Unit) -> Sequence[Sequence[object]]:
            now = to_micros(unit.at)
            values = {"now": now, "most": most, "new_lease": lease, "new_until": to_micros(unit.at + self._lease)}
            return unit.rows(TAKEN, {"of_lease": lease}) if unit.change(TAKE, values) else ()

        jobs, lost = [], []
        for row in self.store.write(work):
            try:
                jobs.append(self.job(row))
            except EnvelopeError:
                lost.append((int(str(row[0])), str(row[2])))
        return jobs, lost

    def renew(self, worker: str) -> int:
        """Hold what a worker took a while longer: all leases whose name is its own and a number. How many lines."""
        first, last = f"{worker}-", f"{worker}."  # the full stop follows the hyphen in ASCII

        def work(unit: Unit) -> int:
            return unit.change(
                RENEW, {"first": first, "last": last, "new_until": to_micros(unit.at + self._lease)}
            )  # fmt: skip

        return self.store.write(work)

    def holds(self, jobs: Iterable[Job]) -> set[tuple[int, str]]:
        """Which of these lines, each with its lease, are still there and on it, so that they may be sent.

        StoreUnavailableError.
        """
        found: set[tuple[int, str]] = set()
        several = list(jobs)
        with self.store.glance() as glance:
            for start in range(0, len(several), 100):
                some = several[start : start + 100]
                values = {
                    "of_ids": [job.id for job in some], "of_leases": list({job.lease for job in some}),
                    "now": to_micros(self.store.clock()),
                }  # fmt: skip
                found |= {(int(id), str(lease)) for id, lease in glance.rows(HELD, values)}
        return found

    def job(self, row: Sequence[object]) -> Job:
        """The job in a row of TAKEN. EnvelopeError: it cannot be opened."""
        (id, message, body, person, leaf, stream, destination, envelope, tries, created_at, until, lease, reply,
         sealing_key, sealed) = row  # fmt: skip
        holder = None if person is None else str(person)
        wrapped = None if sealing_key is None else bytes(sealing_key)  # type: ignore[call-overload]
        opened = self.envelopes.open(bytes(envelope), str(message), holder, wrapped)  # type: ignore[call-overload]
        content = self.envelopes.open_body(bytes(sealed), opened.key, str(body))  # type: ignore[call-overload]
        return Job(
            id=int(str(id)), message=str(message), body=str(body), person=holder,
            leaf=None if leaf is None else int(str(leaf)), stream=str(stream),
            destination=bytes(destination), envelope=opened, content=content,  # type: ignore[call-overload]
            tries=int(str(tries)), created_at=from_micros(int(str(created_at))), until=from_micros(int(str(until))),
            lease=str(lease), reply=None if reply is None else str(reply),
        )  # fmt: skip

    # --- in the units of work of whoever sends ------------------------------------------------------------------------

    def remove(self, unit: Unit, job: Job, state: str, reason: str | None = None) -> bool:
        """Take a line out for good, its body too if it was the last; whether it was still there and on its lease."""
        if not unit.change(REMOVE, {"of_id": job.id, "of_lease": job.lease}):
            return False
        unit.change(REMOVE_BODY, {"of_body": job.body})
        if job.leaf is not None:
            become(unit, job.leaf, state, reason)
        return True

    def remove_sent(self, unit: Unit, jobs: Sequence[Job]) -> None:
        """Take lines out that were handed over, where they are still there and on their lease; as `remove` does."""
        for start in range(0, len(jobs), SLOTS):
            some = {job.id: job for job in jobs[start : start + SLOTS]}
            held = {**_filled("id", some, -1), **_filled("lease", [job.lease for job in some.values()], "")}
            gone = [some[int(str(id))] for (id,) in unit.rows(REMOVE_SEVERAL, held)]
            if not gone:
                continue
            unit.change(REMOVE_BODIES, _filled("body", [job.body for job in gone], ""))
            if leaves := [job.leaf for job in gone if job.leaf is not None]:
                unit.change(ALL_SENT, {**_filled("leaf", leaves, -1), "new_at": to_micros(unit.at)})

    def put_off(self, unit: Unit, job: Job, until: datetime, *, tries: int, reply: str | None) -> bool:
        """Give a line back, to be tried at another time; whether it was still there and on its lease."""
        values = {
            "of_id": job.id, "of_lease": job.lease, "new_next": to_micros(until), "new_tries": tries,
            "new_reply": reply,
        }  # fmt: skip
        return bool(unit.change(PUT_OFF, values))


def _filled(name: str, values: Iterable[object], nothing: object) -> dict[str, object]:
    """Values as the parameters of slots."""
    given = list(values)
    return {f"{name}{number}": given[number] if number < len(given) else nothing for number in range(SLOTS)}


def become(unit: Unit, leaf: int, state: str, reason: str | None) -> None:
    """Note what became of a message to a person."""
    unit.change(BECOME, {"of_leaf": leaf, "new_state": state, "new_reason": reason, "new_at": to_micros(unit.at)})
