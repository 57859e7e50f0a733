"""The server: where it listens, which names it answers to, what every response carries, how it starts and stops."""

import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
import time

import httpx
import pytest
from running import EXAMPLE, SMALL, exchange, question, running

from troth.web.app import make_app
from troth.web.authzen.routes import EVALUATION, EVALUATIONS, METADATA
from troth.web.headers import DATA_HEADERS, SECURITY_HEADERS, secured
from troth.web.hosts import Hosts
from troth.web.server import SERVER_ERRORS, ServerError, listen, serve, url_of


@pytest.fixture(scope="module")
def url():
    with running(make_app(SMALL)) as address:
        yield address


# --- what every response carries --------------------------------------------------------------------------------------

EVERYTHING = [
    ("GET", "/", {}, 200),
    ("HEAD", "/", {}, 200),
    ("GET", "/nothing/here", {}, 404),
    ("POST", "/", {}, 405),
    ("PROPFIND", "/", {}, 405),
    ("GET", "/%00%ff/..", {}, 404),
    ("GET", "/", {"Host": "evil.example"}, 421),
    ("GET", METADATA, {}, 200),
    ("HEAD", METADATA, {}, 200),
    ("PUT", METADATA, {}, 405),
    ("GET", METADATA, {"Host": "evil.example"}, 421),
    ("GET", EVALUATION, {}, 405),
    ("OPTIONS", EVALUATION, {}, 204),
    ("POST", EVALUATION, {}, 400),
    ("POST", EVALUATION, {"Host": "evil.example"}, 421),
    ("POST", EVALUATIONS, {"Content-Type": "application/json", "Content-Length": "99999999"}, 413),
    ("GET", "/access/v1/nothing", {}, 404),
    ("GET", "/access/v1/nothing", {"Host": "evil.example"}, 421),
]


@pytest.mark.parametrize(("method", "path", "headers", "status"), EVERYTHING)
def test_every_response_carries_the_security_headers(url, method, path, headers, status):
    fields = {"Host": "localhost", "Connection": "close"} | headers
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    received = exchange(url, f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode()).partition(b"\r\n\r\n")[0].decode()
    assert received.split(" ")[1] == str(status), received
    lines = [line.partition(": ")[::2] for line in received.split("\r\n")[1:]]
    names = [name.lower() for name, _ in lines]
    assert set(SECURITY_HEADERS) <= {(name.lower().encode(), value.encode()) for name, value in lines}
    assert len(names) == len(set(names))
    assert not {"set-cookie", "server", "x-powered-by", "strict-transport-security"} & set(names)


def test_a_decision_carries_what_matters_for_data(url):
    response = httpx.post(url + EVALUATION, json=question())
    assert set(DATA_HEADERS) <= set(response.headers.raw)
    assert response.headers["cache-control"] == "no-store"
    assert not {"set-cookie", "server"} & set(response.headers)


def test_pages_may_load_nothing_but_their_own_style_and_pictures(url):
    policy = httpx.get(url + "/").headers["content-security-policy"]
    assert policy.startswith("default-src 'none';")
    assert "script" not in policy
    assert "unsafe" not in policy
    assert "form-action 'self'; frame-ancestors 'none'; base-uri 'none'" in policy


async def cookie_page(scope, receive, send):
    headers = [(b"Set-Cookie", b"a=b"), (b"Server", b"x"), (b"Referrer-Policy", b"unsafe-url"), (b"x-mine", b"1")]
    if scope["path"] == "/fails":
        raise RuntimeError("secret")
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    if scope["path"] == "/fails-late":
        raise RuntimeError("secret")
    await send({"type": "http.response.body", "body": b"hello"})


def asked(path, scheme="http"):
    """What an app behind the headers sends."""
    import asyncio

    sent = []

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "scheme": scheme, "headers": []}
    asyncio.run(secured(cookie_page)(scope, None, send))
    return sent


def test_cookies_never_leave():
    headers = asked("/")[0]["headers"]
    assert headers == [(b"x-mine", b"1"), *SECURITY_HEADERS]


def test_hsts_is_sent_over_tls_only():
    assert b"strict-transport-security" in dict(asked("/", "https")[0]["headers"])


def test_a_page_that_fails_says_so_and_no_more(caplog):
    start, body = asked("/fails")
    assert start["status"] == 500
    assert set(SECURITY_HEADERS) <= set(start["headers"])
    assert b"secret" not in body["body"]
    assert "secret" in caplog.text
    with pytest.raises(RuntimeError):
        asked("/fails-late")


# --- host names -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("localhost", True), ("LOCALHOST:8768", True), ("127.0.0.1:1", True), ("[::1]:8768", True), ("[::1]", True),
        ("gototraining.localhost:80", True), ("a.b.localhost", True), ("localhost.", True), ("localhost:", True),
        ("privacy.example", True), ("Privacy.Example:443", True),
        ("evil.example", False), ("localhost.evil.example", False), ("evillocalhost", False), ("127.0.0.1.evil", False),
        (".localhost", False), ("a b.localhost", False), ("evil.example/.localhost", False), ("@localhost", False),
        ("user@localhost", False), ("localhost,evil.example", False), ("[::1].evil", False), ("[::2]", False),
        ("", False), ("localhost:x", False), ("x.privacy.example", False), ("localhost\n", False), ("127.1", False),
    ],
)  # fmt: skip
def test_the_names_that_a_server_answers_to(host, ours):
    assert Hosts(["privacy.example"]).answers_to(host) is ours


