"""What is counted of complaints: about each promise, by year, and whether they were answered in time. Counts only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

import msgspec

from troth.accountability.claims.assessing import Answer
from troth.accountability.complaints.deadlines import deadlines, missed
from troth.accountability.complaints.desk import SORT
from troth.accountability.complaints.facts import WHATS, Answered, Appealed, Closed, Determined, Escalated, Said
from troth.accountability.complaints.requests import requested
from troth.accountability.complaints.standing import ComplaintStanding, standing
from troth.accountability.ledger import Ledger
from troth.accountability.promises.status import Complaints, Requested
from troth.store import Store


class Year(msgspec.Struct, frozen=True, kw_only=True):
    """The complaints that came in within a calendar year (UTC), and what became of them by the moment of the report.

    `in_time` and `late` count their deadlines that were met, and that were passed; `outcomes` what a body determined,
    `endings` how complaints were closed, `about` complaints by promise. `days` is how long answers took in the middle.
    """

    year: int
    complaints: int = 0
    feedback: int = 0
    requests: int = 0
    answered: int = 0
    settled: int = 0
    escalated: int = 0
    appealed: int = 0
    remedied: int = 0
    open: int = 0
    in_time: int = 0
    late: int = 0
    days: float | None = None
    outcomes: dict[str, int] = {}
    endings: dict[str, int] = {}
    about: dict[str, int] = {}


class About(msgspec.Struct, frozen=True):
    """How many complaints there are about a promise, open ones and all."""

    open: int
    all: int


def ledger_of(store: Store) -> Ledger[Said]:
    """The facts of complaints, for whoever only counts them."""
    return Ledger(store, SORT, WHATS)


def counts_by_statement(store: Store, at: datetime) -> dict[str, Complaints]:
    """How many complaints about each promise are open at a moment, and were upheld and are not remedied yet."""
    found: dict[str, Complaints] = {}
    for one in standing(ledger_of(store).facts(), at).values():
        id = one.received.statement
        if one.kind == "complaint" and id is not None:
            before = found.get(id, Complaints())
            decided = one.last(Determined) if one.upheld else None
            times = [at for at in (before.since, decided.at if decided is not None else None) if at is not None]
            found[id] = Complaints(
                before.open + one.open,
                before.upheld + one.upheld,
                before.remedied + (one.state == "remedied"),
                min(times, default=None),
            )
    return found


def requests_of_rights(store: Store, at: datetime) -> dict[str, Requested]:
    """What became of the requests of each right, as was known by a moment."""
    return requested(standing(ledger_of(store).facts(), at).values(), at)


def about(known: Iterable[ComplaintStanding]) -> dict[str, About]:
    """How many complaints there are about each promise."""
    found: dict[str, About] = {}
    for one in known:
        id = one.received.statement
        if one.kind == "complaint" and id is not None:
            before = found.get(id, About(0, 0))
            found[id] = About(before.open + one.open, before.all + 1)
    return found


def statistics(known: Iterable[ComplaintStanding], at: datetime) -> tuple[Year, ...]:
    """Every year in which something came in, the latest first."""
    years: dict[int, list[ComplaintStanding]] = {}
    for one in known:
        years.setdefault(one.at.year, []).append(one)
    return tuple(_year(year, years[year], at) for year in sorted(years, reverse=True))


def on_time(store: Store) -> Answer:
    """Whether no complaint of the last twelve months passed a deadline without its step."""
    at = store.clock()
    known = standing(ledger_of(store).facts(), at).values()
    late = missed((one for one in known if one.kind == "complaint"), at)
    if late:
        first = late[0]
        return Answer(
            False,
            f"{len(late)} deadlines of complaints were passed in the last twelve months, the first to "
            f"{first.what} '{first.id}' by {first.until:%Y-%m-%d}.",
        )
    count = sum(one.kind == "complaint" for one in known)
    if count == 0:
        return Answer(True, "There is no complaint, so none passed a deadline.")
    return Answer(True, f"None of the {count} complaints passed a deadline in the last twelve months.")


def _year(year: int, some: list[ComplaintStanding], at: datetime) -> Year:
    complaints = [one for one in some if one.kind == "complaint"]
    took = sorted((fact.at - one.at).total_seconds() / 86_400 for one in complaints for fact in one.facts_of(Answered))
    every = [deadline for one in complaints for deadline in deadlines(one)]
    found = [one.determination for one in complaints]
    closed = [fact.said for one in complaints for fact in one.facts_of(Closed)[-1:] if one.state == "closed"]
    return Year(
        year=year,
        complaints=len(complaints),
        feedback=sum(one.kind == "feedback" for one in some),
        requests=sum(one.kind == "request" for one in some),
        answered=sum(bool(one.facts_of(Answered)) for one in complaints),
        settled=sum(one.state == "settled" for one in complaints),
        escalated=sum(bool(one.facts_of(Escalated)) for one in complaints),
        appealed=sum(bool(one.facts_of(Appealed)) for one in complaints),
        remedied=sum(one.state == "remedied" for one in complaints),
        open=sum(one.open for one in complaints),
        in_time=sum(one.met is not None and not one.late(at) for one in every),
        late=sum(one.late(at) for one in every),
        days=round(took[len(took) // 2], 1) if took else None,
        outcomes=dict(Counter(one.outcome for one in found if isinstance(one, Determined))),
        endings=dict(Counter(said.why for said in closed if isinstance(said, Closed))),
        about=dict(Counter(one.received.statement for one in complaints if one.received.statement is not None)),
    )
