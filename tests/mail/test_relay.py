"""From submission to upstream: who gets what, what is tried again, and what the store knows of it meanwhile."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from relay_rig import Rig, message, rigged

from troth.gates.mail.errors import MailError
from troth.gates.mail.sending.backoff import delay
from troth.gates.mail.sending.bouncing import status_of
from troth.gates.mail.sending.conversation import LostError, Reply
from troth.gates.mail.sending.handing import UnavailableError
from troth.people import Identifier
from troth.people.receipt import opening_of
from troth.record.kinds import read_entry
from troth.record.verification import verify_record

ANN, BEN, CAT = "ann@example.org", "ben@example.org", "cat@other.example"
BUSY, GONE = Reply(451, "4.7.1 Slow down"), Reply(550, "5.1.1 No such user ann@example.org")


@pytest.fixture
def rig(tmp_path: Path, url: str) -> Iterator[Rig]:
    with rigged(tmp_path, url) as rig:
        yield rig


def entries(rig: Rig, kind: str) -> list[tuple[int, dict]]:
    rows = rig.rows('SELECT "index", entry FROM leaves ORDER BY "index"')
    found = [(index, read_entry(bytes(entry))) for index, entry in rows]
    return [(index, body) for index, body in found if body["kind"] == kind]


def test_marketing_goes_to_each_with_the_way_out_and_not_to_who_left(rig: Rig) -> None:
    rig.opt_out(BEN)
    id = rig.submit("newsletter", ANN, BEN, CAT)
    assert rig.states() == ["suppressed", "queued", "queued"]
    asyncio.run(rig.all())
    assert sorted(rig.upstream.recipients) == [ANN, CAT]
    assert all(len(one.recipients) == 1 and one.id == id for one in rig.upstream.taken)
    assert len({one.sender for one in rig.upstream.taken}) == 2
    for one in rig.upstream.taken:
        assert one.sender.startswith("b-")
        mail = message_from_bytes(one.content, policy=policy.SMTP)
        assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert "https://privacy.example.org/unsubscribe/" in mail["List-Unsubscribe"]
        assert "https://privacy.example.org/unsubscribe/" in mail.get_content()
        assert mail["Message-ID"] == "<1@client.example>"
        assert mail["Received"].startswith("by localhost (Troth) with ESMTPSA id ")
    assert sorted(rig.states()) == ["sent", "sent", "suppressed"]
    assert rig.rows("SELECT * FROM mail_queue") == rig.rows("SELECT * FROM mail_bodies") == []


def test_every_recipient_has_an_entry_that_the_person_can_open(rig: Rig) -> None:
    rig.opt_out(BEN)
    id = rig.submit("newsletter", ANN, BEN)
    found = entries(rig, "mailed")
    assert [body["outcome"] for _, body in found] == ["suppressed", "taken"]
    people = rig.vault.people
    for (leaf, body), address in zip(found, (BEN, ANN), strict=True):
        assert (body["stream"], body["purpose"], body["version"]) == ("newsletter", "marketing.own", "2017-02-01")
        opening = opening_of(people, leaf)
        assert opening.values["person"] == people.find(Identifier("email", address))
        assert opening.values["mail"]["message"] == id
    rig.log.sign()
    verify_record(rig.log, rig.log.keys.trusted, None)


def test_service_mail_goes_to_all_together_as_it_is(rig: Rig) -> None:
    rig.opt_out(ANN)
    raw = message(rig.stream("account"), "Your password")
    rig.submit("account", ANN, BEN, CAT, content=raw)
    asyncio.run(rig.all())
    (one,) = rig.upstream.taken
    assert one.recipients == (ANN, BEN, CAT)
    assert one.sender == "robot@account.logmein.example"
    assert one.content.endswith(raw)
    assert one.content.removesuffix(raw).startswith(b"Received: by localhost (Troth) with")
    assert rig.states() == ["sent"] * 3


def test_what_is_missing_is_added_once_and_stays_the_same(rig: Rig) -> None:
    raw = b"From: robot@account.logmein.example\r\nBcc: cat@other.example\r\n\r\nHello\r\n"
    rig.submit("account", ANN, content=raw)
    rig.upstream.answers[ANN] = [LostError("gone")]
    asyncio.run(rig.all())
    assert rig.upstream.taken == []
    rig.clock.move(hours=1)
    asyncio.run(rig.all())
    mail = message_from_bytes(rig.upstream.taken[0].content, policy=policy.SMTP)
    assert mail["Message-ID"].endswith("@account.logmein.example>")
    assert mail["Date"] is not None
    assert mail["Bcc"] is None


@pytest.mark.parametrize(
    ("stream", "content", "code"),
    [
        ("newsletter", b"From: a@other.example\r\n\r\nx\r\n", "550 5.7.1 From of the stream newsletter is at"),
        ("newsletter", b"From: a@news.gototraining.example\r\nFrom: b@x.example\r\n\r\nx\r\n", "550 5.6.0"),
        ("newsletter", b"Subject: x\r\n\r\nx\r\n", "550 5.6.0"),
        ("account", b"From: a@account.logmein.example\r\nX-Troth-Stream: newsletters\r\n\r\nx\r\n", "550 5.7.1"),
    ],
)
def test_what_may_not_be_sent_is_refused_whole(rig: Rig, stream: str, content: bytes, code: str) -> None:
    with pytest.raises(MailError, match=code):
        rig.submit(stream, ANN, content=content)
    assert rig.rows("SELECT * FROM mail_queue") == rig.rows("SELECT * FROM mail_sent") == []


def test_a_header_can_make_it_marketing(rig: Rig) -> None:
    rig.opt_out(ANN)
    raw = b"From: a@news.gototraining.example\r\nX-Troth-Stream: newsletter\r\n\r\nx\r\n"
    rig.submit("account", ANN, BEN, content=raw)
    assert rig.states() == ["suppressed", "queued"]


def test_bulk_on_a_service_stream_is_held(rig: Rig) -> None:
    rig.submit("account", ANN, content=message(rig.stream("account"), "x", "Precedence: bulk"))
    asyncio.run(rig.all())
    assert rig.upstream.taken == []
    assert rig.rows("SELECT state FROM mail_queue") == [("held",)]


def test_nothing_in_the_database_says_who_or_what(rig: Rig, tmp_path: Path) -> None:
    rig.submit("newsletter", ANN, content=message(rig.stream("newsletter"), "A secret subject"))
    rig.submit("account", BEN, content=message(rig.stream("account"), "A secret subject"))
    tables = ("mail_queue", "mail_bodies", "mail_sent", "leaves", "openings")
    found = repr([rig.rows(f"SELECT * FROM {table}") for table in tables])
    for word in (ANN, BEN, "example.org", "secret", "robot@", "Hello"):
        assert word not in found


def test_an_opt_out_after_acceptance_holds(rig: Rig) -> None:
    rig.submit("newsletter", ANN, BEN)
    rig.opt_out(ANN)
    asyncio.run(rig.all())
    assert rig.upstream.recipients == [BEN]
    assert rig.states() == ["suppressed", "sent"]
    ((leaf, body),) = entries(rig, "unsent")
    assert body["outcome"] == "suppressed"
    opening = opening_of(rig.vault.people, leaf)
    assert opening.values["mail"]["reason"] == "opted-out"
    assert rig.rows("SELECT * FROM mail_bodies") == []


def test_who_was_erased_gets_nothing_more(rig: Rig) -> None:
    rig.submit("newsletter", ANN, BEN)
    rig.submit("account", ANN, BEN)
    rig.vault.erase([Identifier("email", ANN)])
    assert len(rig.rows("SELECT * FROM mail_bodies")) == 2
    asyncio.run(rig.all())
    assert rig.upstream.recipients == [BEN, BEN]
    assert rig.states() == ["sent", "sent"]


def test_a_refusal_for_now_is_tried_again_and_again(rig: Rig) -> None:
    rig.upstream.answers[ANN] = [BUSY] * 3
    rig.submit("account", ANN, BEN)
    asyncio.run(rig.all())
    assert rig.upstream.recipients == [ANN, BEN]  # handed over for both; ANN's reply said not now
    assert rig.rows("SELECT tries, reply FROM mail_queue") == [(1, "4.7.1")]
    for tries in (2, 3):
        rig.clock.move(seconds=delay(tries - 1, lambda: 0.5).total_seconds() - 1)
        asyncio.run(rig.all())
        assert rig.rows("SELECT tries FROM mail_queue") == [(tries - 1,)]
        rig.clock.move(seconds=2)
        asyncio.run(rig.all())
        assert rig.rows("SELECT tries FROM mail_queue") == [(tries,)]
    rig.clock.move(days=1)
    asyncio.run(rig.all())
    assert rig.states() == ["sent", "sent"]


def test_a_domain_that_puts_off_twice_is_left_in_peace_and_others_are_not(rig: Rig) -> None:
    rig.upstream.answers[ANN] = [BUSY] * 5
    rig.submit("account", ANN)
    asyncio.run(rig.all())
    rig.clock.move(minutes=6)
    asyncio.run(rig.all())
    rig.submit("account", BEN)
    rig.submit("account", CAT)
    asyncio.run(rig.all())
    assert [one.recipients for one in rig.upstream.taken] == [(CAT,)]
    rig.clock.move(hours=1)
    rig.upstream.answers.clear()
    asyncio.run(rig.all())
    assert sorted(rig.upstream.recipients) == [ANN, BEN, CAT]


@pytest.mark.parametrize("overdue", [False, True])
def test_a_final_failure_is_told_once(rig: Rig, overdue: bool) -> None:
    reply = BUSY if overdue else GONE
    rig.upstream.answers[ANN] = [reply] * 500
    id = rig.submit("account", ANN, BEN)
    for _ in range(70 if overdue else 1):
        asyncio.run(rig.all())
        rig.clock.move(hours=2)
    asyncio.run(rig.all())
    notices = [one for one in rig.upstream.taken if one.sender == ""]
    (notice,) = notices
    assert notice.recipients == ("robot@account.logmein.example",)
    report = message_from_bytes(notice.content, policy=policy.SMTP)
    assert report.get_content_type() == "multipart/report"
    human, status, header = report.iter_parts()
    assert ANN in human.get_content()
    assert BEN not in human.get_content()
    assert id in human.get_content()
    blocks = status.get_payload()
    assert blocks[0]["Reporting-MTA"] == "dns; localhost"
    assert (blocks[1]["Final-Recipient"], blocks[1]["Action"]) == (f"rfc822; {ANN}", "failed")
    assert blocks[1]["Status"] == status_of(reply)
    assert "Message-ID: <1@client.example>" in header.get_payload()
    assert "Hello" not in notice.content.decode()
    assert sorted(rig.states()) == ["failed", "sent"]
    assert [body["outcome"] for _, body in entries(rig, "unsent")] == ["failed"]
    assert rig.rows("SELECT * FROM mail_queue") == []


def test_an_address_that_does_not_work_gets_nothing_more(rig: Rig) -> None:
    rig.upstream.answers[ANN] = [GONE]
    rig.upstream.answers[BEN] = [Reply(554, "5.7.1 Not from you")]
    rig.submit("account", ANN, BEN)
    asyncio.run(rig.all())
    rig.upstream.taken.clear()
    rig.submit("account", ANN, BEN)
    asyncio.run(rig.all())
    assert rig.upstream.recipients == [BEN]
    assert rig.rows("SELECT state, reason FROM mail_sent ORDER BY leaf DESC LIMIT 2") == [
        ("sent", None), ("suppressed", "bounced"),
    ]  # fmt: skip


def test_a_notice_that_fails_is_not_told_in_turn(rig: Rig) -> None:
    rig.upstream.answers[ANN] = [GONE]
    rig.upstream.answers["robot@account.logmein.example"] = [GONE]
    rig.submit("account", ANN)
    asyncio.run(rig.all())
    assert rig.upstream.taken == []
    assert rig.rows("SELECT * FROM mail_queue") == []


def test_an_upstream_that_is_away_costs_no_try_and_no_noise(rig: Rig) -> None:
    rig.upstream.answers[ANN] = [UnavailableError("refused")] * 4
    for _ in range(3):
        rig.submit("account", ANN)
    asyncio.run(rig.all())
    assert {tries for (tries,) in rig.rows("SELECT tries FROM mail_queue")} == {0}
    assert rig.relay.lease(1) is None
    for _ in range(10):
        rig.clock.move(minutes=1)
        asyncio.run(rig.all())
    assert rig.upstream.recipients == [ANN] * 3


def test_two_relays_never_send_the_same(rig: Rig) -> None:
    from troth.gates.mail.sending.relaying import Relay

    other = Relay(rig.queue, rig.upstream, lambda: rig.mailing)
    for number in range(30):
        rig.submit("account", f"p{number}@example.org")

    async def both() -> None:
        while True:
            sent = await asyncio.gather(rig.relay.once(), other.once())
            if not any(sent):
                return

    asyncio.run(both())
    assert len(rig.upstream.recipients) == len(set(rig.upstream.recipients)) == 30


def test_a_lease_that_ran_out_sends_nothing(rig: Rig) -> None:
    """Who stood still for longer than its lease finds at the last look that others may have taken over."""
    rig.submit("account", ANN)

    async def stand_still(_: object) -> None:
        rig.upstream.before = None
        rig.clock.move(seconds=61)

    rig.upstream.before = stand_still
    asyncio.run(rig.relay.once())
    assert rig.upstream.taken == []
    asyncio.run(rig.all())
    assert rig.upstream.recipients == [ANN]


def test_a_lease_is_renewed(rig: Rig) -> None:
    rig.submit("account", ANN)
    jobs, _ = rig.queue.take("worker-1", 10)
    rig.clock.move(seconds=50)
    assert rig.queue.renew("worker") == 1
    assert rig.queue.renew("work") == 0
    rig.clock.move(seconds=50)
    assert rig.queue.holds(jobs) == {(jobs[0].id, jobs[0].lease)}
    assert rig.queue.take("other-1", 10) == ([], [])


def test_what_is_offered_goes_at_once_without_the_queue_being_read(rig: Rig) -> None:
    async def work() -> None:
        lease = rig.relay.lease(1)
        assert lease is not None
        rig.submit("account", ANN, lease=lease)
        assert not rig.queue.due()
        while rig.upstream.recipients != [ANN] or rig.queue.waiting():
            await asyncio.sleep(0.01)

    asyncio.run(work())
    assert rig.states() == ["sent"]


def test_delays_grow_and_end_at_four_hours() -> None:
    delays = [delay(tries, lambda: 0.5) for tries in range(1, 40)]
    assert delays[0] == timedelta(minutes=5)
    assert delays == sorted(delays)
    assert delays[-1] == timedelta(hours=4)
