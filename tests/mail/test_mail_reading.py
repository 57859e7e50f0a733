"""Reading a mail: what two readers could understand in two ways is refused, with the reply that says so."""

from __future__ import annotations

import pytest
from mails import crlf, simple

from troth.gates.mail.content.message import read_message
from troth.gates.mail.errors import MailError

GOOD = simple("Hello\n", "To: b@example.org")


def refused(raw: bytes, **how: bool) -> MailError:
    with pytest.raises(MailError) as caught:
        read_message(raw, **how)
    assert caught.value.code == 550
    assert caught.value.text.isascii()
    assert "\n" not in str(caught.value)
    return caught.value


def test_a_mail_is_read_with_the_place_of_everything() -> None:
    message = read_message(GOOD)
    assert (message.sender.address, message.sender.domain, message.sender.name) == ("a@example.org", "example.org", "A")
    assert message.text("subject") == "Hi"
    assert message.raw[message.root.body : message.root.end] == b"Hello\r\n"
    subject = message.fields.first("subject")
    assert subject is not None
    assert message.raw[subject.start : subject.end] == b"Subject: Hi\r\n"


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (GOOD.replace(b"Hello", b"Hel\rlo"), "line 5 has a bare cr"),
        (GOOD.replace(b"Hello", b"Hel\nlo"), "line 5 has a bare lf"),
        (GOOD.replace(b"Hello", b"Hello\r\r"), "bare cr"),
        (GOOD.replace(b"Hello", b"\n.\nMAIL FROM:<x@example.org>"), "bare lf"),
        (GOOD.replace(b"Hello", b"\r\n.\r\rMAIL"), "bare cr"),
        (GOOD.replace(b"Hello", b"\n.\r\nMAIL"), "bare lf"),
        (GOOD.replace(b"Hello", b"\r.\r\nMAIL"), "bare cr"),
        (GOOD.replace(b"Hello", b"a\0b"), "nul"),
        (GOOD.replace(b"Hi", b"H\0i"), "nul in line 2"),
        (GOOD + b"more", "last line"),
        (GOOD + b"\r", "bare cr"),
    ],
)
def test_a_line_end_that_is_none_is_refused_as_5_5_2(raw: bytes, says: str) -> None:
    error = refused(raw)
    assert error.enhanced == "5.5.2"
    assert says in error.text.lower()


def test_lines_have_at_most_998_bytes() -> None:
    read_message(simple("x" * 998 + "\n"))
    read_message(simple("\n" + "x" * 998 + "\n" + "y" * 998 + "\nz\n"))
    assert "line 4 has more than 998" in refused(simple("x" * 999 + "\n")).text.lower()
    assert "line 5" in refused(simple("x" * 998 + "\n" + "y" * 1500 + "\n")).text.lower()
    assert "line 3" in refused(simple("x\n", "X-Long: " + "y" * 991)).text.lower()


def test_a_lone_dot_is_a_line_like_any_other() -> None:
    assert read_message(simple(".\n..\n.\n")).raw.endswith(b"\r\n\r\n.\r\n..\r\n.\r\n")


HEADERS = {
    " From: a@example.org\n\nx\n": "goes on from nothing",
    "From : a@example.org\n\nx\n": "space before the colon",
    "From\t: a@example.org\n\nx\n": "space before the colon",
    "From a@example.org Thu Jan  1 00:00:00 1970\nFrom: a@example.org\n\nx\n": "no field",
    "From: a@example.org\nno field here\n\nx\n": "no field",
    "From: a@example.org\n: empty\n\nx\n": "no field",
    "From: a@example.org\nSübject: x\n\nx\n": "no field",
    "From: a@example.org\nSubject: a\n \n b\n\nx\n": "empty line",
    "From: a@example.org\nSubject: a\n\t\n\nx\n": "empty line",
    "From: a@example.org\nSubject: a\x0bb\n\nx\n": "control character",
    "From: a@example.org\nSubject: a\x7fb\n\nx\n": "control character",
    "From: a@example.org\nSubject: a\nSubject: b\n\nx\n": "more than once",
    "From: a@example.org\nFROM: b@example.org\n\nx\n": "more than once",
    "From: a@example.org\nContent-Type: text/plain\ncontent-type: text/html\n\nx\n": "more than once",
    "From: a@example.org\nX: " + "y\n z" * 30_000 + "\n\nx\n": "too large",
    "From: a@example.org\n" + "X: y\n" * 501 + "\nx\n": "too large",
    "Subject: a\n\nx\n": "no from",
    "\nx\n": "no from",
}


@pytest.mark.parametrize("text", HEADERS)
def test_a_header_that_is_none_is_refused_as_5_6_0(text: str) -> None:
    error = refused(crlf(text))
    assert error.enhanced == "5.6.0"
    assert HEADERS[text] in error.text.lower()


