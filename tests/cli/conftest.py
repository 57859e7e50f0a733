"""A place in which the flagship's policy is published: made once, and copied for each test that asks for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from terminal import laid_out, lines, settle


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place with a published policy, to be copied."""
    place = laid_out(tmp_path_factory.mktemp("published"))
    with pytest.MonkeyPatch.context() as patched:
        settle(place, patched)
        lines("publish")
    return place
