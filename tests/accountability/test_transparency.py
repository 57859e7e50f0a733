"""The transparency report: what is counted, in which half-year, and what must not show in it."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest
from house import DAY, START, House
from hypothesis import given
from hypothesis import strategies as st

from troth.accountability.ledger import Fact
from troth.accountability.legal.facts import (
    PROCESSES,
    Approved,
    Challenged,
    Closed,
    Decided,
    Gag,
    Gagged,
    Looked,
    Received,
    Refused,
    Released,
    Reviewing,
    Scope,
)
from troth.accountability.terms import Terms
from troth.accountability.transparency import OUTCOMES, HalfYear, range_of, report

TERMS = Terms()


def received(process: str, at: datetime, number: int, gag: Gag | None = None, persons: int = 1) -> Fact:
    scope = Scope(data=("identity.name",), persons=persons)
    said = Received(authority="court", process=process, basis="b", document="a" * 64, purpose="p", scope=scope, gag=gag)
    return Fact(number, f"leg_{number}", "received", said, at, "stf_1")


def only(facts: list, at: datetime, terms: Terms = TERMS) -> HalfYear:
    """The half-year of the test's start."""
    return report(facts, terms, START, at).half_years[-1]


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        ([], "pending"),
        ([Refused(why="w")], "refused"),
        ([Challenged(why="w"), Decided(outcome="dismissed")], "refused"),
        ([Released(disclosure="dis_1", persons=1)], "released"),
        (
            [Approved(emergency="e"), Released(disclosure="d", persons=1), Looked(justified=False, why="w")],
            "unjustified",
        ),
        ([Reviewing(), Closed()], "nothing"),
    ],
)
def test_outcomes(said: list, outcome: str) -> None:
    facts = [received("warrant", START, 1)]
    facts += [Fact(n, "leg_1", "x", one, START, f"stf_{n}") for n, one in enumerate(said, 2)]
    (row,) = only(facts, START).rows
    assert (row.process, row.requests, row.persons, row.outcomes) == ("warrant", 1, 1, {outcome: 1})
    assert row.challenged == any(isinstance(one, Challenged) for one in said)
    assert outcome in OUTCOMES


def test_half_years_begin_with_the_report_and_count_what_came_in_them() -> None:
    last, first = datetime(2026, 6, 30, 23, 59, 59, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)
    facts = [received("civil", last, 1), received("civil", first, 2)]
    found = report(facts, TERMS, START, datetime(2027, 1, 1, tzinfo=UTC)).half_years
    assert [(half.name, half.over, [row.requests for row in half.rows]) for half in found] == [
        ("2027-1", False, []), ("2026-2", True, [1]), ("2026-1", True, [1]),
    ]  # fmt: skip


def test_ranges_begin_with_0_and_stand_whether_or_not_there_was_anything() -> None:
    over = datetime(2026, 7, 1, tzinfo=UTC)
    assert only([], START).ranges == ()  # a range that changes within the half-year would tell when
    (none,) = only([], over).ranges
    assert (none.process, none.requests, none.persons) == ("national-security", (0, 249), (0, 249))
    facts = [received("national-security", START, number) for number in range(249)]
    assert only(facts, over).ranges == (none,)
    facts.append(received("national-security", START, 249))
    (more,) = only(facts, over).ranges
    assert more.requests == (250, 499)
    assert only(facts, over).rows == ()


@given(st.integers(0, 10_000), st.integers(1, 1000))
def test_a_count_is_in_its_range(count: int, width: int) -> None:
    first, last = range_of(count, width)
    assert first <= count <= last
    assert first % width == 0
    assert last - first == width - 1


CASES = st.lists(
    st.tuples(st.sampled_from(PROCESSES), st.booleans(), st.sampled_from(["none", "released", "refused"])), max_size=20
)


@given(CASES, st.sampled_from([START, datetime(2026, 7, 1, tzinfo=UTC)]))
def test_what_is_gagged_makes_no_difference(cases: list, at: datetime) -> None:
    """The report is the same bytes with and without requests under a gag; ranges count them, as the law has it."""
    everything, told = [], []
    for number, (process, gagged, what) in enumerate(cases):
        facts = [received(process, START, number * 2, Gag(basis="b") if gagged else None)]
        if what != "none":
            said = Refused(why="w") if what == "refused" else Released(disclosure=f"dis_{number}", persons=1)
            facts.append(Fact(number * 2 + 1, f"leg_{number * 2}", what, said, START, "stf_2"))
        everything += facts
        if not gagged or process == "national-security":
            told += facts
    assert msgspec.json.encode(report(everything, TERMS, START, at)) == msgspec.json.encode(
        report(told, TERMS, START, at)
    )


def test_it_counts_from_the_day_on_which_the_gag_ends(small: House) -> None:
    small.person("ann")
    end = small.clock.now + 30 * DAY
    one = small.request("ann", gag=Gag(until=end, basis="b"))
    facts = small.desk.requests.facts
    assert only(list(facts()), end - DAY).rows == ()
    assert [row.requests for row in only(list(facts()), end).rows] == [1]
    small.desk.do(small.staff["cara"], one.id, Gagged())
    assert [row.requests for row in only(list(facts()), small.clock.now).rows] == [1]
