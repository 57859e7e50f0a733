#!/usr/bin/env python3
"""A card processor that receives from Troth: a service of its own, with nothing but Python's standard library.

It verifies who sends and that it is new, keeps the card tokens in a file of its own, signs that it has them, and
deletes those of a person when it is told to. It charges nothing: it is an example of receiving, to be read and copied.

    python processor.py --port 8780 --file tokens.json < secret
"""

import argparse
import base64
import contextlib
import hashlib
import hmac
import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

TOLERANCE = 300  # seconds between the sender's clock and this one; older messages may be somebody's copies
MOST_BYTES = 4 * 1024 * 1024  # of a message


def read_secret(text: str) -> bytes:
    """The secret that Troth printed when the endpoint was added, `whsec_` and base64."""
    if not text.startswith("whsec_"):
        raise SystemExit("The secret begins with whsec_; `troth endpoint add` prints it.")
    return base64.b64decode(text.removeprefix("whsec_"), validate=True)


def sign(secret: bytes, content: bytes) -> str:
    """A signature as Standard Webhooks writes it."""
    return "v1," + base64.b64encode(hmac.digest(secret, content, "sha256")).decode()


def refusal(secret: bytes, id: str, timestamp: str, signatures: str, body: bytes) -> str | None:
    """Why a message is not taken; None if it is. It is from whoever knows the secret, and from now."""
    if not timestamp.isascii() or not timestamp.isdigit() or abs(time.time() - int(timestamp)) > TOLERANCE:
        return "The timestamp is missing, or not of now."
    expected = sign(secret, f"{id}.{timestamp}.".encode() + body)
    # While a secret is being replaced there are several signatures, and one that is right is enough.
    if not any(hmac.compare_digest(expected.encode(), one.encode()) for one in signatures.split(" ")):
        return "No signature is right."
    return None


def acknowledgement(secret: bytes, id: str, body: bytes) -> dict[str, str]:
    """What says to Troth that this message was received, so that it can be shown to anybody later."""
    digest = hashlib.sha256(body).hexdigest()
    signature = sign(secret, f"troth-acknowledgement\n{id}\n{digest}".encode())
    return {"acknowledged": id, "digest": digest, "signature": signature}


class Tokens:
    """The tokens by the subject they are of, and the ids of the messages that were taken, in one file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._known: dict[str, dict[str, object]] = {"tokens": {}, "taken": {}}
        if file.exists():
            self._known = json.loads(file.read_text("utf-8"))

    def take(self, message: dict[str, object]) -> bool:
        """Keep or delete what a message says, on the disk before this returns; False if it was taken before."""
        with self._lock:
            id = str(message["id"])
            if id in self._known["taken"]:
                return False
            if message["type"] == "troth.disclosure":
                for person in message["persons"]:
                    if "payment.card" in person["data"]:
                        self._known["tokens"][person["subject"]] = person["data"]["payment.card"]
            elif message["type"] == "troth.erasure":
                self._known["tokens"].pop(message["subject"], None)
            self._known["taken"][id] = int(time.time())
            self._write()
            return True

    def _write(self) -> None:
        new = self._file.with_suffix(".new")
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(self._known, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._file)


class Handler(BaseHTTPRequestHandler):
    """Answers POSTs of Troth."""

    protocol_version = "HTTP/1.1"
    timeout = 30  # seconds
    server: "Processor"

    def do_POST(self) -> None:
        """Take a message."""
        length = self.headers.get("Content-Length", "")
        if not length.isascii() or not length.isdigit() or int(length) > MOST_BYTES:
            self.close_connection = True
            self._answer(413, {"error": "A message says how long it is, and is no longer than 4 MiB."})
            return
        body = self.rfile.read(int(length))
        names = ("webhook-id", "webhook-timestamp", "webhook-signature")
        id, timestamp, signatures = (self.headers.get(name, "") for name in names)
        why = refusal(self.server.secret, id, timestamp, signatures, body)
        if why is not None:
            self._answer(401, {"error": why})
            return
        new = self.server.tokens.take(json.loads(body))
        print(f"{id} {'taken' if new else 'taken before'}", flush=True)
        self._answer(200, acknowledgement(self.server.secret, id, body))

    def _answer(self, status: int, value: dict[str, str]) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Write no log of addresses."""


class Processor(ThreadingHTTPServer):
    """The service, on this machine alone."""

    daemon_threads = True

    def __init__(self, port: int, secret: bytes, tokens: Tokens) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.secret, self.tokens = secret, tokens


def main() -> None:
    """Read the secret from standard input and serve until it is interrupted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=8780, help="the port on 127.0.0.1; 0 takes any free one")
    parser.add_argument("--file", type=Path, default=Path("tokens.json"), help="where the tokens are kept")
    chosen = parser.parse_args()
    secret = read_secret(sys.stdin.readline().strip())
    with Processor(chosen.port, secret, Tokens(chosen.file)) as processor, contextlib.suppress(KeyboardInterrupt):
        print(f"The card processor takes messages at http://127.0.0.1:{processor.server_port}/", flush=True)
        processor.serve_forever()


if __name__ == "__main__":
    main()
