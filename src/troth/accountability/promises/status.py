"""Whether each promise is kept: *kept*, *broken*, or *not verified*, by the tests that it rests on. Pure.

A promise is kept when every test that it rests on has passed of late, broken when one has failed, and not verified
otherwise, also where nothing tests it. Not verified is never shown as kept.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Literal

import msgspec

from troth.accountability.complaints.bodies import next_body
from troth.accountability.verifying.results import Result
from troth.conditions.claims.standing import ClaimStanding
from troth.gates.tally import Counted
from troth.policy.model import (
    Answer,
    Choice,
    Claim,
    Collects,
    Never,
    Protects,
    Rights,
    Shares,
    Statement,
    Uses,
    Version,
    verb_of,
)

State = Literal["kept", "broken", "not verified"]
ORDER: Mapping[State, int] = {"broken": 0, "not verified": 1, "kept": 2}

OF_GATES = ("record", "entries", "registers")  # what shows that a gate did as it says
# The tests of safeguards, by the terms of the vocabulary that a statement says under `by:`.
OF_SAFEGUARDS = {
    "tls": ("tls",),
    "encryption_at_rest": ("encryption_at_rest", "key_rotation"),
    "firewall": ("firewall",),
}
COMPLAINTS = "complaints"
RIGHTS = "rights"
# All tests that a promise can rest on; that of a right is called after it, too.
TESTED = frozenset(
    {*OF_GATES, "choices", COMPLAINTS, RIGHTS, *(test for some in OF_SAFEGUARDS.values() for test in some)}
)


def right_test(id: str) -> str:
    """The name of the test of a right: that its requests were answered in time."""
    return f"{RIGHTS}.{id}"


class Complaints(msgspec.Struct, frozen=True):
    """How many complaints there are about a statement: still open, found to be right and not remedied yet, remedied.

    `since` is when the first that is not remedied yet was found to be right.
    """

    open: int = 0
    upheld: int = 0
    remedied: int = 0
    since: datetime | None = None

    @property
    def sentence(self) -> str:
        """The same in words; empty where there is nothing to tell."""
        parts = [
            (self.open, f"{self.open} {'is' if self.open == 1 else 'are'} open"),
            (self.upheld, f"{self.upheld} found to be right and not remedied yet"),
            (self.remedied, f"{self.remedied} found to be right and remedied"),
        ]
        told = ", ".join(said for number, said in parts if number)
        return f"{told[0].upper()}{told[1:]}." if told else ""


class Requested(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the requests of a right in the last twelve months; `ever` counts older ones, too.

    `since` is when the first of them was late, `mended` when one that was late was answered last; None if none was.
    """

    ever: int = 0
    in_time: int = 0
    waiting: int = 0
    overdue: int = 0
    answered_late: int = 0
    since: datetime | None = None
    mended: datetime | None = None

    @property
    def state(self) -> State:
        """Whether the right is kept, by these requests alone."""
        if self.overdue or self.answered_late:
            return "broken"
        return "kept" if self.in_time else "not verified"

    @property
    def sentence(self) -> str:
        """The same in words: counts and days, and nobody's request."""
        if self.overdue or self.answered_late:
            late = self.overdue + self.answered_late
            waits = f"{_number(self.overdue, 'waits', 'wait')} for an answer yet." if self.overdue else ""
            mended = f"{_number(self.answered_late, 'was', 'were')} answered later, the last on {_day(self.mended)}."
            asked = _number(late, "request", "requests")
            first = _day(self.since)
            told = f"{asked} of the last twelve months had no answer in time, the first by {first}."
            parts = (told, waits, mended if self.answered_late else "")
            return " ".join(part for part in parts if part)
        if self.in_time:
            asked = _number(self.in_time, "request was", "requests were")
            more = f" {_number(self.waiting, 'more is', 'more are')} within the time." if self.waiting else ""
            return f"{asked} answered in time in the last twelve months, and none too late.{more}"
        if self.waiting:
            asked = _number(self.waiting, "request waits", "requests wait")
            return f"{asked} for an answer, and the time for it is not over."
        if self.ever:
            return "No request in the last twelve months, so nothing shows whether it is kept."
        return "Nobody has made such a request here yet, so nothing shows whether it is kept."


