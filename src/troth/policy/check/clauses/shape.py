"""How a clause is written: a small function behind a decorator, and the three things that it can return.

`data/clauses.csv` holds what each clause requires and where that comes from; the function says whether a policy states
it. The frameworks of a clause follow from its sources.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from importlib import resources
from typing import NamedTuple

from troth.policy.check.shape import Pointer, Subject, Verdict
from troth.policy.model import Answer, Collects, Statement, Topic, Uses

FRAMEWORKS = ("safe-harbor", "dpf", "gdpr", "ccpa", "can-spam", "truste")

# How the sources of `clauses.csv` begin, and the framework under which the clause is asked for.
_SOURCES = (
    ("SH ", "safe-harbor"), ("DPF", "dpf"), ("SP ", "dpf"), ("GDPR", "gdpr"), ("CCPA", "ccpa"), ("CalOPPA", "ccpa"),
    ("COPPA", "ccpa"), ("CAN-SPAM", "can-spam"), ("16 CFR", "can-spam"), ("RFC 8058", "can-spam"), ("TRUSTe", "truste"),
)  # fmt: skip


class Satisfied(NamedTuple):
    """The policy states it, at these paths; `reason` says more where the paths are not enough."""

    paths: tuple[str, ...]
    reason: str = ""


class Missing(NamedTuple):
    """The policy does not state it: what is missing, and where it would stand."""

    reason: str
    path: str = ""


class NotApplicable(NamedTuple):
    """There is nothing to state, and why."""

    reason: str


Outcome = Satisfied | Missing | NotApplicable
Judge = Callable[[Subject], Outcome]


class Clause(NamedTuple):
    """A clause: what a policy must state, by which source and under which frameworks, and how to state it."""

    id: str
    source: str
    requires: str
    frameworks: tuple[str, ...]
    remedy: str
    judge: Judge

    def verdict(self, subject: Subject) -> Verdict:
        """The verdict on a policy."""
        outcome = self.judge(subject)
        pointers: tuple[Pointer, ...] = ()
        status, place, reason = "satisfied", subject.place(""), outcome.reason
        if isinstance(outcome, Satisfied):
            pointers = tuple(Pointer(path, subject.place(path)) for path in dict.fromkeys(outcome.paths))
            place = pointers[0].place if pointers else place
        elif isinstance(outcome, Missing):
            status, place, reason = "missing", subject.place(outcome.path), f"{outcome.reason} {self.remedy}"
        else:
            status = "not-applicable"
        return Verdict(
            clause=self.id,
            source=self.source,
            requires=self.requires,
            frameworks=self.frameworks,
            status=status,  # type: ignore[arg-type]  # one of the three
            reason=reason,
            pointers=pointers,
            place=place,
        )


def frameworks_of(source: str) -> tuple[str, ...]:
    """The frameworks that a source of `clauses.csv` names, in the order of `FRAMEWORKS`."""
    parts = [part.strip() for part in source.split(";")]
    found = {framework for part in parts for begin, framework in _SOURCES if f"{part} ".startswith(begin)}
    return tuple(framework for framework in FRAMEWORKS if framework in found)


def _rows() -> dict[str, tuple[str, str]]:
    text = resources.files("troth.policy").joinpath("data/clauses.csv").read_text("utf-8")
    return {row["id"]: (row["source"], row["the policy must state"]) for row in csv.DictReader(text.splitlines())}


ROWS = _rows()
REGISTERED: dict[str, Clause] = {}


def clause(id: str, remedy: str) -> Callable[[Judge], Judge]:
    """Make a function the judge of a clause of `clauses.csv`; `remedy` says how to state it."""

    def register(judge: Judge) -> Judge:
        source, requires = ROWS[id]
        REGISTERED[id] = Clause(id, source, requires, frameworks_of(source), remedy, judge)
        return judge

    return register


# --- what several clauses ask of a policy -----------------------------------------------------------------------------


def answer(subject: Subject, topic: Topic) -> Answer | None:
    """The answer about a topic: one that says so, else one whose id is the topic."""
    answers = subject.version.answers
    said = next((each for each in answers if each.about == topic), None)
    return said or next((each for each in answers if each.about is None and each.id == topic), None)


def answered(subject: Subject, topic: Topic, what: str) -> Outcome:
    """Satisfied when there is an answer about the topic."""
    found = answer(subject, topic)
    return Satisfied((subject.path(found),)) if found else Missing(f"No answer says {what}.", "answers")


def every(
    subject: Subject, statements: Iterable[Statement], field: str, what: str, *, key: str | None = None
) -> Outcome:
    """Satisfied when all the statements have the field; else the first one that lacks it is named."""
    several = tuple(statements)
    lacking = [statement for statement in several if not getattr(statement, field)]
    if lacking:
        others = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
        return Missing(f"'{lacking[0].id}'{others}: {what}.", subject.path(lacking[0]))
    return Satisfied(tuple(subject.path(statement, key or field) for statement in several))


def marketing(subject: Subject) -> tuple[Collects | Uses, ...]:
    """The statements under which marketing is sent: collecting for a purpose permits the use for it."""
    covers = subject.version.vocabulary.covers
    using: tuple[Collects | Uses, ...] = (*subject.version.uses, *subject.version.collects)
    return tuple(
        statement
        for statement in using
        if any(covers("purpose", "marketing", purpose) for purpose in statement.purposes)
    )


def marketing_mail(subject: Subject) -> tuple[Collects | Uses, ...]:
    """The statements under which marketing is sent to an address: by e-mail, unless they speak of others only."""
    vocabulary = subject.version.vocabulary
    addresses = ("contact.phone", "contact.address")
    return tuple(
        statement
        for statement in marketing(subject)
        if any(
            vocabulary.overlaps("data", "contact", term)
            and not any(vocabulary.covers("data", other, term) for other in addresses)
            for term in statement.data
        )
    )
