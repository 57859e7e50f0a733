"""Legal requests from the command line: the how-to is run as it stands, and errors teach."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pyrage
import pytest
from terminal import copied, laid_out, lines, settle, troth

from troth.cli import terminal
from troth.cli.opening import opened_vault
from troth.people import Identifier
from troth.vault import NewItem, Origin

PAGE = (Path(__file__).parents[2] / "docs/how-to/answer-an-authority.md").read_text("utf-8")
ORIGIN = Origin("registration", "citrix-online", "2017-02-01", "gotomeeting", "registration")


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place with a published policy and somebody's data, to be copied."""
    place = laid_out(tmp_path_factory.mktemp("published"), "legal_ahead = 0\n")
    (place / "order.pdf").write_bytes(b"a paper")
    with pytest.MonkeyPatch.context() as patched:
        settle(place, patched)
        patched.setenv("XDG_CONFIG_HOME", str(place / "config"))
        assert troth("publish")[0] == 0
        with opened_vault(write=True) as vault:
            for name in ("ann", "bob"):

                def work(unit: object, name: str = name) -> None:
                    person = vault.people.resolve(unit, Identifier("email", f"{name}@example.org"))
                    items = [
                        NewItem("contact.email", f"{name}@example.org", None),
                        NewItem("identity.name", name, None),
                    ]
                    vault.put(unit, person, ORIGIN, items)

                vault.people.write(work)
    return place


@pytest.fixture(autouse=True)
def place(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = copied(published, tmp_path, monkeypatch, 160)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(place / "config"))
    monkeypatch.setattr(terminal.err, "_width", 400)
    return place