class Rests(msgspec.Struct, frozen=True):
    """A test that a promise rests on, by its name, with its latest result; None if it was never done or is no test."""

    name: str
    result: Result | None
    fresh: bool

    @property
    def state(self) -> Literal["passed", "failed", "unknown"]:
        """How it went; a result that is too old says nothing."""
        return self.result.state if self.result is not None and self.fresh else "unknown"


class Promise(msgspec.Struct, frozen=True, kw_only=True):
    """A statement and whether it is kept. `why` says it in a sentence; `enforced` how it is kept, one sentence each."""

    statement: Statement
    verb: str
    state: State
    why: str
    since: datetime | None
    enforced: tuple[str, ...]
    rests: tuple[Rests, ...]
    counted: tuple[Counted, ...] = ()
    complaints: Complaints = Complaints()

    @property
    def allowed(self) -> int:
        """How often something was allowed under it in the days that were counted."""
        return sum(day.allowed for day in self.counted)

    @property
    def refused(self) -> int:
        """How often something was refused under it in the days that were counted."""
        return sum(day.refused for day in self.counted)

    @property
    def verified(self) -> datetime | None:
        """When it was verified last: the oldest of the results that it rests on, None if one of them is missing."""
        times = [one.result.at if one.result is not None else None for one in self.rests]
        return None if None in times or not times else min(time for time in times if time is not None)


def promises(
    version: Version,
    at: datetime,
    *,
    results: Mapping[str, Result],
    failing: Mapping[str, datetime],
    claims: Mapping[str, ClaimStanding],
    counted: Mapping[str, Sequence[Counted]],
    complaints: Mapping[str, Complaints],
    requests: Mapping[str, Requested],
    taking: Collection[str],
) -> tuple[Promise, ...]:
    """Every statement of a version that is part of the notice at a moment, the broken ones first.

    `results` are the latest of each test, `failing` since when a test fails; `claims` how the register has them;
    `requests` what became of those of each right, `taking` the recourse bodies that take complaints.
    """
    found = [
        _promise(
            version, statement, at, results, failing, claims.get(statement.id),
            tuple(counted.get(statement.id, ())), complaints.get(statement.id, Complaints()),
            requests.get(statement.id, Requested()), taking,
        )
        for statement in version.stated_on(at)
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda one: ORDER[one.state]))


def _promise(  # noqa: PLR0917 - called in one place
    version: Version,
    statement: Statement,
    at: datetime,
    results: Mapping[str, Result],
    failing: Mapping[str, datetime],
    claim: ClaimStanding | None,
    counted: tuple[Counted, ...],
    complaints: Complaints,
    requests: Requested,
    taking: Collection[str],
) -> Promise:
    names, enforced = _rests_on(version, statement)
    rests = tuple(Rests(name, results.get(name), _fresh(results.get(name), at)) for name in names)
    state, why, since = _state(rests, failing)
    if isinstance(statement, Claim):
        state, why, since = _claimed(claim, at)
    elif isinstance(statement, Rights) and (state != "broken" or requests.state == "broken"):
        state, why, since = _asked_for(requests, state, why)
    elif _is_recourse(statement) and state != "broken" and next_body(version, at, taking) is None:
        state, since = "broken", None
        why = "Nobody takes complaints for it now: what it names has ended, and has no access to the cases."
    if complaints.upheld and state != "broken" and not isinstance(statement, Claim):
        times = "a complaint" if complaints.upheld == 1 else f"{complaints.upheld} complaints"
        since = complaints.since
        state, why = "broken", f"{times.capitalize()} about it was found to be right, and is not remedied yet."
        if complaints.upheld > 1:
            why = why.replace(" was ", " were ").replace(" is not ", " are not ")
    return Promise(
        statement=statement, verb=verb_of(statement), state=state, why=why, since=since, enforced=enforced, rests=rests,
        counted=counted, complaints=complaints,
    )  # fmt: skip


