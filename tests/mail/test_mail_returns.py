"""What comes back: bounces suppress, complaints and wishes count, and nobody can refuse for somebody else."""

import random
import re
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mailing import ANN, BOB, EVE, Mails, mail, mails

from troth.gates.mail.returning.reports import HARD, ReportError, asks_to_stop, is_hard, own_lines, read_report
from troth.gates.mail.returning.returns import COUNTS, ReturnError, Taken
from troth.gates.mail.verp import LONGEST, VerpError
from troth.people.receipt import opening_of
from troth.people.suppressions import EVERYTHING
from troth.record.kinds import read_entry
from troth.record.reader import RecordReader
from troth.store import StoreUnavailableError
from troth.store.schema import to_micros

RETURNED = "returned"


@pytest.fixture
def here(tmp_path: Path, url: str) -> Iterator[Mails]:
    with mails(tmp_path, url) as here:
        yield here


def dsn(status: str = "5.1.1", action: str = "failed", recipient: str = ANN, diagnostic: str | None = None) -> bytes:
    """A report as Postfix writes it."""
    said = diagnostic or f"smtp; 550 {status} <{recipient}>: no"
    return f"""\
From: MAILER-DAEMON@mx.example.org (Mail Delivery System)\r
Subject: Undelivered Mail Returned to Sender\r
Auto-Submitted: auto-replied\r
MIME-Version: 1.0\r
Content-Type: multipart/report; report-type=delivery-status; boundary="B1"\r
\r
--B1\r
Content-Type: text/plain; charset=us-ascii\r
\r
This is the mail system. To unsubscribe, call us.\r
\r
--B1\r
Content-Description: Delivery report\r
Content-Type: message/delivery-status\r
\r
Reporting-MTA: dns; mx.example.org\r
Arrival-Date: Fri, 1 May 2026 09:00:00 +0000 (UTC)\r
\r
Final-Recipient: rfc822; {recipient}\r
Original-Recipient: rfc822;{recipient}\r
Action: {action}\r
Status: {status}\r
Diagnostic-Code: {said}\r
\r
--B1\r
Content-Type: text/rfc822-headers\r
\r
From: news@news.gototraining.example\r
Subject: News\r
\r
--B1--\r
""".encode()


def arf(kind: str = "abuse", *, mail_from: str = "", inner: str = "", outer: str = "") -> bytes:
    """A complaint as mailbox providers send it."""
    original = f"Original-Mail-From: <{mail_from}>\r\n" if mail_from else ""
    return f"""\
From: <fbl@provider.example>\r
To: <abuse@news.gototraining.example>\r
Subject: FW: News\r
MIME-Version: 1.0\r
Content-Type: multipart/report; report-type=feedback-report; boundary="B2"\r
{outer}\r
--B2\r
Content-Type: text/plain\r
\r
This is an email abuse report.\r
\r
--B2\r
Content-Type: message/feedback-report\r
\r
Feedback-Type: {kind}\r
User-Agent: SomeGenerator/1.0\r
Version: 1\r
{original}\r
--B2\r
Content-Type: message/rfc822\r
\r
{inner}From: news@news.gototraining.example\r
Subject: News\r
\r
Hello\r
\r
--B2--\r
""".encode()


def letter(text: str, subject: str = "Re: News", sender: str = ANN, **headers: str) -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, "news@news.gototraining.example", subject
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    return message.as_bytes()


def mailto(here: Mails, address: str = ANN) -> str:
    found = re.search(r"<mailto:([^?>]+)", here.link(address))
    assert found is not None
    return found[1]


def quoted_link(here: Mails, address: str = ANN) -> str:
    found = re.search(r"<(https:[^>]+)>", here.link(address))
    assert found is not None
    return found[1]


def entries(here: Mails, kind: str = RETURNED) -> list[tuple[int, dict]]:
    reader = RecordReader(here.people.store)
    found = []
    while (entry := reader.entry(len(found))) is not None:
        found.append(read_entry(entry))
    return [(leaf, body) for leaf, body in enumerate(found) if body["kind"] == kind]


def counts(here: Mails) -> list[tuple[str, str, int]]:
    day = to_micros(here.clock().replace(hour=0, minute=0, second=0, microsecond=0))
    with here.people.store.read() as connection:
        return sorted(tuple(row) for row in connection.execute(COUNTS, {"of_day": day}))


