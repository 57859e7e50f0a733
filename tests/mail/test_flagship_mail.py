"""The flagship by its commands: a newsletter to three of whom one opted out, a click, the next one, and a password."""

import json
import os
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import httpx
import pytest

TROTH = [sys.executable, "-m", "troth.cli"]
ANN, BEN, CAT = "ann@example.org", "ben@example.org", "cat@example.org"


class Up:
    """`troth up` in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("TROTH_")}
        self.environment |= {"COLUMNS": "200", "NO_COLOR": "1"}
        self.process = subprocess.Popen(
            [*TROTH, "up", "--port", "0"], cwd=folder, env=self.environment, text=True, stdout=subprocess.PIPE,
        )  # fmt: skip
        told = ""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            told += line
            if "Stop it" in line:
                break
        pages, mail = re.search(r"overview +(\S+)/\n", told), re.search(r"mail is taken +127\.0\.0\.1:(\d+)", told)
        assert pages is not None, told
        assert mail is not None, told
        self.url, self.port = pages[1], mail[1]

    def troth(self, *arguments: str) -> str:
        done = subprocess.run(
            [*TROTH, *arguments], cwd=self.folder, env=self.environment, text=True, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def swaks(self, user: str, secret: str, sender: str, to: str, body: str) -> str:
        done = subprocess.run(
            [
                "swaks", "--server", "127.0.0.1", "--port", self.port, "--auth", "PLAIN", "--auth-user", user,
                "--auth-password", secret, "--from", sender, "--to", to, "--header", "Subject: From Troth",
                "--body", body,
            ],
            text=True, capture_output=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def caught(self) -> list[tuple[list[str], EmailMessage]]:
        """What is in the sink once nothing waits any more: to whom, and the message."""
        with closing(sqlite3.connect(self.folder / "var/troth.db")) as database:
            while database.execute("SELECT count(*) FROM mail_queue").fetchone()[0]:
                time.sleep(0.02)
        found = []
        for file in sorted((self.folder / "var/sink").glob("*.eml")):
            envelope = json.loads(file.with_suffix(".json").read_text())
            found.append((envelope["recipients"], message_from_bytes(file.read_bytes(), policy=policy.SMTP)))
        return found


@contextmanager
def up(folder: Path) -> Iterator[Up]:
    running = Up(folder)
    try:
        yield running
    finally:
        running.process.terminate()
        assert running.process.wait(20) == 0


def credential(running: Up, stream: str) -> str:
    found = re.search(r"troth_mail_\S+", running.troth("mail", "credential", "create", stream))
    assert found is not None
    return found[0]


@pytest.mark.swaks
def test_the_newsletter_the_click_and_the_password(tmp_path: Path) -> None:
    with up(tmp_path) as running:
        running.troth("people", "choose", f"email:{BEN}", "marketing=out", "--staff", "mary")
        secret, other = credential(running, "newsletter"), credential(running, "account")
        news = "news@news.gototraining.example"
        told = running.swaks("newsletter", secret, news, f"{ANN},{BEN},{CAT}", "Our news")
        assert re.search(r"250 2\.0\.0 Taken as \w+, for 2 of 3 recipients", told)
        arrived = running.caught()
        assert sorted(to for to, _ in arrived) == [[ANN], [CAT]]
        links = {}
        for (to,), mail in arrived:
            link = re.match(r"<(http\S+?/unsubscribe/[\w-]+)>", mail["List-Unsubscribe"].replace("\n", ""))
            assert link is not None
            links[to] = link[1]
            text = mail.get_content()
            assert text.startswith("Our news")
            assert links[to] in text
            assert "320 Summer Street" in text
            assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
            assert mail["DKIM-Signature"] is not None

        with httpx.Client(trust_env=False) as client:
            assert client.get(links[ANN]).status_code == 200  # a scanner looks, and nothing changes
            clicked = client.post(links[ANN], data={"List-Unsubscribe": "One-Click"})
            assert (clicked.status_code, clicked.text) == (200, "Unsubscribed.\n")
        running.swaks("newsletter", secret, news, f"{ANN},{BEN},{CAT}", "The next news")
        assert [to for to, mail in running.caught() if "next" in mail.get_content()] == [[CAT]]

        sender = "no-reply@account.logmein.example"
        running.swaks("account", other, sender, f"{ANN},{BEN}", "Your code is 4711")
        ((to, mail),) = [one for one in running.caught() if "4711" in one[1].get_content()]
        assert to == [ANN, BEN]
        assert mail["List-Unsubscribe"] is None
        assert "320 Summer Street" not in mail.get_content()
        assert running.troth("mail", "queue", "list").strip() == "Nothing waits."
        assert "The record holds" in running.troth("record", "verify")
    # Whatever the relay was asked for is in the record: six of the two newsletters, two of the password.
    entries = (tmp_path / "var/troth.db").read_bytes()
    assert entries.count(b'"kind":"mailed"') >= 8
    assert entries.count(b'"outcome":"suppressed"') >= 3
