"""A transit engine for the tests: an HTTP server that answers as the documentation of that API says, and no more.

It checks the token, the path and the body; its ciphertexts are `vault:v<version>:<base64 of AES-256-GCM>` like those of
the real one. It can be rotated, sealed, slowed down, and made to redirect.
"""

from __future__ import annotations

import base64
import json
import os
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

TOKEN = "s.a-token-for-the-tests"


class Transit:
    """The engine, mounted at `transit`, with one key `troth`."""

    def __init__(self) -> None:
        self.versions = [os.urandom(32)]
        self.requests: list[str] = []
        self.sealed = False
        self.delay = 0.0
        self.redirect_to: str | None = None
        self.answer: bytes | None = None

    def encrypt(self, plaintext: str) -> dict[str, str]:
        nonce = os.urandom(12)
        sealed = nonce + AESGCM(self.versions[-1]).encrypt(nonce, base64.b64decode(plaintext, validate=True), None)
        return {"ciphertext": f"vault:v{len(self.versions)}:{base64.b64encode(sealed).decode()}"}

    def decrypt(self, ciphertext: str) -> dict[str, str]:
        _, version, text = ciphertext.split(":")
        sealed = base64.b64decode(text)
        plain = AESGCM(self.versions[int(version[1:]) - 1]).decrypt(sealed[:12], sealed[12:], None)
        return {"plaintext": base64.b64encode(plain).decode()}


@contextmanager
def running(transit: Transit, certificate: Path | None = None) -> Iterator[str]:
    """The engine at an address of loopback; over TLS with a certificate and its key in one file."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            transit.requests.append(self.path)
            body = self.rfile.read(int(self.headers["Content-Length"]))
            time.sleep(transit.delay)
            if transit.redirect_to:
                self.send_response(307)
                self.send_header("Location", transit.redirect_to + self.path)
                self.end_headers()
                return
            status, answer = self._answer(body)
            data = transit.answer if transit.answer is not None else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(data)

        def _answer(self, body: bytes) -> tuple[int, dict[str, object]]:
            if transit.sealed:
                return 503, {"errors": ["Vault is sealed"]}
            if self.headers.get("X-Vault-Token") != TOKEN:
                return 403, {"errors": ["permission denied"]}
            try:
                if self.path == "/v1/transit/encrypt/troth":
                    return 200, {"data": transit.encrypt(json.loads(body)["plaintext"])}
                if self.path == "/v1/transit/decrypt/troth":
                    return 200, {"data": transit.decrypt(json.loads(body)["ciphertext"])}
            except (InvalidTag, ValueError, IndexError):
                return 400, {"errors": [f"cannot decrypt {body.decode()}"]}
            return 404, {"errors": []}

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    scheme = "http" if certificate is None else "https"
    try:
        yield f"{scheme}://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
