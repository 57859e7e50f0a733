"""A place in which the flagship's policy is published: made once, and copied for each test that asks for it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from terminal import lines, settle

from troth.cli.settings import flagship


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place with a published policy, to be copied."""
    place = tmp_path_factory.mktemp("published")
    shutil.copytree(flagship(), place / "policy")
    (place / "troth.toml").write_text('policy = "policy"\nlog = "acme.example/log"\n')
    with pytest.MonkeyPatch.context() as patched:
        settle(place, patched)
        lines("publish")
    return place