@pytest.mark.parametrize(
    "name",
    ["Date", "From", "Sender", "Reply-To", "To", "Cc", "Bcc", "Message-ID", "Subject", "MIME-Version", "Content-Type"],
)
def test_what_may_be_there_once_is_refused_twice(name: str) -> None:
    value = {"Content-Type": "text/plain"}.get(name, "a@example.org")
    start = "" if name == "From" else "From: a@example.org\n"
    read_message(crlf(f"{start}{name}: {value}\n\nx\n"))
    assert "more than once" in refused(crlf(f"{start}{name}: {value}\n{name.upper()}: {value}\n\nx\n")).text


def test_bytes_beyond_ascii_in_a_header_need_smtputf8() -> None:
    raw = simple("x\n", "X-Name: Zoë")
    assert refused(raw).enhanced == "5.6.9"
    assert read_message(raw, utf8=True).utf8
    assert not read_message(GOOD, utf8=True).utf8
    assert read_message(multipart("--b\nX-Name: Zoë\n\nx\n--b--\n"), utf8=True).utf8
    assert "not UTF-8" in refused(raw.replace("Zoë".encode(), b"Zo\xeb"), utf8=True).text
    assert read_message(simple("Zoë\n")).root.encoding == "7bit"  # in a body they are nobody's business here


AUTHORS = {
    "A <a@example.org>": ("a@example.org", "A"),
    "a@Example.ORG": ("a@example.org", ""),
    '"Doe, Jane" <j@example.org>': ("j@example.org", "Doe, Jane"),
    "=?utf-8?q?Zo=C3=AB?= <z@example.org>": ("z@example.org", "Zoë"),
    "=?iso-8859-1?b?Wm/r?= =?utf-8?q?_x?= <z@example.org>": ("z@example.org", "Zoë x"),
    "News (our team) <n@example.org> (hello (there))": ("n@example.org", "News"),
    '"a b"@example.org': ('"a b"@example.org', ""),
    "J. R. Hartley <j.r+x@a-b.example.org>": ("j.r+x@a-b.example.org", "J. R. Hartley"),
    '"\\"Q\\" (x)" <q@example.org>': ("q@example.org", '"Q" (x)'),
}


@pytest.mark.parametrize("author", AUTHORS)
def test_from_is_one_mailbox(author: str) -> None:
    sender = read_message(crlf(f"From: {author}\n\nx\n")).sender
    assert (sender.address, sender.name) == AUTHORS[author]


NO_AUTHORS = {
    "": "empty",
    "a@example.org, b@example.org": "more than one",
    "A <a@example.org>, B <b@example.org>": "more than one",
    "Doe, Jane <j@example.org>": "more than one",
    "a@example.org <b@example.org>": "more than one",
    "<a@example.org> <b@example.org>": "more than one",
    "Friends: a@example.org, b@example.org;": "group",
    "undisclosed-recipients:;": "group",
    "<@relay.example.org,@b.example.org:a@example.org>": "route",
    "a": "not one address",
    "a@localhost": "domain",
    "a@[127.0.0.1]": "not one address",
    "a@example..org": "domain",
    "a@-example.org": "domain",
    "<a@example.org": "not one address",
    "A <a@example.org> x": "not one address",
    "a@b@example.org": "more than one",
    "A (x <a@example.org>": "does not end",
    "A x) <a@example.org>": "ends twice",
    '"A <a@example.org>': "not one address",
    "=?utf-8?q?a=40example=2Eorg?=": "not one address",
    "=?utf-8?q?a?=@example.org": "encoded word",
    "<a@=?utf-8?q?example.org?=>": "encoded word",
    "=?utf-8?q?a=0D=0ABcc=3A_x?= <a@example.org>": "control character",
    "=?utf-8?q?a=00b?= <a@example.org>": "control character",
    "=?utf-8?q?=ff?= <a@example.org>": "decoded",
    "=?no-such?q?x?= <a@example.org>": "decoded",
    "a@example.org\x0b": "control",
}


@pytest.mark.parametrize("author", NO_AUTHORS)
def test_from_with_no_author_or_several_is_refused(author: str) -> None:
    error = refused(crlf(f"From: {author}\n\nx\n"))
    assert error.enhanced == "5.6.0"
    assert NO_AUTHORS[author] in error.text


def test_a_sender_is_one_mailbox_too() -> None:
    assert "Sender has more than one" in refused(simple("x\n", "Sender: a@example.org, b@example.org")).text


def multipart(body: str, kind: str = 'multipart/mixed; boundary="b"') -> bytes:
    return simple(body, f"Content-Type: {kind}")


PARTS = {
    "--b\n\nx\n--b--\n": [b"x"],
    "before\n--b\n\nx\n--b\nContent-Type: text/html\n\ny\n\n--b--\nafter\n": [b"x", b"y\r\n"],
    "--b  \n\nx\n--b\t\n\ny\n--b-- \n": [b"x", b"y"],
    "--b\n\n--b--\n": [b""],
    "--b\nContent-Type: text/plain\n\n--b--\n": [b""],
    "--b\n\n--B--\n -- b--\n--b--\n": [b"--B--\r\n -- b--"],
}


