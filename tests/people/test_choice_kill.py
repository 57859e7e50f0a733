"""A server of choices killed under load: no acknowledged choice is lost, none is half there, and each is provable."""

import os
import random
import threading
from pathlib import Path

import pytest
from small_policy import small_policy
from sqlalchemy import text

from store_oracle import killed_under_load, sqlite_url
from troth.people import Identifier, People, open_people
from troth.people.receipt import opening_of
from troth.record.commitment import opens
from troth.record.kinds import read_entry
from troth.record.verifier import hash_leaf
from troth.store import open_store

THREADS = 3


def choose_until_killed(people: People, acknowledgements: int, kill: int) -> None:
    """In the child: choose from several threads; tell the parent each index once the choice is acknowledged."""

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
            os.write(acknowledgements, "".join(f"{c.leaf} {c.choice} {c.state}\n" for c in changes).encode())

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


def judge(folder: Path, acknowledged: list[str]) -> None:
    """History, record, openings and messages tell the same story, and all that was acknowledged is in it."""
    with open_store(sqlite_url(folder)) as store:
        people = open_people(store, folder / "keys", small_policy())
        with store.read() as connection:
            assert connection.execute(text("PRAGMA integrity_check")).scalar() == "ok"
            entries = connection.execute(text('SELECT "index", hash, entry FROM leaves ORDER BY "index"')).all()
            changes = {r.leaf: r for r in connection.execute(text("SELECT * FROM choice_changes ORDER BY leaf"))}
            links = {leaf for (leaf,) in connection.execute(text("SELECT leaf FROM person_links"))}
            messages = connection.execute(text("SELECT count(*) FROM outbox")).scalar()
            current = connection.execute(text("SELECT person, choice, state, leaf FROM choices")).all()
        assert [index for index, _, _ in entries] == list(range(len(entries)))
        assert messages == len(changes)
        for index, leaf_hash, entry in entries:
            assert hash_leaf(entry) == leaf_hash
            body = read_entry(entry)
            assert (index in changes) == (body["kind"] == "choice")
            assert (index in links) == (body["kind"] != "choice")
            opening = opening_of(people, index)
            assert opens(opening, body)
            if index in changes:
                row = changes[index]
                assert (row.event, row.person) == (body["event"], opening.values["person"])
                assert row.state == opening.values["change"]["state"]
        for row in current:
            assert changes[row.leaf].choice == row.choice
            assert changes[row.leaf].state == row.state
        kept = {f"{leaf} {row.choice} {row.state}" for leaf, row in changes.items()}
        assert not set(acknowledged) - kept, "acknowledged and lost"


def run(folder: Path, kills: int, seed: int) -> None:
    chance = random.Random(seed)
    with open_store(sqlite_url(folder), create=True) as store:
        open_people(store, folder / "keys", small_policy())
    acknowledged: list[str] = []
    for kill in range(kills):
        acknowledged += kill_while_choosing(folder, kill, chance.choice([1, 2, 3, 5, 8, 13]))
    judge(folder, acknowledged)


def test_killed_ten_times(tmp_path: Path) -> None:
    run(tmp_path, 10, seed=4)


@pytest.mark.soak
def test_killed_five_hundred_times(tmp_path: Path) -> None:
    for seed in range(10):
        (tmp_path / str(seed)).mkdir()
        run(tmp_path / str(seed), 50, seed)
