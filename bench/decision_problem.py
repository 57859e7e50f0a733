"""The problem that decisions are measured on: one policy, many people, many questions; always the same ones.

40 purposes, 60 data terms and 30 recipients in hierarchies of two levels, 200 statements (40 % of them uses, 55 %
shares, 5 % prohibitions) with gates, 100,000 people with up to 8 choices, two conditions, and 10,000 random questions
about use and sharing. The policy is written as a policy file, so that reading it can be measured too.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from random import Random
from typing import NamedTuple

from troth.policy.history import Policy
from troth.policy.reading import parse_version

AT = datetime(2024, 6, 1, tzinfo=UTC)
CHOICES = (*(f"choice-{number}" for number in range(6)), "choice-0.a", "choice-1.a")
CONDITIONS = ("contract", "legal-process")
PEOPLE = 100_000
QUESTIONS = 10_000


def terms(letter: str, roots: int) -> tuple[str, ...]:
    """Return so many terms, each with four below it."""
    return tuple(
        name for root in range(roots) for name in (f"{letter}{root}", *(f"{letter}{root}.{leaf}" for leaf in "abcd"))
    )


DATA, PURPOSES = terms("d", 12), terms("p", 8)
KINDS = tuple(f"k{number}" for number in range(6))
RECIPIENTS = tuple(f"r{number}" for number in range(24))


class Question(NamedTuple):
    """Who is asked about, and what."""

    person: int
    action: str
    data: str
    purpose: str
    recipient: str | None
    given: frozenset[str]


def kind_of(recipient: str) -> str:
    """Return the kind of a declared recipient."""
    return KINDS[int(recipient[1:]) % len(KINDS)]


def path(term: str) -> tuple[str, ...]:
    """Return who covers a term, the widest first."""
    if term in RECIPIENTS:
        return kind_of(term), term
    root, dot, _ = term.partition(".")
    return (root, term) if dot else (term,)


def policy_text(statements: int = 200, seed: int = 1) -> str:
    """Return a policy file with so many statements."""
    rng = Random(seed)

    def some(words: tuple[str, ...], most: int) -> str:
        wide = tuple(word for word in words if "." not in word)
        chosen = {rng.choice(wide if rng.random() < 0.3 else words) for _ in range(rng.randint(1, most))}
        return f"[{', '.join(sorted(chosen))}]"

    def gates() -> str:
        text = ""
        for kind, words, often in (("unless", CHOICES, 0.4), ("only_if", CHOICES, 0.15), ("given", CONDITIONS, 0.2)):
            if rng.random() < often:
                text += f", {kind}: {rng.choice(words)}"
        return text + (", must: offer-opt-out" if rng.random() < 0.2 else "")

    lines = {"uses": [], "shares": [], "never": []}
    for number in range(statements):
        verb = rng.choices(("uses", "shares", "never"), (40, 55, 5))[0]
        says = f"says: Sentence {number} of the policy."
        if verb == "uses":
            rule = f"{says}, data: {some(DATA, 3)}, for: {some(PURPOSES, 3)}{gates()}"
        elif verb == "shares":
            receivers = f"with: {some(KINDS + RECIPIENTS, 3)}"
            rule = f"{says}, data: {some(DATA, 3)}, for: {some(PURPOSES, 3)}, {receivers}{gates()}"
        else:
            rule = f"{says}, do: {rng.choice(('use', 'share'))}, data: {some(DATA, 1)}, for: {some(PURPOSES, 1)}"
        lines[verb].append(f"  s{number}: {{{rule}}}")
    vocabulary = [
        f"  {kind}:\n" + "\n".join(f"    {n}: {{label: {n}{'' if '.' in n else f', parent: {above}'}}}" for n in names)
        for kind, names, above in (("data", DATA, "content"), ("purpose", PURPOSES, "service"),
                                   ("recipient", KINDS, "third_party"))
    ]  # fmt: skip
    return "\n".join(
        [
            "policy: bench", "title: A policy to measure", "effective: 2024-01-01",
            "publisher: {name: Bench, address: 1 Road}", "covers: {site: {name: Site}}", "vocabulary:", *vocabulary,
            "recipients:", *(f"  {name}: {{name: {name}, kind: {kind_of(name)}}}" for name in RECIPIENTS),
            *(line for verb, several in lines.items() if several for line in (f"{verb}:", *several)),
            "choices:", *(f"  {choice}: {{says: You choose., model: opt-out}}" for choice in CHOICES), "",
        ]
    )  # fmt: skip


def read(text: str) -> Policy:
    """Return the policy of a text."""
    return Policy([parse_version(text.encode(), "bench.yaml")])


@cache
def people() -> list[dict[str, str]]:
    """Return the choices of everybody."""
    rng = Random(2)
    return [
        {choice: rng.choice(("in", "out")) for choice in rng.sample(CHOICES, rng.randint(0, len(CHOICES)))}
        for _ in range(PEOPLE)
    ]


@cache
def questions() -> list[Question]:
    """Return what is asked."""
    rng = Random(3)
    found = []
    for _ in range(QUESTIONS):
        action = rng.choice(("use", "share"))
        given = frozenset(condition for condition in CONDITIONS if rng.random() < 0.2)
        recipient = rng.choice(KINDS + RECIPIENTS) if action == "share" else None
        found.append(Question(rng.randrange(PEOPLE), action, rng.choice(DATA), rng.choice(PURPOSES), recipient, given))
    return found


def effective(stated: dict[str, str]) -> dict[str, str]:
    """Return the choices with those that a choice hands down, for engines that do not know that choices nest."""
    found = {choice: stated.get(choice) or stated.get(choice.partition(".")[0]) for choice in CHOICES}
    return {choice: state for choice, state in found.items() if state}
