"""The one writer: runs units of work in groups, so that many that wait share one durable commit.

A caller that finds the writer idle commits its unit in its own thread; the others wait, and a thread of the writer runs
all that have come together meanwhile. Each unit of a group can be undone by itself. Nobody is told "done" before the
commit has returned, and a failed commit fails every unit in it.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar, cast

from sqlalchemy import ClauseElement, Dialect
from sqlalchemy.exc import DBAPIError

from troth.store.errors import FailedUnitError, StoreClosedError, StoreUnavailableError
from troth.store.transaction import Compiled, Transaction, compile_statement
from troth.store.unit import Unit

T = TypeVar("T")
Clock = Callable[[], datetime]
Work = Callable[[Unit], T]
LARGEST_GROUP = 512  # units: bounds how long the first of a group waits for the last


class _Ticket:
    """A unit of work that waits, and later its outcome."""

    __slots__ = ("error", "future", "loop", "ready", "result", "work")

    def __init__(self, work: Work[Any], loop: asyncio.AbstractEventLoop | None = None) -> None:
        self.work = work
        self.result: Any = None
        self.error: BaseException | None = None
        self.loop = loop
        self.future: asyncio.Future[Any] | None = loop.create_future() if loop is not None else None
        self.ready: Any = None


class Writer:
    """Runs units of work on one connection. `connect` opens a transaction's connection, again after it broke."""

    def __init__(self, connect: Callable[[], Transaction], dialect: Dialect, clock: Clock) -> None:
        self._connect = connect
        self._dialect = dialect
        self._clock = clock
        driver: Any = dialect.dbapi
        self._failures = (driver.OperationalError, driver.InterfaceError)  # of one statement
        self._errors = (driver.Error, DBAPIError)  # of a transaction as a whole
        self._compiled: dict[ClauseElement, Compiled] = {}
        self._transaction: Transaction | None = None
        self._waiting: deque[_Ticket] = deque()
        self._lock = threading.Lock()  # held by whoever runs a group
        self._runner: int | None = None  # the thread that does
        self._wake = threading.Lock()  # free: there may be something to do
        self._wake.acquire()
        self._ringing: set[asyncio.AbstractEventLoop] = set()
        self._closed = False
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def write(self, work: Work[T]) -> T:
        """Run a unit of work; its result, once it is durable. StoreUnavailableError: not acknowledged, try later.

        Whatever the work raises comes through, and nothing of it is kept. The work must not wait for anything but its
        own statements: all other writers wait for it.
        """
        if self._closed:
            raise StoreClosedError("The store is closed.")
        if self._runner == threading.get_ident():
            raise RuntimeError("A unit of work cannot start another one; do both in one.")
        ticket = _Ticket(work)
        if self._lock.acquire(blocking=False):
            self._run_group([ticket])
        else:
            ticket.ready = threading.Lock()
            ticket.ready.acquire()
            self._enqueue(ticket)
            ticket.ready.acquire()
        if ticket.error is not None:
            raise ticket.error
        return cast("T", ticket.result)

    async def write_async(self, work: Work[T]) -> T:
        """The same for callers on an event loop, which stays free meanwhile. The work runs in another thread."""
        if self._closed:
            raise StoreClosedError("The store is closed.")
        ticket = _Ticket(work, asyncio.get_running_loop())
        self._enqueue(ticket)
        return cast("T", await cast("asyncio.Future[Any]", ticket.future))

    def close(self) -> None:
        """Finish what waits, refuse what comes; returns when the writer's thread has ended."""
        self._closed = True
        with self._starting:
            if self._thread is not None:
                self._ring()
                self._thread.join()
                self._thread = None
        with self._lock:
            self._transaction = None

    def _enqueue(self, ticket: _Ticket) -> None:
        if self._thread is None:
            with self._starting:
                if self._thread is None and not self._closed:
                    self._thread = threading.Thread(target=self._serve, name="troth-writer", daemon=True)
                    self._thread.start()
        self._waiting.append(ticket)
        if ticket.loop is None:
            self._ring()
        elif ticket.loop not in self._ringing:
            # Once the loop has let all run that are ready now: they may have something to write, too.
            self._ringing.add(ticket.loop)
            ticket.loop.call_soon(self._ring_for, ticket.loop)
        if self._closed:  # the thread may have ended just before; then the ticket is still there
            try:
                self._waiting.remove(ticket)
            except ValueError:
                return
            raise StoreClosedError("The store is closed.")

    def _ring_for(self, loop: asyncio.AbstractEventLoop) -> None:
        self._ringing.discard(loop)
        self._ring()

    def _ring(self) -> None:
        try:
            self._wake.release()
        except RuntimeError:  # it is free already: the thread will look
            return

    def _serve(self) -> None:
        while True:
            self._wake.acquire()
            if self._waiting:
                self._lock.acquire()
                self._run_group([])
                self._ring()
            elif self._closed:
                return

    def _run_group(self, group: list[_Ticket]) -> None:
        """Run and commit a group; called with the lock held, which it gives back."""
        try:
            self._runner = threading.get_ident()
            while self._waiting and len(group) < LARGEST_GROUP:
                group.append(self._waiting.popleft())
            if group:
                self._commit(group)
        except BaseException as problem:
            self._abandon()
            # Who interrupts the thread that runs a group must not leave the others without an answer.
            failure = problem if isinstance(problem, Exception) else StoreUnavailableError(f"Interrupted: {problem!r}")
            if isinstance(problem, self._errors):
                failure = _unavailable(problem)
            for ticket in group:
                if ticket.error is None:
                    ticket.error = failure
            if not isinstance(problem, Exception):
                raise
        finally:
            self._runner = None
            self._lock.release()
            self._answer(group)

    def _commit(self, group: list[_Ticket]) -> None:
        if self._transaction is None:
            self._transaction = self._connect()
        transaction = self._transaction
        first = transaction.begin()
        at = self._clock()
        leaves: list[tuple[int, bytes, bytes, int]] = []
        messages: list[tuple[str, str, int, str | None]] = []
        several = len(group) > 1
        marked = False
        kept = 0
        for ticket in group:
            if several and not marked:
                transaction.mark(first=ticket is group[0])
                marked = True
            unit = Unit(transaction.cursor, self._compile, first + len(leaves), at)
            try:
                ticket.result = ticket.work(unit)
                if unit._failed:
                    raise FailedUnitError("A statement of this unit of work failed, so none of it was kept.")
            except Exception as problem:
                ticket.error = _unavailable(problem) if isinstance(problem, self._failures) else problem
                if several:
                    transaction.undo()  # the mark stays, so the next unit needs none
            else:
                leaves += unit._leaves
                messages += unit._messages
                kept += 1
                marked = False
        if kept:
            transaction.finish(leaves, messages)
        else:
            transaction.abandon()

    def _abandon(self) -> None:
        """After a failure: roll back; a connection that cannot even do that is thrown away."""
        if self._transaction is not None:
            try:
                self._transaction.abandon()
            except Exception:
                self._transaction = None

    def _answer(self, group: list[_Ticket]) -> None:
        loops: dict[asyncio.AbstractEventLoop, list[_Ticket]] = {}
        for ticket in group:
            if ticket.ready is not None:
                ticket.ready.release()
            elif ticket.loop is not None:
                loops.setdefault(ticket.loop, []).append(ticket)
        for loop, tickets in loops.items():
            try:
                loop.call_soon_threadsafe(_resolve, tickets)
            except RuntimeError:  # the loop was closed; nobody waits any more
                continue

    def _compile(self, statement: ClauseElement) -> Compiled:
        compiled = self._compiled.get(statement)
        if compiled is None:
            compiled = compile_statement(statement, self._dialect)
            if len(self._compiled) < 1000:  # statements that are made anew each time must not fill the memory
                self._compiled[statement] = compiled
        return compiled


def _unavailable(problem: BaseException) -> StoreUnavailableError:
    failure = StoreUnavailableError(f"Not acknowledged; try again later. {type(problem).__name__}: {problem}")
    failure.__cause__ = problem
    return failure


def _resolve(tickets: list[_Ticket]) -> None:
    for ticket in tickets:
        future = ticket.future
        if future is not None and not future.done():
            if ticket.error is not None:
                future.set_exception(ticket.error)
            else:
                future.set_result(ticket.result)
