"""Killed while files are made and fetched: no half file is ever given, and no whole one without its entry."""

import hashlib
import os
import random
from datetime import timedelta
from pathlib import Path

import pyrage
import pytest
from filing import FIRM, NOW, Filing, open_filing
from gate_oracle import Clock, Gated, gated

from store_oracle import killed_under_load
from troth.gates.share.files import fetching
from troth.gates.share.files.fetching import FetchError

NAMES = [f"person{number}" for number in range(12)]


class Telling:
    """A source that tells of each batch that is drawn."""

    def __init__(self, source, told: int) -> None:
        self._source = source
        self._told = told

    def __getattr__(self, name: str):
        return getattr(self._source, name)

    def contents(self, disclosure: str, batch: int):
        os.write(self._told, b"batch\n")
        return self._source.contents(disclosure, batch)


def opened(at: Gated, folder: Path) -> Filing:
    return open_filing(at, folder, at.clock, NOW + timedelta(days=365))


def run(folder: Path, kills: int, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(seed)
    monkeypatch.setattr("troth.gates.share.jobs.BATCH", 2)
    monkeypatch.setattr(fetching, "PIECE", 300)
    with gated(folder, clock=Clock(NOW)) as at:
        found = opened(at, folder)
        identity, whos = found.identity, found.register(*NAMES)
    whole: list[str] = []
    for kill in range(kills):
        # Each process starts two minutes after the one before: whatever a killed one had, nobody has any more.
        clock = Clock(NOW + timedelta(minutes=2 * kill))

        def load(told: int, clock: Clock = clock) -> None:
            with gated(folder, clock=clock) as at:
                found = opened(at, folder)
                found.files._maker._source = Telling(found.files._maker._source, told)
                while True:
                    if not any(row.state in ("ready", "waiting", "making") for row in found.files.list()):
                        found.share(whos)
                    while found.files.make_next():
                        pass
                    for row in found.files.list():
                        if row.state != "ready":
                            continue
                        fetch = found.files.fetching.open(found.token(row.disclosure), FIRM)
                        digest = hashlib.sha256()
                        for piece in fetch.pieces():
                            digest.update(piece)
                            os.write(told, b"piece\n")
                        fetch.close()
                        os.write(told, f"whole {row.disclosure} {digest.hexdigest()}\n".encode())
                    found.files.sweep()

        lines = killed_under_load(load, chance.choice([1, 3, 5, 8, 9, 12]))
        whole += [line for line in lines if line.startswith("whole")]
    judge(folder, Clock(NOW + timedelta(minutes=2 * kills)), identity, whole)


def judge(folder: Path, clock: Clock, identity: pyrage.x25519.Identity, whole: list[str]) -> None:
    with gated(folder, clock=clock) as at:
        found = opened(at, folder)
        found.files.sweep()
        named = {row.name for row in found.files.list() if row.name is not None}
        made = {(entry["disclosure"], entry["sha256"]) for entry in found.entries("file-made")}
        assert {path.name.partition(".")[0] for path in found.on_disk()} <= {name.partition(".")[0] for name in named}
        while found.files.make_next():
            pass
        fetched = [(entry["disclosure"], entry["sha256"]) for entry in found.entries("file-fetched")]
        assert len(fetched) == len(set(fetched)), "one download was entered twice"
        assert set(fetched) <= made
        for line in whole:
            _, disclosure, digest = line.split()
            assert (disclosure, digest) in fetched, "somebody has a whole file of which the record does not know"
        for row in found.files.list():
            assert row.state in ("ready", "fetched")
            if row.state == "ready":
                assert (row.disclosure, row.sha256) in {
                    (entry["disclosure"], entry["sha256"]) for entry in found.entries("file-made")
                }
                data = found.fetch(found.token(row.disclosure))
                assert hashlib.sha256(data).hexdigest() == row.sha256
                plain = pyrage.decrypt(data, [identity]).decode()
                assert all(f"{name}@example.org" in plain for name in NAMES), "a half file was given"
                with pytest.raises(FetchError):
                    found.fetch(found.token(row.disclosure))
        clock.move(minutes=6)
        found.files.sweep()
        assert found.on_disk() == []


def test_killed_eight_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path, 8, 3, monkeypatch)


@pytest.mark.soak
def test_killed_two_hundred_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(10):
        (tmp_path / str(seed)).mkdir()
        run(tmp_path / str(seed), 20, seed, monkeypatch)
