"""The JSON Schema: it is the shipped one, it is a schema, and it agrees with the reading on keys and shapes."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import jsonschema
import pytest
import yaml
from test_reading import GOOD, MISTAKES, changed

from troth.policy.schema import policy_schema

EXAMPLES = sorted(Path(__file__).parents[2].glob("examples/*/*.yaml"))
VALIDATOR = jsonschema.Draft202012Validator(policy_schema())

# What only the reading can know: names, dates that do not exist, and what YAML itself refuses.
BEYOND_A_SCHEMA = {
    "unknown-term", "unknown-choice", "unknown-product", "unknown-answer", "duplicate-key", "duplicate-id",
    "claim-dates", "vocabulary-clash", "alias", "tag", "several-documents", "yaml", "tab",
}  # fmt: skip


def as_json(text: str) -> object:
    """The text as an editor with YAML 1.2 reads it, which knows true and false; dates and numbers stay words here."""

    def truths(value: object) -> object:
        if isinstance(value, dict):
            return {key: truths(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [truths(inner) for inner in value]
        return {"true": True, "false": False}.get(str(value), value)

    return truths(yaml.load(text, Loader=yaml.BaseLoader))


def test_the_shipped_schema_is_the_one_of_the_model() -> None:
    shipped = resources.files("troth.policy").joinpath("data/policy.schema.json").read_text("utf-8")
    assert json.loads(shipped) == policy_schema(), "run `troth schema > src/troth/policy/data/policy.schema.json`"


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(policy_schema())


def test_a_good_policy_passes() -> None:
    assert [error.message for error in VALIDATOR.iter_errors(as_json(GOOD))] == []


OF_SHAPE = [
    case[:3]
    for case in MISTAKES
    if case[0] not in BEYOND_A_SCHEMA
    and not any(words in case[1] + case[2] for words in ("02-30", "programme", "moons", "contract, contract", "acces:"))
]


@pytest.mark.parametrize(("code", "old", "new"), OF_SHAPE)
def test_mistakes_of_shape_are_caught_in_the_editor(code: str, old: str, new: str) -> None:
    assert list(VALIDATOR.iter_errors(as_json(changed(old, new)))), code


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_pass_and_name_their_schema(path: Path) -> None:
    text = path.read_text("utf-8")
    assert [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(as_json(text))] == []
    first = text.splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    assert (path.parent / first.split("=", 1)[1]).resolve().name == "policy.schema.json"
    assert (path.parent / first.split("=", 1)[1]).resolve().exists()
