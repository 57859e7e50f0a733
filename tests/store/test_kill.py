"""A writer killed under load: no acknowledged write is lost, and the log and the database agree."""

import os
import random
import threading
from pathlib import Path

import pytest

from store_oracle import judge, killed_under_load, sqlite_url, write_of
from troth.store import open_store

WRITERS = 4


def write_until_killed(url: str, acknowledgements: int, kill: int) -> None:
    """In the child: write from several threads; tell the parent each key once the store said that it is durable."""
    store = open_store(url, pragmas={"wal_autocheckpoint": "50"})

    def load(thread: int) -> None:
        number = 0
        while True:
            key = f"{kill}-{thread}-{number}"
            store.write(write_of(key, padding=500))
            os.write(acknowledgements, f"{key}\n".encode())
            number += 1

    threads = [threading.Thread(target=load, args=(thread,), daemon=True) for thread in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def kill_while_writing(url: str, kill: int, after: int) -> list[str]:
    """Fork a writer, kill it after it acknowledged `after` writes or a moment later; what it acknowledged."""
    acknowledged = killed_under_load(lambda writing: write_until_killed(url, writing, kill), after)
    return [line for line in acknowledged if line]


def run(folder: Path, kills: int, seed: int) -> None:
    chance = random.Random(seed)
    url = sqlite_url(folder)
    open_store(url, create=True).close()
    acknowledged: list[str] = []
    for kill in range(kills):
        acknowledged += kill_while_writing(url, kill, chance.choice([1, 2, 3, 5, 8, 13, 40]))
        if kill % 10 == 9 or kill == kills - 1:  # what a kill breaks stays broken
            judge(url, acknowledged)
    with open_store(url) as store:
        store.write(write_of("alive"))


def test_killed_a_hundred_times(tmp_path: Path) -> None:
    run(tmp_path, 100, seed=4)


@pytest.mark.soak
def test_killed_a_thousand_times(tmp_path: Path) -> None:
    for seed in range(10):
        (tmp_path / str(seed)).mkdir()
        run(tmp_path / str(seed), 100, seed)
