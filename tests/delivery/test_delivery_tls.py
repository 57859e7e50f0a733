"""Over https a certificate has to be one that is trusted, for the name or address that is delivered to."""

import asyncio
import datetime
import ipaddress
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from troth.gates.delivery.sending import Answer, Sender


def certificate(folder: Path, address: str) -> Path:
    """A certificate of an address, signed by itself, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    file = folder / f"{address}.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(made.public_bytes(Encoding.PEM) + private)
    return file


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class Quiet(HTTPServer):
    def handle_error(self, *_: object) -> None:
        pass  # a handshake that the client broke off


@contextmanager
def serving(file: Path) -> Iterator[int]:
    server = Quiet(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def send(url: str, trust: ssl.SSLContext | None) -> Answer:
    async def run() -> Answer:
        sender = Sender(loopback=True, limit=5, trust=trust)
        answer = await sender.post(url, {"webhook-id": "msg_1"}, b"{}")
        await sender.close()
        return answer

    return asyncio.run(run())


def test_a_trusted_certificate_for_the_address(tmp_path: Path) -> None:
    right, other = certificate(tmp_path, "127.0.0.1"), certificate(tmp_path, "127.0.0.2")
    with serving(right) as port:
        url = f"https://127.0.0.1:{port}/"
        assert send(url, ssl.create_default_context(cafile=right)).delivered
        for trust in (None, ssl.create_default_context(cafile=other)):
            refused = send(url, trust)
            assert (refused.code, refused.why) == (
                "connection", "Its certificate is not one that is trusted for its name.",
            )  # fmt: skip
    with serving(other) as port:
        assert send(f"https://127.0.0.1:{port}/", ssl.create_default_context(cafile=other)).code == "connection"


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "HTTP_PROXY", "http_proxy"])
def test_no_proxy_of_the_environment_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    file = certificate(tmp_path, "127.0.0.1")
    monkeypatch.setenv(variable, "http://127.0.0.1:1/")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login a password b\n")
    with serving(file) as port:
        assert send(f"https://127.0.0.1:{port}/", ssl.create_default_context(cafile=file)).delivered
