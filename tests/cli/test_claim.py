"""`troth claim`: from a draft to a seal, and to its end, as somebody at a terminal does it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from terminal import troth

EXAMPLE = Path(__file__).parents[2] / "examples" / "citrix-online"
OWN = """
name: Seal of the town
kind: programme
source: https://town.example/rules
clauses: truste
months: 12
requirements:
  record: {says: What was done can be shown., source: Rule 1, how: record, what: record-holds}
  wire: {says: The sites speak TLS., source: Rule 4, how: test, what: tls}
  training: {says: Staff are trained., source: Rule 2, how: document}
  review: {says: Somebody looked at the sites., source: Rule 3, how: person}
eligible: []
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "programmes").mkdir()
    (tmp_path / "programmes" / "town.yaml").write_text(OWN)
    (tmp_path / "trained.pdf").write_text("Everybody was there.")
    assert troth("publish", "--policy", str(EXAMPLE))[0] == 0
    assert troth("staff", "add", "olga", "--role", "officer")[0] == 0
    assert troth("staff", "add", "dora", "--role", "desk", "--as", "olga")[0] == 0
    return tmp_path


def drafted(place: Path) -> None:
    draft = ("claim", "draft", "truste", "--programme", "town", "--programmes", str(place / "programmes"))
    code, said, err = troth(*draft, "--site", "gotomeeting", "--as", "dora")
    assert (code, "is drafted" in said) == (0, True), err


def test_from_a_draft_to_a_seal_and_its_end(place: Path) -> None:
    drafted(place)
    code, said, _ = troth("claim", "assess", "truste", "--as", "dora")
    assert (code, "open   review" in said, "met    record: All" in said) == (1, True, True)
    assert "cannot be signed" in said
    code, _, err = troth("claim", "sign", "truste", "--until", "2099-01-01", "--as", "olga")
    assert (code, "12 months at most" in err or "not met yet" in err) == (2, True)
    code, said, err = troth(
        "claim", "assess", "truste", "--met", "review=I went through all of them.",
        "--paper", f"wire=trained.pdf@{_days(-20)}", "--paper", f"training=trained.pdf@{_days(-30)}", "--as", "dora",
    )  # fmt: skip
    assert (code, "everything is met" in said) == (0, True), said + err
    code, _, err = troth("claim", "sign", "truste", "--until", _days(100), "--as", "dora")
    assert (code, "this takes officer" in err) == (2, True)
    code, said, err = troth("claim", "sign", "truste", "--until", _days(100), "--as", "olga")
    assert code == 0, err
    seal = re.search(r"/seals/([0-9a-f]{32})\.svg", said)
    assert seal is not None
    assert "current" in troth("claim", "list")[1]
    shown = troth("claim", "show", "truste")[1]
    assert "Signed by olga" in shown
    assert "signed" in shown
    code, report, _ = troth("claim", "report", "truste", "--format", "json")
    found = json.loads(report)
    assert (code, found["state"], len(found["lines"])) == (0, "current", found_count(found))
    assert troth("claim", "report", "truste", "-o", "report.html")[0] == 0
    assert "Seal" not in (place / "report.html").read_text()[:15]
    assert "https://" not in (place / "report.html").read_text()
    code, said, _ = troth("claim", "suspend", "truste", "--why", "The fee was not paid.", "--as", "olga")
    assert (code, "is suspended from" in said) == (0, True)
    code, said, _ = troth("claim", "list")
    assert (code, "suspended" in said) == (1, True)
    assert troth("claim", "reinstate", "truste", "--as", "olga")[0] == 0
    assert troth("record", "verify")[0] == 0


def found_count(found: dict[str, object]) -> int:
    lines = found["lines"]
    assert isinstance(lines, list)
    assert {line["found"]["verdict"] for line in lines} == {"met"}
    return len(lines)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("show", "trusti"), "Did you mean 'truste'"),
        (("draft", "truste", "--programme", "trusty"), "Did you mean truste"),
        (("assess", "truste"), "First: troth claim draft"),
        (("sign", "truste", "--until", "soon", "--as", "olga"), "is no time"),
        (("suspend", "truste", "--why", "x", "--as", "olga"), "signed for no time"),
        (("report", "truste"), "Nothing was entered"),
    ],
)
def test_a_mistake_is_named_with_its_remedy(place: Path, arguments: tuple[str, ...], says: str) -> None:
    code, _, err = troth("claim", *arguments)
    assert (code, says in err) == (2, True), err


def test_a_requirement_that_a_machine_answers_takes_nobodys_word(place: Path) -> None:
    drafted(place)
    code, _, err = troth("claim", "assess", "truste", "--met", "record=It does.", "--as", "dora")
    assert (code, "answered by a machine (record)" in err) == (2, True)
    code, _, err = troth("claim", "assess", "truste", "--met", "wire=It does.", "--as", "dora")
    assert (code, "answered by a machine (test)" in err) == (2, True)
    code, _, err = troth("claim", "assess", "truste", "--met", "reviw=I did.", "--as", "dora")
    assert (code, "Did you mean 'review'" in err) == (2, True)


def test_the_programmes_are_listed_with_what_they_ask_for(place: Path) -> None:
    code, said, _ = troth("claim", "programmes")
    assert code == 0
    for name in ("truste", "dpf", "safe-harbor", "iso-27701", "code-of-conduct"):
        assert name in said
        assert troth("claim", "programmes", name)[0] == 0


def _days(number: int) -> str:
    from datetime import UTC, datetime, timedelta

    return (datetime.now(UTC) + timedelta(days=number)).date().isoformat()
