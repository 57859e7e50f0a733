"""Serving the web application from this machine.

Until callers can show who they are, by service keys, the server listens on loopback alone: the decision point tells
everybody who asks what the policy allows, and knows people's choices. It writes no access log and nothing else that
holds an IP address.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import ipaddress
import signal
import socket
import threading
from collections.abc import Callable, Generator, Iterable
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn

from troth.gates.share.files.place import Place
from troth.gates.tally import Tally
from troth.policy.history import Policy
from troth.web.app import WebApp, make_app
from troth.web.authzen.routes import Clock
from troth.web.headers import App

if TYPE_CHECKING:
    from troth.accountability.terms import Terms
    from troth.people import People
    from troth.record.log import Log
    from troth.vault import Vault
    from troth.web.choices.mail import Post
    from troth.web.mail.desk import MailPlace
    from troth.web.verifying import Schedule

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8768

# How long requests under way may take once the server is asked to stop, in seconds.
GRACE = 5

SERVER_ERRORS: dict[str, str] = {
    "not-loopback": "Without a service key the server listens on this machine alone, and the address is another.",
    "bad-address": "An address to listen on is an IP address, or localhost.",
    "no-name": "The server would listen to a network and answer to none of its names there.",
    "bad-port": "A port is a number from 0 to 65535; 0 takes any free one.",
    "port-taken": "Another program listens on that port already.",
    "port-forbidden": "The system does not let this user listen on that port.",
    "cannot-listen": "The system refuses to listen on that address.",
}


class ServerError(RuntimeError):
    """The server cannot start: the stable `code`, and a text that says what to do."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(message)


def serve(
    policy: Policy | str | PathLike[str],
    host: str = DEFAULT_HOST,
    port: int = DEFAULT_PORT,
    *,
    clock: Clock | None = None,
    hosts: Iterable[str] = (),
    public_url: str | None = None,
    ready: Callable[[str], None] | None = None,
    log: Log | None = None,
    site: str | None = None,
    people: People | None = None,
    post: Post | None = None,
    vault: Vault | None = None,
    demonstration: Path | None = None,
    names: Iterable[str] = (),
    deliver_to_loopback: bool = False,
    terms: Terms | None = None,
    files: Path | None = None,
    mail: MailPlace | None = None,
    schedule: Schedule | None = None,
) -> None:
    """Serve a policy (or the file or directory that holds it) until SIGINT or SIGTERM, then return.

    With a `log`, the policy is the published one in it: the record is served too, and so is every version that is
    published while the server runs. With `people`, they choose on pages of this server. `demonstration` is a folder of
    pages that are served as the covered sites whose names end in `.localhost`. Beyond loopback it listens only if the
    store of the log has a service key; then every caller needs one, and it answers to `site` and to `names`, too.
    `deliver_to_loopback`: recipients may be on this machine, as in examples.
    `files` is the folder of the files that recipients fetch. `mail` is what is configured of mail.
    `schedule` says when is tested what the promises rest on; without one, nothing is.

    Port 0 takes any free port. `ready` is called with the server's URL once it answers. See `make_app` for the rest.
    Raises ServerError when the server cannot listen, PolicyError when the policy cannot be read.
    """
    beyond = _beyond(host, log, site, names := tuple(names))
    listener = listen(host, port, beyond=beyond)
    try:
        if not isinstance(policy, Policy):
            policy = Policy.read(policy)
        own_names = (*hosts, _in_url(host))
        tally = Tally()  # one for all versions, so that no count is lost when one follows another

        def make(policy: Policy) -> WebApp:
            return make_app(
                policy,
                clock=clock,
                hosts=own_names,
                public_url=public_url,
                log=log,
                site=site,
                people=people,
                post=post,
                vault=vault,
                names=names,
                require_keys=beyond,
                terms=terms,
                files=None if files is None else Place(files, site or url_of(listener)),
                mail=None if mail is None else mail._replace(site=site or url_of(listener)),
                tally=tally,
            )

        app: App
        if log is None:
            app = make(policy)
        else:
            from troth.web.live import LiveApp  # noqa: PLC0415 - only who serves a record pays for loading it

            app = live = LiveApp(
                log, policy, make, people=people, vault=vault, deliver_to_loopback=deliver_to_loopback,
                schedule=schedule, post=post,
            )  # fmt: skip
            if demonstration is not None and people is not None:
                from troth.web.demonstration import Demonstration  # noqa: PLC0415 - only who shows it pays for it

                app = Demonstration(live, people, demonstration, site or url_of(listener), lambda: live.collecting)
        server(app, ready=ready and (lambda: ready(url_of(listener)))).run(sockets=[listener])
    finally:
        listener.close()


