"""Suppression files of other services: each is known by its columns, and a broken line lets nothing happen."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mailing import ANN, BOB, Mails, mail, mails

from troth.gates.mail.importing import ImportedFile, UnreadableFileError, exported, read_file

SCOPE = "choice:marketing"


@pytest.fixture
def here(tmp_path: Path, url: str) -> Iterator[Mails]:
    with mails(tmp_path, url) as here:
        yield here


FILES = {
    "mailchimp unsubscribed": (
        '"Email Address","First Name",MEMBER_RATING,UNSUB_TIME,UNSUB_CAMPAIGN_TITLE,UNSUB_REASON\n'
        'ann@example.org,Ann,2,"2025-03-01 10:00:00",News,"No longer interested"\n',
        "mailchimp", [("ann@example.org", SCOPE, "opt-out", "2025-03-01T10:00:00+00:00")],
    ),
    "mailchimp cleaned": (
        "Email Address,First Name,CLEAN_TIME,CLEAN_CAMPAIGN_TITLE\nann@example.org,Ann,2025-03-01 10:00:00,News\n",
        "mailchimp", [("ann@example.org", "*", "bounce", "2025-03-01T10:00:00+00:00")],
    ),
    "sendgrid bounces": (
        'status,reason,email,created\n5.1.1,"550 5.1.1 no such user",ann@example.org,1443651125\n4.2.2,full,b@c.de,1\n',
        "sendgrid", [("ann@example.org", "*", "bounce", "2015-09-30T22:12:05+00:00")],
    ),
    "sendgrid spam": (
        json.dumps([{"created": 1443651125, "email": "ann@example.org", "ip": "10.1.2.3"}]),
        "sendgrid", [("ann@example.org", SCOPE, "complaint", "2015-09-30T22:12:05+00:00")],
    ),
    "ses csv": (
        "ann@example.org,BOUNCE\nbob@example.org, COMPLAINT\n",
        "ses", [("ann@example.org", "*", "bounce", None), ("bob@example.org", SCOPE, "complaint", None)],
    ),
    "ses lines": (
        '{"emailAddress": "ann@example.org", "reason": "BOUNCE"}\n\n'
        '{"emailAddress": "b@c.de", "reason": "COMPLAINT"}\n',
        "ses", [("ann@example.org", "*", "bounce", None), ("b@c.de", SCOPE, "complaint", None)],
    ),
    "ses list": (
        json.dumps({"SuppressedDestinationSummaries": [
            {"EmailAddress": "ann@example.org", "Reason": "COMPLAINT", "LastUpdateTime": "2020-04-10T21:03:05+00:00"},
        ], "NextToken": "x"}),
        "ses", [("ann@example.org", SCOPE, "complaint", "2020-04-10T21:03:05+00:00")],
    ),
    "postmark": (
        json.dumps({"Suppressions": [
            {"EmailAddress": "a@b.de", "SuppressionReason": "HardBounce", "Origin": "Recipient",
             "CreatedAt": "2019-12-10T08:58:33-05:00"},
            {"EmailAddress": "c@d.de", "SuppressionReason": "SpamComplaint", "Origin": "Recipient", "CreatedAt": ""},
            {"EmailAddress": "e@f.de", "SuppressionReason": "ManualSuppression", "Origin": "Admin", "CreatedAt": None},
        ]}),
        "postmark",
        [("a@b.de", "*", "bounce", "2019-12-10T13:58:33+00:00"), ("c@d.de", SCOPE, "complaint", None),
         ("e@f.de", SCOPE, "opt-out", None)],
    ),
    "mailgun bounces": (
        'address,code,error,created_at\nann@example.org,550,"No such mailbox","Fri, 21 Oct 2011 11:02:55 GMT"\n',
        "mailgun", [("ann@example.org", "*", "bounce", "2011-10-21T11:02:55+00:00")],
    ),
    "mailgun unsubscribes": (
        '{"items": [{"address": "ann@example.org", "tags": ["*"], "created_at": "Fri, 21 Oct 2011 11:02:55 UTC",'
        ' "tag": "*"}]}',
        "mailgun", [("ann@example.org", SCOPE, "opt-out", "2011-10-21T11:02:55+00:00")],
    ),
    "listmonk": (
        "uuid,email,name,attributes,status,created_at,updated_at\n"
        'u1,ann@example.org,Ann,"{""a"": 1}",blocklisted,2023-01-02T03:04:05.678901234Z,x\n'
        "u2,b@c.de,B,{},enabled,x,x\n",
        "listmonk", [("ann@example.org", SCOPE, "opt-out", "2023-01-02T03:04:05.678901+00:00")],
    ),
    "with semicolons and a mark": (
        "\ufeffE-Mail Address;Reason\nann@example.org;unsubscribed\n".replace("E-Mail", "Email"),
        "ses", [("ann@example.org", SCOPE, "opt-out", None)],
    ),
}  # fmt: skip


def told(read: ImportedFile) -> list[tuple]:
    return [(one.address, one.scope, one.reason, None if one.since is None else one.since.isoformat()) for one in read.entries]  # fmt: skip  # noqa: E501


@pytest.mark.parametrize("name", FILES)
def test_each_service_is_known_by_its_columns(name: str) -> None:
    text, service, entries = FILES[name]
    for ends in (text, text.replace("\n", "\r\n")):
        read = read_file(ends.encode(), SCOPE)
        assert (read.service, read.broken) == (service, ())
        assert told(read) == entries


def test_a_file_that_says_no_reason_takes_one_from_whoever_reads_it() -> None:
    text = b"email,created\nann@example.org,1443651125\n"
    (broken,) = read_file(text, SCOPE).broken
    assert (broken.line, "reason" in broken.why) == (2, True)
    assert told(read_file(text, SCOPE, "opt-out"))[0][:3] == ("ann@example.org", SCOPE, "opt-out")
    assert told(read_file(b"ann@example.org\nbob@example.org\n", SCOPE, "complaint"))[1][2] == "complaint"


def test_a_broken_line_is_named_by_its_number_and_not_repeated() -> None:
    text = (
        "email,reason\nann@example.org,bounce\nnobody,bounce\nbob@example.org,whatever\n"
        ',bounce\n"carl@example.org","bounce",more\neve@example.org,bounce\n"unclosed@example.org,bounce\n'
    )
    read = read_file(text.encode(), SCOPE)
    assert [one.line for one in read.broken] == [3, 4, 5, 6, 8]
    assert [entry.address for entry in read.entries] == ["ann@example.org", "eve@example.org"]
    assert "nobody" not in str(read.broken)
    read = read_file(b'[{"email": "ann@example.org", "reason": "bounce"}, 7, {"reason": "bounce"}]', SCOPE)
    assert [one.line for one in read.broken] == [2, 3]
    read = read_file(b"email,reason,created\nann@example.org,bounce,yesterday\n", SCOPE)
    assert [one.line for one in read.broken] == [2]


@pytest.mark.parametrize("text", [b"", b"\n\n", b"\xff\xfe", b"name,reason\nx,y\n", b"[", b'{"a": 1}', b"{\nx}"])
def test_a_file_of_no_known_form(text: bytes) -> None:
    try:
        read = read_file(text, SCOPE)
    except UnreadableFileError:
        return
    assert read.broken


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode) | st.tuples(
    st.sampled_from([text for text, _, _ in FILES.values()]), st.integers(0, 400), st.text('",;\n\r@{}[]', max_size=9),
).map(lambda one: (one[0][: one[1]] + one[2] + one[0][one[1] :]).encode()))  # fmt: skip
def test_whatever_is_in_a_file_is_read_or_refused(data: bytes) -> None:
    try:
        read = read_file(data, SCOPE, "opt-out")
    except UnreadableFileError:
        return
    assert all("@" in str(entry.address) or isinstance(entry.address, bytes) for entry in read.entries)


def test_an_import_suppresses_again_adds_nothing_and_never_weakens(here: Mails) -> None:
    here.people.choose(mail(BOB), {"marketing": "in"}, how="page")
    for text, service, _ in FILES.values():
        read = read_file(text.encode(), SCOPE)
        here.suppression.suppress(read.entries, source=service, by="mary")
    before = list(here.suppression.export())
    assert here.reason("account", ANN) == "bounced"
    assert here.reason("newsletter", BOB) == "opted-out"
    for text, service, _ in reversed(FILES.values()):
        assert here.suppression.suppress(read_file(text.encode(), SCOPE).entries, source=service, by="mary") == 0
    after = list(here.suppression.export())
    assert [(row.address, row.scope) for row in after] == [(row.address, row.scope) for row in before]
    assert all(new.since >= old.since for new, old in zip(after, before, strict=True))


def test_an_old_date_leaves_a_later_yes_of_the_person(here: Mails) -> None:
    here.people.choose(mail(ANN), {"marketing": "in"}, how="page")
    entries = read_file(b"email,reason,created\nann@example.org,unsubscribed,2020-01-01\n", SCOPE).entries
    here.suppression.suppress(entries, source="file")
    assert here.reason("newsletter", ANN) is None
    entries = read_file(b"email,reason,created\nann@example.org,unsubscribed,2099-01-01\n", SCOPE).entries
    here.suppression.suppress(entries, source="file")  # a date to come is now, and now the stricter one counts
    assert here.reason("newsletter", ANN) == "opted-out"
    here.clock.move(seconds=1)
    here.people.choose(mail(ANN), {"marketing": "in"}, how="page")
    assert here.reason("newsletter", ANN) is None


def test_what_troth_exports_it_takes_again(here: Mails, tmp_path: Path) -> None:
    here.suppression.suppress(read_file(FILES["postmark"][0].encode(), SCOPE).entries, source="postmark")
    lines = "".join(json.dumps(exported(row)) + "\n" for row in here.suppression.export())
    read = read_file(lines.encode(), "*")
    assert (read.service, len(read.entries), read.broken) == ("troth", 3, ())
    assert here.suppression.suppress(read.entries, source="troth") == 0
    for address in ("a@b.de", "c@d.de", "e@f.de"):
        here.suppression.lift(address, by="mary", why="test")
    assert here.suppression.suppress(read.entries, source="troth") == 3
    assert here.reason("account", "a@b.de") == "bounced"
    wrong = (
        lines.replace("bounce", "whatever", 1) + '{"address": "zz", "scope": "*", "reason": "bounce", "since": ""}\n'
    )
    assert len(read_file(wrong.encode(), "*").broken) == 2