# --- bounces ----------------------------------------------------------------------------------------------------------


def test_a_hard_bounce_suppresses_the_address_for_everything_and_only_once(here: Mails) -> None:
    to = here.envelope(ANN)
    assert here.returns.take(dsn(), to, source="lmtp") == Taken("bounce", "suppressed", "5.1.1", "newsletter")
    assert {here.reason(stream, ANN) for stream in here.streams} == {"bounced"}
    assert {here.reason(stream, BOB) for stream in here.streams} == {None}
    assert here.returns.take(dsn(), to, source="lmtp").did == "done-before"
    ((leaf, body),) = entries(here)
    assert (body["what"], body["status"], body["did"], body["source"]) == ("bounce", "5.1.1", "suppressed", "lmtp")
    opening = opening_of(here.people, leaf)
    assert opening.values["person"] == here.people.find(mail(ANN))
    assert counts(here) == [("newsletter", "bounce", 1)]
    (row,) = here.suppression.of(ANN)
    assert (row.scope, row.reason, row.source) == (EVERYTHING, "bounce", "lmtp")


@pytest.mark.parametrize("status", [
    "4.1.1", "4.2.2", "5.2.2", "5.0.0", "5.1.0", "5.1.7", "5.1.8", "5.3.0", "5.4.1", "5.4.4", "5.5.0", "5.6.0", "5.7.0",
    "5.7.1", "5.7.26", "5.7.509", "", "nonsense", "2.0.0",
])  # fmt: skip
def test_what_is_not_the_fault_of_the_address_suppresses_nothing(here: Mails, status: str) -> None:
    took = here.returns.take(dsn(status, diagnostic="smtp; no"), here.envelope(ANN), source="lmtp")
    assert (took.what, took.did) == ("bounce", "counted")
    assert here.reason("newsletter", ANN) is None
    assert here.suppression.of(ANN) == []


@pytest.mark.parametrize("status", HARD)
def test_what_is_suppresses(here: Mails, status: str) -> None:
    assert here.returns.take(dsn(status), here.envelope(ANN), source="lmtp").did == "suppressed"


def test_a_status_that_says_nothing_is_read_in_the_words_of_the_server(here: Mails) -> None:
    to = here.envelope(ANN)
    assert here.returns.take(dsn("5.0.0", diagnostic="smtp; 550-5.7.1 no 5.1.1"), to, source="lmtp").status == "5.7.1"
    assert here.returns.take(dsn("5.0.0", diagnostic="smtp; 550 5.1.1 no"), to, source="lmtp").did == "suppressed"


@pytest.mark.parametrize(("action", "what", "did"), [
    ("delayed", "delay", "counted"), ("delivered", "nothing", "nothing"), ("relayed", "nothing", "nothing"),
    ("expanded", "nothing", "nothing"), ("FAILED", "bounce", "suppressed"),
])  # fmt: skip
def test_only_a_failure_is_a_bounce(here: Mails, action: str, what: str, did: str) -> None:
    took = here.returns.take(dsn(action=action), here.envelope(ANN), source="lmtp")
    assert (took.what, took.did) == (what, did)


def test_a_bounce_of_a_service_message_counts_too_and_a_relay_can_say_it_itself(here: Mails) -> None:
    assert here.returns.take(dsn(), here.envelope(ANN, "account"), source="lmtp").did == "suppressed"
    assert here.returns.bounced(here.newsletter, BOB, "5.1.1").did == "suppressed"
    assert here.returns.bounced(here.newsletter, EVE, "5.7.1").did == "counted"
    assert [here.reason("account", one) for one in (ANN, BOB, EVE)] == ["bounced", "bounced", None]
    assert here.suppression.lift(ANN, by="mary", why="it works again") == [EVERYTHING]
    assert here.reason("account", ANN) is None


