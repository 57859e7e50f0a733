"""Power cuts at random moments: no acknowledged write is lost. With `synchronous=NORMAL` some must be."""

import random
from pathlib import Path

import pytest

from simulated_disk import Disk, cut_power, store_on
from store_oracle import judge, write_of
from troth.store.migrate import migrate


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "troth.db"
    migrate(f"sqlite:///{path}")
    return path


def workload(disk: Disk, template: Path, synchronous: str, chance: random.Random, writes: int = 60) -> None:
    """Write, with checkpoints of the write-ahead log in between, and note what is acknowledged."""
    store = store_on(disk, {"synchronous": synchronous, "wal_autocheckpoint": "20"}, template)
    for number in range(writes):
        store.write(write_of(f"k{number}", padding=chance.choice([10, 500, 6000])))
        disk.note(f"k{number}")
    store.close()


def cuts(folder: Path, template: Path, synchronous: str, count: int, seed: int) -> list[Exception]:
    """Cut the power `count` times; what was wrong afterwards."""
    chance = random.Random(seed)
    return cut_power(folder, count, chance, lambda disk: workload(disk, template, synchronous, chance), judge)


def test_five_hundred_power_cuts(tmp_path: Path, template: Path) -> None:
    assert cuts(tmp_path, template, "FULL", 500, seed=1) == []


def test_the_control_without_full_syncs_fails(tmp_path: Path, template: Path) -> None:
    assert len(cuts(tmp_path, template, "NORMAL", 50, seed=1)) > 10


@pytest.mark.soak
def test_ten_thousand_power_cuts(tmp_path: Path, template: Path) -> None:
    for seed in range(20):
        (tmp_path / str(seed)).mkdir()
        assert cuts(tmp_path / str(seed), template, "FULL", 500, seed=100 + seed) == []
