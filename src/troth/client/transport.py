"""Sending a request and reading the whole answer: kept connections, one deadline, and retries of what is safe.

Redirects are not followed and proxies of the environment are not used: a service key and what people wrote go to the
address that was given and nowhere else.
"""

from __future__ import annotations

import http.client
import os
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from troth.client.address import Address
from troth.client.connection import Connection, Deadline
from troth.client.errors import Unavailable

MOST_BYTES = 64 * 1024 * 1024  # of an answer
IDLE = 4.0  # seconds after which a connection is not used again: servers close theirs after five
PATIENCE = 2.0  # the longest Retry-After, in seconds, that is waited for
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Request:
    """A request: `path` as it goes on the wire. `repeatable`: doing it twice is no different from doing it once.

    `whole`: it is done whole or not at all, so a 503 says that nothing was done.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes | None = None
    repeatable: bool = False
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, whole. `media_type` is in lower case, without parameters; `retry_after` in seconds."""

    status: int
    media_type: str
    body: bytes
    retry_after: float | None = None


class Transport:
    """The way to one server. Safe to share between threads; a connection serves one call at a time.

    It may be made before a process forks: the child does not use what its parent opened.
    """

    def __init__(self, address: Address, timeout: float, context: ssl.SSLContext | None = None) -> None:
        self.address = address
        self._timeout = timeout
        self._context = context or (ssl.create_default_context() if address.tls else None)
        self._lock = threading.Lock()
        self._idle: list[tuple[Connection, float]] = []
        self._process = os.getpid()

    def ask(self, request: Request) -> Answer:
        """The answer, whatever its status.

        Done a second time, within the same deadline: what is repeatable, when a kept connection broke; anything, when
        Troth itself says that it is busy for a moment (503), as then it did nothing. Unavailable: no whole answer came.
        """
        deadline = Deadline(self._timeout)
        answer, broke = self._try(request, deadline, last=False)
        if answer is None:
            answer, broke = self._try(request, deadline, last=True)
        elif request.whole and not broke and _busy(answer, deadline):
            time.sleep(answer.retry_after or 0)
            answer, broke = self._try(request, deadline, last=True)
        if answer is None:  # pragma: no cover - the last try answers or raises
            raise Unavailable("Troth did not answer.")
        return answer

    def close(self) -> None:
        """Close the connections that are at rest. Another call opens new ones."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection, _ in idle:
            connection.close()

    def _try(self, request: Request, deadline: Deadline, *, last: bool) -> tuple[Answer | None, bool]:
        """The answer; None if a kept connection broke and another try is safe."""
        connection = None if last else self._kept()
        kept = connection is not None
        try:
            if connection is None:
                connection = Connection(self.address, self._context)
                connection.deadline = deadline
                connection.connect()
            connection.deadline = deadline
        except ssl.SSLCertVerificationError as problem:
            raise Unavailable(f"The certificate of {self.address.host} cannot be trusted.") from problem
        except OSError as problem:
            raise Unavailable(f"Troth at {self.address.host} cannot be reached.") from problem
        try:
            answer = _exchange(connection, self.address.base, request)
        except (OSError, http.client.HTTPException, ValueError) as problem:
            connection.close()
            if kept and request.repeatable and not isinstance(problem, TimeoutError):
                return None, True
            slow = isinstance(problem, TimeoutError)
            text = "Troth took too long to answer." if slow else "The answer of Troth broke off or is none."
            raise Unavailable(text, unknown=not request.repeatable) from problem
        except BaseException:
            connection.close()
            raise
        self._keep(connection)
        return answer, False

    def _kept(self) -> Connection | None:
        with self._lock:
            if self._process != os.getpid():
                self._process, self._idle = os.getpid(), []
            oldest = time.monotonic() - IDLE
            while self._idle:
                connection, since = self._idle.pop()
                if since > oldest and connection.is_open():
                    return connection
                connection.close()
        return None

    def _keep(self, connection: Connection) -> None:
        if connection.sock is None:  # the server wanted it closed
            return
        with self._lock:
            self._idle.append((connection, time.monotonic()))


def _exchange(connection: Connection, base: str, request: Request) -> Answer:
    headers = dict(request.headers)
    connection.request(request.method, base + request.path, request.body, headers)
    response = connection.getresponse()
    whole = False
    try:
        expected = response.length
        parts: list[bytes] = []
        size = 0
        while part := response.read1(64 * 1024):
            parts.append(part)
            size += len(part)
            if size > MOST_BYTES:
                raise http.client.HTTPException("The answer is too large.")
        if expected is not None and size != expected:
            raise http.client.IncompleteRead(b"", expected - size)
        whole = True
    finally:
        response.close()
        if not whole:
            connection.close()
    media_type = (response.headers.get("Content-Type") or "").partition(";")[0].strip().lower()
    return Answer(response.status, media_type, b"".join(parts), _seconds(response.headers.get("Retry-After")))


def _seconds(text: str | None) -> float | None:
    """Retry-After in seconds (RFC 9110, section 10.2.3); the form with a date is not used by Troth."""
    text = (text or "").strip()
    return float(text) if text.isascii() and text.isdigit() and len(text) < 7 else None


def _busy(answer: Answer, deadline: Deadline) -> bool:
    """Whether Troth asks for a short wait, and it fits."""
    wait = answer.retry_after
    if answer.status != 503 or answer.media_type != JSON or wait is None or wait > PATIENCE:
        return False
    try:
        return deadline.left() > wait + 0.1
    except TimeoutError:
        return False