@pytest.mark.parametrize("path", ["/", EVALUATION, METADATA, "/access/v1/x"])
def test_a_request_names_exactly_one_host_and_it_is_ours(url, path):
    for hosts, status in [
        (["evil.example"], 421), ([], 400), (["localhost", "localhost"], 400), (["localhost", "evil.example"], 400),
        (["evil.example", "localhost"], 400),
    ]:  # fmt: skip
        lines = "".join(f"Host: {host}\r\n" for host in hosts)
        received = exchange(url, f"POST {path} HTTP/1.1\r\n{lines}Connection: close\r\n\r\n".encode())
        assert received.startswith(f"HTTP/1.1 {status} ".encode()), received
    # a name that is refused stays refused, one that is ours stays ours
    assert httpx.post(url + path, headers={"Host": "evil.example"}).status_code == 421
    assert httpx.post(url + path, headers={"Host": "shop.localhost"}).status_code in (400, 404, 405)


def test_no_websocket_is_opened(url):
    head = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    head += "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    assert not exchange(url, head.encode()).startswith(b"HTTP/1.1 101")


# --- where it listens -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "[2001:db8::1]"])
def test_without_a_key_only_loopback_is_listened_on(host):
    for listening in (lambda: serve(SMALL, host, 0), lambda: listen(host, 0)):
        with pytest.raises(ServerError, match=r"does not listen on.*troth key create") as error:
            listening()
        assert error.value.code == "not-loopback"


@pytest.mark.parametrize("host", ["example.com", "", "127.0.0.1.example.com", "localhost2", "127.1", "0.0.0.0/0"])
def test_an_address_is_an_address(host):
    for listening in (lambda: serve(SMALL, host, 0), lambda: listen(host, 0, beyond=True)):
        with pytest.raises(ServerError, match="no address to listen on") as error:
            listening()
        assert error.value.code == "bad-address"


@pytest.mark.parametrize(
    ("host", "url"),
    [("localhost", "http://127.0.0.1:"), ("127.0.0.2", "http://127.0.0.2:"), ("::1", "http://[::1]:"),
     ("[::1]", "http://[::1]:")],
)  # fmt: skip
def test_loopback_has_several_addresses(host, url):
    try:
        listener = listen(host, 0)
    except ServerError as error:
        if error.code == "cannot-listen" and ":" in host:
            return  # a machine without IPv6 says so
        raise
    with listener:
        assert url_of(listener).startswith(url)


def test_a_port_that_is_taken_is_told_with_the_remedy():
    with listen(port=0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(ServerError, match=rf"port {port} already.*--port {port + 1}") as error:
            serve(SMALL, port=port)
    assert error.value.code == "port-taken"


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_is_a_number_in_range(port):
    with pytest.raises(ServerError) as error:
        listen(port=port)
    assert error.value.code == "bad-port"


def test_other_failures_are_told_too(monkeypatch):
    def fails(number):
        def bind(self, address):
            raise OSError(number, os.strerror(number))

        return bind

    monkeypatch.setattr(socket.socket, "bind", fails(13), raising=False)
    with pytest.raises(ServerError, match="from 1024 up") as error:
        listen(port=80)
    assert error.value.code == "port-forbidden"
    monkeypatch.setattr(socket.socket, "bind", fails(99), raising=False)
    with pytest.raises(ServerError, match="Cannot listen") as error:
        listen()
    assert error.value.code == "cannot-listen"
    assert error.value.code in SERVER_ERRORS


# --- starting and stopping --------------------------------------------------------------------------------------------


def start(tmp_path, arguments="port=0"):
    program = textwrap.dedent(f"""
        from troth.web.server import serve
        serve({str(EXAMPLE)!r}, {arguments}, ready=lambda url: print(url, flush=True))
        print("stopped", flush=True)
    """)
    return subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_server_says_when_it_is_ready_and_stops_when_asked(tmp_path, number):
    before = time.monotonic()
    process = start(tmp_path)
    try:
        url = process.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", url)
        assert httpx.get(url + "/").status_code == 200
        assert time.monotonic() - before < 10  # under 2 s; a busy machine may take longer
        assert httpx.post(url + EVALUATION, json=question(), headers={"X-Forwarded-For": "192.0.2.7"}).is_success
        assert httpx.post(url + EVALUATION, content=b"{").status_code == 400
        exchange(url, b"nonsense\r\n\r\n")
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 0
    assert out == "stopped\n"
    # nothing that holds an address is written anywhere
    assert "127.0.0.1" not in err
    assert "192.0.2.7" not in err
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)


def test_a_policy_that_cannot_be_read_frees_the_port(tmp_path):
    with listen(port=0) as listener:
        port = listener.getsockname()[1]
    (tmp_path / "policy.yaml").write_text("policy: [")
    with pytest.raises(ValueError, match=r"policy\.yaml"):
        serve(tmp_path, port=port)
    listen(port=port).close()


def test_behind_a_proxy_the_pages_answer_to_their_site_and_say_that_it_is_tls() -> None:
    app = make_app(SMALL, site="https://privacy.acme.example")
    with running(app) as url, httpx.Client(base_url=url, headers={"host": "privacy.acme.example"}) as client:
        page = client.get("/policy")
        assert page.status_code == 200
        assert page.headers["strict-transport-security"].startswith("max-age=")
        assert client.post("/access/v1/evaluation", json={}).status_code == 421
        assert client.get("/policy", headers={"host": "other.example"}).status_code == 421
    with running(make_app(SMALL, site="http://privacy.acme.example")) as url:
        page = httpx.get(f"{url}/policy", headers={"host": "privacy.acme.example"})
        assert (page.status_code, "strict-transport-security" in page.headers) == (200, False)
