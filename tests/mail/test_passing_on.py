"""What comes back to an envelope sender is passed on to whom its stream names: whole, from nobody, when it is done."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mailing import ANN, FLAGSHIP, SITE, Mails, mail, mails
from test_mail_returns import arf, dsn, letter

from troth.decision.point import DecisionPoint
from troth.gates.mail.deciding.mailing import Mailing
from troth.gates.mail.returning.passing_on import HOPS, LONGEST, clean
from troth.gates.mail.returning.returns import ReturnError, Returns
from troth.gates.mail.sending.queue import Queue
from troth.gates.mail.sending.verdicts import NOTICES
from troth.gates.mail.sending.waiting import Clerk
from troth.gates.mail.streams import EMBEDDED, StreamError, read_streams
from troth.store import StoreUnavailableError

DESK = "postmaster@gototraining.example"


@pytest.fixture
def here(tmp_path: Path, url: str) -> Iterator[Mails]:
    """The flagship, whose newsletter and service mail pass bounces on, and whose invitations do not."""
    with mails(tmp_path, url) as plain:
        passing = {name: {**EMBEDDED[name], "bounces": DESK} for name in ("newsletter", "account")}
        streams = read_streams({**EMBEDDED, **passing}, FLAGSHIP)
        mailing = Mailing(plain.people, DecisionPoint(FLAGSHIP), streams, SITE)
        returns = Returns(plain.people, streams)
        yield msgspec.structs.replace(plain, streams=streams, mailing=mailing, returns=returns)


def clerk(here: Mails) -> Clerk:
    return Clerk(Queue(here.people))


def passed(here: Mails) -> list[bytes]:
    """What waits to be passed on: to the desk, from nobody, and about no decision."""
    found = []
    for line in clerk(here).lines():
        assert (line.recipient, line.sender, line.stream) == (DESK, "", NOTICES)
        content = clerk(here).content(line.message)
        assert content is not None
        found.append(content)
    return found


@pytest.mark.parametrize("stream", ["newsletter", "account"])
def test_a_bounce_is_done_and_passed_on(here: Mails, stream: str) -> None:
    raw = dsn()
    assert here.returns.take(raw, here.envelope(ANN, stream), source="lmtp").did == "suppressed"
    assert here.reason("account", ANN) == "bounced"
    (content,) = passed(here)
    trace, _, rest = content.partition(b"\r\n")
    assert trace.startswith(b"Received: by localhost (Troth) id ")
    assert content.endswith(raw)
    assert rest.endswith(raw)


def test_what_asks_for_nothing_and_what_may_pass_are_passed_on_too(here: Mails) -> None:
    sender = here.envelope(ANN, "account")
    away = letter("I am away", Auto_Submitted="auto-replied")
    for raw, did in ((dsn("4.2.2"), "counted"), (away, "nothing"), (letter("Who are you?"), "nothing")):
        assert here.returns.take(raw, sender, source="lmtp").did == did
    assert [content.partition(b"\r\n\r\n")[2] for content in passed(here)] == [
        clean(raw).partition(b"\r\n\r\n")[2] for raw in (dsn("4.2.2"), away, letter("Who are you?"))
    ]
    assert here.reason("account", ANN) is None


def test_nothing_else_is_passed_on(here: Mails) -> None:
    here.returns.take(dsn("4.2.2"), here.envelope(ANN, "invitations"), source="lmtp")  # a stream that names nobody
    here.returns.told(here.envelope(ANN), "bounce", "4.2.2", source="webhook")  # there is no message
    # What quotes an envelope sender is done, but came to somebody already: else it would go in circles.
    quoting = arf(mail_from=here.envelope(ANN))
    assert here.returns.take(quoting, "abuse@news.gototraining.example", source="lmtp").did == "opted-out"
    with pytest.raises(ReturnError):
        here.returns.take(dsn(), "b-" + "a" * 61 + "@news.gototraining.example", source="lmtp")
    circling = b"Received: from x by y; now\r\n" * HOPS + dsn()
    here.returns.take(circling, here.envelope(ANN, "account"), source="lmtp")
    assert passed(here) == []


def test_both_or_neither(here: Mails, monkeypatch: pytest.MonkeyPatch) -> None:
    sender = here.envelope(ANN, "account")

    def away(*_: object, **__: object) -> None:
        raise StoreUnavailableError("away")

    with monkeypatch.context() as patched:
        patched.setattr(Queue, "put", away)
        with pytest.raises(StoreUnavailableError):
            here.returns.take(dsn(), sender, source="lmtp")
    assert here.reason("account", ANN) is None
    here.returns.take(dsn(), sender, source="lmtp")
    assert (here.reason("account", ANN), len(passed(here))) == ("bounced", 1)


def test_who_is_erased_takes_it_along(here: Mails) -> None:
    here.people.know(mail(ANN))
    here.returns.take(dsn(), here.envelope(ANN, "account"), source="lmtp")
    assert len(passed(here)) == 1
    here.vault.erase([mail(ANN)], staff="mary")
    assert clerk(here).lines() == []


def test_an_address_that_is_none_is_refused() -> None:
    for wrong in ("postmaster", "a b@example.org", "<a@example.org>", "a@example.org\r\nRCPT TO:<b@example.org>"):
        with pytest.raises(StreamError, match=r"\[streams.x\]: `bounces` is an address"):
            read_streams({"x": {"from": "example.org", "bounces": wrong}}, FLAGSHIP)


@given(st.binary(max_size=3000) | st.text(alphabet="ab\r\n\0.", max_size=200).map(str.encode))
def test_what_is_passed_on_can_be_said_to_any_server(raw: bytes) -> None:
    said = clean(raw)
    assert said.endswith(b"\r\n")
    lines = said[:-2].split(b"\r\n")
    assert not any({0, 10, 13} & set(line) or len(line) > LONGEST for line in lines)
    assert b"".join(lines) == raw.translate(None, b"\0\r\n")
    assert clean(said) == said


def test_long_lines_are_broken() -> None:
    assert clean(b"x" * 2000) == b"x" * 998 + b"\r\n" + b"x" * 998 + b"\r\n" + b"x" * 4 + b"\r\n"
