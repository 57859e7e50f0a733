"""One HTTP connection on which no step, and no number of small steps, takes longer than the deadline.

The timeout of a socket is that of each operation: a server that sends a byte now and then would never run into it. Here
each operation gets what is left of the time of the whole call. (Looking up the name of the host is the system's own
affair and not bounded.)
"""

from __future__ import annotations

import http.client
import io
import select
import socket
import ssl
import time
from typing import Any

from troth.client.address import Address


class Deadline:
    """The moment at which a call has to be over."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """The seconds that are left. TimeoutError: none are."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("It took too long.")
        return left


class _Timed(io.RawIOBase):
    """What comes from a socket, read before the deadline."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, deadline: Deadline) -> None:
        super().__init__()
        self._raw, self._socket, self._deadline = raw, sock, deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._socket.settimeout(self._deadline.left())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class Connection(http.client.HTTPConnection):
    """A connection to an address, kept open from one call to the next. `deadline` is set for each."""

    def __init__(self, address: Address, context: ssl.SSLContext | None) -> None:
        super().__init__(address.host, address.port)
        self.deadline = Deadline(0)
        self._context = context if address.tls else None
        self.response_class = self._response  # type: ignore[assignment]

    def connect(self) -> None:
        """Connect, and on TLS verify who answers. OSError: it cannot."""
        sock = socket.create_connection((self.host, self.port), self.deadline.left())
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(self.deadline.left())
            self.sock = self._context.wrap_socket(sock, server_hostname=self.host) if self._context else sock
        except BaseException:
            sock.close()
            raise

    def send(self, data: Any) -> None:
        """Send bytes, on a connection that stands."""
        rest = memoryview(data)
        while rest:
            self.sock.settimeout(self.deadline.left())
            rest = rest[self.sock.send(rest[: 64 * 1024]) :]

    def is_open(self) -> bool:
        """Whether nothing says that the server closed it: a connection at rest has nothing to read."""
        if self.sock is None:
            return False
        if hasattr(select, "poll"):  # `select` cannot take a file descriptor above 1023
            waiting = select.poll()
            waiting.register(self.sock, select.POLLIN)
            return not waiting.poll(0)
        return not select.select([self.sock], [], [], 0)[0]

    def _response(self, sock: socket.socket, *arguments: Any, **keywords: Any) -> http.client.HTTPResponse:
        response = http.client.HTTPResponse(sock, *arguments, **keywords)
        raw = response.fp.detach()
        response.fp = io.BufferedReader(_Timed(raw, sock, self.deadline))
        return response