def listen(host: str = DEFAULT_HOST, port: int = DEFAULT_PORT, *, beyond: bool = False) -> socket.socket:
    """A socket that listens on a loopback address, or with `beyond` on any. Raises ServerError.

    `beyond` is for an app that requires service keys of all callers, and for no other.
    """
    if not 0 <= port <= 65535:
        raise ServerError("bad-port", f"{port} is not a port. Choose one from 1 to 65535, or 0 for any free one.")
    family, address = _address(host, beyond)
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            message = (
                f"Another program listens on port {port} already, perhaps an earlier Troth. "
                f"Stop it, or choose another port: --port {port + 1 if port < 65535 else 1024}, or --port 0 for any."
            )
            raise ServerError("port-taken", message) from None
        if error.errno in (errno.EACCES, errno.EPERM):
            message = f"This user may not listen on port {port}. Choose one from 1024 up: --port {DEFAULT_PORT}."
            raise ServerError("port-forbidden", message) from None
        message = f"Cannot listen on {host}, port {port}: {error.strerror}."
        raise ServerError("cannot-listen", message) from None
    return listener


def _beyond(host: str, log: Log | None, site: str | None, names: tuple[str, ...]) -> bool:
    """Whether to listen beyond loopback, which takes a service key and a name. ServerError: it may not be done."""
    found = _parsed(host)
    if found.is_loopback or log is None:
        return False
    from troth.gates.services import ServiceKeys  # noqa: PLC0415 - only who listens beyond loopback pays for it

    if not ServiceKeys(log.store).any():
        return False
    if found.is_unspecified and not site and not names:
        message = (
            f"'{host}' is every address of this machine, and callers know it by a name. Troth answers only to names "
            "that it was told, so that no page on the web can reach it under one of its own: set `names` (or `site`) "
            'in troth.toml, such as names = "troth.internal.example".'
        )
        raise ServerError("no-name", message)
    return True


def _address(host: str, beyond: bool) -> tuple[socket.AddressFamily, str]:
    """Family and address of a host; ServerError unless it is loopback, or may be beyond."""
    address = _parsed(host)
    if not address.is_loopback and not beyond:
        message = (
            f"Troth does not listen on '{host}' yet. Whoever reaches the decision point may ask it anything, until "
            "there are keys by which callers show who they are. Make a first one, and it does, for callers with a key: "
            "troth key create newsletter --action use --purpose marketing.own --data contact.email --product '*'. "
            "Without one it listens on this machine alone: 127.0.0.1, ::1 or localhost."
        )
        raise ServerError("not-loopback", message)
    return (socket.AF_INET6 if address.version == 6 else socket.AF_INET), str(address)


def _parsed(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address("127.0.0.1" if host == "localhost" else host.strip("[]"))
    message = f"'{host}' is no address to listen on: give an IP address, such as 127.0.0.1 or ::1, or localhost."
    raise ServerError("bad-address", message)


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def url_of(listener: socket.socket) -> str:
    """The URL of a listening socket; of one on every address, that of loopback."""
    host, port, *_ = listener.getsockname()
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not listened on
    return f"http://{_in_url(host)}:{port}"


def server(app: App, *, ready: Callable[[], None] | None = None) -> uvicorn.Server:
    """The HTTP server for an app, not yet running: no access log, no Server header, no trust in proxies' headers."""
    config = uvicorn.Config(
        app,
        interface="asgi3",
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE,
    )
    return _Server(config, ready)


def _alone() -> bool:
    """Whether the server has the process to itself, and is not a thread of another program."""
    return threading.current_thread() is threading.main_thread()


class _Server(uvicorn.Server):
    """Says when it is ready, and comes back from a signal as from any other end."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None] | None) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if _alone():
            # What was built for the start stays until the end; the garbage collector need not look at it ever again.
            gc.collect()
            gc.freeze()
        if self.started and self._ready is not None:
            self._ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        # The server's own way is to raise the signal again once it has stopped, which would end the program as if it
        # had been killed; being asked to stop is no failure.
        if not _alone():
            yield
            return
        signals = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self.handle_exit) for number in signals}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
