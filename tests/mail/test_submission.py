"""The replies of submission, and that nothing is taken as a message that did not come as a whole one."""

import itertools
import smtplib
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from submitting import PLAIN, SECRET, USER, Taking, Wire, certificates

from troth.gates.mail.errors import MailError
from troth.gates.mail.taking.addresses import read_path
from troth.gates.mail.taking.listening import Listener, ListeningError, MailServer, read_listener, running, tls_context
from troth.gates.mail.taking.protocol import Limits
from troth.gates.mail.taking.reading import Body, StrayByteError, longest_line
from troth.people.errors import StaleChoicesError
from troth.store import StoreUnavailableError

MESSAGE = b"From: News <news@acme.example>\r\nTo: ann@example.org\r\nSubject: x\r\n\r\nHello\r\n"
LIMITS = Limits(size=20_000, recipients=3, timeout=30, linger=0.02)


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    return certificates(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def served(pem: tuple[Path, Path, Path]) -> Iterator[tuple[Taking, list[str]]]:
    """A server with three listeners: plain on loopback, one that wants STARTTLS, one with TLS from the first byte."""
    gate = Taking()
    listeners = [Listener(port=0), Listener(port=0, secure=True), Listener(port=0, implicit=True)]
    server = MailServer(gate, None, listeners, name="troth.example", tls=tls_context(*pem[1:]), limits=LIMITS)
    with running(server) as thread:
        yield gate, thread.addresses


@pytest.fixture
def gate(served: tuple[Taking, list[str]]) -> Taking:
    served[0].taken.clear()
    served[0].problem = None
    return served[0]


@pytest.fixture
def wire(gate: Taking, served: tuple[Taking, list[str]]) -> Iterator[Wire]:
    wire = Wire(served[1][0])
    yield wire
    wire.close()


def trusting(pem: tuple[Path, Path, Path]) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(pem[0]))


# --- replies ----------------------------------------------------------------------------------------------------------


def test_what_is_offered(wire: Wire) -> None:
    assert wire.reply() == "220 troth.example ESMTP Troth"
    offered = wire.say("EHLO me").split("\n")
    assert [line[4:] for line in offered] == [
        "troth.example", "PIPELINING", "SIZE 20000", "8BITMIME", "ENHANCEDSTATUSCODES", "STARTTLS", "AUTH PLAIN LOGIN",
    ]  # fmt: skip
    assert wire.say("BDAT 3 LAST").startswith("500 ")
    assert wire.say("VRFY ann@example.org").startswith("252 ")
    assert wire.say("EXPN list").startswith("502 ")
    assert wire.say("QUIT").startswith("221 ")


def test_nobody_mails_without_credentials(wire: Wire, gate: Taking) -> None:
    wire.begin(auth=False)
    for command in ("MAIL FROM:<news@acme.example>", "RCPT TO:<ann@example.org>", "DATA"):
        assert wire.say(command).startswith("530 ")
    assert wire.say("AUTH PLAIN AGFubgB3cm9uZw==").startswith("535 5.7.8")
    assert wire.say("AUTH CRAM-MD5").startswith("504 5.5.4")
    assert wire.say("AUTH PLAIN !").startswith("501 5.5.2")
    assert wire.say("AUTH PLAIN AGFubgB3cm9uZw==").startswith("535 5.7.8")
    assert wire.say("AUTH PLAIN AGFubgB3cm9uZw==").startswith("421 4.7.0")
    assert wire.rest() == ""
    assert gate.taken == []


