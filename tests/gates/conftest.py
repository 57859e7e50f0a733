"""Stores for the tests of the gates: both databases, and a clock that the test moves."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from troth.store import Store, open_store


class MovingClock:
    """A clock that moves when a test moves it."""

    def __init__(self) -> None:
        self.now = datetime(2026, 5, 1, 10, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)


@pytest.fixture
def clock() -> MovingClock:
    return MovingClock()


@pytest.fixture
def store(url: str, clock: MovingClock) -> Iterator[Store]:
    with open_store(url, create=True, clock=clock) as store:
        yield store
