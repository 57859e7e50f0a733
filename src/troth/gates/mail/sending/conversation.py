"""The conversation with an SMTP server upstream once it is connected: commands in one go, replies in their order.

aiosmtplib makes the connection (greeting, STARTTLS, AUTH), and sends one command at a time. Here its transport is used
on with command pipelining (RFC 2920), which saves three journeys for each message, and with a last look between the
body and the dot that ends it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import cast

import msgspec

LONGEST = 64 * 1024  # bytes of a reply


class Reply(msgspec.Struct, frozen=True):
    """What a server answered: the code, and the text of all lines."""

    code: int
    text: str

    @property
    def accepted(self) -> bool:
        """Whether it was done."""
        return 200 <= self.code < 300

    @property
    def permanent(self) -> bool:
        """Whether trying again is of no use."""
        return self.code >= 500

    def __str__(self) -> str:
        return f"{self.code} {self.text}"


class LostError(ConnectionError):
    """The connection is gone, or what comes over it is not SMTP."""


class Conversation(asyncio.Protocol):
    """Takes over a connected transport. For one task at a time."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._buffer = bytearray()
        self._lines: list[bytes] = []
        self._replies: deque[Reply] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._resumed = asyncio.Event()
        self._resumed.set()
        self._lost: str | None = None
        transport.set_protocol(self)

    @property
    def alive(self) -> bool:
        """Whether the connection stands and nothing came that was not asked for."""
        return self._lost is None and not self._transport.is_closing() and not self._replies and not self._buffer

    def write(self, data: bytes) -> None:
        """Send bytes as they are. LostError."""
        if self._lost is not None or self._transport.is_closing():
            raise LostError(self._lost or "The connection was closed.")
        self._transport.write(data)

    async def drain(self, seconds: float) -> None:
        """Wait until what was written is on its way. LostError."""
        try:
            await asyncio.wait_for(self._resumed.wait(), seconds)
        except TimeoutError:
            self._lose("The server takes nothing more.")
        if self._lost is not None:
            raise LostError(self._lost)

    async def reply(self, seconds: float) -> Reply:
        """The next reply. LostError: none came in time, or the connection is gone."""
        while not self._replies:
            if self._lost is not None:
                raise LostError(self._lost)
            loop = asyncio.get_running_loop()
            self._waiter = loop.create_future()
            timer = loop.call_later(seconds, self._lose, f"The server did not answer within {seconds:g} seconds.")
            try:
                await self._waiter
            finally:
                timer.cancel()
                self._waiter = None
        return self._replies.popleft()

    def close(self) -> None:
        """Say goodbye and close; there is no waiting for the answer."""
        if self._lost is None and not self._transport.is_closing():
            self._transport.write(b"QUIT\r\n")
        self._transport.close()

    def abort(self) -> None:
        """Break it off, so that a message that was not ended is thrown away (RFC 5321, section 4.1.1.4)."""
        self._lose("The connection was broken off.")
        self._transport.abort()

    # --- asyncio.Protocol ---------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        self._buffer += data
        while (end := self._buffer.find(b"\n")) >= 0:
            line = bytes(self._buffer[:end]).rstrip(b"\r")
            del self._buffer[: end + 1]
            self._line(line)
        if len(self._buffer) + sum(map(len, self._lines)) > LONGEST:
            self._lose("The server's answer has no end.")

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._lose("The server closed the connection." if exc is None else f"The connection broke: {exc}")

    def eof_received(self) -> bool:
        """See asyncio.Protocol."""
        self._lose("The server closed the connection.")
        return False

    def pause_writing(self) -> None:
        """See asyncio.Protocol."""
        self._resumed.clear()

    def resume_writing(self) -> None:
        """See asyncio.Protocol."""
        self._resumed.set()

    def _line(self, line: bytes) -> None:
        if not (line[:3].isdigit() and len(line[:3]) == 3 and line[3:4] in (b"", b" ", b"-")):
            self._lose("The server's answer is not SMTP.")
            return
        self._lines.append(line)
        if line[3:4] != b"-":
            text = " ".join(one[4:].decode("ascii", "replace").strip() for one in self._lines)
            self._replies.append(Reply(int(line[:3]), text))
            self._lines = []
            self._wake()

    def _lose(self, why: str) -> None:
        if self._lost is None:
            self._lost = why
        self._resumed.set()
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def taken_over(transport: asyncio.BaseTransport) -> Conversation:
    """The conversation on a connected transport."""
    return Conversation(cast("asyncio.Transport", transport))
