"""Listening for clients that submit mail, beside the relay that sends it on, on an event loop of their own.

`MailServer` is both; `running` keeps one in a thread, so that `troth up` has it beside the pages.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import msgspec

from troth.gates.mail.sending.relaying import Relay
from troth.gates.mail.taking.loop import new_event_loop
from troth.gates.mail.taking.protocol import Gate, Limits
from troth.gates.mail.taking.submission import Connection

DEFAULT_PORT = 8769
CONNECTIONS = 500  # at the same time
GRACE = 5.0  # seconds for what is under way, once the server is asked to stop
log = logging.getLogger("troth.mail")


class ListeningError(RuntimeError):
    """It cannot listen there; the text says what to do."""


class Listener(msgspec.Struct, frozen=True, kw_only=True):
    """Where to listen: an IP address and a port (0: any free one), and whether TLS is there from the first byte.

    Beyond loopback TLS comes before anything else; with `secure` on loopback, too.
    """

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    implicit: bool = False
    secure: bool = False

    @property
    def loopback(self) -> bool:
        """Whether only this machine reaches it."""
        return _loopback(self.host)


@lru_cache
def _loopback(host: str) -> bool:
    return ipaddress.ip_address(host).is_loopback  # it is asked for every connection


def read_listener(text: str) -> Listener:
    """The listener in `host:port`, `smtp://host:port` or `smtps://host:port`. ListeningError: it is none."""
    scheme, _, rest = text.rpartition("://")
    host, _, port = rest.rpartition(":")
    host = {"localhost": "127.0.0.1", "": "127.0.0.1"}.get(host.strip("[]"), host.strip("[]"))
    try:
        ipaddress.ip_address(host)
        number = int(port)
    except ValueError:
        number = -1
    if scheme not in ("", "smtp", "smtps") or not 0 <= number <= 65535:
        raise ListeningError(f"'{text}' is no place to listen for mail: write 127.0.0.1:8769, or smtps://[::]:465.")
    return Listener(host=host, port=number, implicit=scheme == "smtps")


def tls_context(certificate: Path, key: Path | None = None) -> ssl.SSLContext:
    """TLS for clients, from a file of the certificates and one of the key, or one with both. ListeningError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise ListeningError(f"{certificate}: no certificate can be read there with its key: {error}.") from None
    return context


class MailServer:
    """Takes mail from clients and sends it on, until it is stopped."""

    def __init__(
        self,
        gate: Gate,
        relay: Relay | None,
        listeners: Sequence[Listener],
        *,
        name: str = "localhost",
        tls: ssl.SSLContext | None = None,
        limits: Limits | None = None,
        connections: int = CONNECTIONS,
    ) -> None:
        """Beyond loopback, `tls` must be there. `name` is what this machine calls itself. ListeningError."""
        for listener in listeners:
            if tls is None and (listener.implicit or not listener.loopback):
                raise ListeningError(
                    f"Mail is taken at {listener.host}, port {listener.port}, only with TLS: name a certificate "
                    "with `certificate` in troth.toml. Without one Troth listens on this machine alone."
                )
        self._gate = gate
        self._relay = relay
        self._listeners = tuple(listeners)
        self._name = name
        self._tls = tls
        self._limits = limits or Limits()
        self._most = connections
        self._open: set[Connection] = set()
        self._servers: list[asyncio.Server] = []
        self._relaying: asyncio.Task[None] | None = None

    @property
    def addresses(self) -> list[str]:
        """Where it listens, as `host:port`."""
        return [
            f"{'[' * (':' in host)}{host}{']' * (':' in host)}:{port}"
            for server in self._servers
            for host, port, *_ in (one.getsockname() for one in server.sockets)
        ]

    async def start(self) -> None:
        """Listen, and begin to send. ListeningError: it cannot listen; nothing was begun."""
        loop = asyncio.get_running_loop()
        try:
            for listener in self._listeners:
                family = socket.AF_INET6 if ":" in listener.host else socket.AF_INET
                server = await loop.create_server(
                    lambda listener=listener: self._connection(listener),
                    listener.host,
                    listener.port,
                    family=family,
                    backlog=512,
                    ssl=self._tls if listener.implicit else None,
                )
                self._servers.append(server)
        except OSError as error:
            self._close()
            where = f"{listener.host}, port {listener.port}"
            raise ListeningError(
                f"Mail cannot be taken at {where}: {error.strerror or error}. Stop what listens there, or choose "
                "another place with `submission` in troth.toml."
            ) from None
        if self._relay is not None:
            self._relaying = asyncio.create_task(self._relay.run())

    async def stop(self, grace: float = GRACE) -> None:
        """Take no more; what is being taken or sent may end for so many seconds."""
        self._close()
        loop = asyncio.get_running_loop()
        until = loop.time() + grace
        for connection in list(self._open):
            if not connection.busy:
                connection.end("421 4.3.2 The server stops")
        while any(connection.busy for connection in self._open) and loop.time() < until:
            await asyncio.sleep(0.02)
        for connection in list(self._open):
            connection.end("421 4.3.2 The server stops")
        if self._relay is not None and self._relaying is not None:
            await self._relay.stop(max(0.1, until - loop.time()))
            self._relaying.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._relaying
        await asyncio.sleep(0)  # lets the connections go

    def _connection(self, listener: Listener) -> Connection:
        connection = _Counted(
            self._gate,
            self._limits,
            self._name,
            tls=self._tls,
            implicit=listener.implicit,
            local=listener.loopback and not listener.secure,
            full=len(self._open) >= self._most,
            loop=asyncio.get_running_loop(),
        )
        connection.among = self._open
        return connection

    def _close(self) -> None:
        for server in self._servers:
            server.close()


class _Counted(Connection):
    """A connection that is counted while it stands."""

    among: set[Connection]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See Connection."""
        super().connection_made(transport)
        if not self._full:
            self.among.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        """See Connection."""
        self.among.discard(self)
        super().connection_lost(error)


class MailThread:
    """A mail server in a thread of its own. Made by `running`."""

    def __init__(self, server: MailServer) -> None:
        self._server = server
        self._loop = new_event_loop()
        self._stop = asyncio.Event()
        self._ready = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="troth-mail", daemon=True)

    @property
    def addresses(self) -> list[str]:
        """Where it listens."""
        return self._server.addresses

    def start(self) -> None:
        """Begin; returns once it listens. Raises what kept it from that."""
        self._thread.start()
        self._ready.wait()
        if self._error is not None:
            self._thread.join()
            raise self._error

    def stop(self) -> None:
        """Stop, and return when all is over."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        try:
            await self._server.start()
        except BaseException as error:
            self._error = error
            return
        finally:
            self._ready.set()
        await self._stop.wait()
        await self._server.stop()


@contextlib.contextmanager
def running(server: MailServer) -> Iterator[MailThread]:
    """Keep a mail server in a thread. ListeningError: it cannot listen."""
    thread = MailThread(server)
    thread.start()
    try:
        yield thread
    finally:
        thread.stop()
