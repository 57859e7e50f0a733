"""The whole gate on a socket, with its store and its sink: what was refused is nowhere, and a full disk is no loss."""

import base64
import smtplib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dkim
import pytest
from relay_rig import FLAGSHIP, SITE
from submitting import Wire
from test_submission import ENDS, INJECTED

from troth.gates.mail.post_office import PostOffice
from troth.gates.mail.signing.dkim_keys import dns_record
from troth.gates.mail.taking.credentials import Credentials
from troth.gates.mail.taking.listening import Listener, running
from troth.gates.mail.taking.protocol import Limits
from troth.gates.tally import counts_by_statement
from troth.people import Identifier, open_people
from troth.policy.history import Policy
from troth.record.keys import create_keys
from troth.record.log import open_log
from troth.record.published import publish_policy
from troth.store import open_store
from troth.vault import open_vault

FROM = "news@news.gototraining.example"


@contextmanager
def whole(folder: Path, **pragmas: str) -> Iterator[tuple[PostOffice, str, str]]:
    """A post office with a sink; where it listens, and a secret of the newsletter."""
    with open_store(f"sqlite:///{folder / 'troth.db'}", create=True, pragmas=pragmas or None) as store:
        people = open_people(store, folder / "keys", FLAGSHIP)
        open_vault(store, people)
        office = PostOffice(
            people, FLAGSHIP, streams=None, site=SITE, keys=folder / "keys", relay=str(folder / "sink"),
            make_dkim_keys=True,
        )  # fmt: skip
        secret = Credentials(store).create(office.mailing.streams.find("newsletter"), by="mary")[1]
        with running(office.server([Listener(port=0)], limits=Limits(linger=0.02))) as thread:
            yield office, thread.addresses[0], secret


def send(address: str, secret: str, to: str, subject: str) -> None:
    with smtplib.SMTP("127.0.0.1", int(address.rpartition(":")[2])) as client:
        client.login("newsletter", secret)
        client.sendmail(FROM, [to], f"From: {FROM}\nTo: {to}\nSubject: {subject}\n\nHello\n")


def drained(office: PostOffice) -> list[bytes]:
    """Every message in the sink, once nothing waits."""
    until = time.monotonic() + 30
    while office.queue.waiting():
        assert time.monotonic() < until
        time.sleep(0.01)
    assert office.sink is not None
    return [office.sink.content(caught.name) for caught in office.sink.caught()]


def test_the_sink_has_nothing_that_was_not_taken_as_a_whole(tmp_path: Path) -> None:
    sender = FROM.encode()
    injected = INJECTED.replace(b"ceo@acme.example", sender).replace(b"Subject:", b"From: " + sender + b"\r\nSubject:")
    with whole(tmp_path) as (office, address, secret):
        for end in ENDS:
            wire = Wire(address)
            wire.reply()
            wire.say("EHLO me")
            plain = base64.b64encode(f"\0newsletter\0{secret}".encode()).decode()
            assert wire.say(f"AUTH PLAIN {plain}").startswith("235")
            assert wire.say(f"MAIL FROM:<{FROM}>").startswith("250")
            assert wire.say("RCPT TO:<ann@example.org>").startswith("250")
            assert wire.say("DATA").startswith("354")
            wire.send(b"From: " + FROM.encode() + b"\r\nSubject: x\r\n\r\nHello" + end + injected)
            assert wire.reply().startswith("550 5.5.2")
            assert wire.rest() == ""
            wire.close()
        assert office.queue.waiting() == 0
        send(address, secret, "ann@example.org", "whole")
        (only,) = drained(office)
    assert b"Subject: whole\r\n" in only
    assert b"smuggled" not in only


def test_signatures_verify_at_the_other_end(tmp_path: Path) -> None:
    with whole(tmp_path) as (office, address, secret):
        send(address, secret, "ann@example.org", "signed")
        (message,) = drained(office)
        keys = office.keys("news.gototraining.example")
    found = dict(dns_record(key) for key in keys)

    def txt(name: bytes, timeout: int = 5) -> bytes:
        return found[name.decode().removesuffix(".")].encode()

    unsigned = message[message.index(b"DKIM-Signature:") :]
    assert message.startswith(b"Received: by localhost (Troth)")
    assert dkim.DKIM(unsigned).verify(0, dnsfunc=txt)  # RSA; dkimpy knows Ed25519 only with another library
    with pytest.raises(dkim.ValidationError):
        dkim.DKIM(unsigned.replace(b"Hello", b"Hullo")).verify(0, dnsfunc=txt)


def test_a_full_disk_takes_nothing_and_loses_nothing(tmp_path: Path) -> None:
    with whole(tmp_path, max_page_count="330") as (office, address, secret):
        acknowledged, refused = 0, None
        for number in range(400):
            try:
                send(address, secret, f"p{number}@example.org", f"n{number}")
                acknowledged += 1
            except smtplib.SMTPDataError as error:
                refused = error
                break
        assert refused is not None
        assert (refused.smtp_code, refused.smtp_error[:5]) == (452, b"4.3.1")
        messages = []
        until = time.monotonic() + 20
        while len(messages) < acknowledged and time.monotonic() < until:
            assert office.sink is not None
            messages = office.sink.caught(1000)
            time.sleep(0.02)
        assert len(messages) >= acknowledged


def test_each_recipient_of_a_message_is_counted_once_it_is_taken(tmp_path: Path) -> None:
    with whole(tmp_path) as (office, address, secret):
        office.people.choose(Identifier("email", "bob@example.org"), {"marketing": "out"}, how="page")
        for number, to in enumerate(("ann@example.org", "bob@example.org", "eve@example.org")):
            send(address, secret, to, f"n{number}")
        office.mailing.verdicts(office.mailing.streams["newsletter"], ["bob@example.org"])  # asked, and nothing sent
        office.look()
        (counted,) = counts_by_statement(office.people.store, office.people.store.clock())["news"]
        assert (counted.allowed, counted.refused) == (2, 1)
        send(address, secret, "ann@example.org", "last")
    with open_store(f"sqlite:///{tmp_path / 'troth.db'}") as store:  # what was counted last is written at the end
        (counted,) = counts_by_statement(store, store.clock())["news"]
        assert counted.allowed == 3


def test_a_version_that_is_published_meanwhile_decides(tmp_path: Path) -> None:
    before = Policy(FLAGSHIP.versions[:-1])
    with open_store(f"sqlite:///{tmp_path / 'troth.db'}", create=True) as store:
        create_keys(tmp_path / "keys", "acme.example/log")
        log = open_log(store, tmp_path / "keys")
        publish_policy(log, before)
        people = open_people(store, tmp_path / "keys", before)
        open_vault(store, people)
        office = PostOffice(
            people, before, streams=None, site=SITE, keys=tmp_path / "keys", relay=str(tmp_path / "sink")
        )  # fmt: skip
        assert not office.look()
        publish_policy(log, FLAGSHIP)
        assert office.look()
        assert not office.look()
        (verdict,) = office.mailing.verdicts(office.mailing.streams.find("newsletter"), ["ann@example.org"])
        assert verdict.version == FLAGSHIP.versions[-1].id
        assert people.policy.versions[-1].id == FLAGSHIP.versions[-1].id
        office.gate.close()
