"""Stores for the tests of deliveries: both databases, the flagship's policy, and a clock that the test moves."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from delivering import Delivering
from delivery_clock import Clock
from receiving import Receiver, receiving

from troth.people import People, open_people
from troth.policy.history import Policy
from troth.store import Store, open_store


@pytest.fixture(scope="session")
def policy() -> Policy:
    return Policy.read(Path(__file__).parents[2] / "examples/citrix-online")


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


@pytest.fixture
def delivering(store: Store, people: People) -> Delivering:
    return Delivering(store, people)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver
