"""The transparency report: how many requests there were, by half-year, process and outcome, from the facts alone.

What must not be told is not in it. A request under a gag is not counted until the gag has ended, and then in the
half-year in which it came. Processes that the law lets be told in ranges only are counted in ranges that begin with 0,
for every half-year that is over since the report began, whether or not there was anything: so many requests, and so
many persons, with no outcomes (50 U.S.C. 1874(a)(3)).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec

from troth.accountability.ledger import Fact
from troth.accountability.legal.facts import PROCESSES
from troth.accountability.legal.standing import RequestStanding, standing
from troth.accountability.terms import Terms

# The outcomes in the report, with what they mean.
OUTCOMES = {
    "pending": "Not answered yet.",
    "released": "Data was given, as far as it was asked for.",
    "partly": "Data was given, and less than was asked for.",
    "refused": "Nothing was given: refused, or dismissed by a court.",
    "nothing": "Closed, and nothing was given.",
    "unjustified": "Data was given in an emergency that a review found not justified.",
}


class Row(msgspec.Struct, frozen=True):
    """The requests of one process in a half-year: how many, about how many persons, and how many by outcome.

    `challenged` is how many of them were contested before a court; persons are those whom requests were about.
    """

    process: str
    requests: int
    persons: int
    outcomes: dict[str, int]
    challenged: int = 0


class Range(msgspec.Struct, frozen=True):
    """The requests of a process in a half-year in ranges, such as 0–249: both ends belong to a range."""

    process: str
    requests: tuple[int, int]
    persons: tuple[int, int]


class HalfYear(msgspec.Struct, frozen=True):
    """A half-year, such as 2026-1, from a moment until another; `over` when that one has come."""

    name: str
    since: datetime
    until: datetime
    over: bool
    rows: tuple[Row, ...]
    ranges: tuple[Range, ...]


class Report(msgspec.Struct, frozen=True):
    """The report as it stands at a moment, the latest half-year first."""

    at: datetime
    half_years: tuple[HalfYear, ...]


def report(facts: Iterable[Fact[Any]], terms: Terms, begins: datetime, at: datetime) -> Report:
    """The report of the half-years from that of `begins` to that of `at`."""
    known = tuple(standing(facts).values())
    found = []
    since = half_year(begins)
    while since <= at:
        until = following(since)
        some = [one for one in known if since <= one.at < until]
        found.append(_half_year(some, terms, since, until, at))
        since = until
    return Report(at, tuple(reversed(found)))


def half_year(at: datetime) -> datetime:
    """When the half-year of a moment began, in UTC."""
    utc = at.astimezone(UTC)
    return datetime(utc.year, 1 if utc.month < 7 else 7, 1, tzinfo=UTC)


def following(since: datetime) -> datetime:
    """When the next half-year begins."""
    return since.replace(month=7) if since.month == 1 else since.replace(year=since.year + 1, month=1)


def range_of(count: int, width: int) -> tuple[int, int]:
    """The range of a count: 0–249 for 249, and 250–499 for 250."""
    first = count // width * width
    return first, first + width - 1


def outcome_of(one: RequestStanding) -> str:
    """What came of a request, one of `OUTCOMES`."""
    if one.released:
        if one.looked is not None and not one.looked.justified:
            return "unjustified"
        return "partly" if one.narrowings else "released"
    if one.refused is not None:
        return "refused"
    return "nothing" if one.closed else "pending"


def _half_year(some: list[RequestStanding], terms: Terms, since: datetime, until: datetime, at: datetime) -> HalfYear:
    over = until <= at
    ranged = [process for process in PROCESSES if process in terms.bands]
    counted = [one for one in some if one.received.process not in terms.bands and not one.gagged(at)]
    rows = [_row(process, [one for one in counted if one.received.process == process]) for process in PROCESSES]
    ranges = []
    for process in ranged if over else ():
        of_it = [one for one in some if one.received.process == process]
        width, persons = terms.bands[process], sum(one.received.scope.persons for one in of_it)
        ranges.append(Range(process, range_of(len(of_it), width), range_of(persons, width)))
    name = f"{since.year}-{1 if since.month == 1 else 2}"
    return HalfYear(name, since, until, over, tuple(row for row in rows if row.requests), tuple(ranges))


def _row(process: str, some: list[RequestStanding]) -> Row:
    outcomes: dict[str, int] = {}
    for one in some:
        outcome = outcome_of(one)
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    challenged = sum(one.outcome is not None or one.challenged is not None for one in some)
    return Row(process, len(some), sum(one.received.scope.persons for one in some), outcomes, challenged)
