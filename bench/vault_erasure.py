"""Erasing a million people, sealing and opening items, and moving keys to a new epoch.

    python -m bench.vault_erasure             with 1,000,000 people
    python -m bench.vault_erasure 100000      with fewer

Each person has an identifier, a choice with its history and message, and two items of one collection: three entries of
the record, with what opens them. They came in no order, and are erased in no order. Erasing includes the file of
erasures, the entries, and emptying the write-ahead log; rewriting the file of the database is measured by itself.
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
from collections.abc import Iterator
from pathlib import Path

from bench.machine import machine
from troth.people import Identifier, People, open_people
from troth.people.persons import person_number
from troth.policy.history import Policy
from troth.store import Store, open_store
from troth.vault import NewItem, Origin, Vault, open_vault
from troth.vault.items import ItemKey, binding

EXAMPLE = Path(__file__).parent.parent / "examples" / "citrix-online"
ORIGIN = Origin("registration", "citrix-online", "2015-12-31", "gototraining", "registration")
TERMS = ("contact.email", "identity.name")
PUTS, OPENED, AT_ONCE = 3_000, 200_000, 20_000
NOW = 1_460_000_000_000_000


def resident() -> int:
    """Return the bytes of memory that the process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Peak:
    """The most memory that the process had meanwhile, beyond what it had before."""

    def __enter__(self) -> Peak:
        self.before = self.most = resident()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()
        self.grown = self.most - self.before

    def _watch(self) -> None:
        while not self._ending.wait(0.05):
            self.most = max(self.most, resident())


def people_rows(vault: Vault, count: int, first: int) -> Iterator[dict[str, list[tuple[object, ...]]]]:
    """The rows of people, some at a time: keys wrapped and items sealed as the vault does, openings of their size."""
    leaf = first
    random = os.urandom
    for start in range(0, count, AT_ONCE):
        rows: dict[str, list[tuple[object, ...]]] = {
            name: []
            for name in ("persons", "identifiers", "leaves", "openings", "person_links", "choices", "choice_changes",
                         "outbox", "items")
        }  # fmt: skip
        for number in range(start, min(start + AT_ONCE, count)):
            id, key = secrets.token_hex(16), random(32)
            rows["persons"].append((id, person_number(id), vault.ring.wrap(id, key), None, NOW + number, None))
            rows["identifiers"].append(("account", random(32), id, NOW))
            events = [secrets.token_hex(16) for _ in range(3)]
            for place, event in enumerate(events):
                rows["leaves"].append((leaf + place, random(32), random(260), NOW))
                rows["openings"].append((event, leaf + place, id, random((240, 420, 240)[place])))
            rows["person_links"].append((leaf, id, "linked", "account", None, NOW))
            rows["choices"].append((id, "marketing", "out", leaf + 1, NOW, "2015-12-31", "person", "page", None))
            rows["choice_changes"].append(
                (leaf + 1, events[1], id, "marketing", "out", "person", None, "page", None, None, "citrix-online",
                 "2015-12-31", NOW, NOW)
            )  # fmt: skip
            body = f'{{"leaf":{leaf + 1},"event":"{events[1]}","person":"{id}","choice":"marketing","state":"out"}}'
            rows["outbox"].append((None, "choice", body, NOW, None, id))
            items = ItemKey(key)
            for position, term in enumerate(TERMS):
                bound_to = binding(id, term, ORIGIN.policy, ORIGIN.version, ORIGIN.statement)
                sealed = items.seal(f'"value {number}@example.org"'.encode(), leaf + 2, position, bound_to)
                rows["items"].append(
                    (leaf + 2, position, id, id, term, ORIGIN.statement, ORIGIN.policy, ORIGIN.version, ORIGIN.product,
                     NOW, "account + 24 months", None, None, sealed)
                )  # fmt: skip
            leaf += 3
        yield rows


def fill(vault: Vault, file: Path, count: int) -> list[str]:
    """Put that many people into the store, past its writer; their ids, in no order."""
    with sqlite3.connect(file) as connection:
        for pragma in ("synchronous=OFF", "cache_size=-400000", "wal_autocheckpoint=40000"):
            connection.execute(f"PRAGMA {pragma}")
        indexes = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type='index' AND sql IS NOT NULL"
        ).fetchall()
        for name, _ in indexes:
            connection.execute(f"DROP INDEX {name}")
        (first,) = connection.execute('SELECT coalesce(max("index") + 1, 0) FROM leaves').fetchone()
        for rows in people_rows(vault, count, first):
            for table, some in rows.items():
                marks = ", ".join("?" * len(some[0]))
                connection.executemany(f"INSERT INTO {table} VALUES ({marks})", some)
            connection.commit()
        for _, sql in indexes:
            connection.execute(sql)
        ids = [
            id
            for (id,) in connection.execute(f"SELECT id FROM persons WHERE created_at < {NOW + count} ORDER BY number")
        ]
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return ids