def test_both_mechanisms_in_both_ways(gate: Taking, served: tuple[Taking, list[str]]) -> None:
    user, secret = "bmV3c2xldHRlcg==", "cmlnaHQ="
    for said in (
        [f"AUTH PLAIN {PLAIN}"], ["AUTH PLAIN", PLAIN], ["auth login", user, secret], [f"AUTH LOGIN {user}", secret],
    ):  # fmt: skip
        wire = Wire(served[1][0]).begin(auth=False)
        replies = [wire.say(text) for text in said]
        assert [reply[:3] for reply in replies[:-1]] == ["334"] * (len(said) - 1)
        assert replies[-1] == "235 2.7.0 Authentication successful"
        assert wire.say(f"AUTH PLAIN {PLAIN}").startswith("503 ")
        wire.close()
    wire = Wire(served[1][0]).begin(auth=False)
    assert wire.say("AUTH LOGIN").startswith("334 ")
    assert wire.say("*").startswith("501 ")
    wire.close()


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        ("MAIL FROM:<news@other.example>", "550 5.7.1"),
        ("MAIL FROM:<>", "550 5.7.1"),
        ("MAIL FROM:news@acme.example", "501 5.1.7"),
        ("MAIL FROM:<news@acme.example> SIZE=20001", "552 5.3.4"),
        ("MAIL FROM:<news@acme.example> SIZE=x", "501 5.5.4"),
        ("MAIL FROM:<news@acme.example> BODY=BINARYMIME", "501 5.5.4"),
        ("MAIL FROM:<news@acme.example> SMTPUTF8", "555 5.5.4"),
        ("MAIL FROM:<news@acme.example> SIZE=100 BODY=8BITMIME AUTH=<>", "250 2.1.0"),
        ("MAIL", "501 5.1.7"),
        ("RCPT TO:<ann@example.org>", "503 5.5.1"),
        ("DATA", "503 5.5.1"),
        ("STARTTLS now", "501 "),
        ("NONSENSE", "500 "),
        ("NOOP", "250 "),
        ("RSET", "250 "),
        ("x" * 600, "500 "),
    ],
)
def test_replies_after_auth(wire: Wire, command: str, reply: str) -> None:
    assert wire.begin().say(command).startswith(reply)


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        ("RCPT TO:<ann@example.org>", "250 2.1.5"),
        ("rcpt to: <Ann+x@example.org>", "250 2.1.5"),
        ("RCPT TO:<strict@example.org>", "550 5.7.1"),
        ("RCPT TO:<ann@[127.0.0.1]>", "501 5.1.3"),
        ("RCPT TO:<@relay.example:ann@example.org>", "501 5.1.3"),
        ("RCPT TO:<ann>", "501 5.1.3"),
        ("RCPT TO:<>", "501 5.1.3"),
        ("RCPT TO:<ann@example.org> NOTIFY=NEVER", "555 5.5.4"),
        ("RCPT TO:<a b@example.org>", "501 5.1.3"),
        ("MAIL FROM:<news@acme.example>", "503 5.5.1"),
        ("DATA", "554 5.5.1"),
    ],
)
def test_replies_after_mail(wire: Wire, command: str, reply: str) -> None:
    wire.begin()
    assert wire.say("MAIL FROM:<news@acme.example>").startswith("250")
    assert wire.say(command).startswith(reply)


def test_too_many_recipients(wire: Wire, gate: Taking) -> None:
    wire.begin()
    wire.say("MAIL FROM:<news@acme.example>")
    assert [wire.say(f"RCPT TO:<{name}@example.org>")[:9] for name in "abcd"] == ["250 2.1.5"] * 3 + ["452 4.5.3"]
    wire.say("DATA")
    wire.send(MESSAGE + b".\r\n")
    assert wire.reply() == "250 2.0.0 Taken"
    assert gate.taken[0][1] == ["a@example.org", "b@example.org", "c@example.org"]


@pytest.mark.parametrize(
    ("problem", "reply"),
    [
        (MailError(550, "5.6.0", "Two From"), "550 5.6.0 Two From"),
        (StoreUnavailableError("no connection"), "451 4.3.0"),
        (StoreUnavailableError("database or disk is full"), "452 4.3.1"),
        (StaleChoicesError("too old"), "451 4.3.0"),
        (RuntimeError("what"), "451 4.3.0"),
    ],
)
def test_what_went_wrong_is_told_and_the_connection_goes_on(
    wire: Wire, gate: Taking, problem: Exception, reply: str
) -> None:
    gate.problem = problem
    wire.begin().to_data()
    wire.send(MESSAGE + b".\r\n")
    assert wire.reply().startswith(reply)
    gate.problem = None
    wire.to_data()
    wire.send(MESSAGE + b".\r\n")
    assert wire.reply() == "250 2.0.0 Taken"
    assert len(gate.taken) == 1


def test_too_large_and_too_long(wire: Wire, gate: Taking) -> None:
    wire.begin().to_data()
    wire.send(b"Subject: x\r\n\r\n" + b"y" * 70 + (b"\r\n" + b"y" * 70) * 400 + b"\r\n.\r\n")
    assert wire.reply().startswith("552 5.3.4")
    wire.to_data()
    wire.send(b"Subject: x\r\n\r\n" + b"y" * 999 + b"\r\n.\r\n")
    assert wire.reply().startswith("500 5.5.2")
    wire.to_data()
    wire.send(b"Subject: x\r\n\r\n" + b"y" * 998 + b"\r\n.\r\n")
    assert wire.reply() == "250 2.0.0 Taken"


def test_a_message_without_end_is_given_up(gate: Taking, served: tuple[Taking, list[str]]) -> None:
    wire = Wire(served[1][0]).begin().to_data()
    said = ""
    try:
        for _ in range(200):
            wire.send(b"y" * 998 + b"\r\n")
    except (BrokenPipeError, ConnectionResetError):
        said = "closed"
    assert said or wire.reply().startswith("421 4.4.2")
    assert gate.taken == []
    wire.close()


