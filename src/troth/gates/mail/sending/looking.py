"""The last look at a message: whether it may still leave, by the newest word of the store, just before its end is said.

Messages that are about to leave at the same time share a look. Whoever changes people in this process tells so here
before the change is acknowledged, and what was looked at before that is looked at again before it leaves: so nothing
leaves to a person after their opt-out was acknowledged, except what upstream has already.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from troth.gates.mail.sending.queue import Job, Queue
from troth.gates.mail.sending.verdicts import NOTICES, Verdicts

T = TypeVar("T")
THREADS = 2  # in which the store is read: as many as there are, they take turns
Held = set[tuple[int, str]]


class Looking:
    """Looks for one relay, on its event loop."""

    def __init__(self, queue: Queue, verdicts: Callable[[], Verdicts]) -> None:
        self._queue = queue
        self._verdicts = verdicts
        self._threads = ThreadPoolExecutor(THREADS, "troth-mail-relay")
        self._waiting: list[tuple[Sequence[Job], asyncio.Future[tuple[Held, dict[int, str]]]]] = []
        self._task: asyncio.Task[None] | None = None
        self.instant = threading.Lock()
        self.changes = 0  # of people in this process, each counted before it is acknowledged
        queue.people.attach(self)

    def catch_up(self) -> None:
        """As a follower of the people: what leaves after this returns is decided after the change. Does not raise."""
        with self.instant:
            self.changes += 1

    def close(self) -> None:
        """Follow nobody any more."""
        self._queue.people.detach(self)
        self._threads.shutdown(wait=False)

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Something that reads or writes the store, off the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def at(self, jobs: Sequence[Job]) -> tuple[Held, dict[int, str]]:
        """Which lines are on their lease, and which of these may not leave and why, as of now or later."""
        answer: asyncio.Future[tuple[Held, dict[int, str]]] = asyncio.get_running_loop().create_future()
        self._waiting.append((jobs, answer))
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._look())
        return await answer

    def allowed(self, jobs: Sequence[Job]) -> dict[int, str]:
        """Of lines of one stream those that may not leave, with the reason. Raises what the verdicts raise."""
        asked = [job for job in jobs if job.stream != NOTICES]
        if not asked:
            return {}
        at = self._queue.store.clock()
        outcomes = self._verdicts().outcomes(asked[0].stream, [job.envelope.recipient for job in asked], at)
        return {job.id: reason for job, reason in zip(asked, outcomes, strict=True) if reason is not None}

    async def _look(self) -> None:
        while self._waiting:
            now, self._waiting = self._waiting, []
            try:
                found = await self.in_thread(partial(self._read, [one for jobs, _ in now for one in jobs]))
            except Exception as error:
                for _, answer in now:
                    if not answer.done():
                        answer.set_exception(error)
                continue
            for _, answer in now:
                if not answer.done():
                    answer.set_result(found)

    def _read(self, jobs: list[Job]) -> tuple[Held, dict[int, str]]:
        streams: dict[str, list[Job]] = {}
        for job in jobs:
            streams.setdefault(job.stream, []).append(job)
        withheld: dict[int, str] = {}
        for some in streams.values():
            withheld |= self.allowed(some)
        return self._queue.holds(jobs), withheld


class LastLook:
    """The last look at one message. `left` are its lines that may be tried again at once, without the others."""

    def __init__(self, looking: Looking, jobs: Sequence[Job]) -> None:
        self._looking = looking
        self._jobs = jobs
        self._changes = -1
        self._held: set[int] = set()
        self.withheld: dict[int, str] = {}

    @property
    def left(self) -> list[Job]:
        """The lines that are still there and may leave."""
        return [job for job in self._jobs if job.id in self._held and job.id not in self.withheld]

    async def look(self) -> None:
        """Read the newest word of the store, and decide by it."""
        self._changes = self._looking.changes
        held, withheld = await self._looking.at(self._jobs)
        self._held = {job.id for job in self._jobs if (job.id, job.lease) in held}
        self.withheld = {job.id: withheld[job.id] for job in self._jobs if job.id in withheld}

    def hand_over(self, write: Callable[[], object]) -> bool:
        """Let it leave if all of it may. What changed since the look is looked at again, in this very instant."""
        with self._looking.instant:
            if self._changes != self._looking.changes:
                self.withheld = self._looking.allowed(self._jobs)
            if len(self.left) < len(self._jobs):
                return False
            write()
            return True
