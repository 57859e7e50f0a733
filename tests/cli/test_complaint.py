"""`troth complaint`: a letter is taken in, answered, passed on, and closed, as somebody at a terminal does it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from terminal import troth

EXAMPLE = Path(__file__).parents[2] / "examples" / "citrix-online"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    assert troth("publish", "--policy", str(EXAMPLE))[0] == 0
    assert troth("staff", "add", "olga", "--role", "officer")[0] == 0
    assert troth("staff", "add", "dora", "--role", "desk", "--as", "olga")[0] == 0
    return tmp_path


def taken_in() -> str:
    code, said, err = troth(
        "complaint", "receive", "--statement", "sale", "--text", "You sold my zebra.", "--agreed", "--as", "dora"
    )
    assert code == 0, err
    found = re.search(r"cmp_[0-9a-f]{16}", said)
    assert found is not None
    assert re.search(r"once: [0-9a-f]{32}", said)
    return found[0]


def test_a_letter_is_answered_passed_on_and_the_record_verifies(place: Path) -> None:
    assert "No complaint is open" in troth("complaint", "list")[1]
    id = taken_in()
    code, said, _ = troth("complaint", "list")  # in a narrow terminal it breaks lines
    assert (code, id in said, "acknowledge" in said, "answer" in said) == (0, True, True, True)
    code, _, err = troth("complaint", "answer", id, "--text", "No.", "--as", "dora")
    assert (code, "it can while it is acknowledged" in err) == (2, True)
    assert troth("complaint", "acknowledge", id, "--as", "dora")[0] == 0
    (place / "answer.txt").write_text("It was not for sale.")
    code, said, err = troth("complaint", "answer", id, "--file", "answer.txt", "--as", "dora")
    assert code == 0, err
    said = troth("complaint", "show", id)[1]
    for words in ("You sold my zebra.", "It was not for sale.", "answered by dora", "shows the seal"):
        assert words in said
    assert troth("complaint", "escalate", id, "--as", "dora")[0] == 0
    found = json.loads(troth("complaint", "list", "--format", "json")[1])
    assert [(one["id"], one["state"], one["body"]) for one in found] == [(id, "escalated", "truste")]
    assert json.loads(troth("complaint", "statistics")[1])[0]["about"] == {"sale": 1}
    assert troth("record", "verify")[0] == 0
    written = b"".join(file.read_bytes() for file in place.rglob("*") if file.is_file())
    assert b"You sold my" not in written


def test_only_a_lawyer_closes_and_names_the_rule_and_an_officer_erases(place: Path) -> None:
    id = taken_in()
    close = ("complaint", "close", id, "--why", "ineligible")
    code, _, err = troth(*close, "--as", "olga")
    assert (code, "--rule names which rule" in err, "3: Software" in err) == (2, True, True)
    code, _, err = troth(*close, "--rule", "3", "--as", "dora")
    assert (code, "takes counsel or officer" in err) == (2, True)
    code, _, err = troth("complaint", "close", id, "--why", "inelligible", "--as", "olga")
    assert (code, "Did you mean ineligible?" in err) == (2, True)
    code, _, err = troth("complaint", "erase", id, "--as", "olga")
    assert (code, "complaint is received" in err) == (2, True)
    assert troth(*close, "--rule", "3", "--text", "It is software.", "--as", "olga")[0] == 0
    assert troth("complaint", "erase", id, "--as", "olga")[0] == 0
    said = troth("complaint", "show", id)[1]
    assert ("zebra" in said, "(erased)" in said) == (False, True)


def test_a_body_gets_a_page_once_and_loses_it(place: Path) -> None:
    code, _, err = troth("complaint", "body", "add", "trustee", "--as", "olga")
    assert (code, "Did you mean 'truste'?" in err) == (2, True)
    code, said, err = troth("complaint", "body", "add", "truste", "--as", "olga")
    assert code == 0, err
    assert re.search(r"/recourse/[0-9a-f]{64}", said)
    id = re.search(r"bdy_[0-9a-f]{16}", said)
    assert id is not None
    assert "3 rules" in said
    assert troth("complaint", "body", "revoke", id[0], "--as", "dora")[0] == 2
    assert troth("complaint", "body", "revoke", id[0], "--as", "olga")[0] == 0
    assert "revoked" in troth("complaint", "body", "list")[1]
    assert troth("complaint", "body", "revoke", id[0], "--as", "olga")[0] == 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("show", "cmp_0"), "There is no complaint 'cmp_0'"),
        (("receive", "--statement", "none", "--text", "x", "--as", "dora"), "makes no such promise"),
        (("receive", "--as", "dora"), "Say it with --text"),
        (("receive", "--text", "x", "--address", "no", "--as", "dora"), "--address"),
        (("answer", "cmp_0", "--text", " "), "no words"),
    ],
)
def test_what_cannot_be_is_said_with_the_remedy(place: Path, arguments: tuple[str, ...], says: str) -> None:
    code, _, err = troth("complaint", *arguments)
    assert (code, says in err) == (2, True), err
