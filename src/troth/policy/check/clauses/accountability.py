"""Who is answerable, to whom, and how people learn of it: EN1 to EN7, CG1, CD1, FM1, FM2."""

from __future__ import annotations

from troth.policy.check.clauses.shape import (
    Missing,
    NotApplicable,
    Outcome,
    Satisfied,
    answer,
    answered,
    clause,
    every,
)
from troth.policy.check.shape import Subject

_NO_CLAIM = NotApplicable("The policy makes no claim on this date.")


@clause("EN1", "Add an answer about `complaints` with `within: 45 days` or less.")
def en1(subject: Subject) -> Outcome:
    """The complaint route, answered within 45 days."""
    complaints = answer(subject, "complaints")
    if complaints is None:
        return Missing("No answer says where complaints go.", "answers")
    if complaints.within is None or complaints.within.after is not None or complaints.within.days > 45:
        return Missing(f"'{complaints.id}' does not promise an answer within 45 days.", subject.path(complaints))
    return Satisfied((subject.path(complaints, "within"),))


@clause(
    "EN2", "Add a claim with `recourse: true` and `free: true`, or an answer about `recourse` with `then` and `free`."
)
def en2(subject: Subject) -> Outcome:
    """An independent recourse body, free of charge."""
    found = [subject.path(claim) for claim in subject.claims if claim.recourse and claim.free]
    recourse = answer(subject, "recourse")
    gone = {claim.id for claim in subject.version.claims} - {claim.id for claim in subject.claims}
    if recourse is not None and recourse.free and recourse.then is not None and recourse.then not in gone:
        found.append(subject.path(recourse))
    if found:
        return Satisfied(tuple(found))
    if recourse is not None and recourse.then in gone:
        return Missing(
            f"'{recourse.id}' leads to '{recourse.then}', a claim that is not current.", subject.path(recourse)
        )
    return Missing("No independent body that helps for free is named.", "answers")


@clause("EN3", "Add an answer about `jurisdiction`.")
def en3(subject: Subject) -> Outcome:
    """The jurisdiction of the enforcement body."""
    return answered(subject, "jurisdiction", "which public body can act")


@clause("EN4", "Add an answer about `arbitration`.")
def en4(subject: Subject) -> Outcome:
    """Binding arbitration."""
    return answered(subject, "arbitration", "when binding arbitration is open to people")


@clause("EN5", "Add an answer about `supervisory-authority`.")
def en5(subject: Subject) -> Outcome:
    """The supervisory authority."""
    return answered(subject, "supervisory-authority", "to which authority people can complain")


@clause("EN6", "Add `verified: {by, on, signer}` to the claim, or an answer about `verification`.")
def en6(subject: Subject) -> Outcome:
    """Verification: method, date and signer."""
    said = answer(subject, "verification")
    if said is not None:
        return Satisfied((subject.path(said),))
    if not subject.claims:
        return _NO_CLAIM
    return every(subject, subject.claims, "verified", "does not say how, when and by whom it was verified")


@clause("EN7", "Add `next:` (or `until:`) to the claim, or an answer about `certification`.")
def en7(subject: Subject) -> Outcome:
    """The next certification date and status."""
    said = answer(subject, "certification")
    if said is not None:
        return Satisfied((subject.path(said),))
    if not subject.claims:
        return _NO_CLAIM
    found = []
    for claim in subject.claims:
        if claim.next is None and claim.until is None:
            return Missing(f"'{claim.id}' does not say when it is certified next.", subject.path(claim))
        found.append(subject.path(claim, "next" if claim.next else "until"))
    return Satisfied(tuple(found))


@clause("CG1", "Add an answer about `changes` with `ahead:`, how long beforehand people are told.")
def cg1(subject: Subject) -> Outcome:
    """Advance notice of a change. The difference itself is shown on the notice's own page."""
    changes = answer(subject, "changes")
    if changes is None:
        return Missing("No answer says how people learn of a change.", "answers")
    if changes.ahead is None:
        return Missing(f"'{changes.id}' does not say how long beforehand.", subject.path(changes))
    return Satisfied((subject.path(changes, "ahead"),))


@clause("CD1", "Add an answer about `children`.")
def cd1(subject: Subject) -> Outcome:
    """A statement about children."""
    return answered(subject, "children", "how the data of children is treated")


@clause("FM1", "Add an answer about `accessibility`, or the sentences in further languages.")
def fm1(subject: Subject) -> Outcome:
    """Plain and accessible; languages."""
    said = answer(subject, "accessibility")
    found = [subject.path(said)] if said else []
    languages = {tag for statement in subject.stated for tag, _ in statement.says.languages}
    if len(languages) > 1:
        found.append("language")
    if found:
        return Satisfied(tuple(found), f"Languages: {', '.join(sorted(languages))}.")
    return Missing("Nothing says in which other form or language people get the notice.", "answers")


@clause("FM2", "Give a choice `signals: [dnt]`, or add an answer about `do-not-track`.")
def fm2(subject: Subject) -> Outcome:
    """The answer to Do Not Track; the link to the notice is the site's to make."""
    found = [subject.path(choice, "signals") for choice in subject.version.choices if "dnt" in choice.signals]
    said = answer(subject, "do-not-track")
    if said is not None:
        found.append(subject.path(said))
    return Satisfied(tuple(found)) if found else Missing("Nothing answers Do Not Track.", "choices")