def test_silence_and_overload() -> None:
    server = MailServer(Taking(), None, [Listener(port=0)], limits=Limits(timeout=0.2), connections=1)
    with running(server) as thread:
        first = Wire(thread.addresses[0])
        assert first.reply().startswith("220")
        second = Wire(thread.addresses[0])
        assert second.reply().startswith("421 4.3.2")
        assert second.rest() == ""
        assert first.reply().startswith("421 4.4.2")
        assert first.rest() == ""


def test_a_server_that_stops_says_so() -> None:
    with running(MailServer(Taking(), None, [Listener(port=0)])) as thread:
        wire = Wire(thread.addresses[0]).begin()
        thread.stop()
        assert wire.reply().startswith("421 4.3.2")
        with pytest.raises(OSError, match="refused"):
            Wire(thread.addresses[0] if thread.addresses else f"127.0.0.1:{wire.socket.getpeername()[1]}")


# --- TLS --------------------------------------------------------------------------------------------------------------


def test_starttls_first(gate: Taking, served: tuple[Taking, list[str]], pem: tuple[Path, Path, Path]) -> None:
    wire = Wire(served[1][1])
    wire.reply()
    assert "AUTH" not in wire.say("EHLO me")
    assert wire.say(f"AUTH PLAIN {PLAIN}").startswith("530 ")
    assert wire.say("MAIL FROM:<news@acme.example>").startswith("530 ")
    # What was said before TLS, in the same breath as STARTTLS, is not heard after it (RFC 3207, section 5).
    wire.send(b"STARTTLS\r\nEHLO injected\r\nMAIL FROM:<news@acme.example>\r\n")
    assert wire.reply().startswith("220 ")
    wire.upgrade(trusting(pem))
    assert wire.say("MAIL FROM:<news@acme.example>").startswith("503 ")
    offered = wire.say("EHLO me")
    assert "AUTH PLAIN LOGIN" in offered
    assert "STARTTLS" not in offered
    assert wire.say("STARTTLS").startswith("503 ")
    assert wire.say(f"AUTH PLAIN {PLAIN}").startswith("235 ")
    wire.to_data()
    wire.send(MESSAGE + b".\r\n")
    assert wire.reply() == "250 2.0.0 Taken"
    assert gate.taken[0][3].protocol == "ESMTPSA"
    wire.close()


def test_smtplib_over_each_listener(
    gate: Taking, served: tuple[Taking, list[str]], pem: tuple[Path, Path, Path]
) -> None:
    ports = [int(address.rpartition(":")[2]) for address in served[1]]
    text = MESSAGE.decode().replace("\r\n", "\n") + ".\n.. dots\n"
    with smtplib.SMTP("127.0.0.1", ports[0]) as client:
        client.login(USER, SECRET)
        client.sendmail("news@acme.example", ["ann@example.org"], text)
    with smtplib.SMTP("localhost", ports[1]) as client:
        client.starttls(context=trusting(pem))
        client.login(USER, SECRET)
        client.sendmail("news@acme.example", ["ann@example.org"], text)
    with smtplib.SMTP_SSL("localhost", ports[2], context=trusting(pem)) as client:
        client.login(USER, SECRET)
        client.sendmail("news@acme.example", ["ann@example.org"], text)
        with pytest.raises(smtplib.SMTPSenderRefused):
            client.sendmail("news@other.example", ["ann@example.org"], text)
    assert [content for _, _, content, _ in gate.taken] == [MESSAGE + b".\r\n.. dots\r\n"] * 3


def test_where_to_listen(pem: tuple[Path, Path, Path]) -> None:
    assert read_listener("127.0.0.1:25") == Listener(port=25)
    assert read_listener("smtps://[::1]:465") == Listener(host="::1", port=465, implicit=True)
    assert read_listener("localhost:0") == Listener(port=0)
    for text in ("127.0.0.1", "http://127.0.0.1:25", "host:25", "127.0.0.1:99999"):
        with pytest.raises(ListeningError, match="no place to listen"):
            read_listener(text)
    with pytest.raises(ListeningError, match="only with TLS"):
        MailServer(Taking(), None, [Listener(host="0.0.0.0")])
    with pytest.raises(ListeningError, match="no certificate"):
        tls_context(pem[0])
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(ListeningError, match="Stop what listens"),
        running(MailServer(Taking(), None, [Listener(port=taken.getsockname()[1])])),
    ):
        pass


# --- smuggling --------------------------------------------------------------------------------------------------------

