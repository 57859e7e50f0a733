"""A disclosure of many persons as a job: decided and recorded in batches, in bounded memory, while others write.

    python -m bench.share_job              100,000 persons
    python -m bench.share_job 1000000      more

Each person has a name and an e-mail address in the vault, and a marketing firm under contract gets both of everybody.
Every batch of 500 is one durable transaction with its entry, its lines, each committed to and sealed under the person's
key, and its delivery. Meanwhile somebody makes a choice every 20 ms: how long that takes is measured, too. Then the
batches leave as a delivery would take them: opened, and decided again.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import quantiles

from bench.machine import machine
from bench.share_file import EXAMPLE, FIRM, fill
from bench.vault_erasure import TERMS, Peak
from troth.conditions import Conditions
from troth.conditions.facts import Contract, Profile
from troth.decision.point import DecisionPoint
from troth.gates.delivery.endpoints import Endpoints
from troth.gates.delivery.queue import Queue
from troth.gates.share.share import Sharing
from troth.gates.share.wanted import Segment, Wanted
from troth.people import ChoiceIndex, Identifier, open_people
from troth.policy.history import Policy
from troth.store import open_store
from troth.vault import Vault, open_vault

EVERY = 0.02  # seconds between two choices of somebody else


class Chooser:
    """Somebody who goes on choosing while the job runs; `waited` is how long each choice took, in milliseconds."""

    def __init__(self, vault: Vault) -> None:
        self.waited: list[float] = []
        self._people = vault.people
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._choose, daemon=True)

    def __enter__(self) -> Chooser:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()

    def _choose(self) -> None:
        while not self._ending.wait(EVERY):
            began = time.perf_counter()
            self._people.choose(Identifier("account", "chooser"), {"analytics": "out"}, how="page")
            self.waited.append((time.perf_counter() - began) * 1000)


def measure(folder: Path, count: int) -> list[tuple[str, str]]:
    """Fill a store and share with everybody in it; what was measured, by what it is."""
    policy = Policy.read(EXAMPLE)
    file = folder / "troth.db"
    with open_store(f"sqlite:///{file}", create=True) as store:
        vault = open_vault(store, open_people(store, folder / "keys", policy))
        fill(vault, file, count, "gototraining")
        point = DecisionPoint(policy)
        index = ChoiceIndex(vault.people, point)
        index.follow()
        conditions, now = Conditions(store, policy), datetime.now(UTC) - timedelta(days=1)
        terms = Contract(
            id="c1", begins=now, accepts="2017-02-01", data=TERMS, purposes=("marketing.own",), signed=now
        )  # fmt: skip
        for said in (Profile(name=FIRM, kind="processor", countries=("US",)), terms):
            conditions.register.add(FIRM, said, by="bench")
        Endpoints(store, vault.people).add(FIRM, "https://firm.example/troth", by="bench")
        sharing = Sharing(vault, point, index, conditions, queue=Queue(store, vault.people))
        wanted = Wanted(recipient=FIRM, purpose="marketing.own", data=TERMS, product="gototraining")
        with Peak() as peak, Chooser(vault) as chooser:
            began = time.perf_counter()
            shared = sharing.share(wanted, Segment())
            asked = time.perf_counter() - began
            while sharing.resume(10_000):
                one = sharing.look(shared.id)
                assert one is not None
                print(f"  {one.persons:,} of {count:,} persons", file=sys.stderr, flush=True)
            took = time.perf_counter() - began
        done = sharing.look(shared.id)
        assert done is not None
        assert (done.state, done.persons, done.released) == ("done", count, 2 * count), done
        told = [
            ("asking for it, which counts the persons", f"{asked * 1000:,.0f} ms"),
            ("deciding and recording", f"{took:,.1f} s, {count / took:,.0f} persons/s"),
            ("more memory meanwhile", f"{peak.grown / 2**20:,.0f} MiB"),
            ("bytes in the database for each person", f"{_grown(file, count):,.0f}"),
            ("a choice of somebody else meanwhile, p50 / p99 / most", _times(chooser.waited)),
        ]
        looked = min(done.batches, 40)
        began = time.perf_counter()
        for number in range(1, looked + 1):
            assert len(sharing.contents(shared.id, number).persons) == min(500, count)
        took = time.perf_counter() - began
        index.close()
        return [*told, ("as it leaves, opened and decided again", f"{looked * 500 / took:,.0f} persons/s")]


def _grown(file: Path, count: int) -> float:
    """How large the lines are, by what the pages of their table and its indexes hold."""
    import sqlite3

    with sqlite3.connect(file) as connection:
        try:
            (size,) = connection.execute("SELECT sum(pgsize) FROM dbstat WHERE name LIKE 'disclosed%'").fetchone()
        except sqlite3.OperationalError:  # this SQLite cannot tell
            return float("nan")
    return size / count


def _times(waited: list[float]) -> str:
    if len(waited) < 100:
        return "too few"
    cuts = quantiles(waited, n=100)
    return f"{cuts[49]:.1f} / {cuts[98]:.1f} / {max(waited):.1f} ms"


def main(arguments: list[str]) -> None:
    """Measure, and print a table."""
    count = int(arguments[0].replace("_", "")) if arguments else 100_000
    with tempfile.TemporaryDirectory() as folder:
        told = measure(Path(folder), count)
    print(f"A disclosure of {count:,} persons, two values each, as a job\n{machine()}\n")
    print("| what | measured |\n|---|---|")
    for what, value in told:
        print(f"| {what} | {value} |")


if __name__ == "__main__":
    main(sys.argv[1:])
