"""Databases for the tests of the store."""

from collections.abc import Iterator

import pytest

from troth.store import Store, open_store


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with open_store(url, create=True) as store:
        yield store
