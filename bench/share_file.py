"""A disclosure of a million persons as a file: decided and recorded, made, and fetched, in bounded memory.

    python -m bench.share_file             with 1,000,000 persons
    python -m bench.share_file 20000       with fewer

Each person has a name and an e-mail address in the vault. A marketing firm under contract gets both of everybody. The
job records them in batches of 500; the file is made from the vault, decided again, as CSV encrypted with age, and then
it is fetched. With a tenth of the persons the other formats are made, too. Progress is told on the standard error.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sqlite3
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyrage
import pysequoia

from bench.machine import machine
from bench.vault_erasure import NOW, ORIGIN, TERMS, Peak
from troth.conditions import Conditions
from troth.conditions.facts import Contract, Profile
from troth.decision.point import DecisionPoint
from troth.gates.share.deciding import Deciding
from troth.gates.share.files.fetching import FetchError
from troth.gates.share.files.files import Files
from troth.gates.share.files.source import Gate
from troth.gates.share.share import Sharing
from troth.gates.share.wanted import Format, Segment, Wanted
from troth.people import ChoiceIndex, open_people
from troth.people.persons import person_number
from troth.policy.history import Policy
from troth.store import open_store
from troth.vault import Vault, open_vault
from troth.vault.items import ItemKey, binding

EXAMPLE = Path(__file__).parent.parent / "examples" / "citrix-online"
FIRM, AT_ONCE = "marketing-agency", 20_000
KINDS: tuple[tuple[Format, str], ...] = (("jsonl", "age"), ("parquet", "age"), ("csv", "openpgp"))


def fill(vault: Vault, file: Path, count: int, product: str) -> None:
    """Put that many persons with two items each into the store, past its writer."""
    with sqlite3.connect(file) as connection:
        for pragma in ("synchronous=OFF", "cache_size=-400000", "wal_autocheckpoint=40000"):
            connection.execute(f"PRAGMA {pragma}")
        (leaf,) = connection.execute('SELECT coalesce(max("index") + 1, 0) FROM leaves').fetchone()
        for start in range(0, count, AT_ONCE):
            persons, items, leaves = [], [], []
            for number in range(start, min(start + AT_ONCE, count)):
                id, key = secrets.token_hex(16), os.urandom(32)
                persons.append((id, person_number(id), vault.ring.wrap(id, key), None, NOW, None))
                leaves.append((leaf, os.urandom(32), os.urandom(260), NOW))
                sealing = ItemKey(key)
                for position, term in enumerate(TERMS):
                    bound_to = binding(id, term, ORIGIN.policy, ORIGIN.version, ORIGIN.statement)
                    sealed = sealing.seal(f'"person{number}@example.org"'.encode(), leaf, position, bound_to)
                    items.append(
                        (leaf, position, id, id, term, ORIGIN.statement, ORIGIN.policy, ORIGIN.version, product, NOW,
                         "account + 24 months", None, None, sealed)
                    )  # fmt: skip
                leaf += 1
            for table, rows in (("persons", persons), ("items", items), ("leaves", leaves)):
                marks = ", ".join("?" * len(rows[0]))
                connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
            connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("ANALYZE")
    connection.close()


class Progress:
    """Tells every few seconds how far the files are, as the store has it."""

    def __init__(self, files: Files, batches: int) -> None:
        self._files = files
        self._batches = batches
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._tell, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()

    def _tell(self) -> None:
        while not self._ending.wait(10):
            for row in self._files.list():
                if row.state == "making":
                    print(f"  {row.progress:,} of {self._batches:,} batches", file=sys.stderr, flush=True)


class Bench:
    """The gate over a store with persons, and what was measured."""

    def __init__(self, folder: Path, vault: Vault, policy: Policy) -> None:
        self.folder = folder
        self.told: list[tuple[str, str]] = []
        point = DecisionPoint(policy)
        self.index = ChoiceIndex(vault.people, point)
        self.index.follow()
        conditions = Conditions(vault.store, policy)
        now = datetime.now(UTC)
        conditions.register.add(FIRM, Profile(name=FIRM, kind="processor", countries=("US",)), by="bench")
        terms = Contract(
            id="c1", begins=now - timedelta(days=1), accepts="2017-02-01", data=TERMS, purposes=("marketing.own",),
            signed=now - timedelta(days=1),
        )  # fmt: skip
        conditions.register.add(FIRM, terms, by="bench")
        self.sharing = Sharing(vault, point, self.index, conditions)
        gate = Gate(Deciding(vault, point, self.index, conditions))
        self.files = Files(vault.store, folder / "files", gate, "https://privacy.example.org")
        self.keys = {
            "age": str(pyrage.x25519.Identity.generate().to_public()).encode(),
            "openpgp": bytes(pysequoia.Tsk.generate("Firm <privacy@firm.example>").extract_certificate()),
        }

    def tell(self, what: str, value: str) -> None:
        print(what, value, sep=": ", file=sys.stderr, flush=True)
        self.told.append((what, value))

    def file(self, product: str, count: int, format: Format, encryption: str, *, whole: bool) -> None:
        """Share with everybody of a product in one format; `whole` measures each step, else the making alone."""
        known = self.files.keys.public(FIRM)
        if known is None or known.sort != encryption:
            self.files.keys.register(FIRM, self.keys[encryption], by="bench")
        wanted = Wanted(
            recipient=FIRM, purpose="marketing.own", data=TERMS, product="gototraining", channel="file", format=format
        )
        began = time.perf_counter()
        with Peak() as peak:
            shared = self.sharing.share(wanted, Segment(product=product))
            while self.sharing.resume():
                pass
        took = time.perf_counter() - began
        done = self.sharing.look(shared.id)
        assert done is not None
        assert (done.state, done.persons) == ("done", count), done
        if whole:
            grown = f"{peak.grown / 2**20:,.0f} MiB more memory"
            self.tell(f"deciding and recording {count:,} persons", f"{took:,.0f} s, {count / took:,.0f}/s, {grown}")
        began = time.perf_counter()
        with Peak() as peak, Progress(self.files, done.batches):
            assert self.files.make_next() == shared.id
        took = time.perf_counter() - began
        row = next(row for row in self.files.list() if row.disclosure == shared.id)
        assert row.about is not None, row
        assert row.about.persons == count
        size = f"{(row.size or 0) / 2**20:,.1f} MiB"
        grown = f"{peak.grown / 2**20:,.0f} MiB more memory"
        what = f"making the file of {count:,} persons, {format}, {encryption}"
        self.tell(what, f"{took:,.1f} s, {count / took:,.0f}/s, {size}, {grown}")
        if whole:
            self.fetch(shared.id, count)

    def fetch(self, id: str, count: int) -> None:
        """Fetch it, as soon as it may be."""
        token = self.files.links.make(id, by="bench")[0].rpartition("/")[2]
        began = time.perf_counter()
        with Peak() as peak:
            try:
                fetch = self.files.fetching.open(token, FIRM)
            except FetchError as problem:
                raise SystemExit(f"The file is not given: {problem.code}") from None
            looked = time.perf_counter() - began
            size = sum(len(piece) for piece in fetch.pieces())
            fetch.close()
        took = time.perf_counter() - began - looked
        self.tell(f"looking whether a file of {count:,} persons may still leave", f"{looked:,.2f} s")
        grown = f"{peak.grown / 2**20:,.0f} MiB more memory"
        self.tell("reading it out, with its entry", f"{took:,.2f} s, {size / took / 2**20:,.0f} MiB/s, {grown}")


def main() -> None:
    """Measure, and print the table."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    folder = Path(tempfile.mkdtemp(prefix="share"))
    try:
        file = folder / "troth.db"
        with open_store(f"sqlite:///{file}", create=True) as store:
            policy = Policy.read(EXAMPLE)
            vault = open_vault(store, open_people(store, folder / "keys", policy))
            fill(vault, file, count, "gototraining")
            fill(vault, file, max(1, count // 10), "gotomeeting")
            bench = Bench(folder, vault, policy)
            bench.file("gototraining", count, "csv", "age", whole=True)
            for format, encryption in KINDS:
                bench.file("gotomeeting", max(1, count // 10), format, encryption, whole=False)
            bench.index.close()
    finally:
        shutil.rmtree(folder)
    print("## Files\n")
    packages = ("sqlalchemy", "cryptography", "pyrage", "pysequoia", "pyarrow")
    print(f"{count:,} persons, SQLite with `synchronous=FULL`. {machine(*packages)}\n")
    print("| | |\n|---|--:|")
    for what, value in bench.told:
        print(f"| {what} | {value} |")


if __name__ == "__main__":
    main()
