"""Programmes and frameworks: what each asks for, as data that anybody can add to.

A programme is a YAML file: `name`, `kind`, `source` (where its rules are published), `clauses` (the framework of the
policy check whose clauses are asked for, too) and `requirements`, each with what it asks for (`says`), where the
programme says so (`source`), and how one knows (`how`, with `what` for a machine). The shipped ones lie beside this
file; they restate the rules in our own words, and the programme's own text is what counts.
"""

from __future__ import annotations

from collections.abc import Collection
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Literal

import msgspec
import yaml

from troth.accountability.errors import AccountabilityError
from troth.conditions.claims.facts import How, Requirement
from troth.policy.check import CHECKS, CLAUSES, FRAMEWORKS
from troth.policy.problems import nearest

# What a machine can be asked, by `how`: for `clause` and `check` the policy check has its own lists.
RECORD_QUESTIONS = {
    "record-holds": "The record verifies as a whole: nothing in it was altered or taken out.",
    "complaints-on-time": "No complaint of the last twelve months passed a deadline without its step.",
    "choices-in-force": "Every choice that the record tells of is in force as it was made.",
}


class Listed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A requirement as a programme lists it."""

    says: str
    source: str
    how: How
    what: str | None = None


class Programme(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A programme or framework: `eligible` says which complaints its recourse takes, in one sentence each."""

    name: str
    kind: Literal["programme", "framework", "standard", "code"]
    source: str
    clauses: str | None = None
    months: int = 12  # how long a signature carries at most
    requirements: dict[str, Listed] = {}
    eligible: tuple[str, ...] = ()


def programmes() -> tuple[str, ...]:
    """The ids of the shipped programmes."""
    return tuple(sorted(file.name.removesuffix(".yaml") for file in _folder().iterdir() if file.name.endswith(".yaml")))


def programme(id: str, folder: Path | None = None) -> Programme:
    """A programme by its id, from `folder` if it has it, else the shipped one. AccountabilityError: none, or faulty."""
    path: Path | Traversable = _folder() / f"{id}.yaml"
    if folder is not None and (folder / f"{id}.yaml").is_file():
        path = folder / f"{id}.yaml"
    if id not in programmes() and path == _folder() / f"{id}.yaml":
        near = nearest(id, programmes())
        raise AccountabilityError(
            f"There is no programme '{id[:100]}'.{f' Did you mean {near}?' if near else ''} There are: "
            f"{', '.join(programmes())}. A file {id[:100]}.yaml in the folder that --programmes names adds one."
        )
    try:
        found = msgspec.convert(yaml.safe_load(path.read_text("utf-8")), type=Programme)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, msgspec.ValidationError) as error:
        raise AccountabilityError(f"{path}: the programme cannot be read: {error}") from None
    for name, requirement in found.requirements.items():
        _check(str(path), name, requirement)
    if found.clauses is not None and found.clauses not in FRAMEWORKS:
        raise AccountabilityError(
            f"{path}, clauses: '{found.clauses}' is no framework of the check. There are: {', '.join(FRAMEWORKS)}."
        )
    return found


def requirements_of(found: Programme) -> tuple[Requirement, ...]:
    """All that a programme asks for: the clauses of its framework, then its own list."""
    asked = [clause for clause in CLAUSES.values() if found.clauses in clause.frameworks]
    clauses = tuple(
        Requirement(
            id=clause.id,
            says=f"The policy states: {clause.requires}",
            source=clause.source,
            how="clause",
            what=clause.id,
        )
        for clause in asked
    )
    own = tuple(
        Requirement(id=id, says=one.says, source=one.source, how=one.how, what=one.what)
        for id, one in found.requirements.items()
    )
    return (*clauses, *own)


def _check(place: str, name: str, requirement: Listed) -> None:
    lists: dict[str, Collection[str]] = {"clause": CLAUSES, "check": CHECKS, "record": RECORD_QUESTIONS}
    known = lists.get(requirement.how)
    if known is None:
        return
    if requirement.what not in known:
        near = nearest(requirement.what or "", list(known))
        raise AccountabilityError(
            f"{place}, {name}: `what: {requirement.what}` is nothing that `how: {requirement.how}` can answer."
            f"{f' Did you mean {near}?' if near else ''}"
        )


def _folder() -> Traversable:
    return resources.files("troth.accountability.claims") / "programmes"
