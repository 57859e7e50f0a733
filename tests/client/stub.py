"""A server for tests that answers exactly what it is told to, byte by byte if it must: slow, broken off, nonsense."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

CLOSE = object()  # close the connection here
Said = bytes | Iterable[object]  # bytes to send, seconds to wait, or CLOSE


@dataclass(frozen=True)
class Asked:
    """A request as it came in. `connection` is the number of the connection that it came on."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: int

    def json(self) -> dict:
        return json.loads(self.body)


def said(value: object = None, status: int = 200, kind: str = "application/json", **headers: str) -> bytes:
    """A whole answer: of an object as JSON, or of bytes as they are."""
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    lines = [f"HTTP/1.1 {status} Said", f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {text}" for name, text in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def refusal(code: str = "undeclared", status: int = 422, **told: str) -> bytes:
    body = {"error": code, "message": "It may not.", "field": None, "statement": None, "sentence": ""} | told
    return said(body, status)


def collected(**told: object) -> dict[str, object]:
    """What the gate says of a collection."""
    return {
        "entry": 12, "person": "0" * 32, "statement": "registration", "version": "2017-02-01",
        "sentence": "When you register, we ask.", "stored": ["contact.email"], "dropped": [], "masked": [],
        "duties": [],
    } | told  # fmt: skip


@dataclass
class Stub:
    """`answer` is called for each request; `asked` is what came in."""

    url: str
    answer: Callable[[Asked], Said] = lambda asked: said({})
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0

    def script(self, *answers: Said) -> None:
        """Give these answers, one after the other."""
        left: Iterator[Said] = iter(answers)
        self.answer = lambda asked: next(left)


@contextmanager
def running() -> Iterator[Stub]:
    listener = socket.create_server(("127.0.0.1", 0))
    stub = Stub(f"http://127.0.0.1:{listener.getsockname()[1]}")
    stop = threading.Event()
    open_ones: list[socket.socket] = []

    def accept() -> None:
        while not stop.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            stub.connections += 1
            open_ones.append(connection)
            threading.Thread(target=_serve, args=(stub, connection, stub.connections), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield stub
    finally:
        stop.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in open_ones:
            connection.close()
        thread.join(5)


def _serve(stub: Stub, connection: socket.socket, number: int) -> None:
    with connection, connection.makefile("rb") as stream:
        try:
            while line := stream.readline():
                method, path, _ = line.decode().split()
                headers = {}
                while (header := stream.readline()) not in (b"\r\n", b""):
                    name, _, value = header.decode("latin-1").partition(":")
                    headers[name.lower()] = value.strip()
                asked = Asked(method, path, headers, stream.read(int(headers.get("content-length", 0))), number)
                stub.asked.append(asked)
                answer = stub.answer(asked)
                for part in [answer] if isinstance(answer, bytes) else answer:
                    if part is CLOSE:
                        connection.shutdown(socket.SHUT_RDWR)
                        return
                    if isinstance(part, bytes):
                        connection.sendall(part)
                    else:
                        time.sleep(part)
        except OSError:
            return
