"""What is collected and for which purposes: CO1 to CO5, PU1 to PU5."""

from __future__ import annotations

from troth.policy.check.clauses.shape import (
    Missing,
    NotApplicable,
    Outcome,
    Satisfied,
    answer,
    clause,
    every,
)
from troth.policy.check.shape import Subject
from troth.policy.model import Collects

_TRACKING = frozenset({"cookie", "web_beacon", "local_storage"})
_NOTHING = Missing("No statement says what is collected.", "collects")


@clause("CO1", "Write a `collects` statement for each occasion, with `data:` (and `where:` for some products only).")
def co1(subject: Subject) -> Outcome:
    """The data collected, per product."""
    collects = subject.version.collects
    return every(subject, collects, "data", "names no data") if collects else _NOTHING


@clause("CO2", "Add `from:` (person, use, device or third_party).")
def co2(subject: Subject) -> Outcome:
    """The source of the data."""
    collects = subject.version.collects
    return (
        every(subject, collects, "sources", "does not say where the data come from", key="from")
        if collects
        else (_NOTHING)
    )


@clause("CO3", "List each under `trackers:` with `party`, `for` and `lifetime`.")
def co3(subject: Subject) -> Outcome:
    """Each tracker with party, purpose and lifetime."""
    tracking = [statement for statement in subject.version.collects if _tracks(subject, statement)]
    if not tracking:
        return NotApplicable("Nothing is collected by cookies, beacons or storage in the browser.")
    for statement in tracking:
        for tracker in statement.trackers:
            if not tracker.purposes:
                path = f"{subject.path(statement)}.trackers.{tracker.id}"
                return Missing(f"The tracker '{tracker.id}' of '{statement.id}' has no purpose.", path)
    return every(subject, tracking, "trackers", "collects by trackers and lists none")


def _tracks(subject: Subject, statement: Collects) -> bool:
    covers = subject.version.vocabulary.covers
    return bool(
        statement.trackers
        or _TRACKING.intersection(statement.by)
        or any(covers("data", "device.cookie", term) for term in statement.data)
    )


@clause("CO4", "Add `otherwise:`, what happens to people who do not give the data.")
def co4(subject: Subject) -> Outcome:
    """Required or optional (which it is without `required`), and the consequence."""
    collects = [statement for statement in subject.version.collects if statement.sources in ((), ("person",))]
    required = [statement for statement in subject.version.collects if statement.required]
    if not collects and not required:
        return NotApplicable("No data is asked of people.")
    if not required:
        return Satisfied(tuple(subject.path(statement) for statement in collects), "All that is asked for is optional.")
    return every(subject, required, "otherwise", "is required, and the consequence of not giving it is not stated")


@clause("CO5", "Name the terms under `sensitive:` and gate the statement with `only_if:` an opt-in choice.")
def co5(subject: Subject) -> Outcome:
    """Sensitive data flagged, and taken only from those who agree."""
    version = subject.version
    found: list[str] = []
    for statement in version.collects:
        flagged = {term for term in statement.data if version.vocabulary.term("data", term).sensitive}
        if not flagged and not statement.sensitive:
            continue
        unmarked = sorted(flagged - set(statement.sensitive))
        if unmarked:
            return Missing(f"'{statement.id}' does not mark '{unmarked[0]}' as sensitive.", subject.path(statement))
        if not statement.only_if:
            return Missing(
                f"'{statement.id}' collects sensitive data of whoever did not agree.", subject.path(statement)
            )
        found.append(subject.path(statement, "sensitive"))
    return Satisfied(tuple(found)) if found else NotApplicable("No data is marked as sensitive.")


@clause("PU1", "Add `for:` with the purposes.")
def pu1(subject: Subject) -> Outcome:
    """A purpose for all that is collected: the language demands one."""
    collects = subject.version.collects
    return every(subject, collects, "purposes", "has no purpose", key="for") if collects else _NOTHING


@clause("PU2", "Add `basis:` (consent, contract, legal-obligation, vital-interest, public-task, legitimate-interest).")
def pu2(subject: Subject) -> Outcome:
    """A legal basis for each collection, use and disclosure."""
    return every(subject, subject.gated, "basis", "has no legal basis") if subject.gated else _NOTHING


@clause("PU3", "Add `interest:`, the interest in plain words.")
def pu3(subject: Subject) -> Outcome:
    """The legitimate interest, named."""
    resting = [statement for statement in subject.gated if statement.basis == "legitimate-interest"]
    if not resting:
        return NotApplicable("Nothing rests on a legitimate interest.")
    return every(subject, resting, "interest", "rests on a legitimate interest and does not name it")


@clause("PU4", "Nothing to do: what no statement says is denied.")
def pu4(_: Subject) -> Outcome:
    """An undeclared purpose is denied: this holds of every policy that Troth keeps."""
    return Satisfied((), "A decision about a purpose that no statement covers is `not-stated`, which denies.")


@clause("PU5", "Add `automated:` to the use, or an answer about `automated-decisions` that says there are none.")
def pu5(subject: Subject) -> Outcome:
    """Automated decisions: their logic, or that there are none."""
    uses = [subject.path(statement, "automated") for statement in subject.version.uses if statement.automated]
    said = answer(subject, "automated-decisions")
    if said is not None:
        uses.append(subject.path(said))
    return Satisfied(tuple(uses)) if uses else Missing("Nothing is said about automated decisions.", "answers")
