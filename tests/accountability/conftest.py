"""A small house for the tests: both databases, staff with keys, an authority, people with data, and a moving clock."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from house import House, opened


@pytest.fixture
def house(url: str, tmp_path: Path) -> Iterator[House]:
    with opened(url, tmp_path) as house:
        yield house


@pytest.fixture
def small(tmp_path: Path) -> Iterator[House]:
    """The same on SQLite only, for what does not depend on the database."""
    with opened(f"sqlite:///{tmp_path / 'troth.db'}", tmp_path) as house:
        yield house
