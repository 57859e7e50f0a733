"""What became of lines of the queue, noted in a unit of work: sent, put off, suppressed, or failed, which is told."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from troth.gates.mail.sending.backoff import Destinations, delay
from troth.gates.mail.sending.bouncing import Failure, failure_notice
from troth.gates.mail.sending.conversation import LostError, Reply
from troth.gates.mail.sending.queue import Job, Line, Parcel, Queue
from troth.gates.mail.sending.verdicts import NOTICES
from troth.people.changes import Person
from troth.people.errors import PeopleError
from troth.record.commitment import new_event, new_salt
from troth.record.kinds import make_entry
from troth.record.log import append
from troth.store import Unit

_ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}(?= |\Z)")
AGAIN = timedelta(seconds=30)  # after which is tried what could not be decided, or had no upstream


class Ending:
    """Notes what became of lines."""

    def __init__(self, queue: Queue, destinations: Destinations, host: str) -> None:
        self._queue = queue
        self._destinations = destinations
        self._host = host

    def note(self, unit: Unit, jobs: Sequence[Job], withheld: Mapping[int, str], replies: Sequence[Reply]) -> None:
        """After a try: some were withheld, or each has a reply."""
        failures: list[tuple[Job, Reply]] = []
        for number, job in enumerate(jobs):
            if job.id in withheld:
                self.withhold(unit, job, withheld[job.id])
            elif replies:
                reply = replies[number]
                if reply.accepted:
                    self._destinations.took(job.destination)
                    self._queue.remove(unit, job, "sent")
                elif reply.permanent or unit.at >= job.until:
                    failures.append((job, reply))
                else:
                    again = self._destinations.put_off(job.destination, unit.at, job.tries + 1)
                    self._queue.put_off(unit, job, again, tries=job.tries + 1, reply=short(reply))
        self._fail(unit, failures)

    def sent(self, unit: Unit, jobs: Sequence[Job]) -> None:
        """All of these were handed over."""
        for job in jobs:
            self._destinations.took(job.destination)
        self._queue.remove_sent(unit, jobs)

    def unavailable(self, unit: Unit, jobs: Sequence[Job], error: Exception) -> None:
        """Upstream was not there, or the connection broke: the message is not to blame."""
        overdue: list[tuple[Job, Reply]] = []
        for job in jobs:
            if unit.at >= job.until:
                overdue.append((job, Reply(451, "4.4.1 Upstream could not be reached in all this time")))
                continue
            lost = isinstance(error, LostError)
            tries = job.tries + lost
            again = unit.at + (delay(tries) if tries > 1 and lost else AGAIN)
            self._queue.put_off(unit, job, again, tries=tries, reply="4.4.2" if lost else "4.4.1")
        self._fail(unit, overdue)

    def undecided(self, unit: Unit, jobs: Sequence[Job]) -> None:
        """It could not be decided whether they may leave."""
        for job in jobs:
            self._queue.put_off(unit, job, unit.at + AGAIN, tries=job.tries, reply="4.3.0")

    def rest(self, unit: Unit, jobs: Sequence[Job], until: Mapping[int, datetime]) -> None:
        """Their domain is left in peace for a while."""
        for job in jobs:
            self._queue.put_off(unit, job, until[job.id], tries=job.tries, reply=job.reply)

    def withhold(self, unit: Unit, job: Job, reason: str, outcome: str = "suppressed") -> bool:
        """It may not leave any more, which the record says; whether it was still there."""
        if not self._queue.remove(unit, job, outcome, reason):
            return False
        self._enter(unit, job, outcome, reason)
        return True

    def _fail(self, unit: Unit, failures: Sequence[tuple[Job, Reply]]) -> None:
        told: list[Failure] = []
        persons: list[Person | None] = []
        for job, reply in failures:
            reason = short(reply) or "5.0.0"
            if self._queue.remove(unit, job, "failed", reason):
                self._enter(unit, job, "failed", reason)
                told.append(Failure(job.envelope.recipient, reply))
                persons.append(self._person(unit, job))
        first = failures[0][0] if failures else None
        if first is None or not told or not first.envelope.returns:
            return
        content = failure_notice(
            first.message, first.envelope.returns, told, first.content, arrived=first.created_at, at=unit.at,
            host=self._host,
        )  # fmt: skip
        self._queue.put(
            unit,
            Parcel(
                message=first.message, stream=NOTICES, content=content, sender="", returns="",
                # Who is erased takes along what says that their mail failed.
                lines=(Line(address=first.envelope.returns, person=persons[0] if len(persons) == 1 else None),),
            ),
        )  # fmt: skip

    def _enter(self, unit: Unit, job: Job, outcome: str, reason: str) -> None:
        if job.stream != NOTICES:
            mail = {"message": job.message, "entry": job.leaf, "reason": reason}
            said: dict[str, object] = {"stream": job.stream, "outcome": outcome, "mail": mail}
            enter(unit, self._queue, "unsent", self._person(unit, job), said)

    def _person(self, unit: Unit, job: Job) -> Person | None:
        if job.person is None:
            return None
        try:
            return self._queue.people.seek(unit, job.person)
        except PeopleError:
            return None


def enter(unit: Unit, queue: Queue, kind: str, person: Person | None, values: dict[str, object]) -> int:
    """An entry about mail to a person; its index. Of somebody unknown nothing is kept that could open it."""
    people = queue.people
    if person is not None:
        return people.scribe.enter(unit, kind, person, {**values, "person": person.id})[0]
    random = people.scribe.random
    return append(unit, make_entry(kind, new_event(random), unit.at, {**values, "person": ""}, new_salt(random)))


def short(reply: Reply) -> str | None:
    """What of a reply may be kept in the clear: its enhanced status code, or its code. Its text may hold an address."""
    found = _ENHANCED.match(reply.text)
    return found[0] if found else str(reply.code)
