"""People from the command line: looked at, chosen for by staff, linked, taken out and in, and decided on."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

import pytest
from terminal import copied, lines, refusal, troth

from troth.people.changes import HOWS as HOWS_KEPT
from troth.people.overview import HOWS, NEVER_MADE
from troth.people.strictness import Model

ANN = "ann@example.org"
ASK = ("decide", "use", "contact.email", "--for", "marketing.own", "--product", "gototraining")


@pytest.fixture(autouse=True)
def place(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return copied(published, tmp_path, monkeypatch, 120)


def choose(who: str, *choices: str) -> str:
    return lines("people", "choose", who, *choices, "--staff", "mary")


def rows(*arguments: str) -> dict[str, str]:
    """What `show` says of each choice."""
    shown = lines("people", "show", *arguments)
    return dict(re.findall(r"^([a-z][a-z.-]+) {2,}((?:in|out|unset) .*)$", shown, re.M))


def id_of(who: str) -> str:
    found = re.search(r"^Person ([0-9a-f]{32})$", lines("people", "show", who), re.M)
    assert found
    return found[1]


def test_staff_chooses_and_sees_where_it_comes_from() -> None:
    told = choose(ANN, "marketing=out", "analytics=in")
    (entry,) = re.findall(r"^  marketing is out, entry (\d+) of the record$", told, re.M)
    assert f"analytics is in, entry {int(entry) + 1} of the record" in told
    shown = rows(ANN)
    assert re.fullmatch(rf"out +by staff +\d{{4}}-\d\d-\d\d \d\d:\d\d +{entry} *", shown["marketing"])
    assert "from marketing: by staff" in shown["marketing.events"]
    assert "allowed until the person refuses" in shown["settings"]
    assert "not allowed until the person agrees" in shown["attendee-news"]
    assert rows("email:ANN@example.org".replace("ANN", "ann")) == rows(id_of(ANN)) == shown
    assert "1 email; stored blind" in lines("people", "show", ANN)
    assert "entries, " in lines("record", "verify")
    assert "not signed for" not in lines("record", "verify")


def test_history_tells_every_change() -> None:
    lines("people", "choose", ANN, "marketing=out", "--staff", "mary", "--product", "gotomeeting")
    choose(ANN, "marketing=unset")
    shown = lines("people", "show", ANN, "--history")
    history = shown.partition("Every change")[2]
    assert re.findall(r"^marketing +(out|unset) ", history, re.M) == ["out", "unset"]
    assert "by staff (mary), on gotomeeting, version 2017-02-01" in history
    assert "Every change" not in lines("people", "show", ANN)


def test_nobody_is_a_no() -> None:
    code, out, err = troth("people", "show", ANN)
    assert (code, err) == (1, "")
    assert out.startswith("Nobody here is known by that.")
    assert troth("people", "show", "0" * 32)[0] == 1


def test_everything_is_refused() -> None:
    told = lines("people", "refuse", "account:4711", "--staff", "mary")
    assert all(state.startswith("out ") for state in rows("account:4711").values())
    assert len(re.findall(r" is out, entry \d+ of the record", told)) == len(rows("account:4711"))


def test_two_persons_become_one_and_part_again() -> None:
    choose(ANN, "analytics=in")
    choose("cookie:c1", "analytics=out")
    ann, cookie = id_of(ANN), id_of("cookie:c1")
    told = lines("people", "link", ANN, "cookie:c1")
    assert f"Person {cookie} is one with person {ann} now" in told
    assert "analytics is out, entry" in told
    assert f"of person {ann} already" in lines("people", "link", ANN, "cookie:c1")
    assert f"linked to person {ann}" in lines("people", "link", cookie, "account:4711")
    assert "1 account, 1 cookie, 1 email" in lines("people", "show", cookie)
    told = lines("people", "unlink", "cookie:c1")
    assert f"was of person {ann}, and is of person {id_of('cookie:c1')} now" in told
    assert "analytics is out" in told
    assert id_of("cookie:c1") not in (ann, cookie)


def test_what_goes_out_comes_in_again(place: Path) -> None:
    choose(ANN, "marketing=out", "attendee-news=in")
    choose("account:4711", "analytics=out")
    printed = lines("people", "export")
    assert f"{len(printed.splitlines())} choices written" in lines("people", "export", "choices.jsonl")
    assert (place / "choices.jsonl").read_text("utf-8") == printed
    assert (place / "choices.jsonl").stat().st_mode & 0o777 == 0o600
    assert "exists" in refusal("people", "export", "choices.jsonl")
    verified = lines("record", "verify")
    told = lines("people", "import", "choices.jsonl", "--staff", "mary")
    assert re.search(r"^ +3 same +it was so already$", told, re.M)
    assert "2 passed over" in told
    assert lines("record", "verify") == verified


def test_a_list_from_elsewhere_weakens_nothing(place: Path) -> None:
    choose(ANN, "marketing=out")
    records = [
        {"who": "bob@example.org", "choice": "marketing", "state": "in", "made_at": "2017-03-01T00:00:00Z"},
        {"who": ANN, "choice": "marketing", "state": "in", "made_at": "2017-03-01T00:00:00Z"},
        {"who": "account:7", "choice": "analytics", "state": "out", "made_at": "2017-03-01T00:00:00Z"},
        {"who": "account:7", "choice": "analytix", "state": "out", "made_at": "2017-03-01T00:00:00Z"},
    ]
    file = place / "list.jsonl"
    file.write_text("".join(json.dumps(record) + "\n" for record in records))
    code, out, err = troth("people", "import", "list.jsonl", "--staff", "mary", "--explain")
    assert code == 2
    assert re.search(r"^line 1  marketing=in  taken, entry \d+: it holds here from now on$", out, re.M)
    assert re.search(r"^line 2  marketing=in  weaker: it would undo a refusal", out, re.M)
    assert re.search(r"^ +2 taken ", out, re.M)
    assert err.startswith("error: list.jsonl: Line 4: ")
    assert "Did you mean 'analytics'?" in err
    assert "The lines before it are done" in err
    assert rows("account:7")["analytics"].startswith("out ")
    assert rows(ANN)["marketing"].startswith("out ")
    assert "not signed for" not in lines("record", "verify")
    file.write_text("".join(json.dumps(record) + "\n" for record in records[:3]))
    assert re.search(r"^ +2 same ", lines("people", "import", "list.jsonl", "--staff", "mary"), re.M)
    file.write_text("x\n")
    assert "The lines before" not in refusal("people", "import", "list.jsonl", "--staff", "mary")
    file.write_text("")
    assert "is empty" in lines("people", "import", "list.jsonl", "--staff", "mary")


def test_a_decision_on_what_is_stored() -> None:
    choose(ANN, "marketing=out")
    for who in (ANN, f"email:{ANN}", id_of(ANN)):
        code, out, err = troth(*ASK, "--person", who)
        assert (code, err) == (1, "")
        assert "out of the choice 'marketing'" in out
    choose(ANN, "marketing=in")
    assert troth(*ASK, "--person", ANN)[0] == 0
    code, out, err = troth(*ASK, "--person", "bob@example.org", "--format", "json")
    assert (code, json.loads(out)["allowed"]) == (0, True)
    assert "decided as for somebody who made no choice" in err
    assert "no person with that id" in refusal(*ASK, "--person", "0" * 32)
    assert "--in and --out state others" in refusal(*ASK, "--person", ANN, "--in", "marketing")
    assert "--in and --out state others" in refusal(*ASK, "--person", ANN, "--out", "marketing")


def test_a_decision_under_a_policy_that_does_not_know_a_choice(place: Path) -> None:
    choose(ANN, "marketing=out", "optional-data=out")
    draft = place / "draft.yaml"
    text = (place / "policy/2015-12-31.yaml").read_text("utf-8")
    draft.write_text(text.replace("optional-data", "other-data"), "utf-8")
    code, out, err = troth(*ASK, "--person", ANN, "--policy", "draft.yaml", "--format", "json")
    assert (code, err) == (1, "")
    assert json.loads(out)["reason"] == "opted-out"


MARY = ("--staff", "mary")
REFUSED = [
    (("show", "4711"), "WHO: This names nobody. There are: the id of a person (32 hex digits), email:name@domain"),
    (("show", "emial:ann@example.org"), "Did you mean email:…?"),
    (("show", "email:ann"), "WHO: An e-mail address has the form name@domain."),
    (("choose", ANN, "marketing", *MARY), "'marketing' is not CHOICE=STATE."),
    (("choose", ANN, "marketing=off", *MARY), "in, out or unset, not 'off'"),
    (("choose", ANN, "marketing=in", "marketing=out", *MARY), "given twice"),
    (("choose", ANN, "marketting=out", *MARY), "Did you mean 'marketing'?"),
    (("choose", ANN, "marketing=out", *MARY, "--product", "gotomeetin"), "Did you mean 'gotomeeting'?"),
    (("choose", ANN, "marketing=out", "--staff", ""), "names who did it"),
    (("choose", "0" * 32, "marketing=out", *MARY), "There is no person"),
    (("refuse", "0" * 32, *MARY), "There is no person"),
    (("link", ANN, "0" * 32), "IDENTIFIER: This is the id of a person"),
    (("link", ANN, "phone:1"), "IDENTIFIER: This names nobody."),
    (("unlink", "cookie:c9"), "Nobody has this identifier."),
    (("import", "nowhere.jsonl", *MARY), "nowhere.jsonl cannot be read: No such file"),
    (("export", "nowhere/choices.jsonl"), "nowhere/choices.jsonl cannot be written: No such file"),
]


@pytest.mark.parametrize(("arguments", "says"), REFUSED)
def test_what_cannot_be_done_is_an_error_that_teaches(arguments: tuple[str, ...], says: str) -> None:
    assert says in refusal("people", *arguments)
    assert troth("people", "show", ANN)[0] == 1  # nothing was done


@pytest.mark.parametrize("command", [("show", ANN), ("choose", ANN, "marketing=out", *MARY), ("export",)])
def test_without_a_store_or_a_published_policy(
    command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "`troth publish` makes one" in refusal("people", *command)
    assert "`troth publish` makes one" in refusal(*ASK, "--person", ANN)
    from troth.record.keys import create_keys
    from troth.store import open_store

    (tmp_path / "var").mkdir()
    open_store(f"sqlite:///{tmp_path / 'var/troth.db'}", create=True).close()
    create_keys(tmp_path / "var/keys", "localhost/log")
    assert "`troth publish` publishes the policy" in refusal("people", *command)


def test_a_key_of_another_database_is_refused(place: Path) -> None:
    choose(ANN, "marketing=out")
    (place / "var/keys/people.key").unlink()
    assert "Restore the file" in refusal("people", "show", ANN)
    assert "Restore the file" in refusal(*ASK, "--person", ANN)


def test_every_way_of_choosing_has_its_words() -> None:
    assert set(HOWS) >= set(HOWS_KEPT)
    assert set(NEVER_MADE) == set(get_args(Model))
