"""What may become of a legal request: who of the staff may do what, in which state, and nothing that widens it.

Two pairs of eyes: who took a request in does not approve it, and two others have to, or in an emergency one now and
another afterwards. A scope only ever gets narrower.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import datetime

from troth.accountability.errors import CaseError
from troth.accountability.legal.facts import (
    OUTCOMES,
    PROCESSES,
    Approved,
    Challenged,
    Closed,
    Decided,
    Gagged,
    Linked,
    Looked,
    Narrowed,
    Raised,
    Received,
    Refused,
    Released,
    Reviewing,
    Said,
    Scope,
    Told,
)
from troth.accountability.legal.standing import RequestStanding
from troth.accountability.staff import Role, Staff
from troth.accountability.terms import Terms
from troth.conditions.standing import RecipientStanding
from troth.conditions.stated import covered, path_of, statements_for
from troth.policy.history import Policy
from troth.policy.model import Version
from troth.policy.problems import nearest

AUTHORITY = "authority"
PROCESS, EMERGENCY = "legal-process", "emergency"
EVERYBODY = "all"
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)

# Which roles may do what. A role that is not there may not.
MAY: Mapping[type[Said], tuple[Role, ...]] = {
    Received: ("desk", "counsel", "officer"),
    Reviewing: ("counsel",),
    Narrowed: ("counsel",),
    Approved: ("counsel", "officer"),
    Raised: ("officer",),
    Refused: ("counsel", "officer"),
    Challenged: ("counsel",),
    Decided: ("counsel",),
    Gagged: ("counsel", "officer"),
    Told: ("desk", "counsel", "officer"),
    Released: ("desk", "counsel", "officer"),
    Linked: ("desk", "counsel", "officer"),
    Looked: ("counsel", "officer"),
    Closed: ("counsel", "officer"),
}


def check_new(policy: Policy, known: Mapping[str, RecipientStanding], said: Received, at: datetime) -> None:
    """Raise CaseError unless a request may be taken in. What it asks for need not be stated yet; to approve it does."""
    version = _version(policy, at)
    one = known.get(said.authority)
    if one is None:
        near = nearest(said.authority, list(known))
        raise CaseError(
            f"'{said.authority[:100]}' is not registered.{f' Did you mean {near}?' if near else ''} "
            f"`troth recipient propose {said.authority[:100]} --kind authority --name …` does it."
        )
    if AUTHORITY not in path_of(version, said.authority, one.profile.kind):
        raise CaseError(f"'{said.authority}' is of the kind '{one.profile.kind}', and no authority.")
    _known_word(said.process, PROCESSES, "kind of process")
    if not said.basis.strip():
        raise CaseError("A request names the law that it rests on: --basis.")
    if not _SHA256.fullmatch(said.document):
        raise CaseError("The paper is registered by its SHA-256: 64 hex digits.")
    _known_term(version, "purpose", said.purpose)
    _check_scope(version, said.scope)
    if said.ends is not None and said.ends <= at:
        raise CaseError(f"It ended on {said.ends:%Y-%m-%d}; nothing can be released by it.")
    if said.gag is not None and not said.gag.basis.strip():
        raise CaseError("A gag names the law that it rests on: --gag-basis.")


def check(policy: Policy, terms: Terms, one: RequestStanding, said: Said, staff: Staff, at: datetime) -> None:  # noqa: PLR0917
    """Raise CaseError unless somebody of the staff may do this to a request now. Their role was checked before."""
    match said:
        case Reviewing():
            _in(one, "received", "under review")
        case Narrowed(scope=scope):
            _in(one, "under review", "approved")
            _check_scope(_version(policy, at), scope)
            _check_narrower(_version(policy, at), one.scope, scope)
        case Approved():
            _check_approval(policy, one, said, staff, at)
        case Raised(ceiling=ceiling):
            _in(one, "received", "under review", "approved")
            _not_the_same(one.taken_by, staff, "took it in")
            _not_the_same(one.approvers[0] if one.approvers else None, staff, "approved it first")
            if ceiling <= max(terms.ceiling, one.ceiling or 0):
                raise CaseError(f"The ceiling for it is {max(terms.ceiling, one.ceiling or 0)}, which is no less.")
        case Refused():
            _in(one, "received", "under review", "approved")
        case Challenged():
            _in(one, "received", "under review", "approved")
        case Decided(outcome=outcome):
            _known_word(outcome, OUTCOMES, "outcome")
            _in(one, "challenged")
        case Gagged(gag=gag):
            if gag is not None and gag.until is not None and gag.until <= at:
                raise CaseError(f"{gag.until:%Y-%m-%d} has passed. Without --until a gag is lifted at once.")
        case Told():
            _in(one, "approved", "released", "closed")
            if not one.tells(at):
                raise CaseError("People are not to be told of it now: it is gagged, or nothing is to be released.")
        case Released():
            why = one.releasable(terms, at)
            if why is not None:
                raise CaseError(f"Nothing is released by '{one.id}'. {why}")
        case Linked(disclosure=disclosure):
            why = one.releasable(terms, at)
            if why is not None:
                raise CaseError(f"Nothing is released by '{one.id}'. {why}")
            if disclosure not in one.released:
                raise CaseError(f"'{disclosure[:100]}' was not released by '{one.id}'.")
        case Looked():
            _in(one, "approved", "released")
            if one.emergency is None or one.looked is not None:
                raise CaseError("There is no emergency to review.")
            _not_the_same(one.taken_by, staff, "took it in")
            _not_the_same(one.approvers[0], staff, "approved it")
        case Closed():
            if one.closed:
                raise CaseError(f"'{one.id}' is closed.")
            if one.released and one.emergency is not None and one.looked is None:
                raise CaseError("An emergency is reviewed before it is closed: `troth legal look`.")
        case _:
            raise CaseError(f"There is a request '{one.id}' already.")


def _check_approval(policy: Policy, one: RequestStanding, said: Approved, staff: Staff, at: datetime) -> None:
    _in(one, "under review")
    _not_the_same(one.taken_by, staff, "took it in")
    if one.outcome == "narrowed":
        raise CaseError("A court narrowed it: `troth legal narrow` first, as the court says.")
    if staff.id in one.approvers:
        raise CaseError(f"'{staff.name}' approved it already; a second one has to be somebody else.")
    if one.ended(at):
        raise CaseError(f"It ended on {one.received.ends:%Y-%m-%d}; nothing can be released by it.")
    condition = PROCESS
    if said.emergency is not None:
        condition = EMERGENCY
        _not_the_same(one.raised_by, staff, "raised the ceiling")
        if not said.emergency.strip():
            raise CaseError("An emergency says what the danger is.")
    version = _version(policy, at)
    missing = [
        data
        for data in one.scope.data
        if not any(
            condition in statement.given
            for statement in statements_for(version, one.received.authority, AUTHORITY, data, one.received.purpose)
        )
    ]
    if missing:
        raise CaseError(
            f"No statement of version {version.id} gives {', '.join(missing)} to authorities for "
            f"'{one.received.purpose}' under '{condition}'. Narrow the request, or it cannot be approved."
        )


def _check_scope(version: Version, scope: Scope) -> None:
    if not scope.data:
        raise CaseError("A request says which data it is about.")
    for data in scope.data:
        _known_term(version, "data", data)
    for product in scope.products:
        _known_word(product, [one.id for one in version.covers], "covered site or product")
    if scope.since is not None and scope.until is not None and scope.until <= scope.since:
        raise CaseError("The time in which the data was collected ends before it begins.")
    if scope.everybody is not None:
        sort, _, name = scope.everybody.partition(":")
        if scope.everybody != EVERYBODY and sort not in ("statement", "product"):
            raise CaseError(f"'{scope.everybody[:60]}' names no group: all, statement:ID or product:ID.")
        if sort == "statement":
            _known_word(name, [one.id for one in version.collects], "statement under which data is collected")
        if sort == "product":
            _known_word(name, [one.id for one in version.covers], "covered site or product")


def _check_narrower(version: Version, before: Scope, after: Scope) -> None:
    wider = [data for data in after.data if not covered(version, "data", data, before.data)]
    wider += [one for one in after.products if before.products and one not in before.products]
    if before.products and not after.products:
        wider.append("all products")
    if before.since is not None and (after.since is None or after.since < before.since):
        wider.append("an earlier time")
    if before.until is not None and (after.until is None or after.until > before.until):
        wider.append("a later time")
    if after.persons > before.persons:
        wider.append("more persons")
    if wider:
        raise CaseError(f"That would be more than was asked for: {', '.join(wider)}.")
    if after == before:
        raise CaseError("That is what it is about already.")


def _in(one: RequestStanding, *states: str) -> None:
    if one.state not in states:
        raise CaseError(f"'{one.id}' is {one.state}; this is done while one is {' or '.join(states)}.")


def _not_the_same(id: str | None, staff: Staff, did: str) -> None:
    if id == staff.id:
        raise CaseError(f"'{staff.name}' {did}; this is for somebody else.")


def _version(policy: Policy, at: datetime) -> Version:
    version = policy.in_force(at)
    if version is None:
        raise CaseError("No version of the policy is in force.")
    return version


def _known_term(version: Version, kind: str, term: str) -> None:
    if not version.vocabulary.knows(kind, term):
        _known_word(term, version.vocabulary.slugs(kind), f"{kind} term of version {version.id}")


def _known_word(word: str, known: Collection[str], what: str) -> None:
    if word not in known:
        near = nearest(word, list(known))
        listed = "" if len(known) > 12 else f" There are: {', '.join(known)}."
        raise CaseError(f"'{word[:60]}' is no {what}.{f' Did you mean {near}?' if near else ''}{listed}")