# --- complaints and wishes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["recipient", "mail_from", "return_path", "mailto", "link"])
def test_a_complaint_opts_the_person_out_wherever_it_proves_whom(here: Mails, where: str) -> None:
    to, envelope = "abuse@news.gototraining.example", here.envelope(ANN)
    if where == "recipient":
        took = here.returns.take(arf(), envelope, source="webhook")
    elif where == "mail_from":
        took = here.returns.take(arf(mail_from=envelope), to, source="webhook")
    elif where == "return_path":
        took = here.returns.take(arf(inner=f"Return-Path: <{envelope}>\r\n"), to, source="webhook")
    elif where == "mailto":
        took = here.returns.take(arf(inner=f"List-Unsubscribe: <mailto:{mailto(here)}?subject=x>\r\n"), to, source="x")
    else:
        took = here.returns.take(arf(inner=f"List-Unsubscribe: <{quoted_link(here)}>\r\n"), to, source="x")
    assert (took.what, took.did) == ("complaint", "opted-out")
    assert here.states(ANN) == {"marketing": "out"}
    (change,) = here.people.history(mail(ANN))
    assert (change.how, change.actor, change.product) == ("complaint", "person", "gototraining")
    assert here.reason("newsletter", ANN) == "opted-out"
    assert here.reason("account", ANN) is None
    assert here.reason("newsletter", BOB) is None
    ((_, body),) = entries(here)
    assert (body["what"], body["did"]) == ("complaint", "opted-out")


@pytest.mark.parametrize("kind", ["not-spam", "virus", "other", "fraud", ""])
def test_other_reports_change_nothing(here: Mails, kind: str) -> None:
    assert here.returns.take(arf(kind), here.envelope(ANN), source="x").did == "nothing"
    assert here.states(ANN) == {}


@pytest.mark.parametrize("content", [b"", b"\r\n", b"\xff\xfe", b"Subject: anything\r\n\r\nat all\r\n", dsn(), arf()])
def test_whatever_comes_to_the_address_for_it_unsubscribes(here: Mails, content: bytes) -> None:
    to = mailto(here)
    for case in (to, to.upper(), to.title()):
        took = here.returns.take(content, case, source="lmtp")
        assert took.what == "opt-out"
    assert here.states(ANN) == {"marketing": "out"}
    (change,) = here.people.history(mail(ANN))
    assert (change.how, change.actor) == ("mail", "person")
    assert len(entries(here)) == 1


REPLY = "Please unsubscribe me\n\nOn Fri, 1 May 2026 at 10:00, GoToTraining wrote:\n> News\n> Unsubscribe: {}\n"


def test_a_reply_with_the_word_counts_when_it_quotes_our_link(here: Mails) -> None:
    to = "news@news.gototraining.example"
    link = quoted_link(here)
    with pytest.raises(ReturnError) as refused:
        here.returns.take(letter(REPLY.format("nothing")), to, source="lmtp")
    assert refused.value.code == 550
    assert here.returns.take(letter(REPLY.format(link), sender=BOB), to, source="lmtp").did == "opted-out"
    assert here.states(ANN) == {"marketing": "out"}  # whoever wrote it: it is Ann's link
    assert here.states(BOB) == {}
    assert here.returns.take(letter(REPLY.format(link)), to, source="lmtp").did == "done-before"


def test_a_reply_to_the_address_of_the_envelope_needs_no_link(here: Mails) -> None:
    to = here.envelope(ANN)
    assert here.returns.take(letter("Thank you, that was nice."), to, source="lmtp").did == "nothing"
    assert here.returns.take(letter("STOP"), to, source="lmtp").did == "opted-out"


@pytest.mark.parametrize("headers", [
    {"Auto_Submitted": "auto-replied"}, {"Precedence": "auto_reply"}, {"X_Autoreply": "yes"},
])  # fmt: skip
def test_a_machine_that_quotes_the_word_refuses_for_nobody(here: Mails, headers: dict[str, str]) -> None:
    took = here.returns.take(letter("unsubscribe", "unsubscribe", **headers), here.envelope(ANN), source="lmtp")
    assert took.did == "nothing"
    assert here.states(ANN) == {}


@pytest.mark.parametrize("line", [
    "unsubscribe", "UNSUBSCRIBE!", "Please unsubscribe me.", "remove me from this list", "stop", "Bitte abmelden",
    "Désinscrire s'il vous plaît", "me désabonner", "Darme de baja, por favor", "uitschrijven", "opt out",
])  # fmt: skip
def test_words_that_ask(line: str) -> None:
    assert asks_to_stop(line)


@pytest.mark.parametrize("line", [
    "", "Thanks!", "please do not unsubscribe me", "I don't want to unsubscribe", "nicht abmelden", "bus stop",
    "How nice that your newsletters have an unsubscribe link, I always tell my colleagues about it",
])  # fmt: skip
def test_words_that_do_not(line: str) -> None:
    assert not asks_to_stop(line)


