"""Data: what is collected is used, what is used is collected, what is kept has an end."""

from __future__ import annotations

from collections.abc import Iterator

from troth.policy.check.shape import Found, Subject, check_that
from troth.policy.coverage import Allowing
from troth.policy.model import Never


@check_that(
    "unused-term",
    "warning",
    "The policy adds a term to the vocabulary and no statement uses it, nor a term below it.",
    "Use the term (a purpose in `for`, data in `data`, …) or remove it.",
)
def unused_term(subject: Subject) -> Iterator[Found]:
    """A purpose that is declared and never used, and the same for every other kind of own term."""
    version = subject.version
    used: dict[str, set[str]] = {name: set() for name in version.own_terms.__struct_fields__}
    for statement in version.statements:
        used["data"].update(getattr(statement, "data", ()), getattr(statement, "sensitive", ()))
        used["purpose"].update(getattr(statement, "purposes", ()))
        used["recipient"].update(getattr(statement, "recipients", ()))
        used["moment"].update(getattr(statement, "when", ()))
        used["condition"].update(getattr(statement, "given", ()))
        used["duty"].update(getattr(statement, "must", ()))
        used["means"].update(getattr(statement, "by", ()))
        used["safeguard"].update(getattr(statement, "by", ()))
        for tracker in getattr(statement, "trackers", ()):
            used["purpose"].update(tracker.purposes)
    used["recipient"].update(recipient.kind for recipient in version.recipients)
    for kind, names in used.items():
        for term in getattr(version.own_terms, kind):
            if not any(term.id in version.vocabulary.path(kind, name) for name in names):
                yield Found(f"vocabulary.{kind}.{term.id}", f"No statement uses the {kind} term '{term.id}'.")


@check_that(
    "used-not-collected",
    "error",
    "Data is used or shared that no statement says is collected.",
    "Add it to a `collects` statement, or leave it out here.",
)
def used_not_collected(subject: Subject) -> Iterator[Found]:
    """A term counts as collected when a collected term covers it or stands below it."""
    version = subject.version
    collected = {term for statement in version.collects for term in statement.data}
    statements: tuple[Allowing, ...] = (*version.uses, *version.shares)
    for statement in statements:
        for number, term in enumerate(statement.data):
            if not any(version.vocabulary.overlaps("data", term, other) for other in collected):
                label = version.vocabulary.label("data", term)
                message = f"'{statement.id}' speaks of '{term}' ({label}), which nothing collects."
                yield Found(f"{subject.path(statement)}.data[{number}]", message, statement.id)


@check_that(
    "collected-not-used",
    "error",
    "Data is collected, and a `never` forbids every use that is stated for it.",
    "Say what it is used for, or do not collect it (GDPR article 5(1)(c)).",
)
def collected_not_used(subject: Subject) -> Iterator[Found]:
    """Collecting permits the use for the purposes in `for`; where all of those are forbidden, nothing remains."""
    for statement in subject.version.collects:
        cells = [cell for cell in subject.coverage.cells(statement, subject.frame) if cell.action == "use"]
        for term in statement.data:
            of_term = [cell for cell in cells if cell.data == term]
            if of_term and all(subject.coverage.forbidding(cell) for cell in of_term):
                if _used_otherwise(subject, statement, term):
                    continue
                message = f"'{statement.id}' collects '{term}', and no use of it is allowed."
                yield Found(subject.path(statement, "data"), message, statement.id)


def _used_otherwise(subject: Subject, statement: Allowing, term: str) -> bool:
    covers = subject.version.vocabulary.covers
    using: tuple[Allowing, ...] = (*subject.version.uses, *subject.version.collects)
    return any(
        other.id != statement.id
        and any(covers("data", wider, term) for wider in other.data)
        and any(
            not subject.coverage.forbidding(cell)
            for cell in subject.coverage.cells(other, subject.frame)
            if cell.action == "use"
        )
        for other in using
    )


@check_that(
    "retention-missing",
    "warning",
    "Data is collected and nothing says how long it is kept.",
    "Add `keeps:`, such as `24 months` or `account + 24 months`.",
)
def retention_missing(subject: Subject) -> Iterator[Found]:
    """GDPR articles 5(1)(e) and 13(2)(a); CCPA section 1798.100(a)(3)."""
    for statement in subject.version.collects:
        if statement.keeps is None:
            message = f"'{statement.id}' does not say how long its data is kept."
            yield Found(subject.path(statement), message, statement.id)


@check_that(
    "never-unknown-data",
    "note",
    "A `never` speaks of data that no statement collects: nothing would be done with it anyway.",
    "Keep it where people would ask for it; otherwise leave it out.",
)
def never_unknown_data(subject: Subject) -> Iterator[Found]:
    """A promise that costs nothing is no fault, but it can hide a misspelt intention."""
    version = subject.version
    collected = {term for statement in version.collects for term in statement.data}
    for statement in version.never:
        for term in statement.data:
            known = any(version.vocabulary.overlaps("data", term, other) for other in collected)
            if not known and not _forbids_collecting(statement):
                message = f"'{statement.id}' promises something of '{term}', which nothing collects."
                yield Found(subject.path(statement, "data"), message, statement.id)


def _forbids_collecting(statement: Never) -> bool:
    return "collect" in statement.actions