def commands() -> list[list[str]]:
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```$", PAGE, re.M | re.S)
    text = "\n".join(blocks).replace("\\\n", " ")
    return [shlex.split(line)[1:] for line in text.splitlines() if line.strip()]


def walk(until: str | None = None) -> str:
    """Run the commands of the how-to, up to one; the id of the request."""
    request = ""
    for command in commands():
        if command[:2] == ["legal", until]:
            break
        out = lines(*(request if word == "$REQUEST" else word for word in command))
        request = request or "".join(re.findall(r"leg_[0-9a-f]{16}", out)[:1])
    return request


def test_the_how_to_runs(place: Path) -> None:
    request = walk()
    (person,) = [json.loads(line) for line in (place / "answer.jsonl").read_text().splitlines()]
    assert person["values"] == {"contact.email": "ann@example.org", "identity.name": "ann"}
    assert (place / "answer.jsonl").stat().st_mode & 0o777 == 0o600
    (mail,) = (place / "var/mail").glob("*.eml")
    assert "To: ann@example.org" in mail.read_text()
    assert "closed" in lines("legal", "list")
    (listed,) = json.loads(lines("legal", "list", "--format", "json"))
    assert (listed["id"], listed["scope"]["data"]) == (request, ["identity.name", "contact.email"])
    shown = lines("legal", "show", request)
    for name in ("dora", "mary", "otto", "Troth"):
        assert f" {name} " in shown


def test_nothing_comes_out_before_two_approved_it(place: Path) -> None:
    request = walk("approve")
    assert "Did you mean mary?" in troth("legal", "release", request, "--out", "answer.jsonl", "--as", "marry")[2]
    assert not (place / "answer.jsonl").exists()
    code, _, err = troth("legal", "release", request, "--out", "answer.jsonl", "--as", "dora")
    assert (code, "It is under review." in err) == (2, True)
    assert not (place / "answer.jsonl").exists()


def test_the_authority_fetches_a_file(place: Path) -> None:
    request = walk("release")
    asked = ("legal", "release", request, "--file", "--as", "dora")
    code, out, err = troth(*asked)
    assert (code, out, "troth recipient key district-court FILE" in err) == (2, "", True)
    identity = pyrage.x25519.Identity.generate()
    (place / "court.age.pub").write_text(f"{identity.to_public()}\n")
    lines("recipient", "key", "district-court", "court.age.pub")
    code, out, err = troth(*asked)
    assert (code, out, "--fetch-secret" in err) == (2, "", True)
    lines("recipient", "key", "district-court", "--fetch-secret")
    code, out, err = troth(*asked, "--written", "csv", "--days", "2")
    assert code == 0, err
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/v1/files/[A-Za-z0-9_-]{43}\n", out)
    assert "2 values of 1 persons may go to 'district-court'" in err
    lines("file", "make")
    (file,) = (place / "var/files").iterdir()
    plain = pyrage.decrypt(file.read_bytes(), [identity])
    assert b'"ann@example.org","ann"' in plain
    (row,) = json.loads(lines("file", "list", "--format", "json"))
    refused = troth("file", "link", row["disclosure"])
    assert (refused[0], "troth legal link" in refused[2]) == (2, True)
    again = lines("legal", "link", request, "--as", "otto")
    assert again.startswith("http://127.0.0.1:")
    shown = lines("legal", "show", request)
    assert "linked" in shown
    lines("record", "verify")


def test_a_release_goes_to_one_place(place: Path) -> None:
    for more in ((), ("--file", "--out", "answer.jsonl")):
        code, _, err = troth("legal", "release", "leg_0", *more, "--as", "dora")
        assert (code, "--out FILE writes it here; --file encrypts it" in err) == (2, True)
    code, _, err = troth("legal", "release", "leg_0", "--file", "--written", "xls", "--as", "dora")
    assert (code, "There are: csv, jsonl, parquet." in err) == (2, True)
    assert not (place / "answer.jsonl").exists()


def test_a_deadline_that_passed_ends_with_1(place: Path) -> None:
    walk("receive")
    lines("legal", "receive", "district-court", "--process", "court-order", "--basis", "b", "--document", "a" * 64,
          "--data", "identity.name", "--who", "ann@example.org",
          "--deadline", "2020-01-01", "--as", "dora")  # fmt: skip
    code, out, _ = troth("legal", "list")
    assert (code, "overdue" in out) == (1, True)


def test_what_was_altered_is_found_by_record_verify(place: Path) -> None:
    import sqlite3

    walk("approve")
    with sqlite3.connect(place / "var/troth.db") as database:
        database.execute("UPDATE case_facts SET said = replace(said, 'court-order', 'warrant')")
    code, out, _ = troth("record", "verify")
    assert (code, "is not what its entry in the record says" in out) == (1, True)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("legal approve $REQUEST --as dora", "'dora' is desk; this takes counsel or officer."),
        ("legal approve $REQUEST --as marry", "Did you mean mary?"),
        ("legal approve leg_0 --as mary", "There is no legal request 'leg_0'."),
        ("legal approve $REQUEST --as mary --key order.pdf", "can be read by others"),
        ("legal decide $REQUEST uphold --as mary", "'uphold' is no outcome."),
        ("legal gag $REQUEST --until 2030-01-01 --as mary", "names the law"),
        ("legal raise $REQUEST 10 --why w --as otto", "The ceiling for it is 100, which is no less."),
        ("legal refuse $REQUEST --why w --as dora", "this takes counsel or officer"),
        ("staff add otto --role counsel --as otto", "otto.pem exists and is not overwritten."),
        ("staff add zoe --role councel --as otto", "Did you mean counsel?"),
        ("staff add zoe --role counsel --as mary", "'mary' is no officer, and an officer signs for this."),
        ("staff retire otto --as otto", "'otto' is the last officer; add another one before."),
    ],
)
def test_errors_teach(command: str, words: str) -> None:
    request = walk("narrow")
    code, _, err = troth(*(request if word == "$REQUEST" else word for word in command.split()))
    assert (code, words in err) == (2, True), err


def test_staff_come_and_go(place: Path) -> None:
    walk("receive")
    keys = place / "config/troth/staff"
    before = (keys / "mary.pem").read_bytes()
    lines("staff", "rotate", "mary")
    assert (keys / "mary.pem").read_bytes() != before
    assert (keys / "mary.pem").stat().st_mode & 0o777 == 0o600
    lines("staff", "role", "mary", "--role", "counsel", "--role", "desk", "--as", "otto")
    lines("staff", "retire", "dora", "--as", "otto")
    listed = lines("staff", "list")
    assert "counsel, desk" in listed
    assert "retired" in listed
    assert not list(keys.glob("*.new.pem"))
    lines("record", "verify")