@pytest.mark.parametrize("body", PARTS)
def test_parts_stand_between_the_delimiters(body: str) -> None:
    message = read_message(multipart(body))
    assert [message.raw[part.body : part.end] for part in message.root.parts] == PARTS[body]


NO_PARTS = {
    "no part\n": "does not end",
    "--b\n\nx\n": "does not end",
    "--b--\n": "no part",
    "--b\n\nx\n--b--\n--b\n\ny\n--b--\n": "after its end",
    "--b\n\nx\n--b--\n--b--\n": "after its end",
    "--b\n\nx\n--bc\n\ny\n--b--\n": "goes on",
    "--b\n\nx\n--b--c\n\ny\n--b--\n": "goes on",
    "--b\n--b--\n": "empty",
    "--b\nno field\n\nx\n--b--\n": "no field",
    "--b\nContent-Type: text/plain\n--b--\n": "no field",
    "--b\nContent-Type: multipart/mixed; boundary=b\n\n--b--\n": "same boundary",
    "--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\nx\n--b--\n": "does not end",
    "--b\nContent-Type: text/plain\nContent-Type: text/html\n\nx\n--b--\n": "more than once",
}


@pytest.mark.parametrize("body", NO_PARTS)
def test_parts_that_could_be_read_in_two_ways_are_refused(body: str) -> None:
    error = refused(multipart(body))
    assert error.enhanced == "5.6.0"
    assert NO_PARTS[body] in error.text


TYPES = {
    "multipart/mixed": "no boundary",
    'multipart/mixed; boundary=""': "does not allow",
    'multipart/mixed; boundary="b "': "does not allow",
    'multipart/mixed; boundary="' + "b" * 71 + '"': "does not allow",
    "multipart/mixed; boundary=b; boundary=c": "twice",
    "multipart/mixed; boundary*0=b": "in pieces",
    "multipart/mixed; boundary*=utf-8''b": "in pieces",
    "multipart/mixed; boundary*0=a; boundary*1=b; boundary=b": "in pieces",
    "multipart/mixed boundary=b": "cannot be read",
    "multipart/mixed; boundary=b c": "cannot be read",
    "text/plain; charset*=utf-8''us-ascii": "in pieces",
    "text": "cannot be read",
    "text/": "cannot be read",
    "text/plain; charset=a (b": "does not end",
}


@pytest.mark.parametrize("kind", TYPES)
def test_types_that_could_be_read_in_two_ways_are_refused(kind: str) -> None:
    error = refused(multipart("--b\n\nx\n--b--\n", kind))
    assert error.enhanced == "5.6.0"
    assert TYPES[kind] in error.text


def test_types_are_read_with_comments_quotes_and_a_last_semicolon() -> None:
    kind = 'Multipart / Mixed (x; boundary=no) ; Boundary="b" (y); charset=utf-8;'
    root = read_message(multipart("--b\n\nx\n--b--\n", kind)).root
    assert (root.type, root.boundary, root.charset) == ("multipart/mixed", b"b", "utf-8")


def test_an_encoded_multipart_and_a_deep_or_endless_mail_are_refused() -> None:
    raw = simple("--b\n\nx\n--b--\n", "Content-Type: multipart/mixed; boundary=b", "Content-Transfer-Encoding: base64")
    assert "6.4" in refused(raw).text
    assert "500 parts" in refused(multipart("--b\n\nx\n" * 600 + "--b--\n")).text
    inner = "x\n"
    for depth in range(30):
        inner = f"Content-Type: multipart/mixed; boundary=b{depth}e\n\n--b{depth}e\n{inner}\n--b{depth}e--\n"
    assert "20 deep" in refused(crlf("From: a@example.org\n" + inner)).text


def test_a_mail_within_a_mail_is_not_looked_into() -> None:
    inner = "From: x\nFrom: y\nContent-Type: multipart/mixed\n\nwhatever"
    message = read_message(multipart(f"--b\n\nx\n--b\nContent-Type: message/rfc822\n\n{inner}\n--b--\n"))
    assert message.root.parts[1].parts == ()
    assert message.raw[message.root.parts[1].body : message.root.parts[1].end] == crlf(inner)


def test_reading_takes_time_in_line_with_the_size() -> None:
    """Patterns that backtrack would take minutes on these."""
    for raw in (
        simple("x\n", "Content-Type: text/plain" + "; a=b" * 150 + ' ;;"'),
        crlf("From: " + "a " * 400 + "\n\nx\n"),
        crlf("From: " + '"' * 901 + "\n\nx\n"),
        crlf("From: " + "(" * 900 + "\n\nx\n"),
        crlf("From: " + "=?" * 300 + "@a.b, x\n\nx\n"),
        multipart("--b\n" * 100_000),
    ):
        refused(raw)
