"""The deliverer: sends what is due, and tries again until it arrives.

It lives on an event loop. For each recipient a few attempts are under way at a time, and one alone while a recipient
fails, so that whoever is slow, lies or is dead keeps nobody else waiting. Several deliverers, in one process or in
several, share the work by leases.

An attempt: what may leave is decided anew, its SHA-256 is written down, it is sent, and what came of it is written
down. If the process dies at any point, the lease ends and the attempt is made again: what was on its way arrives at
least once, perhaps twice with the same id, and is recorded once.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import TypeVar

from troth.gates.delivery.acknowledging import acknowledge, read_acknowledgement, right_signature, take
from troth.gates.delivery.endpoints import Endpoints, Keyed
from troth.gates.delivery.failing import Failing
from troth.gates.delivery.leasing import Leased, due, lease, mark, put_off
from troth.gates.delivery.payload import Deciding, Parcel, disclosure_parcel, following_parcel
from troth.gates.delivery.sending import Answer, Sender
from troth.gates.delivery.signing import signed_headers
from troth.gates.errors import GateError
from troth.people import People, PeopleError
from troth.store import Store, StoreError, Unit
from troth.vault import VaultError

T = TypeVar("T")
Random = Callable[[int], bytes]

EVERY = 0.5  # seconds between two looks for what is due
PER_RECIPIENT = 8  # attempts under way for a recipient at a time
MOST = 400  # attempts under way in all; beyond half of it, each recipient has one
GRACE = 5.0  # seconds that attempts under way may take when the deliverer stops
NOT_NOW = timedelta(seconds=10)  # until the next try, where nothing could be decided or written at this moment

log_ = logging.getLogger("troth.delivery")


class _StoppedError(Exception):
    """Nothing of a delivery may leave any more."""

    def __init__(self, code: str, why: str) -> None:
        self.code, self.why = code, why
        super().__init__(why)


class Deliverer:
    """Delivers from `store`, which has the people. `deciding` says what of a batch may leave at the moment of a call.

    To be used on one event loop: `run` until it is cancelled, then `stop`; or `turn` and `settle` by hand.
    """

    def __init__(
        self,
        store: Store,
        people: People,
        deciding: Deciding,
        *,
        loopback: bool = False,
        sender: Sender | None = None,
        random: Random = secrets.token_bytes,
        per_recipient: int = PER_RECIPIENT,
    ) -> None:
        self._store = store
        self._deciding = deciding
        self._endpoints = Endpoints(store, people, loopback=loopback, random=random)
        self._failing = Failing(self._endpoints, random)
        self._sender = sender or Sender(loopback=loopback)
        self._random = random
        self._per_recipient = per_recipient
        self._under_way: dict[asyncio.Task[None], Leased] = {}
        self._busy: Counter[str] = Counter()
        self._failed: set[str] = set()  # recipients whose last attempt failed
        self._ready = asyncio.Event()
        # Threads of its own: what is decided here keeps no request of the server waiting for one.
        self._threads = ThreadPoolExecutor(4, "troth-delivery")

    async def run(self, every: float = EVERY) -> None:
        """Deliver, until it is cancelled. A store that is away now is waited for."""
        while True:
            self._ready.clear()
            try:
                await self.turn()
            except StoreError:
                log_.warning("The store could not be asked for what is due; it is tried again.")
            except Exception:
                log_.exception("Deliveries could not be begun; it is tried again.")
            try:
                async with asyncio.timeout(every):
                    await self._ready.wait()
            except TimeoutError:
                pass

    async def turn(self) -> int:
        """Begin as many attempts as are due and may be under way; how many. StoreUnavailableError: none now."""
        recipients = await self._in_thread(self._due)
        wanted = {recipient: free for recipient in recipients if (free := self._free(recipient)) > 0}
        if not wanted:
            return 0
        leased = await self._store.write_async(lambda unit: lease(unit, self._endpoints, wanted))
        for one in leased:
            task = asyncio.get_running_loop().create_task(self._attempt(one))
            self._under_way[task] = one
            self._busy[one.recipient] += 1
            task.add_done_callback(self._done)
        return len(leased)

    async def settle(self) -> None:
        """Wait until no attempt is under way."""
        while self._under_way:
            await asyncio.wait(list(self._under_way))

    async def stop(self, grace: float = GRACE) -> None:
        """Let attempts under way come to their end for a moment, give back what they had, and close."""
        if self._under_way:
            await asyncio.wait(list(self._under_way), timeout=grace)
        broken_off = list(self._under_way.items())
        for task, _ in broken_off:
            task.cancel()
        await asyncio.gather(*(task for task, _ in broken_off), return_exceptions=True)
        if broken_off:
            with suppress(StoreError):  # the leases end by themselves
                await self._store.write_async(lambda unit: put_off(unit, [one for _, one in broken_off], unit.at))
        await self._sender.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    # --- one attempt --------------------------------------------------------------------------------------------------

    async def _attempt(self, leased: Leased) -> None:
        """Make an attempt, and write down what came of it. What cannot be written now is done again later."""
        try:
            await self._try(leased)
        except _StoppedError as stopped:
            code, why = stopped.code, stopped.why
            await self._store.write_async(lambda unit: self._failing.stopped(unit, leased, code, why))
        except (StoreError, PeopleError, VaultError) as problem:
            log_.warning("The delivery %s could not be made at this moment: %s", leased.id, type(problem).__name__)
            await self._not_now(leased, "What may leave could not be decided at that moment.")

    async def _try(self, leased: Leased) -> None:
        if leased.to is None:
            await self._fail(leased, leased.attempts + 1, Answer("no-endpoint", "It has no endpoint that is enabled."))
            return
        parcel = await self._parcel(leased)
        to = leased.to
        if not await self._store.write_async(lambda unit: mark(unit, leased, parcel.digest, to.endpoint.id)):
            return  # somebody else has it by now
        second = int(self._store.clock().timestamp())
        answer = await self._sender.post(
            to.endpoint.url, signed_headers(leased.id, second, parcel.body, to.keys), parcel.body
        )
        if answer.delivered:
            self._failed.discard(leased.recipient)
            await self._store.write_async(lambda unit: self._delivered(unit, leased, to, parcel, answer))
        else:
            await self._fail(leased, leased.attempts + 1, answer)

    async def _parcel(self, leased: Leased) -> Parcel:
        """What is sent now. _StoppedError: nothing may be."""
        if leased.body is not None:
            return following_parcel(
                leased.id, leased.nonce, kind=leased.kind, recipient=leased.recipient, disclosure=leased.disclosure,
                body=leased.body,
            )  # fmt: skip
        disclosure, batch = leased.disclosure or "", leased.batch or 0
        try:
            contents = await self._in_thread(lambda: self._deciding(disclosure, batch))
        except GateError as problem:
            raise _StoppedError(problem.code, problem.message) from None
        if contents.recipient != leased.recipient:
            raise _StoppedError("other-recipient", "The disclosure is to another recipient.")
        if not contents.persons:
            before = " What was sent before may have arrived." if leased.sent else ""
            raise _StoppedError("nothing-left", f"When it was to be sent, nothing of it was allowed to leave.{before}")
        return disclosure_parcel(leased.id, leased.nonce, disclosure, contents)

    def _delivered(self, unit: Unit, leased: Leased, to: Keyed, parcel: Parcel, answer: Answer) -> None:
        take(unit, leased.id, parcel.digest, to.endpoint.id, self._random)
        self._failing.works(unit, to.endpoint.id)
        said = read_acknowledgement(answer.body)
        if said is not None and (said.acknowledged, said.digest) == (leased.id, parcel.digest):
            signature = right_signature(said, to)
            if signature is not None:
                acknowledge(unit, said, signature, to.endpoint.id, self._random)

    async def _fail(self, leased: Leased, attempts: int, answer: Answer) -> None:
        self._failed.add(leased.recipient)
        disabled = await self._store.write_async(lambda unit: self._failing.failed(unit, leased, attempts, answer))
        if disabled is not None and leased.to is not None:
            endpoint = leased.to.endpoint
            log_.warning("The endpoint %s of '%s' is disabled: %s", endpoint.id, endpoint.recipient, disabled)

    async def _not_now(self, leased: Leased, why: str) -> None:
        with suppress(StoreError):  # the lease ends by itself
            await self._store.write_async(lambda unit: put_off(unit, [leased], unit.at + NOT_NOW, why))

    # --- inside -------------------------------------------------------------------------------------------------------

    def _due(self) -> list[str]:
        with self._store.read() as connection:
            return due(connection, self._store.clock())

    def _free(self, recipient: str) -> int:
        """How many attempts more may be under way for a recipient."""
        under_way = len(self._under_way)
        if under_way >= MOST:
            return 0
        few = recipient in self._failed or under_way > MOST // 2
        return (1 if few else self._per_recipient) - self._busy[recipient]

    def _done(self, task: asyncio.Task[None]) -> None:
        leased = self._under_way.pop(task)
        self._busy[leased.recipient] -= 1
        self._ready.set()
        if not task.cancelled() and (problem := task.exception()) is not None:
            # The lease ends by itself, and then another attempt is made.
            log_.error("The delivery %s could not be made; it is tried again.", leased.id, exc_info=problem)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)
