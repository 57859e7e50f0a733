"""`troth decide`, `schema` and the configuration, as a newcomer meets them in a terminal."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from terminal import troth

from troth.cli import app
from troth.cli.settings import KEYS, SettingsError, flagship, settings
from troth.policy.schema import policy_schema

ASK = ["decide", "use", "contact.email", "--for", "marketing.own", "--product", "gototraining", "--at", "2016-01-15"]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for key in KEYS:
        monkeypatch.delenv(f"TROTH_{key.upper()}", raising=False)


def test_no_is_red_and_says_which_sentence_and_which_gate() -> None:
    code, out, _ = troth(*ASK, "--out", "marketing")
    assert code == 1
    assert out.startswith("✘ No: GoToTraining may not use “E-mail address”")
    assert "out of the choice 'marketing'" in out
    assert re.search(r"“.+opt out.+”", out)
    assert "promise news, version 2015-12-31" in out


def test_yes_is_green_and_says_the_duties() -> None:
    code, out, _ = troth(*ASK)
    assert code == 0
    assert out.startswith("✔ Yes: GoToTraining may use")
    assert "Must: offer a way to opt out." in out


def test_json_has_every_field_of_a_decision() -> None:
    code, out, _ = troth(*ASK, "--out", "marketing", "--format", "json")
    decision = json.loads(out)
    assert code == 1
    assert decision["allowed"] is False
    assert decision["reason"] == "opted-out"
    assert decision["gate"] == {"kind": "unless", "name": "marketing"}
    assert set(decision) == {"allowed", "reason", "statements", "sentence", "gate", "version", "duties"}


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["sell", "contact.email", "--with", "third_party"], "never"),
        (["share", "payment.card", "--for", "service.payment", "--with", "card-processor"], "condition-not-met"),
        (["use", "contact.email", "--for", "service.support", "--at", "1999-01-01"], "no-policy-in-force"),
        (["collect", "contact.email", "--when", "registration", "--product", "gototraining", "--at", "2010-05-01"],
         "not-covered"),
        (["use", "contact.email", "--for", "service.support", "--expires", "2015-01-01"], "expired"),
    ],
)  # fmt: skip
def test_each_kind_of_no(arguments: list[str], reason: str) -> None:
    at = [] if "--at" in arguments else ["--at", "2016-01-15"]
    code, out, err = troth("decide", *arguments, *at, "--format", "json")
    assert (code, err) == (1, "")
    assert json.loads(out)["reason"] == reason
    code, out, _ = troth("decide", *arguments, *at)
    assert out.startswith("✘ No:")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["use", "contact.emial", "--for", "marketing.own"], "Did you mean 'contact.email'?"),
        (["use", "contact.email"], "takes a purpose"),
        (["steal", "contact.email"], "is not an action"),
        (["use", "contact.email", "--for", "marketing.own", "--out", "marketting"], "Did you mean 'marketing'?"),
        (["use", "contact.email", "--for", "marketing.own", "--product", "gotomeetin"], "Did you mean 'gotomeeting'?"),
        (["use", "contact.email", "--for", "marketing.own", "--at", "yesterday"], "--at 'yesterday' is no time"),
        (["use", "contact.email", "--for", "marketing.own", "--in", "marketing", "--out", "marketing"],
         "given as --in and as --out"),
        (["use", "contact.email", "--for", "marketing.own", "--collected-under", "2015"], "not a version"),
        (["use", "contact.email", "--for", "marketing.own", "--policy", "nowhere.yaml"], "[file-not-found]"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_an_error_that_teaches(arguments: list[str], words: str) -> None:
    code, out, err = troth("decide", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert words in err


def test_a_broken_policy_shows_every_problem_and_does_nothing() -> None:
    Path("broken.yaml").write_text("policy: x\ntitel: y\neffective: never\n")
    code, _, err = troth(*ASK, "--policy", "broken.yaml")
    assert code == 2
    assert "broken.yaml:2:1: There is no key 'titel'" in err
    assert "broken.yaml:3:12:" in err
    assert "5 problems; nothing was done" in err


def test_the_schema_is_printed() -> None:
    code, out, _ = troth("schema")
    assert code == 0
    assert json.loads(out) == policy_schema()


def test_without_configuration_the_flagship_is_asked() -> None:
    assert settings(environment={}).policy == flagship()
    assert settings(environment={}).port == 8768


def test_the_file_and_the_environment_configure(tmp_path: Path) -> None:
    (tmp_path / "troth.toml").write_text('policy = "notices/acme"\nport = 9000\n')
    read = settings(tmp_path, {})
    assert (read.policy, read.port, read.host) == (tmp_path / "notices/acme", 9000, "127.0.0.1")
    assert settings(tmp_path, {"TROTH_PORT": "9001"}).port == 9001


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('polcy = "x"', "Did you mean 'policy'?"),
        ("port = 70000", "from 0 to 65535"),
        ("policy = 3", "is a text in quotes"),
        ("policy", "is not TOML"),
        ('site = "privacy.acme.example"', "is not the address of a site"),
    ],
)
def test_a_configuration_that_cannot_be_used(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "troth.toml").write_text(text)
    with pytest.raises(SettingsError, match=re.escape(words)):
        settings(tmp_path, {})
    code, _, err = troth(*ASK)
    assert (code, words in err) == (2, True)


def test_every_key_of_the_configuration_is_documented() -> None:
    text = (Path(__file__).parents[2] / "docs/reference/configuration.md").read_text("utf-8")
    for key in KEYS:
        assert f"| `{key}` |" in text
        assert f"`TROTH_{key.upper()}`" in text


def test_every_command_and_option_is_documented() -> None:
    import typer

    text = (Path(__file__).parents[2] / "docs/reference/commands.md").read_text("utf-8")
    sections = dict(re.findall(r"^## troth ([a-z -]+)\n(.*?)(?=^## |\Z)", text, re.M | re.S))

    def walk(command: object, name: str) -> Iterator[tuple[str, object]]:
        inner = getattr(command, "commands", None)
        if inner is None:
            yield name, command
            return
        for key, below in inner.items():
            yield from walk(below, f"{name} {key}".strip())

    found = dict(walk(typer.main.get_command(app), ""))
    assert set(sections) == set(found)
    for name, command in found.items():
        for parameter in command.params:  # type: ignore[attr-defined]
            option = max(parameter.opts, key=len)
            if option.startswith("--") and option != "--help":
                assert f"`{option}`" in sections[name], (name, option)
