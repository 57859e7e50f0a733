"""Words that leave people guessing: "may" without saying when, lists that do not say what else."""

from __future__ import annotations

import re
from collections.abc import Iterator

from troth.policy.check.shape import Found, Subject, check_that
from troth.policy.check.texts import Passage, english, passages, sentences
from troth.policy.model import Collects, Gated

# "May" with a capital is the month, or begins a question; "you may" gives people a permission.
_MAY = re.compile(r"(?<![Yy]ou )(?<![Pp]eople )\b(may|might|could|can possibly|from time to time|as appropriate)\b")
_OPEN_LIST = re.compile(
    r"\b(such as|including(?: but not limited to)?|includes?|for example|for instance|among others|and so on|etc)\b",
    re.IGNORECASE,
)
_QUALIFIED = re.compile(
    r"\b(if|when|whenever|where|unless|until|while|once|before|after|during|only|without)\b", re.IGNORECASE
)


@check_that(
    "unqualified-may",
    "error",
    'A sentence says "may" or "might", and neither it nor the rule says when.',
    "Say when it happens (`if`, `when`, `unless`, and the gate that keeps it), or that it does.",
)
def unqualified_may(subject: Subject) -> Iterator[Found]:
    """A statement with a gate or a moment says when; otherwise the sentence has to."""
    for passage, sentence in _open_sentences(subject):
        match = _MAY.search(sentence)
        if match and not _QUALIFIED.search(sentence):
            yield _found(passage, f'"{match[1]}" without saying when: “{sentence}”')


@check_that(
    "open-list",
    "warning",
    'A sentence names examples ("such as", "including") and neither it nor the rule says when, or what else.',
    "Name all of it (the terms of the rule are the complete list), or say when it holds.",
)
def open_list(subject: Subject) -> Iterator[Found]:
    """GDPR article 12(1): intelligible. Examples in the longer text of a rule with a gate or a moment explain it."""
    for passage, sentence in _open_sentences(subject):
        match = _OPEN_LIST.search(sentence)
        if match and not _QUALIFIED.search(sentence):
            yield _found(passage, f'"{match[1]}" leaves open what else: “{sentence}”')


def _open_sentences(subject: Subject) -> Iterator[tuple[Passage, str]]:
    """The English sentences of statements whose rule does not say when."""
    for passage in passages(subject):
        statement = passage.statement
        gated = isinstance(statement, Gated) and (statement.unless or statement.only_if or statement.given)
        timed = isinstance(statement, Collects) and statement.when
        if english(passage) and not gated and not timed:
            for sentence in sentences(passage.text):
                yield passage, sentence


def _found(passage: Passage, message: str) -> Found:
    return Found(passage.path, message, passage.statement.id if passage.statement else None)