def test_what_is_quoted_is_not_the_writers_own() -> None:
    assert own_lines("Hello\n\n> unsubscribe\nunsubscribe") == ["Hello"]
    assert own_lines("Hello\nOn Fri, Ann wrote:\nunsubscribe") == ["Hello"]
    assert own_lines("a\nb\nc\nd\ne\nunsubscribe") == ["a", "b", "c", "d", "e"]
    html = EmailMessage()
    html["Subject"] = "Re: unsubscribe"
    html.set_content("<p>Nice</p><div class='gmail_quote'>unsubscribe</div>", subtype="html")
    assert read_report(html.as_bytes()).what == "reply"
    html.set_content("<style>p{}</style><p>Please <b>unsubscribe</b></p>", subtype="html")
    assert read_report(html.as_bytes()).what == "opt-out"


def test_when_nobody_has_the_address_any_more_it_is_suppressed_itself(here: Mails) -> None:
    to, unsubscribe = here.envelope(ANN), mailto(here)
    here.vault.erase([mail(ANN)], staff="mary")
    assert here.suppression.of(ANN) == []
    assert here.returns.take(b"", unsubscribe, source="lmtp").did == "suppressed"
    assert here.returns.take(arf(), to, source="lmtp").did == "done-before"
    assert here.people.find(mail(ANN)) is None
    assert (here.reason("newsletter", ANN), here.reason("account", ANN)) == ("opted-out", None)
    assert [body["person"] for _, body in entries(here)] != [None]
    link = quoted_link(here, EVE)
    here.vault.erase([mail(EVE)], staff="mary")
    with pytest.raises(ReturnError, match="any more"):
        here.returns.take(letter(REPLY.format(link)), "a@news.gototraining.example", source="x")


# --- nobody refuses for somebody else ---------------------------------------------------------------------------------


def test_the_local_part_fits_and_is_the_same_each_time(here: Mails) -> None:
    parts = {here.envelope(ANN).partition("@")[0], here.envelope(ANN).partition("@")[0], mailto(here).partition("@")[0]}
    assert len(parts) == 2
    assert {len(part) for part in parts} == {63}
    assert LONGEST == 64


@pytest.fixture(scope="module")
def shared(tmp_path_factory) -> Iterator[Mails]:
    with mails(tmp_path_factory.mktemp("verp")) as here:
        yield here


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_what_was_changed_means_nobody(shared: Mails, data) -> None:
    genuine = [
        shared.envelope(ANN).partition("@")[0],
        mailto(shared).partition("@")[0],
        shared.envelope(BOB).partition("@")[0],
    ]
    local = data.draw(st.sampled_from(genuine[:2]))
    how = data.draw(st.sampled_from(["letter", "cut", "longer", "kind", "swap", "random"]))
    if how == "letter":
        at = data.draw(st.integers(0, len(local) - 1))
        local = local[:at] + data.draw(st.sampled_from("abcdefghijklmnopqrstuvwxyz234567-")) + local[at + 1 :]
    elif how == "cut":
        local = local[: data.draw(st.integers(0, len(local) - 1))]
    elif how == "longer":
        local += data.draw(st.text("abc27=", min_size=1, max_size=3))
    elif how == "kind":
        local = data.draw(st.sampled_from(["b", "u", "r"])) + local[1:]
    elif how == "swap":
        at = data.draw(st.integers(2, len(local) - 1))
        local = local[:at] + genuine[2][at:]
    else:
        local = data.draw(st.text(max_size=70))
    if local.lower() in genuine:
        return
    with pytest.raises(VerpError):
        shared.returns.verp.read(local)
    if "@" not in local:
        with pytest.raises(ReturnError):
            shared.returns.take(dsn(), f"{local}@elsewhere.example", source="lmtp")


def test_no_second_spelling_means_the_same(shared: Mails) -> None:
    """61 letters hold one bit more than there is; with it set, the address is another text, and none."""
    letters = "abcdefghijklmnopqrstuvwxyz234567"
    local = shared.envelope(ANN).partition("@")[0]
    other = local[:-1] + letters[letters.index(local[-1]) ^ 1]
    assert shared.returns.verp.read(local).choice == "marketing"
    with pytest.raises(VerpError):
        shared.returns.verp.read(other)