def _number(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def _day(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment.day} {moment:%B %Y}"


def _fresh(result: Result | None, at: datetime) -> bool:
    return result is not None and result.fresh(at)


def _state(rests: Sequence[Rests], failing: Mapping[str, datetime]) -> tuple[State, str, datetime | None]:
    for one in rests:
        if one.state == "failed" and one.result is not None:
            return "broken", one.result.sentence, failing.get(one.name, one.result.at)
    if not rests:
        return "not verified", "Nothing tests it yet.", None
    for one in rests:
        if one.state == "unknown":
            if one.result is None:
                test = one.name.partition(".")[0]
                why = f"The test '{test}' was not done yet." if test in TESTED else "Nothing here tests it."
                return "not verified", why, None
            if not one.fresh:
                return "not verified", f"The test '{one.name}' was done too long ago.", None
            return "not verified", one.result.sentence, None
    return "kept", "Every test that it rests on has passed.", None


def _claimed(one: ClaimStanding | None, at: datetime) -> tuple[State, str, datetime | None]:
    if one is None:
        return "not verified", "It goes by the dates of the policy alone: no officer has signed it here.", None
    signing = one.signing(at)
    if signing is None or not one.holds(at):
        return "broken", f"It is {one.state(at)}, and yet part of the notice.", None
    ends = f"{signing.end.day} {signing.end:%B %Y}"
    return "kept", f"An officer signed that all it asks for is met; the signature carries it until {ends}.", None


def _asked_for(requests: Requested, state: State, why: str) -> tuple[State, str, datetime | None]:
    """How a right stands by its requests, where its tests give `state`: kept only if both say so."""
    if requests.state == "kept" and state != "kept":
        return state, why, None
    return requests.state, requests.sentence, requests.since


def _is_recourse(statement: Statement) -> bool:
    return isinstance(statement, Answer) and (statement.about or statement.id) == "recourse" and bool(statement.then)


def _rests_on(version: Version, statement: Statement) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The tests that a statement rests on, and how it is enforced."""
    match statement:
        case Collects():
            said = "The gate that collects takes nothing that it does not say, field by field."
            uses = (
                ("The gate that uses gives nothing out for any other purpose than it names.",)
                if statement.purposes
                else ()
            )
            keeps = ("What may be kept no longer is deleted by itself.",) if statement.keeps is not None else ()
            return OF_GATES, (said, *uses, *keeps, *_gates(statement))
        case Uses():
            return OF_GATES, ("The gates that use and mail ask it each time, person by person.", *_gates(statement))
        case Shares():
            said = "The gate that shares asks it each time, person by person, and again when the data leaves."
            return OF_GATES, (said, *_gates(statement))
        case Never():
            acts = ", ".join(statement.actions)
            said = f"Every gate refuses it before anything else is looked at, whatever else would allow it ({acts})."
            return OF_GATES, (said,)
        case Protects():
            tests = [OF_SAFEGUARDS.get(term, (term,)) for term in statement.by]
            names = tuple(dict.fromkeys(name for some in tests for name in some))
            return names, tuple(
                f"This is tested: {label}." if term in OF_SAFEGUARDS else f"Nothing here tests this: {label}."
                for term in statement.by
                for label in (version.vocabulary.label("safeguard", term),)
            )
        case Choice():
            return ("record", "choices"), ("It is in force from the moment it is acknowledged, at every gate.",)
        case Claim():
            return (), ("It is part of the notice only while a signature carries it.",)
        case Answer() if _is_recourse(statement):
            said = "What was not answered in time is passed on by itself, and the body has its own way to the cases."
            return ("record", "registers"), (said,)
        case Answer() if (statement.about or statement.id) in (COMPLAINTS, "recourse"):
            return ("record", COMPLAINTS), ("Each deadline is watched, and what is late is passed on by itself.",)
        case Rights():
            said = "Each request has its last day, staff are reminded of it, and what is late is counted here."
            return ("record", right_test(statement.id)), (said,)
        case Answer():
            return (), ("People keep it, and nothing here tests it.",)
        case _:
            return (), ()


def _gates(statement: Collects | Uses | Shares) -> tuple[str, ...]:
    """What stands in the way of a statement: choices and conditions."""
    unless = [f"Not for whoever is out of “{name}”." for name in statement.unless]
    only = [f"Only for whoever is in “{name}”." for name in statement.only_if]
    given = [f"Only while “{name}” holds." for name in statement.given]
    return (*unless, *only, *given)
