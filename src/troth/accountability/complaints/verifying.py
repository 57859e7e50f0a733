"""Holds complaints against their own rules: every step in order, by whoever may do it, signed where staff did it."""

from __future__ import annotations

from troth.accountability.complaints.bodies import Bodies
from troth.accountability.complaints.counting import ledger_of
from troth.accountability.complaints.entering import WHO, check
from troth.accountability.complaints.facts import Said
from troth.accountability.complaints.standing import ComplaintStanding
from troth.accountability.errors import CaseError
from troth.accountability.ledger import Fact
from troth.store import Store


def contradictions(store: Store) -> list[str]:
    """A sentence for each step of a complaint that could not have been entered as it stands there."""
    bodies = Bodies(store).all()
    found: list[str] = []
    facts: dict[str, list[Fact[Said]]] = {}
    for fact in ledger_of(store).facts():
        before = facts.setdefault(fact.subject, [])
        name = f"Fact {fact.leaf} ({fact.what} of complaint '{fact.subject}')"
        said = fact.said
        try:
            check(ComplaintStanding(fact.subject, tuple(before)) if before else None, said, fact.at)
        except CaseError as problem:
            found.append(f"{name} could not be: {problem}")
        if (said.by == "staff") != (fact.act is not None) or (said.by == "staff" and type(said) not in WHO):
            found.append(f"{name} was signed by nobody of the staff who may do it.")
        body = bodies.get(said.body or "")
        if said.by == "body" and (body is None or body.since > fact.at):
            found.append(f"{name} was done by no recourse body that is known.")
        before.append(fact)
    return found
