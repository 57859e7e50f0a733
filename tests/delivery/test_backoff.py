"""Attempts are further apart each time and end after about three days; a recipient may ask for up to a day more."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from troth.gates.delivery.schedule import ATTEMPTS, DELAYS, next_attempt, read_retry_after

NOW = datetime(2026, 5, 1, 10, tzinfo=UTC)
CHANCES = st.floats(min_value=0, max_value=1)


@given(st.lists(CHANCES, min_size=ATTEMPTS, max_size=ATTEMPTS))
def test_ten_attempts_over_about_three_days(chances: list[float]) -> None:
    at, times = NOW, [NOW]
    for made, chance in enumerate(chances, 1):
        again = next_attempt(made, at, chance)
        if again is None:
            break
        times.append(again)
        at = again
    assert len(times) == ATTEMPTS == 10
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert gaps == sorted(gaps) or min(chances) < max(chances)
    assert timedelta(days=3) < times[-1] - NOW < timedelta(days=3.5)
    assert all(delay <= gap <= 1.1 * delay for gap, delay in zip(gaps, DELAYS, strict=True))


def test_what_failed_together_does_not_come_back_together() -> None:
    assert next_attempt(2, NOW, 0.0) != next_attempt(2, NOW, 1.0)


@given(st.integers(min_value=1, max_value=9), CHANCES, st.timedeltas(timedelta(0), timedelta(days=400)))
def test_a_recipient_may_ask_for_more_time_and_never_for_less(made: int, chance: float, asked: timedelta) -> None:
    without, wished = next_attempt(made, NOW, chance), next_attempt(made, NOW, chance, asked)
    assert without is not None
    assert wished is not None
    assert wished == max(without, NOW + min(asked, timedelta(days=1)))


READ = [
    (None, None), ("120", timedelta(minutes=2)), (" 5 ", timedelta(seconds=5)), ("0", timedelta(0)), ("-1", None),
    ("soon", None), ("", None), ("1e9", None), ("9" * 30, None), ("٣", None), ("1.5", None),
    (format_datetime(NOW + timedelta(hours=1), usegmt=True), timedelta(hours=1)),
    (format_datetime(NOW - timedelta(hours=1), usegmt=True), None),
    ("Fri, 31 Feb 2026 10:00:00 GMT", None), ("Fri, 01 May 99999 10:00:00 GMT", None),
    ("Fri, 01 May 2026 11:00:00 -0000", timedelta(hours=1)),
]  # fmt: skip


@pytest.mark.parametrize(("text", "asked"), READ)
def test_retry_after(text: str | None, asked: timedelta | None) -> None:
    assert read_retry_after(text, NOW) == asked


@given(st.text(max_size=120))
def test_whatever_is_in_it_does_no_harm(text: str) -> None:
    found = read_retry_after(text, NOW)
    assert found is None or found >= timedelta(0)
