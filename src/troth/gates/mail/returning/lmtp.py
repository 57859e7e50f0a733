"""Taking what comes back from a mail server on this machine, over LMTP (RFC 2033).

The mail server (the MX of the domains that mail comes back to) hands everything for them here. A recipient that nothing
can come back to is refused before the message is sent, and a message is acknowledged with 250 once what it led to is
durable; with the store away it is 451, and the mail server tries again. One recipient at a time: each has its own
answer. Listens on loopback alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

from aiosmtpd.lmtp import LMTP

from troth.gates.mail.returning.reports import MOST_BYTES
from troth.gates.mail.returning.returns import ReturnError, Returns
from troth.gates.mail.streams import Streams
from troth.people import People
from troth.people.errors import PeopleError
from troth.policy.history import Policy
from troth.store import StoreError

DEFAULT_PORT = 8770
TIMEOUT = 300.0  # seconds of patience with the mail server (RFC 5321, section 4.5.3.2.7)
LATER = "451 4.3.0 It cannot be recorded at this moment; nothing was changed, try again later"

log = logging.getLogger("troth.mail")
# aiosmtpd writes down who connects and what they send, and Troth keeps neither.
logging.getLogger("mail.log").setLevel(logging.CRITICAL + 1)


class LmtpError(RuntimeError):
    """It cannot listen there; the text says what to do."""


class _Handler:
    """What aiosmtpd calls for each command."""

    def __init__(self, returns: Callable[[], Returns]) -> None:
        self._returns = returns

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        if envelope.rcpt_tos:
            return "452 4.5.3 One recipient at a time: lmtp_destination_recipient_limit = 1"
        if not self._returns().expects(address):
            return "550 5.1.1 Nothing comes back to this address"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        try:
            taken = await asyncio.to_thread(
                self._returns().take, envelope.original_content, envelope.rcpt_tos[0], source="lmtp"
            )
        except ReturnError as problem:
            return f"{problem.code} {problem.enhanced} {problem.text}"
        except (StoreError, PeopleError, OSError):
            return LATER
        except Exception:
            log.exception("What came back could not be taken; the mail server keeps it and tries again.")
            return LATER
        return f"250 2.0.0 {taken.what}: {taken.did}"


class LmtpServer:
    """Listens until it is stopped. LmtpError from the start: the address is not of this machine alone, or taken."""

    def __init__(self, returns: Callable[[], Returns], host: str = "127.0.0.1", port: int = DEFAULT_PORT) -> None:
        try:
            local = ipaddress.ip_address(host).is_loopback
        except ValueError:
            local = False
        if not local:
            raise LmtpError(
                f"'{host}' is no loopback address. LMTP has no passwords, so Troth takes it from this machine alone: "
                "127.0.0.1 or ::1."
            )
        self._returns, self._host, self._port = returns, host, port
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._port if self._server is None else int(self._server.sockets[0].getsockname()[1])

    async def start(self) -> None:
        """Begin to listen."""
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(lambda: self._session(loop), self._host, self._port)
        except OSError as problem:
            raise LmtpError(
                f"Nothing can listen on {self._host}, port {self._port}: {problem.strerror}. `lmtp` chooses another."
            ) from None

    async def stop(self) -> None:
        """Stop. What is not acknowledged yet is sent again by the mail server."""
        if self._server is not None:
            self._server.close()

    def _session(self, loop: asyncio.AbstractEventLoop) -> LMTP:
        return LMTP(
            _Handler(self._returns),
            data_size_limit=MOST_BYTES,
            hostname="localhost",
            ident="Troth",
            timeout=TIMEOUT,
            enable_SMTPUTF8=True,
            loop=loop,
        )


class LmtpThread:
    """An LMTP server in a thread of its own, for a process that does other things besides."""

    def __init__(self, server: LmtpServer) -> None:
        self.server = server
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="troth-lmtp", daemon=True)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self.server.port

    def start(self) -> None:
        """Begin; returns once it listens. LmtpError: it cannot."""
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self.server.start(), self._loop).result()
        except BaseException:
            self._end()
            raise

    def stop(self) -> None:
        """Stop, and return when it has."""
        asyncio.run_coroutine_threadsafe(self.server.stop(), self._loop).result()
        self._end()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        with contextlib.suppress(RuntimeError):
            for task in asyncio.all_tasks(self._loop):
                task.cancel()
            self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()


@contextlib.contextmanager
def receiving(
    returns: Callable[[], Returns], host: str = "127.0.0.1", port: int = DEFAULT_PORT
) -> Iterator[LmtpThread]:
    """Take what comes back over LMTP as long as this lasts. LmtpError: it cannot listen there."""
    thread = LmtpThread(LmtpServer(returns, host, port))
    thread.start()
    try:
        yield thread
    finally:
        thread.stop()


def following(people: People, read: Callable[[Policy], Streams]) -> Callable[[], Returns]:
    """What takes what comes back under the policy that `people` goes by, and a new version of it from then on."""
    latest: list[tuple[Policy, Returns]] = []

    def returns() -> Returns:
        policy = people.policy
        if not latest or latest[0][0] is not policy:
            latest[:] = [(policy, Returns(people, read(policy)))]
        return latest[0][1]

    returns()  # what is wrong with the streams is found out before anything is served
    return returns


def read_lmtp(text: str) -> tuple[str, int]:
    """Host and port of `127.0.0.1:8770` or `[::1]:8770`. LmtpError: it is neither."""
    host, _, port = text.rpartition(":")
    host = {"localhost": "127.0.0.1"}.get(host.strip("[]"), host.strip("[]"))
    if not host or not port.isascii() or not port.isdigit() or not int(port) <= 65535:
        raise LmtpError(f"`lmtp`: '{text}' is no address to listen on, such as 127.0.0.1:{DEFAULT_PORT}.")
    return host, int(port)
