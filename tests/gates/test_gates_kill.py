"""Killed under load, the gates lose nothing acknowledged, keep nothing half, and released nothing uncounted."""

import os
import random
import threading
from pathlib import Path

import pytest
from gate_oracle import FLAGSHIP
from sqlalchemy import text

from store_oracle import killed_under_load, sqlite_url
from troth.decision.point import DecisionPoint
from troth.gates.collect import Collecting, Submission
from troth.gates.use import Purpose, Using
from troth.people import ChoiceIndex, Identifier, open_people
from troth.people.receipt import opening_of
from troth.record.commitment import opens
from troth.record.kinds import read_entry
from troth.store import open_store
from troth.vault import Vault, open_vault

THREADS = 3
TERMS = ("demographic", "content.feedback")


def opened(folder: Path):
    store = open_store(sqlite_url(folder), create=True, pragmas={"wal_autocheckpoint": "50"})
    vault = open_vault(store, open_people(store, folder / "keys", FLAGSHIP))
    point = DecisionPoint(FLAGSHIP)
    return store, vault, Collecting(vault, point), Using(vault, point, ChoiceIndex(vault.people, point, limit=60))


def work_until_killed(folder: Path, acknowledgements: int, kill: int) -> None:
    """In the child: collect and use from several threads, and tell of each once it is acknowledged."""
    _, _, collecting, using = opened(folder)

    def load(thread: int) -> None:
        own = random.Random(f"{kill}-{thread}")
        for number in range(10**9):
            who = Identifier("account", str(own.randrange(10)))
            if own.random() < 0.7:
                fields = {"demographic": f"{kill} {thread} {number}", "content.feedback": "x"}
                done = collecting.collect(Submission(statement="surveys", fields=fields, who=who))
                line = f"stored {done.leaf} {done.person}"
            else:
                used = using.use(Purpose(purpose="improve.research", data=("demographic",)), [who])
                line = f"released {sum(len(one.values) for one in used.persons)}"
            os.write(acknowledgements, f"{line}\n".encode())

    threads = [threading.Thread(target=load, args=(thread,), daemon=True) for thread in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def judge(folder: Path, acknowledged: list[str]) -> None:
    store, vault, _, _ = opened(folder)
    with store:
        kept = whole_collections(vault)
        stored = [line.split()[1:] for line in acknowledged if line.startswith("stored")]
        assert stored, "nothing was stored before the kills"
        assert all(kept.get(int(leaf)) == person for leaf, person in stored), "acknowledged and lost"
        with store.read() as connection:
            counted = int(connection.execute(text("SELECT coalesce(sum(released), 0) FROM use_counts")).scalar_one())
        assert counted >= sum(int(line.split()[1]) for line in acknowledged if line.startswith("released"))


def whole_collections(vault: Vault) -> dict[int, str]:
    """Person by entry of each collection; each has both its values, its opening, and opens."""
    found: dict[int, list[str]] = {}
    opener = vault.opener()
    for item in vault.read(None, TERMS):
        assert opener.open(item)
        found.setdefault(item.leaf, []).append(item.person)
    with vault.store.read() as connection:
        rows = connection.execute(text('SELECT "index", entry FROM leaves ORDER BY "index"')).all()
    collected = {index: read_entry(bytes(entry)) for index, entry in rows}
    collected = {index: body for index, body in collected.items() if body["kind"] == "collected"}
    assert set(collected) == set(found)
    for leaf, persons in found.items():
        assert len(persons) == len(TERMS), "a submission was stored in part"
        opening = opening_of(vault.people, leaf)
        assert opens(opening, collected[leaf])
        assert opening.values["person"] == persons[0]
    return {leaf: persons[0] for leaf, persons in found.items()}


def run(folder: Path, kills: int, seed: int) -> None:
    chance = random.Random(seed)
    store, *_ = opened(folder)
    store.close()
    acknowledged: list[str] = []
    for kill in range(kills):
        load = lambda writing, kill=kill: work_until_killed(folder, writing, kill)  # noqa: E731
        acknowledged += killed_under_load(load, chance.choice([1, 3, 8, 20]))
    judge(folder, acknowledged)


def test_killed_eight_times(tmp_path: Path) -> None:
    run(tmp_path, 8, seed=5)


@pytest.mark.soak
def test_killed_two_hundred_times(tmp_path: Path) -> None:
    for seed in range(10):
        (tmp_path / str(seed)).mkdir()
        run(tmp_path / str(seed), 20, seed)
