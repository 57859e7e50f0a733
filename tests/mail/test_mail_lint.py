"""`troth mail lint`: each rule is broken alone, and what goes out through the gate breaks none about opting out."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from generated_mails import mails
from hypothesis import given, settings
from mails import FOOTER, HEADERS, MARKETING, OPT_OUT, crlf
from typer.testing import CliRunner

from troth.cli import app
from troth.gates.mail.content.footer import WORDS, Footer
from troth.gates.mail.content.message import read_message
from troth.gates.mail.content.splicing import Insertions, splice
from troth.gates.mail.errors import MailError
from troth.gates.mail.linting.lint import Report, lint
from troth.gates.mail.linting.rules import RULES
from troth.gates.mail.signing.dkim import SigningKey, sign

ROOT = Path(__file__).parents[2]
AT = datetime(2026, 3, 1, 10, tzinfo=UTC)
KEY = SigningKey("example.org", "e", "ed25519-sha256", Ed25519PrivateKey.from_private_bytes(bytes(32)))
NEWS = crlf("""\
From: GoToTraining <news@example.org>
To: jane@example.net
Subject: What is new in March
Date: Sun, 1 Mar 2026 09:00:00 +0000
Message-ID: <march@example.org>
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary=b

--b
Content-Type: text/plain; charset=utf-8

Hello, here is what we have built for your training this month: better tests, and more room.
--b
Content-Type: text/html; charset=utf-8

