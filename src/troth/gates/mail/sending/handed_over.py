"""Noting what was handed over, together: all of it that comes while a note becomes durable is in the next one.

A note for each message would have the store commit twice for each, once when it is taken and once when it has left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from troth.gates.mail.sending.queue import Job


class HandedOver:
    """Notes for one relay, on its event loop. `write` makes a note of some lines durable."""

    def __init__(self, write: Callable[[Sequence[Job]], Awaitable[None]]) -> None:
        self._write = write
        self._waiting: list[tuple[Sequence[Job], asyncio.Future[None]]] = []
        self._task: asyncio.Task[None] | None = None

    async def note(self, jobs: Sequence[Job]) -> None:
        """Return once it is durable that these were handed over. Raises what `write` raises."""
        noted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((jobs, noted))
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        await noted

    async def _run(self) -> None:
        try:
            while self._waiting:
                some, self._waiting = self._waiting, []
                try:
                    await self._write([job for jobs, _ in some for job in jobs])
                except BaseException as error:
                    for _, noted in some:
                        if not noted.done():
                            noted.set_exception(error)
                    if not isinstance(error, Exception):
                        raise
                else:
                    for _, noted in some:
                        if not noted.done():
                            noted.set_result(None)
        finally:
            self._task = None
