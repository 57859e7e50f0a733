"""People for the tests: both databases, the flagship's neighbour of a policy, and a clock that the test moves."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from postgres_cluster import Cluster, running_cluster
from store_oracle import sqlite_url
from troth.people import People, open_people
from troth.policy.history import Policy
from troth.policy.reading import parse_version
from troth.store import Store, open_store

FIRST = """\
policy: small
title: Small
effective: 2020-01-01
publisher: {name: Small Ltd, address: 1 Lane, email: privacy@small.example}
covers:
  shop: {name: Shop, site: https://shop.example, product: true}
  blog: {name: Blog, site: https://blog.example}
uses:
  news: {says: We mail you news., data: [contact.email], for: [marketing.own], unless: marketing.news}
  counting: {says: We count visits., data: [usage.clickstream], for: [improve.analytics], unless: analytics}
  offers: {says: Partners mail you if you agree., data: [contact.email], for: [marketing.partner], only_if: partners}
choices:
  marketing: {says: You can refuse marketing., model: opt-out, at: choices}
  marketing.news: {says: You can refuse news., model: opt-out, at: choices}
  analytics: {says: You can refuse to be counted., model: opt-out, signals: [gpc], at: choices}
  partners: {says: You can agree to mail of partners., model: opt-in, at: choices}
  partners.events: {says: You can agree to invitations., model: opt-in, signals: [gpc], at: choices}
"""
# News may be sent to the telephone too (asks those of marketing.news), and the rest is as it was.
SECOND = FIRST.replace("2020-01-01", "2021-01-01").replace(
    "We mail you news., data: [contact.email]", "We send you news., data: [contact.email, contact.phone]"
)
# Something new that no choice stops: everybody.
THIRD = SECOND.replace("2021-01-01", "2022-01-01").replace(
    "uses:\n", "uses:\n  health: {says: We use your name to advertise., data: [identity.name], for: [marketing.own]}\n"
)
# Only words.
FOURTH = THIRD.replace("2022-01-01", "2023-01-01").replace("You can refuse news.", "You may refuse news.")


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2020, 6, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)


@pytest.fixture(scope="session")
def policy() -> Policy:
    texts = (FIRST, SECOND, THIRD, FOURTH)
    return Policy(parse_version(text.encode(), f"v{number}.yaml") for number, text in enumerate(texts))


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    with running_cluster() as cluster:
        yield cluster


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database, once of each kind."""
    return sqlite_url(tmp_path) if request.param == "sqlite" else request.getfixturevalue("cluster").url()


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
