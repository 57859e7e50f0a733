"""People for the tests: both databases, a small policy, and a clock that the test moves."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from moving_clock import Clock
from small_policy import small_policy

from troth.people import People, open_people
from troth.policy.history import Policy
from troth.store import Store, open_store


@pytest.fixture(scope="session")
def policy() -> Policy:
    return small_policy()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(url: str, clock: Clock) -> Iterator[Store]:
    with open_store(url, create=True, clock=clock) as store:
        yield store


@pytest.fixture
def people(store: Store, policy: Policy, tmp_path: Path) -> People:
    return open_people(store, tmp_path / "keys", policy)
