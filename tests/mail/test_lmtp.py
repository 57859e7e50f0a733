"""What a mail server hands over by LMTP: an answer for each recipient, and 250 only for what is durable."""

import smtplib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from mailing import ANN, BOB, FLAGSHIP, Mails, mail, mails
from test_mail_returns import arf, dsn, letter, mailto

from troth.gates.mail.returning.lmtp import LmtpError, LmtpServer, following, read_lmtp, receiving
from troth.gates.mail.returning.reports import MOST_BYTES
from troth.gates.mail.streams import read_streams
from troth.policy.history import Policy
from troth.store import StoreUnavailableError


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Mails]:
    with mails(tmp_path) as here:
        yield here


@pytest.fixture
def client(here: Mails) -> Iterator[smtplib.LMTP]:
    with receiving(lambda: here.returns, port=0) as thread, smtplib.LMTP("127.0.0.1", thread.port) as client:
        yield client


def hand_over(client: smtplib.LMTP, recipient: str, content: bytes, sender: str = "") -> tuple[int, bytes]:
    client.ehlo_or_helo_if_needed()
    client.mail(sender)
    answer = client.rcpt(recipient)
    if answer[0] != 250:
        client.rset()
        return answer
    return client.data(content)


def test_a_bounce_a_complaint_and_a_wish(here: Mails, client: smtplib.LMTP) -> None:
    ann, bob = here.envelope(ANN), here.envelope(BOB)
    assert hand_over(client, ann, dsn()) == (250, b"2.0.0 bounce: suppressed")
    assert here.reason("account", ANN) == "bounced"
    assert hand_over(client, bob, arf()) == (250, b"2.0.0 complaint: opted-out")
    assert here.states(BOB) == {"marketing": "out"}
    assert hand_over(client, mailto(here, "eve@example.org").upper(), letter("", ""), "eve@example.org")[0] == 250
    assert here.states("eve@example.org") == {"marketing": "out"}
    assert hand_over(client, ann, dsn()) == (250, b"2.0.0 bounce: done-before")


def test_who_is_not_expected_is_refused_before_the_message(here: Mails, client: smtplib.LMTP) -> None:
    ann = here.envelope(ANN)
    for recipient in ("ann@example.org", ann.replace("b-", "u-"), ann[:20] + "@news.gototraining.example", "x"):
        assert hand_over(client, recipient, dsn())[0] == 550, recipient
    client.mail("")
    assert client.rcpt(ann)[0] == 250
    assert client.rcpt(here.envelope(BOB))[0] == 452
    assert client.data(dsn())[0] == 250
    assert (here.reason("newsletter", ANN), here.reason("newsletter", BOB)) == ("bounced", None)


def test_what_proves_nothing_is_refused(here: Mails, client: smtplib.LMTP) -> None:
    code, text = hand_over(client, "news@news.gototraining.example", letter("unsubscribe"))
    assert (code, text[:5]) == (550, b"5.7.1")
    assert here.states(ANN) == {}


def test_with_the_store_away_the_mail_server_keeps_it(here: Mails, client: smtplib.LMTP, monkeypatch) -> None:
    ann = here.envelope(ANN)

    def away(work):
        raise StoreUnavailableError("away")

    with monkeypatch.context() as patched:
        patched.setattr(here.people.store, "write", away)
        assert hand_over(client, ann, dsn())[0] == 451
    assert here.reason("newsletter", ANN) is None
    assert hand_over(client, ann, dsn())[0] == 250


def test_too_much_is_refused_and_the_next_is_taken(here: Mails, client: smtplib.LMTP) -> None:
    ann = here.envelope(ANN)
    assert hand_over(client, ann, b"Subject: x\r\n\r\n" + (b"x" * 70 + b"\r\n") * (MOST_BYTES // 70))[0] == 552
    assert hand_over(client, ann, dsn())[0] == 250


def test_it_speaks_lmtp_and_not_smtp(here: Mails) -> None:
    with receiving(lambda: here.returns, port=0) as thread, smtplib.SMTP("127.0.0.1", thread.port) as client:
        assert client.ehlo()[0] == 500
        assert client.helo()[0] == 500


def test_many_at_once_are_each_done_once(here: Mails) -> None:
    to, answers = mailto(here), []
    with receiving(lambda: here.returns, port=0) as thread:

        def send() -> None:
            with smtplib.LMTP("127.0.0.1", thread.port) as client:
                answers.append(hand_over(client, to, letter("x"))[0])

        threads = [threading.Thread(target=send) for _ in range(8)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
    assert answers == [250] * 8
    assert len(here.people.history(mail(ANN))) == 1


def test_only_this_machine_is_listened_to(here: Mails) -> None:
    for host in ("0.0.0.0", "::", "192.0.2.1", "example.org"):
        with pytest.raises(LmtpError, match="loopback"):
            LmtpServer(lambda: here.returns, host)
    with (
        receiving(lambda: here.returns, port=0) as thread,
        pytest.raises(LmtpError, match="`lmtp`"),
        receiving(lambda: here.returns, port=thread.port),
    ):
        pass


@pytest.mark.parametrize(("text", "read"), [
    ("127.0.0.1:8770", ("127.0.0.1", 8770)), ("[::1]:24", ("::1", 24)), ("localhost:0", ("127.0.0.1", 0)),
])  # fmt: skip
def test_an_address_to_listen_on(text: str, read: tuple[str, int]) -> None:
    assert read_lmtp(text) == read


@pytest.mark.parametrize("text", ["", "8770", ":8770", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000"])
def test_no_address_to_listen_on(text: str) -> None:
    with pytest.raises(LmtpError):
        read_lmtp(text)


def test_a_version_that_comes_into_force_counts(here: Mails) -> None:
    first = Policy(FLAGSHIP.versions[:1])
    here.people.use(first)
    returns = following(here.people, lambda policy: read_streams(None, policy))
    assert returns() is returns()
    before = returns()
    here.people.use(FLAGSHIP)
    assert returns() is not before
    assert returns().expects(here.envelope(ANN))
