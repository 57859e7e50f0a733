"""The client fails closed: what is no whole answer of Troth is `Unavailable`, in time, and sent again only if safe."""

import os
import socket
import ssl
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from stub import CLOSE, Asked, Stub, collected, said

from troth.client import Client, NotAllowed, Unavailable, WrongRequest

ANN = "email:ann@example.org"
FIELDS = {"contact.email": "ann@example.org"}
YES = said({"decision": True, "context": {"reason": "stated"}})
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def drip(data: bytes, pause: float = 0.05) -> list[object]:
    return [part for byte in data for part in (bytes([byte]), pause)]


# What is no answer, and whether a collection may have been done all the same.
BROKEN = {
    "closed": ([CLOSE], True),
    "half a status line": ([b"HTTP/1.1 2", CLOSE], True),
    "half a body": ([HEAD + b'Content-Length: 100\r\n\r\n{"decision":true', CLOSE], True),
    "half a chunk": ([HEAD + b'Transfer-Encoding: chunked\r\n\r\n50\r\n{"decision":true', CLOSE], True),
    "no last chunk": ([HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", CLOSE], True),
    "no http": (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", True),
    "a body that is not json": (said(b"<html>", kind="application/json"), True),
    "a page": (said(b'{"decision":true,"context":{"reason":"x"}}', kind="text/html"), True),
    "no object": (said([True]), True),
    "twice": (said(b'{"decision":false,"decision":true,"context":{"reason":"x"}}'), True),
    "not a number": (said(b'{"decision":true,"context":{"reason":"x","n":NaN}}'), True),
    "no utf-8": (said(b'{"decision":true,"context":{"reason":"\xff"}}'), True),
    "too deep": (said(b"[" * 100_000), True),
    "empty": (said(b""), True),
    "no content": (said(b"", 204), True),
    "a redirect": (said({}, 302, location="http://127.0.0.1:1/"), True),
    "a permanent redirect": (said({}, 308, location="/elsewhere"), True),
    "an error of the server": (said({}, 500), True),
    "a gateway": (said(b"<html>", 502, "text/html"), True),
    "a gateway that is busy": (said(b"<html>", 503, "text/html", retry_after="0"), True),
    "troth that is busy": (said({"error": "unavailable"}, 503, retry_after="60"), False),
    "too many requests": (said({}, 429), True),
    "a refusal of something else": (said(b"no", 422, "text/plain"), False),
    "silence": ([30], True),
    "a body drop by drop": ([HEAD + b"Content-Length: 1000\r\n\r\n", *drip(b" " * 1000)], True),
    "headers drop by drop": ([HEAD, *drip(b"X-Y: z\r\n" * 100)], True),
}

SLOW = ("silence", "a body drop by drop", "headers drop by drop")  # half a minute, if one waited for them


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_answer_is_never_a_yes_and_never_takes_longer(stub: Stub, name: str) -> None:
    answer, _ = BROKEN[name]
    stub.answer = lambda asked: answer
    began = time.monotonic()
    with Client(stub.url, timeout=0.4 if name in SLOW else 30) as client, pytest.raises(Unavailable) as caught:
        client.decide("use", "contact.email", "marketing.own", ANN)
    assert time.monotonic() - began < 15
    assert caught.value.retryable
    assert not caught.value.unknown  # a question changes nothing


@pytest.mark.parametrize("name", BROKEN)
def test_a_collection_is_sent_once_and_says_whether_it_may_have_been_done(stub: Stub, name: str) -> None:
    answer, unknown = BROKEN[name]
    stub.answer = lambda asked: answer
    with Client(stub.url, timeout=0.4 if name in SLOW else 30) as client, pytest.raises(Unavailable) as caught:
        client.collect("registration", FIELDS)
    assert caught.value.unknown is unknown
    assert len(stub.asked) == 1


def test_a_server_that_is_not_there(stub: Stub) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
    with Client(f"http://127.0.0.1:{port}") as client, pytest.raises(Unavailable) as caught:
        client.collect("registration", FIELDS)
    assert not caught.value.unknown


def test_a_server_that_is_no_troth_is_not_tried_again(stub: Stub, client: Client) -> None:
    for status, kind in ((404, WrongRequest), (405, WrongRequest), (401, NotAllowed), (403, NotAllowed)):
        stub.script(said(b"<html>", status, "text/html"))
        with pytest.raises(kind):
            client.decide("use", "contact.email", "marketing.own", ANN)


def test_a_proxy_of_the_environment_is_not_used(stub: Stub, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    stub.answer = lambda asked: YES
    assert client.decide("use", "contact.email", "marketing.own", ANN)


# --- kept connections -------------------------------------------------------------------------------------------------


def test_a_connection_is_kept(stub: Stub, client: Client) -> None:
    stub.answer = lambda asked: YES
    for _ in range(5):
        assert client.decide("use", "contact.email", "marketing.own", ANN)
    assert stub.connections == 1


def test_threads_share_a_client_and_never_an_answer(stub: Stub, client: Client) -> None:
    def answer(asked: Asked) -> bytes:
        one = {"asked": asked.json()["persons"][0], "person": None, "values": {}, "refused": []}
        return said({"persons": [one]})

    stub.answer = answer
    with ThreadPoolExecutor(8) as pool:
        whos = [f"account:{number}" for number in range(200)]
        found = list(pool.map(lambda who: client.use("service.payment", ["payment.card"], [who]).persons[0], whos))
    assert [one.asked for one in found] == whos
    assert stub.connections <= 8


def test_a_connection_that_the_server_closed_is_not_used_again(stub: Stub, client: Client) -> None:
    stub.answer = lambda asked: [said(collected(), 201), CLOSE]
    for _ in range(3):
        client.collect("registration", FIELDS)
        time.sleep(0.05)  # the end of the connection has arrived
    assert len(stub.asked) == 3


@pytest.mark.parametrize("answer", [[CLOSE], [b"HTTP/1.1", CLOSE]])
def test_a_question_is_asked_again_when_a_kept_connection_breaks(stub: Stub, client: Client, answer: list) -> None:
    stub.script(YES, answer, YES)
    for _ in range(2):
        assert client.decide("use", "contact.email", "marketing.own", ANN)
    assert [asked.connection for asked in stub.asked] == [1, 1, 2]


def test_a_collection_is_not_sent_again_when_a_kept_connection_breaks(stub: Stub, client: Client) -> None:
    stub.script(said(collected(), 201), [CLOSE], said(collected(), 201))
    client.collect("registration", FIELDS)
    with pytest.raises(Unavailable) as caught:
        client.collect("registration", FIELDS)
    assert caught.value.unknown
    assert len(stub.asked) == 2


def test_whatever_troth_did_not_do_for_a_moment_is_sent_again_once(stub: Stub, client: Client) -> None:
    busy = said({"error": "unavailable"}, 503, retry_after="0")
    stub.script(busy, said(collected(), 201), busy, busy)
    assert client.collect("registration", FIELDS).entry == 12
    with pytest.raises(Unavailable) as caught:
        client.collect("registration", FIELDS)
    assert not caught.value.unknown
    assert len(stub.asked) == 4


def test_a_forked_process_opens_its_own_connections(stub: Stub, client: Client) -> None:
    stub.answer = lambda asked: YES
    client.decide("use", "contact.email", "marketing.own", ANN)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = 0 if client.decide("use", "contact.email", "marketing.own", ANN) else 1
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    client.decide("use", "contact.email", "marketing.own", ANN)
    assert [asked.connection for asked in stub.asked] == [1, 2, 1]


# --- tls --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of its own for `localhost`, with its key."""
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "localhost.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return file


def test_tls_is_verified(certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        received: list[bytes] = []

        def serve() -> None:
            while True:
                try:
                    raw, _ = listener.accept()
                except OSError:
                    return  # shut down
                try:
                    with context.wrap_socket(raw, server_side=True) as connection:
                        while part := connection.recv(65536):
                            received.append(part)
                            if b"}}" in part:  # the body is a message of its own
                                connection.sendall(YES)
                except OSError:
                    continue

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        question = ("use", "contact.email", "marketing.own", ANN)
        with Client(f"https://localhost:{port}", timeout=30) as client, pytest.raises(Unavailable, match="trusted"):
            client.decide(*question)
        trusting = ssl.create_default_context(cafile=str(certificate))
        with (
            Client(f"https://127.0.0.1:{port}", timeout=30, tls=trusting) as client,
            pytest.raises(Unavailable, match="trusted"),  # the certificate is of another name
        ):
            client.decide(*question)
        assert received == []
        with Client(f"https://localhost:{port}", timeout=30, tls=trusting) as client:
            assert client.decide(*question)
            assert client.decide(*question)
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def test_the_client_comes_without_the_rest() -> None:
    """It loads no module of the server but what the package itself loads, and no package beside Python."""
    code = (
        "import sys, types; package = types.ModuleType('troth'); package.__path__ = ['src/troth'];"
        "sys.modules['troth'] = package; import troth.client;"
        "known = {*sys.stdlib_module_names, 'troth', '__main__'};"
        "print([name for name in sys.modules if name.partition('.')[0] not in known and not name.startswith('_')],"
        "[name for name in sys.modules if name.startswith('troth.') and not name.startswith('troth.client')])"
    )
    python = [os.environ.get("PYTHON", "python3"), "-I", "-S", "-c", code]
    import sys

    python[0] = sys.executable
    done = subprocess.run(python, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True)
    assert done.stdout == "[] []\n"
