"""The reference pages of the language are true: every key, term and code stands in them, and their example is read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from msgspec import inspect

from troth.policy import model
from troth.policy.problems import CODES
from troth.policy.reading import fields_of, parse_version
from troth.policy.vocabulary import KINDS, built_in

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
LANGUAGE = (REFERENCE / "policy-file.md").read_text("utf-8")

SECTIONS = {
    "A version": model.Version, "publisher": model.Publisher, "Contact": model.Contact, "covers": model.Covered,
    "recipients": model.Recipient, "vocabulary": model.OwnTerms, "own term": model.OwnTerm,
    "Every statement": model.Statement, "Gates and duties": model.Gated, "collects": model.Collects,
    "trackers": model.Tracker, "uses": model.Uses, "shares": model.Shares, "transfer": model.Transfer,
    "never": model.Never, "protects": model.Protects, "choices": model.Choice, "rights": model.Rights,
    "claims": model.Claim, "void": model.Void, "verified": model.Verified, "answers": model.Answer,
}  # fmt: skip


def rows(section: str) -> dict[str, bool]:
    """The keys in the table of a section, and whether they are marked as required."""
    match = re.search(rf"^##+ {re.escape(section)}\n(.*?)(?=^##|\Z)", LANGUAGE, re.M | re.S)
    assert match, section
    return {key: bool(star) for key, star in re.findall(r"^\| `([a-z_]+)`( \\\*)? \|", match[1], re.M)}


@pytest.mark.parametrize("section", SECTIONS)
def test_every_key_is_in_its_table(section: str) -> None:
    struct = SECTIONS[section]
    keys = {key: required for key, (_, required, _) in fields_of(struct).items()}
    if section != "Every statement" and issubclass(struct, model.Statement):
        shared = model.Gated if issubclass(struct, model.Gated) and struct is not model.Gated else model.Statement
        keys = {key: required for key, required in keys.items() if key not in fields_of(shared)}
    assert rows(section) == keys


def test_every_struct_of_the_language_has_a_section() -> None:
    def structs(kind: object) -> set[type]:
        if isinstance(kind, inspect.StructType):
            if kind.cls.__module__ != model.__name__:
                return set()
            return {kind.cls}.union(*(structs(field.type) for field in kind.fields))
        found: set[type] = set()
        for name in ("type", "item_type", "types"):
            inner = getattr(kind, name, ())
            for one in inner if isinstance(inner, tuple) else (inner,):
                found |= structs(one)
        return found

    assert structs(inspect.type_info(model.Version)) <= set(SECTIONS.values())


def test_the_example_is_read() -> None:
    (example,) = re.findall(r"^```yaml policy\n(.*?)^```", LANGUAGE, re.M | re.S)
    assert len(parse_version(example.encode(), "example.yaml").statements) == 6


def test_every_problem_code_is_explained() -> None:
    text = (REFERENCE / "errors.md").read_text("utf-8")
    explained = dict(re.findall(r"^\| `([a-z-]+)` \| (.+?) \| .+ \|$", text, re.M))
    assert explained == CODES


def test_every_term_is_listed() -> None:
    text = (REFERENCE / "vocabulary.md").read_text("utf-8")
    listed = re.findall(r"^\| `([^`]+)` \|", text, re.M)
    assert sorted(listed) == sorted(slug for kind in KINDS for slug in built_in().slugs(kind))
