"""A vault killed under load: no acknowledged item is lost, no erasure is undone, and none is half there."""

import os
import random
import threading
from pathlib import Path

import pytest
from collecting import EMAIL, account, item, put
from vault_oracle import judge_vault

from store_oracle import killed_under_load, sqlite_url
from troth.people import open_people
from troth.people.errors import UnknownPersonError
from troth.policy.history import Policy
from troth.store import open_store
from troth.vault import Vault, open_vault

THREADS = 3


def work_until_killed(vault: Vault, acknowledgements: int, kill: int) -> None:
    """In the child: collect and erase from several threads, replace keys; tell the parent what is acknowledged."""

    def load(thread: int) -> None:
        own = random.Random(f"{kill}-{thread}")
        while True:
            who = account(own.randrange(20))
            kind = own.randrange(20)
            told = ""
            try:
                if kind < 3:
                    erasure = vault.erase([who], staff="mary", rewrite=own.random() < 0.3)
                    told = "".join(f"erased {id}\n" for entry in erasure.entries for id in entry.ids)
                elif kind == 3:
                    vault.people.link(who, account(own.randrange(20)))
                elif kind == 4 and thread == 0:
                    vault.ring.rotate()
                elif kind == 5:
                    vault.rewrap(3)
                else:
                    value = f"{kill}-{thread}-{own.random()}"
                    person, leaf = put(vault, who, [item(EMAIL, value)])
                    told = f"put {leaf} {person} {value}\n"
            except UnknownPersonError:  # another thread erased them meanwhile
                continue
            os.write(acknowledgements, told.encode())

    threads = [threading.Thread(target=load, args=(thread,), daemon=True) for thread in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def run(folder: Path, policy: Policy, kills: int, seed: int) -> None:
    chance = random.Random(seed)
    with open_store(sqlite_url(folder), create=True) as store:
        open_vault(store, open_people(store, folder / "keys", policy))
    acknowledged: list[str] = []
    for kill in range(kills):

        def load(writing: int, kill: int = kill) -> None:
            store = open_store(sqlite_url(folder), pragmas={"wal_autocheckpoint": "50"})
            work_until_killed(open_vault(store, open_people(store, folder / "keys", policy)), writing, kill)

        acknowledged += killed_under_load(load, chance.choice([1, 3, 8, 13, 30]))
    assert any(line.startswith("erased") for line in acknowledged)
    judge_vault(sqlite_url(folder), folder / "keys", policy, acknowledged)


def test_killed_ten_times(tmp_path: Path, policy: Policy) -> None:
    run(tmp_path, policy, 10, seed=4)


@pytest.mark.soak
def test_killed_five_hundred_times(tmp_path: Path, policy: Policy) -> None:
    for seed in range(10):
        (tmp_path / str(seed)).mkdir()
        run(tmp_path / str(seed), policy, 50, seed)
