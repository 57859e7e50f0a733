"""A directory of files as the history of a policy: which version is in force, and what cannot be a history."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from test_reading import GOOD

import troth
from troth.policy import source


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    for year in (2018, 2020, 2022):
        (tmp_path / f"{year}.yaml").write_text(GOOD.replace("2020-01-01", f"{year}-01-01"))
    (tmp_path / "_draft.yaml").write_text("nothing")
    (tmp_path / "README.md").write_text("nothing")
    return tmp_path


def codes(path: Path) -> list[str]:
    with pytest.raises(troth.PolicyError) as caught:
        troth.Policy.read(path)
    return [problem.code for problem in caught.value.problems]


def test_the_version_in_force_is_found_by_date(directory: Path) -> None:
    policy = troth.Policy.read(directory)
    assert [version.id for version in policy.versions] == ["2018-01-01", "2020-01-01", "2022-01-01"]
    start = datetime(2020, 1, 1, tzinfo=UTC)
    moment = timedelta(microseconds=1)

    def in_force(at: datetime) -> str | None:
        version = policy.in_force(at)
        return version and version.id

    assert in_force(start - moment) == "2018-01-01"
    assert in_force(start) == "2020-01-01"
    assert in_force(datetime(2018, 1, 1, tzinfo=UTC) - moment) is None
    assert in_force(datetime(2030, 1, 1, tzinfo=UTC)) == "2022-01-01"
    # The same moment in another zone: still 2019 in New York when the version comes into force.
    assert in_force(datetime(2019, 12, 31, 19, tzinfo=timezone(timedelta(hours=-5)))) == "2020-01-01"
    assert policy.version("2022-01-01") is policy.versions[2]
    assert policy.number(policy.versions[2]) == 3
    with pytest.raises(KeyError):
        policy.version("2021-01-01")


def test_a_policy_is_immutable(directory: Path) -> None:
    policy = troth.Policy.read(directory)
    with pytest.raises(AttributeError):
        policy.versions = ()  # type: ignore[misc]
    with pytest.raises(AttributeError):
        policy.versions[0].title = None  # type: ignore[misc]


def test_times_of_day_and_zones_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(GOOD.replace("effective: 2020-01-01", "effective: 2020-01-01T09:30:00+02:00"))
    version = troth.Policy.read(tmp_path / "a.yaml").versions[0]
    assert version.id == "2020-01-01T07:30:00Z"
    assert version.effective == datetime(2020, 1, 1, 7, 30, tzinfo=UTC)


def test_the_same_effective_date_twice_is_an_error(directory: Path) -> None:
    (directory / "again.yaml").write_text(GOOD.replace("effective: 2020-01-01", "effective: 2020-01-01T01:00:00+01:00"))
    assert codes(directory) == ["same-effective-date"]


def test_a_version_that_cannot_be_read_is_a_hole_and_refused(directory: Path) -> None:
    (directory / "2019.yaml").write_text(GOOD.replace("2020-01-01", "2019-01-01").replace("kind:", "knd:"))
    (directory / "2021.yaml").write_text(GOOD.replace("2020-01-01", "2021-01-01").replace("model:", "modl:"))
    assert set(codes(directory)) == {"unknown-key", "missing-key"}  # of both files, at once


def test_two_policies_in_one_directory_are_refused(directory: Path) -> None:
    (directory / "2023.yaml").write_text(
        GOOD.replace("2020-01-01", "2023-01-01").replace("policy: acme", "policy: bcme")
    )
    assert codes(directory) == ["other-policy"]


def test_a_path_that_holds_no_policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert codes(tmp_path) == ["no-policy"]
    assert codes(tmp_path / "nowhere.yaml") == ["file-not-found"]
    (tmp_path / "folder.yaml").mkdir()
    assert codes(tmp_path) == ["no-policy"]
    (tmp_path / "pipe.yaml").symlink_to(tmp_path / "pipe.yaml")  # a link to itself cannot be opened
    from troth.policy.reading import read_version

    with pytest.raises(troth.PolicyError) as caught:
        read_version(tmp_path / "pipe.yaml")
    assert caught.value.problems[0].code == "file-unreadable"
    large = tmp_path / "large" / "policy.yaml"
    large.parent.mkdir()
    monkeypatch.setattr(source, "LARGEST", 1000)
    large.write_text("#" * 1001 + "\n")
    assert codes(large) == ["file-too-large"]
    assert os.listdir(large.parent) == ["policy.yaml"]
