"""The texts of a policy as checks read them: which there are, where they stand, their sentences and words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from troth.policy.check.shape import Subject
from troth.policy.model import Statement
from troth.policy.values import Text

# A sentence ends with a full stop, a question or exclamation mark before white space and a capital, digit or quote.
# Not after a single capital (J. Smith) or a usual abbreviation.
_END = re.compile(r"(?<=[.!?…])[\"”’)]*\s+(?=[\"“‘(]?[A-ZÀ-Þ0-9])")
_NO_END = re.compile(r"(?:\b[A-Z]|\b(?:e\.g|i\.e|etc|vs|No|Mr|Mrs|Ms|Dr|Inc|Ltd|Co|Art|St))\.$")
_WORD = re.compile(r"[A-Za-zÀ-ÖØ-öø-ÿ]+(?:['’][A-Za-z]+)*|\d[\d.,]*")


class Passage(NamedTuple):
    """One text in one language: the path of its key, the statement it belongs to, whether the overview shows it."""

    path: str
    statement: Statement | None
    overview: bool
    language: str
    text: str


def passages(subject: Subject) -> Iterator[Passage]:
    """The texts that the notice shows at the moment of the check: those of claims that are not current are left out."""
    version = subject.version
    for field, overview in (("title", True), ("says", True), ("details", False)):
        yield from _passages(field, None, overview, getattr(version, field))
    for statement in subject.stated:
        path = subject.path(statement)
        yield from _passages(f"{path}.says", statement, statement.overview, statement.says)
        yield from _passages(f"{path}.details", statement, False, statement.details)


def _passages(path: str, statement: Statement | None, overview: bool, text: Text | None) -> Iterator[Passage]:
    for language, words in text.languages if text is not None else ():
        yield Passage(path, statement, overview, language, words)


def english(passage: Passage) -> bool:
    """Whether the passage is in English: the wording and readability checks know no other language."""
    return passage.language.lower().split("-")[0] == "en"


def sentences(text: str) -> list[str]:
    """The sentences of a text."""
    found: list[str] = []
    for part in _END.split(text.strip()):
        if found and _NO_END.search(found[-1]):
            found[-1] += f" {part}"
        elif part:
            found.append(part)
    return found


def words(text: str) -> list[str]:
    """The words of a text: runs of letters (with apostrophes within) and numbers; a hyphen parts two words."""
    return _WORD.findall(text)
