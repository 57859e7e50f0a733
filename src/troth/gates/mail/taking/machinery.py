"""aiosmtpd's machinery for a connection, without what it does anew for each connection and each command.

TLS is begun by the event loop itself, so that uvloop, whose TLS is compiled, can be the loop.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable

from aiosmtpd.smtp import SMTP


class Machinery(SMTP):
    """A connection as aiosmtpd has it. Its commands are looked up once, and one timer waits for its silence."""

    _names: tuple[str, ...] = ()
    _silent_at = 0.0  # when it will have been silent for too long, on the clock of the loop

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls._names = tuple(name for name in dir(cls) if name.startswith("smtp_"))

    def __dir__(self) -> Iterable[str]:
        """The names of the commands: aiosmtpd looks for them, and for nothing else, among all names of a connection."""
        return self._names

    async def _upgrade(self, context: ssl.SSLContext) -> None:
        """Go over to TLS. All that was said before is forgotten (RFC 3207, section 4.2), even what was not yet read.

        OSError, ssl.SSLError: it cannot be done.
        """
        self._reader._buffer.clear()  # type: ignore[attr-defined] # nothing is read between this and TLS
        await self._writer.start_tls(context)
        self.transport = self._writer.transport
        self._reader._transport = self.transport  # type: ignore[attr-defined]
        self._tls_protocol = self.transport  # type: ignore[assignment] # which says that there is TLS
        self._set_rset_state()  # type: ignore[no-untyped-call]
        self.session = self._create_session()
        self.session.peer = self.transport.get_extra_info("peername")
        self.session.ssl = {"sslcontext": context}
        self._tls_handshake_okay = True
        self._reset_timeout()

    def _reset_timeout(self, duration: float | None = None) -> None:
        """Begin to wait for silence. The timer that runs stays, and when it ends too early it is set again."""
        loop, handle = self.loop, self._timeout_handle
        self._silent_at = loop.time() + (duration or self._timeout_duration)
        if handle is None or handle.cancelled() or handle.when() > self._silent_at:
            if handle is not None:
                handle.cancel()
            self._timeout_handle = loop.call_at(self._silent_at, self._perhaps_silent, loop)

    def _perhaps_silent(self, loop: asyncio.AbstractEventLoop) -> None:
        if loop.time() < self._silent_at:
            self._timeout_handle = loop.call_at(self._silent_at, self._perhaps_silent, loop)
        else:
            self._timeout_handle = None
            self._timeout_cb()  # type: ignore[no-untyped-call]
