"""What the pages of the desk show of a legal request and of a claim, in words. Nobody whose data is held is named."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from troth.accountability.due.cases import due_by, next_step
from troth.accountability.due.due import Level, level_of, many
from troth.accountability.ledger import Fact
from troth.accountability.legal import entering
from troth.accountability.legal.facts import (
    Approved,
    Challenged,
    Closed,
    Decided,
    Gag,
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
    Told,
)
from troth.accountability.legal.standing import RequestStanding
from troth.accountability.staff import Staff
from troth.accountability.terms import Terms
from troth.conditions.claims.standing import ClaimStanding
from troth.gates.share.files.links import Link
from troth.gates.share.files.row import TO_FETCH, FileRow
from troth.notice import words
from troth.policy.model import Claim

BY_COMMAND: Mapping[str, type[Said]] = {
    "review": Reviewing, "narrow": Narrowed, "approve": Approved, "raise": Raised, "decide": Decided,
    "release": Released, "link": Linked, "look": Looked, "close": Closed,
}  # fmt: skip


FILE_STATES: Mapping[str, str] = {
    "waiting": "It is to be made; a server that runs does it.",
    "making": "It is being made.",
    "ready": "It can be fetched.",
    "fetched": "It was fetched.",
    "expired": "Nobody fetched it in time.",
    "stopped": "Nothing of it may leave any more.",
}


class Step(msgspec.Struct, frozen=True):
    """What comes next of a request: in words, by which command, by when, and who of the staff may."""

    what: str
    command: str
    when: datetime | None
    level: Level
    who: tuple[str, ...]


class Line(msgspec.Struct, frozen=True):
    """A fact in words: when, who signed it, and its entry in the record; `act` is the digest of what was signed."""

    says: str
    at: datetime
    by: str
    entry: int
    act: str | None


class FileLine(msgspec.Struct, frozen=True):
    """The file of a release: how far it is, in words, and each link to it by who made it and its state.

    It `waits` as long as it may still be fetched.
    """

    disclosure: str
    says: str
    waits: bool
    links: tuple[tuple[str, str], ...]


def file_line(disclosure: str, row: FileRow | None, links: Iterable[Link], at: datetime) -> FileLine:
    """The file of a disclosure as the page of a request shows it."""
    state = "waiting" if row is None else row.state
    told = FILE_STATES[state]
    if row is not None and row.state == "ready" and row.until is not None:
        told = f"{told} It is deleted on {words.day(row.until.replace(second=0, microsecond=0))}."
    elif row is not None and row.state == "waiting" and row.why:
        told = f"{told} {row.why}"
    shown = tuple((one.created_by, _state_of(one, at)) for one in links)
    return FileLine(disclosure, told, state in TO_FETCH, shown)


def _state_of(link: Link, at: datetime) -> str:
    state = link.state(at)
    until = words.day(link.expires_at.replace(second=0, microsecond=0))
    return f"open until {until}" if state == "open" else state


def step_of(  # noqa: PLR0917 - called in one place
    one: RequestStanding, terms: Terms, at: datetime, staff: Iterable[Staff], ready: int | None, fetching: bool
) -> Step | None:
    """The next step of a request, None where nothing is left to be done."""
    found = next_step(one, terms, at, ready, fetching)
    if found is None:
        return None
    what, command = found
    when = due_by(one, terms)
    return Step(what, command, when, level_of(when, at), who_may(one, command, staff))


def who_may(one: RequestStanding, command: str, staff: Iterable[Staff]) -> tuple[str, ...]:
    """The names of those who may sign a step: by their role, and as somebody else than who did what before it."""
    said = BY_COMMAND.get(command.split()[2])
    if said is None:
        return ()
    not_they = set[str | None]()
    if said is Approved:
        not_they = {one.taken_by, *one.approvers}
    elif said in (Raised, Looked):
        not_they = {one.taken_by, *one.approvers[:1]}
    roles = set(entering.MAY[said])
    return tuple(
        sorted(
            each.name for each in staff if each.retired is None and roles & set(each.roles) and each.id not in not_they
        )
    )


def lines_of(facts: Iterable[Fact[Said]], names: Mapping[str, str]) -> tuple[Line, ...]:
    """Every fact of a request in words, in the order of the record; `names` are those of the staff, by id."""
    return tuple(
        Line(says(fact.said), fact.at, names.get(fact.staff or "", "Troth"), fact.leaf, fact.act) for fact in facts
    )


def says(said: Any) -> str:
    """What a fact says, in a sentence."""
    match said:
        case Received():
            return f"Took it in: {many(said.scope.persons, 'person')}."
        case Reviewing():
            return "Began to review it."
        case Narrowed():
            return f"Narrowed it to {many(said.scope.persons, 'person')} and {', '.join(said.scope.data)}: {said.why}"
        case Approved(emergency=None):
            return "Approved it."
        case Approved():
            return f"Approved it as an emergency: {said.emergency}"
        case Raised():
            return f"Raised the ceiling to {many(said.ceiling, 'person')}: {said.why}"
        case Refused():
            return f"Refused it: {said.why}"
        case Challenged():
            return f"Contested it before a court: {said.why}"
        case Decided():
            return f"Entered what the court decided: {said.outcome}."
        case Gagged(gag=None):
            return "Lifted the gag."
        case Gagged(gag=Gag() as gag):
            return f"Nobody may be told {gag_of(gag)}."
        case Told(how="letter"):
            return f"Told {many(said.persons, 'person')} by letter."
        case Told():
            return f"Told {many(said.persons, 'person')}, on their page and by mail where there is an address."
        case Released():
            return f"Released data of {many(said.persons, 'person')} by {said.disclosure}."
        case Linked():
            return f"Made a new link to the file of {said.disclosure}, open for {many(said.days, 'day')}."
        case Looked():
            return f"Reviewed the emergency, {'justified' if said.justified else 'not justified'}: {said.why}"
        case _:
            return "Closed it."


def gag_of(gag: Gag) -> str:
    """How long a gag is and what it rests on: `until 1 June 2026, by 18 U.S.C. 2705(b)`."""
    until = "until it is lifted" if gag.until is None else f"until {words.day(gag.until)}"
    return f"{until}, by {gag.basis}"


class ClaimLine(msgspec.Struct, frozen=True):
    """A claim as the page lists it. Without `standing` it goes by the dates of the policy."""

    id: str
    name: str
    state: str
    until: datetime | None
    officer: str
    met: str
    seal: str | None


def claim_line(stated: Claim, one: ClaimStanding | None, at: datetime, names: Mapping[str, str]) -> ClaimLine:
    """How a claim of the policy stands."""
    name = stated.programme or stated.framework or stated.id
    if one is None:
        state = "current" if stated.current(at) else "void" if stated.void and stated.void.on <= at else "lapsed"
        return ClaimLine(stated.id, name, f"{state}, by the policy alone", stated.end, "", "", None)
    signing = one.signing(at) or (one.signings[-1] if one.signings else None)
    met = ""
    if one.draft is not None:
        all_ = len(one.draft.requirements)
        met = f"{all_ - len(one.open())} of {all_}"
    if signing is None:
        return ClaimLine(stated.id, name, one.state(at), None, "", met, None)
    officer = names.get(signing.said.officer, "")
    return ClaimLine(stated.id, name, one.state(at), signing.end, officer, met, signing.said.seal or None)
