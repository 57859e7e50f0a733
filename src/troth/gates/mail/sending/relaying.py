"""The relay: takes what is in the queue, hands it over after a last look (`looking.py`), and notes what came of it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import secrets
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from functools import partial
from typing import Any

from troth.gates.mail.sending.backoff import Destinations
from troth.gates.mail.sending.bouncing import status_of
from troth.gates.mail.sending.conversation import LostError, Reply
from troth.gates.mail.sending.ending import Ending
from troth.gates.mail.sending.handed_over import HandedOver
from troth.gates.mail.sending.handing import Outgoing, UnavailableError, Upstream, WithheldError
from troth.gates.mail.sending.looking import LastLook, Looking
from troth.gates.mail.sending.queue import LEASE, Job, Queue
from troth.gates.mail.sending.verdicts import NOTICES, Verdicts
from troth.gates.mail.streams import StreamError
from troth.people.errors import PeopleError
from troth.store import StoreError, StoreUnavailableError

EVERY = 1.0  # seconds between two looks at the queue, which others fill too
AT_ONCE = 100  # lines that are taken together
AHEAD = 3  # times the connections of upstream: so many messages wait for one in memory
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0  # seconds while upstream is not there
log = logging.getLogger("troth.mail")


class Relay:
    """Sends what is in a queue, on one event loop. `verdicts` gives what decides by now: another version may come.

    `bounced` is told of a recipient whom upstream refused for good: the stream, the address, and the status (RFC 3463).
    """

    def __init__(
        self,
        queue: Queue,
        upstream: Upstream,
        verdicts: Callable[[], Verdicts],
        *,
        host: str = "localhost",
        bounced: Callable[[str, str, str], object] | None = None,
        every: float = EVERY,
        chance: Callable[[], float] = random.random,
        monotonic: Callable[[], float] = time.monotonic,
        renew_every: float = LEASE.total_seconds() / 3,
    ) -> None:
        self._queue = queue
        self._upstream = upstream
        self._bounced = bounced
        self._every = every
        self._monotonic = monotonic
        self._renew_every = renew_every
        self._destinations = Destinations(chance)
        self._ending = Ending(queue, self._destinations, host)
        self._worker = secrets.token_hex(8)
        self._leases = 0
        self._under_way: set[asyncio.Task[None]] = set()
        self._lines = 0
        self._most = upstream.connections * AHEAD
        self._wake = asyncio.Event()
        self._stopping = False
        self._pause = 0.0
        self._closed_until = 0.0
        self._looking = Looking(queue, verdicts)
        self._handed_over = HandedOver(lambda jobs: self._write(partial(self._ending.sent, jobs=jobs)))

    # --- from the side of acceptance ----------------------------------------------------------------------------------

    def lease(self, lines: int) -> str | None:
        """The name of a lease for lines that are about to be put into the queue, if they can be sent at once."""
        if self._stopping or self._lines + lines > self._most * 2 or self._monotonic() < self._closed_until:
            return None
        return self._next_lease()

    def offer(self, jobs: Sequence[Job]) -> None:
        """Send lines that were put into the queue under such a lease, and are durable."""
        self._begin(jobs, looked=True)

    def wake(self) -> None:
        """Look at the queue now."""
        self._wake.set()

    # --- running ------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Send until `stop`, whatever happens to the store meanwhile."""
        renewing = asyncio.create_task(self._renew())
        try:
            while not self._stopping:
                try:
                    more = await self.once(wait=False)
                except StoreError:
                    log.warning("The queue of mail cannot be read now; it is tried again.")
                    more = False
                if not more:
                    await self._sleep()
        finally:
            renewing.cancel()

    async def once(self, *, wait: bool = True) -> bool:
        """Take what is due and send it; whether there was anything. With `wait` it returns when all is sent."""
        taken = False
        room = self._most - self._lines
        if room > 0 and self._monotonic() >= self._closed_until and await self._looking.in_thread(self._queue.due):
            jobs, lost = await self._looking.in_thread(
                partial(self._queue.take, self._next_lease(), min(room, AT_ONCE))
            )
            taken = bool(jobs)
            for id, _ in lost:
                log.warning("Line %d of the queue cannot be opened and stays: was its person erased?", id)
            self._begin(jobs, looked=False)
        while wait and self._under_way:
            await asyncio.wait(set(self._under_way))
        return taken

    async def stop(self, grace: float = 5.0) -> None:
        """Take nothing more; let what is under way end for so many seconds. The rest falls back to the queue."""
        self._stopping = True
        self._wake.set()
        if self._under_way:
            await asyncio.wait(set(self._under_way), timeout=grace)
        for task in set(self._under_way):
            task.cancel()
        await self._upstream.close()
        self._looking.close()

    def _next_lease(self) -> str:
        self._leases += 1
        return f"{self._worker}-{self._leases}"

    async def _sleep(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), self._every)
        self._wake.clear()

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._renew_every)
            try:
                if self._under_way:
                    await asyncio.to_thread(self._queue.renew, self._worker)
            except StoreError:
                log.warning("The leases of mail cannot be renewed now; it is tried again.")

    # --- one message --------------------------------------------------------------------------------------------------

    def _begin(self, jobs: Iterable[Job], *, looked: bool) -> None:
        together: dict[tuple[str, str], list[Job]] = {}
        for job in jobs:
            together.setdefault((job.body, job.envelope.sender), []).append(job)
        for some in together.values():
            self._spawn(self._deliver(some, looked), len(some))

    def _spawn(self, work: Coroutine[Any, Any, None], lines: int) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._under_way.add(task)
        self._lines += lines

        def done(task: asyncio.Task[None]) -> None:
            self._under_way.discard(task)
            self._lines -= lines
            if not task.cancelled() and task.exception() is not None:
                log.error("A message could not be dealt with and stays in the queue.", exc_info=task.exception())
            if self._lines < self._most:
                self._wake.set()

        task.add_done_callback(done)

    async def _deliver(self, jobs: list[Job], looked: bool) -> None:
        """See all these lines of one message to an end, for now."""
        left = jobs if looked else await self._ready(jobs)
        while left:
            outgoing = Outgoing(
                left[0].envelope.sender, tuple(job.envelope.recipient for job in left), left[0].content,
                left[0].message,
            )  # fmt: skip
            last = LastLook(self._looking, left)
            try:
                replies = await self._upstream.send(outgoing, last.look, last.hand_over)
            except WithheldError:
                await self._noted(left, last.withheld, ())
                left = last.left
                continue
            except (LostError, UnavailableError, OSError) as error:
                self._close(error)
                await self._write(partial(self._ending.unavailable, jobs=left, error=error))
                return
            except (StoreError, PeopleError, StreamError):
                # It cannot be decided now. The lease runs out by itself, and it is decided again.
                await self._write(partial(self._ending.undecided, jobs=left))
                return
            self._pause = 0.0
            await self._noted(left, {}, replies)
            return

    async def _ready(self, jobs: list[Job]) -> list[Job]:
        """Those that may go now. The others are noted: suppressed meanwhile, or to a domain that is left in peace."""
        at = self._queue.store.clock()
        resting = {job.id: until for job in jobs if (until := self._destinations.until(job.destination, at))}
        waiting = [job for job in jobs if job.id in resting]
        if waiting:
            await self._write(partial(self._ending.rest, jobs=waiting, until=resting))
        return [job for job in jobs if job.id not in resting]

    async def _noted(self, jobs: Sequence[Job], withheld: dict[int, str], replies: Sequence[Reply]) -> None:
        if replies and all(reply.accepted for reply in replies):
            await self._handed_over.note(jobs)
        elif withheld or replies:
            await self._write(partial(self._ending.note, jobs=jobs, withheld=withheld, replies=replies))
        if self._bounced is not None:
            for job, reply in zip(jobs, replies, strict=False):
                if reply.permanent and job.stream != NOTICES:
                    await asyncio.to_thread(self._bounced, job.stream, job.envelope.recipient, status_of(reply))

    async def _write(self, work: Callable[[Any], None]) -> None:
        """Note something; as long as the store is not there it is tried again, or it would be sent twice."""
        pause = 0.1
        while True:
            try:
                await self._queue.store.write_async(work)
                return
            except StoreUnavailableError:
                if self._stopping:
                    raise
                await asyncio.sleep(pause)
                pause = min(pause * 2, 10.0)

    def _close(self, error: Exception) -> None:
        now = self._monotonic()
        if now < self._closed_until:
            return  # another message found it out just before
        self._pause = min(max(FIRST_PAUSE, self._pause * 2), LONGEST_PAUSE)
        self._closed_until = now + self._pause
        log.warning("Upstream takes no mail now; tried again in %.0f seconds. %s", self._pause, type(error).__name__)