INJECTED = (
    b"MAIL FROM:<ceo@acme.example>\r\nRCPT TO:<victim@example.org>\r\nDATA\r\nSubject: smuggled\r\n\r\nx\r\n.\r\n"
)
# Ends of data that some servers take for one and others do not (SEC Consult 2023, and the lists of Postfix and Exim).
LINE_ENDS = ("\n", "\r", "\r\n", "\r\r\n", "\n\r", "\0\r\n")
ENDS = [
    "".join(parts).encode()
    for parts in itertools.product(LINE_ENDS, (".", "\0.", ".\0"), LINE_ENDS)
    if parts != ("\r\n", ".", "\r\n")
]


@pytest.mark.parametrize("end", ENDS, ids=repr)
def test_a_false_end_is_refused_and_nothing_after_it_is_heard(wire: Wire, gate: Taking, end: bytes) -> None:
    wire.begin().to_data()
    wire.send(b"Subject: x\r\n\r\nHello" + end + INJECTED + b"QUIT\r\n")
    assert wire.reply().startswith("550 5.5.2")
    assert wire.rest() == ""
    assert gate.taken == []


def test_what_follows_a_true_end_is_the_next_command_and_no_message(wire: Wire, gate: Taking) -> None:
    wire.begin()
    wire.send(
        b"MAIL FROM:<news@acme.example>\r\nRCPT TO:<ann@example.org>\r\nDATA\r\n"
        + MESSAGE + b".\r\nMAIL FROM:<b@acme.example>\r\nRCPT TO:<ben@example.org>\r\nDATA\r\n" + MESSAGE
        + b"..\r\n.\r\nQUIT\r\n"
    )  # fmt: skip
    assert [wire.reply()[:3] for _ in range(9)] == ["250", "250", "354", "250", "250", "250", "354", "250", "221"]
    assert [(sender, recipients, content) for sender, recipients, content, _ in gate.taken] == [
        ("news@acme.example", ["ann@example.org"], MESSAGE),
        ("b@acme.example", ["ben@example.org"], MESSAGE + b".\r\n"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "line", [b"NOOP\n", b"NOOP\rRSET\r\n", b"NOOP\0\r\n", b"MAIL FROM:<news@acme.example>\n"], ids=repr
)
def test_commands_end_with_crlf(wire: Wire, gate: Taking, line: bytes) -> None:
    wire.begin()
    wire.send(line + INJECTED)
    assert wire.reply().startswith("500 5.5.2")
    assert wire.rest() == ""
    assert gate.taken == []


def test_half_a_message_is_none(gate: Taking, served: tuple[Taking, list[str]]) -> None:
    for cut in range(1, len(MESSAGE) + 3, 7):
        wire = Wire(served[1][0]).begin().to_data()
        wire.send((MESSAGE + b".\r\n")[:cut])
        wire.close()
    wire = Wire(served[1][0]).begin()
    assert wire.say("NOOP").startswith("250")
    wire.close()
    assert gate.taken == []


@given(
    st.lists(st.sampled_from([b"a", b".", b"\r\n", b"\r", b"\n", b"\0", b"..", b"\r\n.", b"\r\n.\r\n"]), max_size=12),
    st.lists(st.integers(1, 9), min_size=1, max_size=5),
)
def test_however_it_is_cut_the_end_is_the_same(pieces: list[bytes], cuts: list[int]) -> None:
    data = b"".join(pieces) + b"\r\n.\r\nREST"

    def read(sizes: Iterator[int]) -> object:
        body, at = Body(10_000), 0
        try:
            while at < len(data):
                size = next(sizes)
                rest = body.feed(data[at : at + size])
                at += size
                if rest is not None:
                    return body.content(), rest + data[at:]
        except StrayByteError:
            return "stray"
        return "open"

    whole = read(itertools.repeat(len(data)))
    assert read(itertools.cycle(cuts)) == whole
    # The meaning, written down: up to the first CRLF.CRLF of the text that begins a line, nothing may stand alone.
    text = b"\r\n" + data
    end = text.index(b"\r\n.\r\n")
    kept = text[: end + 2]
    bare = kept.replace(b"\r\n", b"")
    if b"\r" in bare or b"\n" in bare or b"\0" in bare:
        assert whole == "stray"
    else:
        lines = kept.split(b"\r\n")[1:-1]
        content = b"".join(line.removeprefix(b".") + b"\r\n" for line in lines)
        assert whole == (content, text[end + 5 :])


@given(st.text(st.characters(max_codepoint=255), max_size=40))
def test_no_address_brings_more_than_an_address(text: str) -> None:
    path = read_path(f"TO:<{text}>", "TO:")
    if path is not None and path.address:
        assert path.address.isascii()
        assert not set(path.address) & set("\r\n\0<>")
        assert path.address.count("@") >= 1


def test_the_longest_line() -> None:
    assert longest_line(b"") == 0
    assert longest_line(b"ab\r\nabc\r\n") == 3
