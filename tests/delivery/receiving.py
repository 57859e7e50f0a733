"""A recipient for the tests: a real HTTP service on loopback that notes what it saw and answers as it is told."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from troth.gates.delivery.signing import acknowledged_content


class Seen(NamedTuple):
    """A request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def json(self) -> dict:
        return json.loads(self.body)


class Said(NamedTuple):
    """An answer."""

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


class Receiver:
    """What it saw, in order, and how it behaves: a function from a request to an answer, or to raw bytes."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.behave: Callable[[Seen], Said | bytes] = lambda seen: Said()
        self.url = ""
        self.arrived = threading.Condition()


def acknowledgement(seen: Seen, secret: str, *, digest: str | None = None) -> bytes:
    """The answer of a recipient that signs with the shared secret, by the specification and not by our code."""
    digest = digest or hashlib.sha256(seen.body).hexdigest()
    key = base64.b64decode(secret.removeprefix("whsec_"))
    content = f"troth-acknowledgement\n{seen.id}\n{digest}".encode()
    assert content == acknowledged_content(seen.id, digest)
    signature = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    return json.dumps({"acknowledged": seen.id, "digest": digest, "signature": f"v1,{signature}"}).encode()


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A running recipient."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen = Seen(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            with receiver.arrived:
                receiver.seen.append(seen)
                receiver.arrived.notify_all()
            said = receiver.behave(seen)
            if isinstance(said, bytes):
                self.wfile.write(said)
                self.close_connection = True
                return
            self.send_response(said.status)
            for name, value in said.headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(said.body)))
            self.end_headers()
            self.wfile.write(said.body)

        do_GET = do_POST  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, *_: object) -> None:
            pass  # the other side hung up, which is part of the tests

    server = Server(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_port}/hooks"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
