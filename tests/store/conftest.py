"""Databases for the tests of the store."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from postgres_cluster import Cluster, running_cluster
from store_oracle import sqlite_url
from troth.store import Store, open_store


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    with running_cluster() as cluster:
        yield cluster


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database, once of each kind."""
    return sqlite_url(tmp_path) if request.param == "sqlite" else request.getfixturevalue("cluster").url()


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with open_store(url, create=True) as store:
        yield store