<html lang="en"><body style="color:#333333;background:#ffffff">
<p>Hello, here is what we have built for your training this month: better tests, and more room.</p>
<p><img src="https://www.example.org/a.png" alt="A class"><a href="https://www.example.org/march">Read more</a></p>
</body></html>
--b--
""")
SENT = splice(read_message(NEWS), MARKETING)


def signed(raw: bytes) -> bytes:
    return sign(raw, (KEY,), AT) + raw


GOOD = signed(SENT)


def rules(raw: bytes, *, marketing: bool = True) -> set[str]:
    return {one.rule for one in lint(raw, AT, marketing=marketing).findings}


def test_what_the_gate_sends_is_ready() -> None:
    assert lint(GOOD, AT) == Report(True, "news@example.org", "What is new in March", ())
    assert lint(GOOD, AT).clean


def test_before_the_gate_it_lacks_what_the_gate_adds() -> None:
    missing = {"list-unsubscribe", "list-unsubscribe-post", "list-id", "opt-out-text", "opt-out-html", "postal-address"}
    assert rules(NEWS) == missing | {"dkim-signed"}
    assert rules(NEWS, marketing=False) == {"dkim-signed"}
    assert lint(NEWS, AT, marketing=False).clean
    assert not lint(NEWS, AT).clean


# A rule, and what is written instead of what: before the mail is signed, or after it.
BROKEN: list[tuple[str, str, str]] = [
    ("readable", "Date:", "Date :"),
    ("readable", "Date: Sun", "Date: x\nDate: Sun"),
    ("readable", "March", "März"),
    ("bears-opt-out", "multipart/alternative", "multipart/signed"),
    ("date", "Date: Sun", "X-Date: Sun"),
    ("date", "1 Mar 2026", "31 Mar 2026"),
    ("date", "1 Mar 2026", "yesterday"),
    ("message-id", "Message-ID: <march@example.org>", "X: y"),
    ("message-id", "<march@example.org>", "march"),
    ("mime-version", "MIME-Version: 1.0", "X: y"),
    ("from-domain", "news@example.org", "gototraining@gmail.com"),
    ("from-name", "GoToTraining <", '"service@bank.example" <'),
    ("reply-address", "news@example.org", "no-reply@example.org"),
    ("bcc", "To: jane", "Bcc: x@example.net\nTo: jane"),
    ("subject", "Subject: What is new in March", "X: y"),
    ("subject", "Subject: What is new in March", "Subject:"),
    ("subject", "What is new", "=?utf-8?q?=ff?="),
    ("subject-misleads", "What is new", "Re: What is new"),
    ("subject-misleads", "What is new", "AW: What is new"),
    ("subject-misleads", "What is new in March", "WHAT IS NEW IN MARCH"),
    ("subject-misleads", "What is new", "What is new!!"),
    ("subject-misleads", "What is new", "Final notice: what is new"),
    ("list-unsubscribe", "List-Unsubscribe:", "X:"),
    ("list-unsubscribe", "<https://privacy", "<http://privacy"),
    ("list-unsubscribe", "List-Unsubscribe: ", "List-Unsubscribe: <https://www.example.org/x>, "),
    ("list-unsubscribe-mailto", "<mailto:u+abcdefgh@example.org>", "<https:x>"),
    ("list-unsubscribe-post", "List-Unsubscribe-Post:", "X:"),
    ("list-unsubscribe-post", "=One-Click", "=one-click"),
    ("list-once", "List-Id: ", "List-Id: <a.example.org>\nList-Id: "),
    ("list-id", "List-Id:", "X:"),
    ("list-id", "<newsletter.example.org>", "<newsletter>"),
    ("dkim-signed", "DKIM-Signature:", "X:"),
    ("dkim-aligned", "d=example.org", "d=sender.example"),
    ("dkim-covers", "h=From:From", "h=X:X"),
    ("dkim-covers", "List-Unsubscribe-Post:List-Unsubscribe-Post", "X:X"),
    ("dkim-whole", "c=relaxed/relaxed;", "c=relaxed/relaxed; l=10;"),
    ("dkim-whole", "ed25519-sha256", "rsa-sha1"),
    ("plain-text", "Content-Type: text/plain", "Content-Type: text/calendar"),
    ("opt-out-text", f"Unsubscribe: {OPT_OUT}", "Goodbye"),
    ("opt-out-html", f'<a href="{OPT_OUT}"', "<b "),
    ("opt-out-hidden", '<div lang="en" dir="ltr" style="', '<div style="display:none;'),
    ("opt-out-hidden", '<div lang="en" dir="ltr" style="', '<div style="font-size:1px;x:'),
    ("opt-out-hidden", "background-color:#ffffff;color:#333333;", "background-color:#ffffff;color:#FFF;"),
    ("opt-out-hidden", '<a href="https://privacy.example.org/uns', '<a hidden href="https://privacy.example.org/uns'),
    ("postal-address", "7414 Hollister Avenue\nGoleta, CA 93117, USA", "Somewhere"),
    ("size", "<p>Hello", "<!--" + ("x" * 90 + "\n") * 1200 + "--><p>Hello"),
    ("image-alt", ' alt="A class"', ""),
    ("tracking-pixel", "<p>Hello", '<img src="https://www.example.org/o" width="1" height=1><p>Hello'),
    ("tracking-pixel", "<p>Hello", '<img src="https://www.example.org/o" style="display:none"><p>Hello'),
    ("active-content", "<p>Hello", "<form></form><p>Hello"),
    ("active-content", "<p>Hello", "<script>x</script><p>Hello"),
    ("dark-mode", ";background:#ffffff", ""),
    ("language", '<html lang="en">', "<html>"),
    ("link-text", ">Read more<", ">www.bank.example/login<"),
    ("link-address", "https://www.example.org/march", "http://www.example.org/march"),
    ("link-address", "https://www.example.org/march", "javascript:alert(1)"),
    ("link-address", "https://www.example.org/march", "/march"),
    ("link-address", "https://www.example.org/march", "https://192.0.2.1/"),
    ("link-address", "https://www.example.org/march", "https://bit.ly/x"),
    ("link-hosts", "https://www.example.org/march", "https://www.example.com/march"),
    ("attachment", "--b--", "--b\nContent-Disposition: attachment; filename=a.exe\n\nx\n--b--"),
    ("charset", "text/plain; charset=utf-8", "text/plain; charset=iso-8859-1"),
]  # fmt: skip
# What comes with it and cannot be told apart.
BESIDE = {
    "readable": {"readable"},
    "bears-opt-out": {"bears-opt-out"},
    "from-domain": {"from-domain", "dkim-aligned", "link-hosts"},
    "list-unsubscribe": {"list-unsubscribe", "list-unsubscribe-mailto"},
    "list-unsubscribe-mailto": {"list-unsubscribe", "list-unsubscribe-mailto"},
    "opt-out-hidden": {"opt-out-hidden", "postal-address"},
    "link-address": {"link-address", "link-hosts"},
}


@pytest.mark.parametrize(("rule", "old", "new"), BROKEN)
def test_a_rule_that_is_broken_is_named_alone(rule: str, old: str, new: str) -> None:
    was, now = crlf(old), crlf(new)
    in_signature = was not in SENT
    raw = GOOD.replace(was, now, 1) if in_signature else signed(SENT.replace(was, now, 1))
    assert was in GOOD, "the test breaks nothing"
    found = lint(raw, AT)
    assert rule in {one.rule for one in found.findings}
    assert {one.rule for one in found.findings} <= {rule} | BESIDE.get(rule, set())
    assert found.clean == (RULES[rule].severity == "note" and all(one.severity == "note" for one in found.findings))


def test_a_message_of_pictures_alone_is_named() -> None:
    page = '<html lang="en"><body><img src="https://www.example.org/a.png" alt=""></body></html>'
    raw = re.sub(rb"<html.*</html>", page.encode(), NEWS, flags=re.S)
    assert "images-only" in rules(raw, marketing=False)


def test_every_rule_is_broken_here_once() -> None:
    assert set(RULES) == {rule for rule, _, _ in BROKEN} | {"images-only"}


@settings(max_examples=100, deadline=None)
@given(mails())
def test_what_goes_out_through_the_gate_says_how_to_opt_out(raw: bytes) -> None:
    try:
        out = splice(read_message(raw), MARKETING)
    except MailError:
        assert rules(raw) >= {"bears-opt-out"}
        return
    found = rules(out)
    assert not found & {
        "bears-opt-out",
        "opt-out-text",
        "readable",
        "list-unsubscribe",
        "list-unsubscribe-post",
        "list-once",
    }


@pytest.mark.parametrize("language", WORDS)
def test_the_words_of_every_language_are_known(language: str) -> None:
    footer = Footer("x", "https://www.example.org/o/1", "https://www.example.org/c/1", "Goleta, CA 93117", language)
    utf8 = NEWS.replace(b"charset=utf-8", b"charset=utf-8\r\nContent-Transfer-Encoding: 8bit")
    found = rules(splice(read_message(utf8), Insertions((), footer)))
    assert not found & {"opt-out-text", "opt-out-html", "opt-out-hidden", "dark-mode", "link-address"}


ADDRESSES = {
    "Goleta, CA 93117": True,
    "Postfach 1234": True,
    "P.O. Box 12": True,
    "Marienplatz 1, 80331 München": True,
    "Kerkstraat 1, 1011 AB Amsterdam": True,
    "10 Downing Street, London SW1A 2AA": True,
    "Ottawa ON K1A 0B1": True,
    "Rynek 1, 00-001 Warszawa": True,
    "〒100-0001 東京": True,
    "Copyright 2026 GoToTraining": False,
    "Call 1 800 263 6317 now": False,
    "Our 500 best": False,
}


@pytest.mark.parametrize("address", ADDRESSES)
def test_postal_addresses_are_told_as_far_as_they_can_be(address: str) -> None:
    plain = SENT.replace(b"Goleta, CA 93117, USA", address.encode()).replace(b"7414 Hollister Avenue", b"")
    assert ("postal-address" in rules(plain)) != ADDRESSES[address]


# --- the command ------------------------------------------------------------------------------------------------------


def run(file: Path, *options: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["mail", "lint", str(file), "--at", "2026-03-01", *options])
    return done.exit_code, done.output


def test_the_command_says_what_it_found(tmp_path: Path) -> None:
    file = tmp_path / "news.eml"
    file.write_bytes(GOOD)
    assert run(file) == (0, "✔ Nothing was found.\n")
    file.write_bytes(NEWS.replace(b"\r\n", b"\n").rstrip(b"\n"))  # as an editor on this system writes it
    code, said = run(file)
    assert code == 1
    assert "✘ There is no List-Unsubscribe. [list-unsubscribe]\n    Let the gate add it" in said
    assert said.index("[opt-out-html]") < said.index("[postal-address]") < said.index("[dkim-signed]")
    code, said = run(file, "--service")
    assert (code, said.count("[")) == (0, 1)
    code, said = run(file, "--format", "json")
    found = json.loads(said)
    assert code == 1
    assert {one["rule"] for one in found["findings"]} == rules(NEWS)
    assert all(one["source"] and one["remedy"] for one in found["findings"])
    file.write_bytes(NEWS.replace(b"Hello", b"\rHello"))
    assert run(file)[0] == 1
    assert "550 5.5.2" in run(file)[1]


def test_the_command_ends_with_2_without_a_message(tmp_path: Path) -> None:
    code, said = run(tmp_path / "none.eml")
    assert (code, "cannot be read" in said) == (2, True)
    (tmp_path / "empty.eml").write_bytes(b"\n")
    code, said = run(tmp_path / "empty.eml")
    assert (code, "is empty" in said) == (2, True)


def test_the_page_lists_every_rule() -> None:
    page = (ROOT / "docs/reference/mail-lint.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| (error|warning|note) \|", page, re.M))
    assert rows == {name: rule.severity for name, rule in RULES.items()}
    for name, rule in RULES.items():
        (row,) = re.findall(rf"^\| `{name}` \|.*$", page, re.M)
        assert rule.asks in row
        assert rule.source in row, name


# --- the keys ---------------------------------------------------------------------------------------------------------


def test_the_keys_of_a_domain_are_made_shown_and_switched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    def key(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["mail", "key", *arguments])
        return done.exit_code, done.output

    code, said = key("example.org")
    assert code == 0
    records = re.findall(r"^(\S+)\. IN TXT (.*)$", said, re.M)
    assert [name.partition("._domainkey.")[2] for name, _ in records] == ["example.org"] * 2
    assert all(len(text) <= 255 for _, value in records for text in re.findall(r'"([^"]*)"', value))
    again = key("example.org")[1]
    assert re.findall(r"^\S+ IN TXT .*$", again, re.M) == re.findall(r"^\S+ IN TXT .*$", said, re.M)
    assert key("example.org", "--switch")[0] == 2
    waiting = re.findall(r"^\S+ IN TXT .*$", key("example.org", "--new")[1], re.M)
    assert "These wait" in key("example.org")[1]
    key("example.org", "--switch")
    assert re.findall(r"^\S+ IN TXT .*$", key("example.org")[1], re.M) == waiting
    assert key("localhost")[0] == 2
    assert list((tmp_path / "var/keys/dkim/example.org").glob("*.pem"))


def test_headers_and_footer_are_those_of_the_tests() -> None:
    assert Insertions(HEADERS, FOOTER) == MARKETING
