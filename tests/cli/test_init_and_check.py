"""`troth init` and `troth check`: from nothing to a policy that is checked, and what stops a faulty one."""

from __future__ import annotations

import json
import os
import pty
import select
import sys
from pathlib import Path

import pytest
from terminal import troth

from troth.cli.settings import KEYS

OPTIONS = [
    "--name", "Acme Ltd", "--address", "1 High Street, Dublin, Ireland", "--email", "privacy@acme.example",
    "--country", "IE", "--site", "https://acme.example", "--gathers", "account, orders", "--newsletter", "yes",
    "--analytics", "service",
]  # fmt: skip


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for key in KEYS:
        monkeypatch.delenv(f"TROTH_{key.upper()}", raising=False)


def test_from_answers_to_a_published_policy(tmp_path: Path) -> None:
    code, out, err = troth("init", *OPTIONS)
    assert (code, err) == (0, "")
    assert "troth check" in out
    (file,) = (tmp_path / "policy").glob("*.yaml")
    first = file.read_text("utf-8").splitlines()[0]
    assert (file.parent / first.split("$schema=")[1]).exists()
    code, out, _ = troth("check", "--framework", "gdpr", "--framework", "can-spam")
    assert (code, "0 of" in out) == (0, True)
    assert troth("publish")[0] == 0
    assert troth("decide", "use", "contact.email", "--for", "marketing.own", "--out", "newsletter")[0] in (1, 2)


def test_a_policy_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "policy").mkdir()
    (tmp_path / "policy/mine.yaml").write_text("mine")
    code, _, err = troth("init", *OPTIONS)
    assert (code, "holds a policy already" in err) == (2, True)
    assert (tmp_path / "policy/mine.yaml").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (OPTIONS[2:], "--name is missing"),
        ([*OPTIONS, "--country", "Ireland"], "--country:"),
        ([*OPTIONS, "--analytics", "servce"], "Did you mean 'service'?"),
        ([*OPTIONS, "--email", "privacy"], "--email:"),
    ],
)
def test_an_answer_that_cannot_be_is_named_and_nothing_written(
    tmp_path: Path, arguments: list[str], words: str
) -> None:
    code, _, err = troth("init", *arguments)
    assert (code, words in err) == (2, True), err
    assert list(tmp_path.iterdir()) == []


def test_in_a_terminal_the_questions_are_asked_until_the_answers_can_be_used(tmp_path: Path) -> None:
    """A person at a terminal gives one wrong answer, is told so, and goes on."""
    child, terminal = pty.fork()
    if child == 0:  # pragma: no cover - the other process
        os.execv(sys.executable, [sys.executable, "-m", "troth.cli", "init"])
    answers = [
        "Acme Ltd", "1 High Street, Dublin", "privacy", "privacy@acme.example", "ie", "", "orders", "no", "",
    ]  # fmt: skip
    shown = ""
    asked = 0
    while select.select([terminal], [], [], 20)[0]:
        try:
            piece = os.read(terminal, 4096).decode(errors="replace")
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        shown += piece
        while asked < len(answers) and shown.count("> ") > asked:
            os.write(terminal, (answers[asked] + "\n").encode())
            asked += 1
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, shown
    assert "is not an e-mail address" in shown
    assert asked == len(answers)
    (file,) = (tmp_path / "policy").glob("*.yaml")
    assert "Acme Ltd" in file.read_text("utf-8")


def test_check_ends_with_one_for_findings_and_two_for_what_cannot_be_read(tmp_path: Path) -> None:
    assert troth("check")[0] == 0
    code, out, _ = troth("check", "--version", "2015-12-31")
    assert (code, "retention-missing" in out) == (1, True)
    code, out, _ = troth("check", "--framework", "dpf")
    assert (code, "MISSING" in out) == (1, True)
    assert troth("check", "nowhere.yaml")[0] == 2
    assert "Allowed: safe-harbor" in troth("check", "--framework", "gpdr")[2]
    assert "2010-04-26" in troth("check", "--version", "2011-01-01")[2]
    code, out, _ = troth("check", "--framework", "gdpr", "--format", "json")
    assert (code, bool(json.loads(out))) == (1, True)
    code, out, _ = troth("check", "--version", "2015-12-31", "--format", "sarif")
    results = json.loads(out)["runs"][0]["results"]
    assert {"retention-missing"} <= {result["ruleId"] for result in results}
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages/index.html").write_text('<script src="https://tracker.example/a.js"></script>')
    code, out, _ = troth("check", "--pages", "pages")
    assert (code, "tracker.example" in out) == (1, True)


def test_a_policy_with_errors_is_not_published(tmp_path: Path) -> None:
    assert troth("init", *OPTIONS)[0] == 0
    (file,) = (tmp_path / "policy").glob("*.yaml")
    text = file.read_text("utf-8")
    forbids = "  no-news: {says: We never use your e-mail address for news., do: use, data: contact.email}\n"
    file.write_text(text.replace("\nnever:\n", f"\nnever:\n{forbids}", 1), "utf-8")
    assert forbids in file.read_text("utf-8")
    code, out, err = troth("publish")
    assert (code, out) == (2, "")
    assert "was not published" in err
    assert "no-news" in err
    assert "entry" not in troth("record", "verify")[1] or "0 entries" in troth("record", "verify")[1]
