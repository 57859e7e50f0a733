"""Reading a message off a connection, so strictly that no two servers can disagree where it ends.

Servers that take a bare LF or CR for the end of a line see the end of a message where others see none, and what follows
as commands of the same, trusted connection: SMTP smuggling. Here the end is CRLF "." CRLF and nothing else (RFC 5321,
section 4.1.1.4), a CR or LF that stands alone is no text (section 2.3.8), and neither is NUL.
"""

from __future__ import annotations

import asyncio
import re

LINE = 998  # characters of a line, without its end (RFC 5322, section 2.1.1)
END = b"\r\n.\r\n"
_STRAY = re.compile(rb"\r(?!\n)|(?<!\r)\n|\0")


class StrayByteError(ValueError):
    """There is a CR or LF that stands alone, or a NUL: whoever reads on may read what was never meant as a command."""


class Body:
    """A message while it comes in, part by part. At most `limit` bytes are kept of it."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._data = bytearray(b"\r\n")  # the message begins at the beginning of a line
        self._checked = 2
        self._dropped = 0

    @property
    def size(self) -> int:
        """How many bytes came so far."""
        return len(self._data) - 2 + self._dropped

    @property
    def too_large(self) -> bool:
        """Whether it has more bytes than the limit, and was not kept."""
        return self._dropped > 0

    def feed(self, part: bytes) -> bytes | None:
        """Take what came; None while it goes on, and what came after the end once that is there.

        StrayByteError: nothing that comes now can be trusted to be what it seems.
        """
        data = self._data
        start = max(0, len(data) - len(END) + 1)
        data += part
        at = data.find(END, start)
        # A CR at the very end waits for what follows it. It is checked from one byte before, for what a LF follows.
        upto = len(data) - data.endswith(b"\r") if at < 0 else at + 2
        if upto > self._checked and _has_stray(data, self._checked, upto):
            raise StrayByteError
        self._checked = max(self._checked, upto)
        if at >= 0:
            rest = bytes(data[at + len(END) :])
            del data[at + 2 :]
            self._shrink()
            return rest
        self._shrink()
        return None

    def content(self) -> bytes:
        """The message, once its end came: without the dots that were added on the way (RFC 5321, section 4.5.2)."""
        return bytes(self._data.replace(b"\r\n.", b"\r\n"))[2:]

    def _shrink(self) -> None:
        if self.too_large or len(self._data) - 2 > self._limit:
            gone = max(0, len(self._data) - len(END))
            del self._data[:gone]
            self._dropped += gone
            self._checked = max(0, self._checked - gone)


def _has_stray(data: bytearray, start: int, end: int) -> bool:
    """Whether a CR or LF stands alone in a part of what came, or a NUL. No part begins between a CR and its LF.

    Counting is what bytes are quickest at: each stands beside the other if there are as many of each as of the pair.
    """
    pairs = data.count(b"\r\n", start, end)
    if data.count(b"\r", start, end) != pairs or data.count(b"\n", start, end) != pairs:
        return True
    return data.find(b"\0", start, end) >= 0


def longest_line(content: bytes) -> int:
    """How many characters the longest line of a message has, without its end."""
    return max(map(len, content.split(b"\r\n")))


class StrictReader:
    """The reader of a connection, for aiosmtpd: commands end with CRLF, and what was read too far can be given back."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._inner = reader
        self._ended = False

    def end(self) -> None:
        """Read nothing any more, whatever is there: the connection is to be closed."""
        self._ended = True
        self._inner._buffer.clear()  # type: ignore[attr-defined]

    async def readuntil(self, separator: bytes = b"\n") -> bytes:
        """The next line of a command. StrayByteError: it does not end as it should. LimitOverrunError: no end to it."""
        line = b"" if self._ended else await self._inner.readuntil(separator)
        if self._ended:
            await asyncio.get_running_loop().create_future()  # until the connection is gone
        if line != b"\r\n" and _STRAY.search(line):
            raise StrayByteError
        return line

    async def readline(self) -> bytes:
        """The next line of an answer to a challenge; as `readuntil`."""
        try:
            return await self.readuntil(b"\n")
        except asyncio.LimitOverrunError:
            raise StrayByteError from None

    async def read(self, most: int = -1) -> bytes:
        """What there is, as soon as there is anything; nothing at the end."""
        return b"" if self._ended else await self._inner.read(most)

    def give_back(self, data: bytes) -> None:
        """Let what was read too far be read again."""
        self._inner._buffer[:0] = data  # type: ignore[attr-defined]

    # aiosmtpd clears what came before TLS, and tells the reader of its new transport.
    @property
    def _buffer(self) -> bytearray:
        buffer: bytearray = self._inner._buffer  # type: ignore[attr-defined]
        return buffer

    @property
    def _transport(self) -> object:
        transport: object = self._inner._transport  # type: ignore[attr-defined]
        return transport

    @_transport.setter
    def _transport(self, transport: object) -> None:
        self._inner._transport = transport  # type: ignore[attr-defined]
