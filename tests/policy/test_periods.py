"""When a period ends: by the calendar, and the reverse of it to the microsecond."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from troth.policy.values import UNITS, Period, read_period

MOMENT = datetime(2020, 1, 31, 12, 30, tzinfo=UTC)

moments = st.integers(-(10**16), 10**16).map(lambda micros: MOMENT + micros * timedelta.resolution)
# The ends of months are where the rules differ.
edges = st.builds(
    lambda year, month, days, micros: (
        datetime(year, month, 1, tzinfo=UTC) + timedelta(days=days) + micros * timedelta.resolution
    ),
    st.integers(1999, 2005), st.integers(1, 12), st.integers(-4, 3), st.integers(-2, 2),
)  # fmt: skip
periods = st.builds(Period, count=st.integers(0, 1000), unit=st.sampled_from(UNITS))


@pytest.mark.parametrize(
    ("period", "began", "over"),
    [
        ("90 minutes", "2020-01-31T12:30", "2020-01-31T14:00"),
        ("2 weeks", "2020-01-31T12:30", "2020-02-14T12:30"),
        ("1 month", "2020-01-15T12:30", "2020-02-15T12:30"),
        ("1 month", "2020-01-31T12:30", "2020-03-01T00:00"),  # February has no such day: with its end
        ("1 month", "2020-01-29T12:30", "2020-02-29T12:30"),
        ("13 months", "2020-11-30T08:00", "2021-12-30T08:00"),
        ("3 months", "2020-11-30T08:00", "2021-03-01T00:00"),
        ("1 year", "2020-02-29T08:00", "2021-03-01T00:00"),
        ("4 years", "2020-02-29T08:00", "2024-02-29T08:00"),
        ("12 months", "2019-12-31T23:59", "2020-12-31T23:59"),
        ("0 months", "2020-01-31T12:30", "2020-01-31T12:30"),
    ],
)
def test_when_it_is_over(period: str, began: str, over: str) -> None:
    assert read_period(period).ends(datetime.fromisoformat(f"{began}Z")) == datetime.fromisoformat(f"{over}Z")


def test_zones_are_evened_out_first() -> None:
    tokyo = timezone(timedelta(hours=9))
    assert Period(count=1, unit="month").ends(datetime(2020, 2, 1, 8, tzinfo=tokyo)) == datetime(2020, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize("period", ["account", "account + 24 months", "withdrawn"])
def test_an_event_decides(period: str) -> None:
    assert read_period(period).ends(MOMENT) is None
    assert read_period(period).latest_beginning(MOMENT) is None


def test_beyond_the_calendar() -> None:
    for unit in UNITS[2:]:
        assert Period(count=99_999 * 80, unit=unit).ends(MOMENT) is None
        assert Period(count=99_999 * 80, unit=unit).latest_beginning(MOMENT) is None
    assert Period(count=1, unit="month").ends(datetime(9999, 12, 31, tzinfo=UTC)) is None


@given(periods, moments | edges, moments | edges)
def test_what_began_earlier_is_over_no_later(period: Period, one: datetime, other: datetime) -> None:
    earlier, later = sorted((period.ends(one), period.ends(other)))
    assert [earlier, later] == [period.ends(min(one, other)), period.ends(max(one, other))]


@given(periods, moments | edges, st.integers(-5, 5))
def test_the_latest_beginning(period: Period, over_by: datetime, micros: int) -> None:
    latest = period.latest_beginning(over_by)
    began = latest + micros * timedelta.resolution
    assert (period.ends(began) <= over_by) == (began <= latest)