def test_a_report_counts_for_whom_it_came_to_whatever_it_says(here: Mails) -> None:
    """Eve has an address of her own, and names Ann in the report, in every place that there is."""
    to = here.envelope(EVE)
    here.envelope(ANN)
    here.returns.take(dsn(recipient=ANN), to, source="lmtp")
    here.returns.take(arf(outer=f"X-Original-To: {ANN}\r\n", inner=f"To: {ANN}\r\n"), to, source="lmtp")
    here.returns.take(letter("unsubscribe", "unsubscribe", sender=ANN), to, source="lmtp")
    assert here.states(ANN) == {}
    assert here.reason("newsletter", ANN) is None
    assert here.states(EVE) == {"marketing": "out"}


def test_an_address_of_another_installation_means_nobody(here: Mails, tmp_path_factory) -> None:
    with mails(tmp_path_factory.mktemp("other")) as other:
        to, link = other.envelope(ANN), quoted_link(other)
    here.envelope(ANN)
    with pytest.raises(ReturnError) as refused:
        here.returns.take(dsn(), to, source="lmtp")
    assert (refused.value.code, refused.value.enhanced) == (550, "5.1.1")
    with pytest.raises(ReturnError):
        here.returns.take(letter(REPLY.format(link)), "news@news.gototraining.example", source="lmtp")
    assert here.reason("newsletter", ANN) is None


def test_reports_and_letters_without_proof_are_refused(here: Mails) -> None:
    here.envelope(ANN)
    for content in (dsn(), arf(), letter("unsubscribe", "unsubscribe"), arf(mail_from=ANN), b"nothing"):
        with pytest.raises(ReturnError) as refused:
            here.returns.take(content, "news@news.gototraining.example", source="lmtp")
        assert refused.value.code == 550
    assert here.states(ANN) == {}
    assert len(entries(here)) == 0


def test_what_may_come_back_to(here: Mails) -> None:
    local = here.envelope(ANN).partition("@")[0]
    assert here.returns.expects(f"{local}@anything.example")
    assert here.returns.expects(f"{local.upper()}@NEWS.gototraining.example")
    assert here.returns.expects("news@news.gototraining.example")
    assert not here.returns.expects("news@elsewhere.example")
    assert not here.returns.expects(f"{local[:-1]}@news.gototraining.example")
    assert not here.returns.expects("")


# --- reading ----------------------------------------------------------------------------------------------------------


def _mangled(seed: int) -> bytes:
    chance = random.Random(seed)
    content = bytearray(chance.choice([dsn(), arf(), letter("unsubscribe")]))
    for _ in range(chance.randint(1, 12)):
        at = chance.randrange(len(content))
        end = at + chance.randint(0, 40)
        content[at:end] = chance.choice([b"", b"\r\n", b"\x00", b"--B1", b"\xff", bytes(content[end : end + 50])])
    return bytes(content)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=2000) | st.integers(0, 2**32).map(_mangled))
def test_nothing_that_comes_back_breaks_the_reader(content: bytes) -> None:
    try:
        read = read_report(content)
    except ReportError:
        return
    assert read.what in ("bounce", "delay", "complaint", "opt-out", "reply", "nothing")


def test_too_much_is_not_read() -> None:
    with pytest.raises(ReportError, match="at most"):
        read_report(b"Subject: x\r\n\r\n" + b"x" * 3_000_000)
    parts = "".join(f"--B\r\nContent-Type: text/plain\r\n\r\n{n}\r\n" for n in range(100))
    with pytest.raises(ReportError, match="parts"):
        read_report(f"Content-Type: multipart/mixed; boundary=B\r\n\r\n{parts}--B--\r\n".encode())


def test_a_hard_status_is_of_the_address() -> None:
    assert all(is_hard(status) and re.fullmatch(r"5\.[12]\.\d+", status) for status in HARD)


def test_with_the_store_away_nothing_is_taken(here: Mails, monkeypatch) -> None:
    to = here.envelope(ANN)

    def away(work):
        raise StoreUnavailableError("away")

    monkeypatch.setattr(here.people.store, "write", away)
    with pytest.raises(StoreUnavailableError):
        here.returns.take(dsn(), to, source="lmtp")
    monkeypatch.undo()
    assert here.reason("newsletter", ANN) is None
    assert here.returns.take(dsn(), to, source="lmtp").did == "suppressed"
