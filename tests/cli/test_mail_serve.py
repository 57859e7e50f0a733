"""`troth mail serve`: takes mail and sends it on without serving pages, and forgets in time what went to whom."""

import os
import re
import signal
import smtplib
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from terminal import troth

from troth.record.log import Log
from troth.store import StoreUnavailableError

OLD = "INSERT INTO mail_sent (leaf, message, stream, state, at, changed_at) VALUES (0, 'old', 'account', 'sent', 0, 0)"
SENDER = "robot@account.logmein.example"


def rows(folder: Path, statement: str) -> list[tuple]:
    with closing(sqlite3.connect(folder / "var/troth.db")) as database, database:
        return database.execute(statement).fetchall()


def test_mail_is_taken_and_sent_on_without_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert troth("publish")[0] == 0
    made = troth("mail", "credential", "create", "account")[1]
    secret = re.search(r"troth_mail_\S+", made)
    assert secret is not None
    rows(tmp_path, OLD)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TROTH_")}
    environment |= {"TROTH_SUBMISSION": "127.0.0.1:0", "COLUMNS": "200"}
    program = [sys.executable, "-m", "troth.cli", "mail", "serve"]
    with subprocess.Popen(program, env=environment, text=True, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            place = re.search(r"takes mail at 127\.0\.0\.1:(\d+)", process.stdout.readline())
            assert place is not None
            with smtplib.SMTP("127.0.0.1", int(place[1])) as client:
                client.login("account", secret[0])
                client.sendmail(SENDER, ["ann@example.org"], f"From: {SENDER}\nSubject: Code\n\n4711\n")
            until = time.monotonic() + 30
            while [state for (state,) in rows(tmp_path, "SELECT state FROM mail_sent")] != ["sent"]:
                assert process.poll() is None
                assert time.monotonic() < until, rows(tmp_path, "SELECT * FROM mail_sent")
                time.sleep(0.05)
        finally:
            process.terminate()
        assert process.wait(20) == 0
    (message,) = (tmp_path / "var/sink").glob("*.eml")
    assert message.read_bytes().endswith(b"\r\n4711\r\n")
    assert rows(tmp_path, "SELECT count(*) FROM mail_sent WHERE message = 'old'") == [(0,)]
    assert troth("record", "verify")[0] == 0


def test_it_goes_on_when_the_store_was_away_for_a_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TROTH_SUBMISSION", "127.0.0.1:0")
    assert troth("publish")[0] == 0
    sign, signed = Log.sign, []

    def signing(log: Log) -> object:
        signed.append(log)
        if len(signed) == 2:
            raise StoreUnavailableError("away")
        if len(signed) == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        return sign(log)

    monkeypatch.setattr(Log, "sign", signing)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        code, _, told = troth("mail", "serve")
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert code == 0
    assert "The store is away; it is tried again. " in told
    assert len(signed) == 3
