"""Power cuts and failing disks under choices: none that was acknowledged is lost, none is half there, the record holds.

With `synchronous=NORMAL` or `OFF` some must be lost: otherwise the test would not notice.
"""

import base64
import random
from functools import partial
from pathlib import Path

import apsw
import pytest
from choice_oracle import judge_choices, judge_record, line_of
from moving_clock import Clock
from small_policy import small_policy

from simulated_disk import Disk, cut_power, store_on
from store_oracle import sqlite_url
from troth.people import Change, Identifier, People, open_people
from troth.record.keys import create_keys
from troth.record.log import open_log
from troth.record.pinned import CHECKPOINT
from troth.store import StoreUnavailableError, open_store

PEOPLE = [Identifier("account", str(number)) for number in range(5)]
BROWSERS = [Identifier("cookie", str(number)) for number in range(5)]


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an empty store and the keys that belong to it."""
    folder = tmp_path_factory.mktemp("begun")
    create_keys(folder / "keys", "example.org/log")
    with open_store(sqlite_url(folder), create=True) as store:
        open_people(store, folder / "keys", small_policy())
        open_log(store, folder / "keys")
    return folder


def ask(people: People, chance: random.Random) -> tuple[Change, ...]:
    """Something that people do."""
    who, browser = chance.choice(PEOPLE), chance.choice(BROWSERS)
    kind = chance.randrange(12)
    if kind < 2:
        return people.signal(browser)
    if kind < 4:
        return people.link(who, browser).changes
    if kind == 4:
        return people.refuse_everything(who, how="one-click", key=str(chance.random()))
    if kind == 5 and people.find(browser) is not None:
        return people.unlink(browser).changes
    if kind == 6:
        return people.lapse()
    names = chance.sample(["marketing", "analytics", "partners"], chance.randint(1, 2))
    return people.choose(who, {name: chance.choice(["in", "in", "out"]) for name in names}, how="page")


def choosing(disk: Disk, begun: Path, synchronous: str, chance: random.Random, requests: int = 40) -> None:
    """People choose, with checkpoints of the write-ahead log in between, and now and then the log is signed.

    What is acknowledged is noted: the changes, and each checkpoint that somebody could hold from then on.
    """
    clock = Clock()
    pragmas = {"synchronous": synchronous, "wal_autocheckpoint": "80"}
    keys = begun / "keys"
    (keys / CHECKPOINT).unlink(missing_ok=True)
    with store_on(disk, pragmas, begun / "troth.db", clock) as store:
        people, log = open_people(store, keys, small_policy()), open_log(store, keys)
        for _ in range(requests):
            for change in ask(people, chance):
                disk.note(line_of(change))
            if chance.random() < 0.2:
                disk.note("signed " + base64.b64encode(log.sign().note).decode())
            clock.move(days=chance.randrange(60))


def judge(begun: Path, url: str, acknowledged: list[str]) -> None:
    signed = [base64.b64decode(line[7:]) for line in acknowledged if line.startswith("signed ")]
    judge_choices(url, begun / "keys", [line for line in acknowledged if not line.startswith("signed ")])
    judge_record(url, begun / "keys", signed[-1] if signed else None)


def cuts(folder: Path, begun: Path, synchronous: str, count: int, seed: int) -> list[Exception]:
    """Cut the power `count` times; what was wrong afterwards."""
    chance = random.Random(seed)
    workload = partial(choosing, begun=begun, synchronous=synchronous, chance=chance)
    return cut_power(folder, count, chance, workload, partial(judge, begun), cuts_of_each=25)


def test_a_power_cut_loses_no_choice(tmp_path: Path, begun: Path) -> None:
    assert cuts(tmp_path, begun, "FULL", 60, seed=1) == []


@pytest.mark.parametrize("synchronous", ["NORMAL", "OFF"])
def test_the_control_without_full_syncs_fails(tmp_path: Path, begun: Path, synchronous: str) -> None:
    assert len(cuts(tmp_path, begun, synchronous, 25, seed=2)) > 5


@pytest.mark.soak
def test_thousands_of_power_cuts_lose_no_choice(tmp_path: Path, begun: Path) -> None:
    for seed in range(10):
        (tmp_path / str(seed)).mkdir()
        assert cuts(tmp_path / str(seed), begun, "FULL", 500, seed=100 + seed) == []


# --- failing disks ----------------------------------------------------------------------------------------------------


def choosing_on_a_bad_disk(disk: Disk, begun: Path) -> tuple[list[str], int]:
    """Ten requests, always the same; the changes acknowledged, and how many requests were refused."""
    chance, clock = random.Random(3), Clock()
    acknowledged, refused = [], 0
    store = store_on(disk, {"wal_autocheckpoint": "8"}, begun / "troth.db", clock)
    people = open_people(store, begun / "keys", small_policy())
    for _ in range(10):
        try:
            acknowledged += [line_of(change) for change in ask(people, chance)]
        except StoreUnavailableError:
            refused += 1
        clock.move(days=60)
    store.close()
    return acknowledged, refused


def fail_each(folder: Path, begun: Path, error: type[Exception], failing_for: int, step: int) -> None:
    clean = Disk()
    everything, refused = choosing_on_a_bad_disk(clean, begun)
    assert refused == 0
    refusals = 0
    for operation in range(1, clean.operations + 1, step):
        disk = Disk()
        disk.fail_at, disk.fail_with, disk.failing_for = operation, error, failing_for
        acknowledged, refused = choosing_on_a_bad_disk(disk, begun)
        # What was refused while it was being committed may be there after all, but whole; the judge sees to that.
        kept = judge_choices(disk.save_all(folder / str(operation)), begun / "keys", acknowledged)
        assert len(kept) == len(acknowledged) or refused
        assert refused <= 1 or failing_for > 1
        refusals += refused
    assert refusals > clean.operations // step // 3
    assert everything


ERRORS = pytest.mark.parametrize("error", [apsw.IOError, apsw.FullError], ids=["EIO", "ENOSPC"])
LENGTHS = pytest.mark.parametrize("failing_for", [1, 10**9], ids=["once", "for good"])


@ERRORS
@LENGTHS
def test_a_failing_disk_loses_no_choice(error: type[Exception], failing_for: int, tmp_path: Path, begun: Path) -> None:
    fail_each(tmp_path, begun, error, failing_for, step=19)


@pytest.mark.soak
@ERRORS
@LENGTHS
def test_every_write_fails(error: type[Exception], failing_for: int, tmp_path: Path, begun: Path) -> None:
    fail_each(tmp_path, begun, error, failing_for, step=1)
