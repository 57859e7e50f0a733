"""Power cuts under a vault: no acknowledged item is lost, no erasure is undone, and none is half there.

With `synchronous=NORMAL` or `OFF` some must be lost: otherwise the test would not notice.
"""

import random
import shutil
from functools import partial
from pathlib import Path

import pytest
from collecting import EMAIL, account, item, put
from vault_clock import Clock
from vault_oracle import judge_vault

from simulated_disk import Disk, cut_power, store_on
from store_oracle import sqlite_url
from troth.people import open_people
from troth.policy.history import Policy
from troth.store import open_store
from troth.vault import open_vault
from troth.vault.erasures import FILE, Erasures

PEOPLE = 6


@pytest.fixture
def begun(tmp_path: Path, policy: Policy) -> Path:
    """A folder with an empty store and the keys that belong to it."""
    folder = tmp_path / "begun"
    folder.mkdir()
    with open_store(sqlite_url(folder), create=True) as store:
        open_vault(store, open_people(store, folder / "keys", policy))
    return folder


def work(disk: Disk, begun: Path, policy: Policy, synchronous: str, chance: random.Random, requests: int = 40) -> None:
    """Somebody is collected from, erased, or has their key moved; what is acknowledged is noted.

    The file of erasures is on a real disk, where it is synced before the transaction ends. That it was is noted too.
    """
    clock, keys = Clock(), begun / "keys"
    (keys / FILE).unlink(missing_ok=True)
    pragmas = {"synchronous": synchronous, "wal_autocheckpoint": "80"}
    with store_on(disk, pragmas, begun / "troth.db", clock) as store, pytest.MonkeyPatch.context() as patched:
        add = Erasures.add

        def add_and_note(erasures: Erasures, unit: object, ids: tuple[str, ...]) -> None:
            add(erasures, unit, ids)
            disk.note(f"noted {(keys / FILE).stat().st_size}")

        patched.setattr(Erasures, "add", add_and_note)
        vault = open_vault(store, open_people(store, keys, policy))
        for _ in range(requests):
            who = account(chance.randrange(PEOPLE))
            if chance.random() < 0.25 and vault.people.find(who) is not None:
                for entry in vault.erase([who], staff="mary", rewrite=chance.random() < 0.3).entries:
                    for id in entry.ids:
                        disk.note(f"erased {id}")
            else:
                value = str(chance.random())
                person, leaf = put(vault, who, [item(EMAIL, value, chance.choice([None, "1 day"]))])
                disk.note(f"put {leaf} {person} {value}")
    shutil.copy(keys / FILE, begun / FILE)


def judge(begun: Path, policy: Policy, url: str, acknowledged: list[str]) -> None:
    """The file of erasures is as long as it was at the cut; half of a further line may have come to the disk."""
    sizes = [int(line.split()[1]) for line in acknowledged if line.startswith("noted ")]
    size = sizes[-1] if sizes else 0
    (begun / "keys" / FILE).write_bytes((begun / FILE).read_bytes()[: size + size % 7])
    judge_vault(url, begun / "keys", policy, [line for line in acknowledged if not line.startswith("noted ")])


def cuts(  # the arguments of one experiment
    folder: Path, begun: Path, policy: Policy, synchronous: str, count: int, seed: int
) -> list[Exception]:
    """Cut the power `count` times; what was wrong afterwards."""
    chance = random.Random(seed)
    workload = partial(work, begun=begun, policy=policy, synchronous=synchronous, chance=chance)
    return cut_power(folder, count, chance, workload, partial(judge, begun, policy), cuts_of_each=25)


def test_a_power_cut_loses_nothing_and_brings_nobody_back(tmp_path: Path, begun: Path, policy: Policy) -> None:
    assert cuts(tmp_path, begun, policy, "FULL", 50, seed=1) == []


@pytest.mark.parametrize("synchronous", ["NORMAL", "OFF"])
def test_the_control_without_full_syncs_fails(tmp_path: Path, begun: Path, policy: Policy, synchronous: str) -> None:
    assert len(cuts(tmp_path, begun, policy, synchronous, 25, seed=2)) > 4


@pytest.mark.soak
def test_thousands_of_power_cuts(tmp_path: Path, begun: Path, policy: Policy) -> None:
    for seed in range(10):
        (tmp_path / str(seed)).mkdir()
        assert cuts(tmp_path / str(seed), begun, policy, "FULL", 300, seed=100 + seed) == []