def puts(vault: Vault) -> float:
    """Durable collections of two items a second, one after the other."""
    who = vault.people.know(Identifier("account", "somebody"))
    items = [NewItem(term, "value@example.org") for term in TERMS]
    began = time.perf_counter()
    for _ in range(PUTS):
        vault.people.write(lambda unit: vault.put(unit, vault.people.resolve(unit, who), ORIGIN, items))
    return PUTS / (time.perf_counter() - began)


def opens(vault: Vault, ids: list[str]) -> float:
    """Items read and opened a second, of people named by their ids, a thousand at once."""
    opened = 0
    began = time.perf_counter()
    for start in range(0, min(len(ids), OPENED // 2), 1000):
        some = ids[start : start + 1000]
        opener = vault.opener(some)
        for item in vault.read(some, TERMS):
            opener.open(item)
            opened += 1
    return opened / (time.perf_counter() - began)


def seals() -> float:
    """Items sealed a second, keys of persons made and wrapped, without the database."""
    began, count = time.perf_counter(), 100_000
    for number in range(count // 2):
        key = ItemKey(os.urandom(32))
        for position, term in enumerate(TERMS):
            key.seal(b'"value@example.org"', number, position, binding("p", term, "policy", "version", "statement"))
    return count / (time.perf_counter() - began)


class Told(list[tuple[str, str]]):
    """What was measured; told at once on the standard error, too, as it takes a while."""

    def append(self, line: tuple[str, str]) -> None:
        """See list."""
        print(*line, sep=": ", file=sys.stderr, flush=True)
        super().append(line)


def measure(store: Store, people: People, file: Path, count: int) -> list[tuple[str, str]]:
    """Return what was measured."""
    vault = open_vault(store, people)
    told = Told()
    told.append(("items sealed a second, with a key derived for each two", f"{seals():,.0f}"))
    told.append(("durable collections of two items a second, one by one", f"{puts(vault):,.0f}"))
    ids = fill(vault, file, count)
    size = file.stat().st_size
    told.append((f"the database with {count:,} people", f"{size / 2**20:,.0f} MiB"))
    told.append(("items read and opened a second", f"{opens(vault, ids):,.0f}"))
    vault.ring.rotate()
    began = time.perf_counter()
    moved = 0
    while some := vault.rewrap():
        moved += some
    took = time.perf_counter() - began
    told.append(("keys of persons moved to a new epoch a second", f"{moved / took:,.0f}"))
    began = time.perf_counter()
    vault.ring.retire(1)
    told.append(
        ("destroying the old key, once it was seen that nobody needs it", f"{time.perf_counter() - began:.1f} s")
    )
    began, cpu = time.perf_counter(), time.process_time()
    erased = 0
    longest = 0.0
    with Peak() as peak:
        last = time.perf_counter()
        for entry in vault.erasing(ids, staff="bench", reason="measured"):
            erased += entry.persons
            longest, last = max(longest, time.perf_counter() - last), time.perf_counter()
        vault.scrub(rewrite=False)
    took = time.perf_counter() - began
    cpu = time.process_time() - cpu
    told.append((f"erasing {erased:,} people", f"{took:.0f} s"))
    told.append(("the processor's time of that", f"{cpu:.0f} s"))
    told.append(("the longest that others who write had to wait", f"{longest:.1f} s"))
    told.append(("memory that the process grew by meanwhile", f"{peak.grown / 2**20:,.0f} MiB"))
    began = time.perf_counter()
    vault.scrub(rewrite=True)
    told.append(("rewriting the database afterwards", f"{time.perf_counter() - began:.0f} s"))
    with store.read() as connection:
        left = connection.exec_driver_sql("SELECT count(*) FROM items").scalar_one()
    assert left == 2 * PUTS, left
    return told


def main() -> None:
    """Measure, and print the table."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    folder = Path(tempfile.mkdtemp(prefix="vault"))
    try:
        file = folder / "troth.db"
        with open_store(f"sqlite:///{file}", create=True) as store:
            told = measure(store, open_people(store, folder / "keys", Policy.read(EXAMPLE)), file, count)
    finally:
        shutil.rmtree(folder)
    print("## The vault\n")
    print(f"{count:,} people, SQLite with `synchronous=FULL`. {machine('sqlalchemy', 'cryptography')}\n")
    print("| | |\n|---|--:|")
    for what, value in told:
        print(f"| {what} | {value} |")


if __name__ == "__main__":
    main()
