"""`troth due`: the same as the desk shows, and an exit code for whatever watches over a server."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from terminal import copied, troth

from troth.accountability.verifying.results import Found, Results
from troth.cli import app
from troth.cli.opening import opened_vault
from troth.cli.record import opened_store
from troth.conditions import Register
from troth.conditions.facts import Contract, Profile

NOW = datetime.now(UTC)


@pytest.fixture
def place(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place with a published policy."""
    place = copied(published, tmp_path, monkeypatch, 200)
    with opened_vault(write=True):
        pass
    return place


def test_nothing_is_due(place: Path) -> None:
    code, out, _ = troth("due")
    assert (code, out) == (0, "✔ Nothing is due.\n")
    code, out, _ = troth("due", "--format", "json")
    assert code == 0
    assert json.loads(out)["counts"] == {"overdue": 0, "soon": 0, "open": 0}


def test_what_is_coming_is_listed_and_no_alarm(place: Path) -> None:
    with opened_store() as store, opened_vault() as vault:
        policy = vault.people.policy
        register = Register(store, policy)
        register.add("card-processor", Profile(name="Cards Inc.", kind="processor"), by="mary")
        terms = Contract(
            id="c1", begins=NOW - timedelta(days=9), ends=NOW + timedelta(days=3), signed=NOW - timedelta(days=9),
            accepts=policy.in_force(NOW).id, data=("payment.card",), purposes=("service.payment",),
        )  # fmt: skip
        register.add("card-processor", terms, by="mary")
    code, out, _ = troth("due")
    assert code == 0
    assert "troth recipient contract card-processor --data payment.card" in out
    assert troth("due", "--room", "claims")[1] == "✔ Nothing is due.\n"


def test_it_ends_with_1_when_something_is_overdue(place: Path) -> None:
    with opened_store() as store:
        Results(store).enter([Found("tls", "failed", "TLS 1.0 is answered.")])
    code, out, _ = troth("due")
    assert code == 1
    assert "overdue" in out
    assert "troth verify tls" in out
    code, out, _ = troth("due", "--format", "json", "--room", "tests")
    assert code == 1
    (one,) = json.loads(out)["due"]
    assert (one["room"], one["about"], one["level"]) == ("tests", "tls", "overdue")
    assert troth("due", "--room", "legal")[0] == 0


def test_an_unknown_room_is_an_error_that_teaches(place: Path) -> None:
    code, out, err = troth("due", "--room", "delivery")
    assert (code, out) == (2, "")
    assert "Did you mean 'deliveries'?" in err


def shown_commands() -> list[str]:
    """Every command that is shown as the one for what is due, with its values left out."""
    root = Path(__file__).parents[2] / "src/troth"
    files = [*(root / "accountability/due").glob("*.py"), *(root / "web/desk/templates").glob("*.html")]
    found: list[str] = []
    for file in files:
        text = file.read_text("utf-8").replace("{AS}", "--as NAME")
        found += [re.sub(r"\{[^}]*\}+", "X", one) for one in re.findall(r'["(>](troth [a-z][^"<`]*)["<`]', text)]
    return sorted(set(found))


@pytest.mark.parametrize("command", shown_commands())
def test_a_command_that_is_shown_is_one(command: str) -> None:
    import typer

    words, at = command.split()[1:], typer.main.get_command(app)
    while getattr(at, "commands", None) is not None:
        assert words, command
        assert words[0] in at.commands, command
        at = at.commands[words.pop(0)]
    options = {option for parameter in at.params for option in (*parameter.opts, *parameter.secondary_opts)}
    assert {word for word in words if word.startswith("--")} <= options, command


def test_commands_are_shown_for_most_rooms() -> None:
    rooms = {"legal", "transfer", "claim", "recipient", "complaint", "follow", "delivery", "endpoint", "verify", "mail"}
    assert rooms <= {command.split()[1] for command in shown_commands()}
