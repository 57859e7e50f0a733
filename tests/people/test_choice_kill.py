"""A server of choices killed under load: no acknowledged choice is lost, none is half there, and each is provable."""

import os
import random
import threading
from pathlib import Path

import pytest
from choice_oracle import judge_choices, line_of
from small_policy import small_policy

from store_oracle import killed_under_load, sqlite_url
from troth.people import Identifier, People, open_people
from troth.store import open_store

THREADS = 3


def choose_until_killed(people: People, acknowledgements: int, kill: int) -> None:
    """In the child: choose from several threads; tell the parent each change once it is acknowledged."""

    def load(thread: int) -> None:
        own = random.Random(f"{kill}-{thread}")
        while True:
            who = Identifier("account", str(own.randrange(20)))
            kind = own.randrange(8)
            if kind == 0:
                changes = people.signal(who)
            elif kind == 1:
                changes = people.link(who, Identifier("cookie", str(own.randrange(20)))).changes
            else:
                wanted = {own.choice(["marketing", "analytics"]): own.choice(["in", "out"])}
                changes = people.choose(who, wanted, how="page")
            os.write(acknowledgements, "".join(f"{line_of(change)}\n" for change in changes).encode())

    threads = [threading.Thread(target=load, args=(thread,), daemon=True) for thread in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def kill_while_choosing(folder: Path, kill: int, after: int) -> list[str]:
    """Fork a server, kill it after it acknowledged `after` changes or a moment later; what it acknowledged."""

    def load(writing: int) -> None:
        store = open_store(sqlite_url(folder), pragmas={"wal_autocheckpoint": "50"})
        choose_until_killed(open_people(store, folder / "keys", small_policy()), writing, kill)

    return killed_under_load(load, after)


def run(folder: Path, kills: int, seed: int) -> None:
    chance = random.Random(seed)
    with open_store(sqlite_url(folder), create=True) as store:
        open_people(store, folder / "keys", small_policy())
    acknowledged: list[str] = []
    for kill in range(kills):
        acknowledged += kill_while_choosing(folder, kill, chance.choice([1, 2, 3, 5, 8, 13]))
    judge_choices(sqlite_url(folder), folder / "keys", acknowledged)


def test_killed_ten_times(tmp_path: Path) -> None:
    run(tmp_path, 10, seed=4)


@pytest.mark.soak
def test_killed_five_hundred_times(tmp_path: Path) -> None:
    for seed in range(10):
        (tmp_path / str(seed)).mkdir()
        run(tmp_path / str(seed), 50, seed)
