"""A register for the tests: both databases, a small policy, and a clock that the test moves."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from register_clock import Clock
from register_policy import register_policy

from troth.conditions import Conditions, Register
from troth.policy.history import Policy
from troth.store import Store, open_store

# The random policies are those of the decision point, whose tests are collected later.
sys.path.append(str(Path(__file__).parents[1] / "decision"))


@pytest.fixture(scope="session")
def policy() -> Policy:
    return register_policy()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(url: str, clock: Clock) -> Iterator[Store]:
    with open_store(url, create=True, clock=clock) as store:
        yield store


@pytest.fixture
def conditions(store: Store, policy: Policy) -> Conditions:
    return Conditions(store, policy)


@pytest.fixture
def register(conditions: Conditions) -> Register:
    return conditions.register
