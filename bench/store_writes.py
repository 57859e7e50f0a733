"""Durable writes a second: Troth's store beside the bare database doing the same two inserts on the same schema.

    python bench/store_writes.py

PostgreSQL is measured on a server of its own, started in a temporary folder, where it is installed.
One write is a change and its record entry. Bare and Troth take turns in one run, so a noisy disk is noisy for both;
shown is the median of the rounds. Every commit is on the disk before it counts (SQLite: WAL, synchronous=FULL).
"""

import asyncio
import contextlib
import hashlib
import os
import platform
import secrets
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import bindparam

from troth.store import Store, Unit, open_store
from troth.store.engine import SQLITE_PRAGMAS, read_url
from troth.store.schema import openings

ROUNDS, ONE_BY_ONE, WRITERS, EACH = 15, 100, 64, 25
ENTRY = b'{"at":"2015-12-31T00:00:00Z","event":"%032x","kind":"published","value":"' + b"c" * 64 + b'"}'
ADD = openings.insert().values({name: bindparam(name) for name in ("event", "leaf", "person", "sealed")})
SEALED = secrets.token_bytes(120)
CHANGE_SQL = "INSERT INTO openings (event, leaf, person, sealed) VALUES (?, ?, ?, ?)"
LEAF_SQL = 'INSERT INTO leaves ("index", hash, entry, at) VALUES (?, ?, ?, ?)'
HASH = hashlib.sha256(ENTRY).digest()


class Bare:
    """The two inserts with nothing around them, on a database of the same schema."""

    def __init__(self, url: str) -> None:
        open_store(url, create=True).close()
        self.next = 0
        self.sqlite = url.startswith("sqlite")
        if self.sqlite:
            self.connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
            for name, value in SQLITE_PRAGMAS.items():
                self.connection.execute(f"PRAGMA {name}={value}")
            self.change, self.leaf = CHANGE_SQL, LEAF_SQL
        else:
            import psycopg

            parsed = read_url(url).set(drivername="postgresql")
            self.connection = psycopg.connect(parsed.render_as_string(hide_password=False), autocommit=True)
            self.change, self.leaf = (sql.replace("?", "%s") for sql in (CHANGE_SQL, LEAF_SQL))
        self.cursor = self.connection.cursor()

    def group(self, size: int) -> None:
        """`size` writes in one commit."""
        execute = self.cursor.execute
        execute("BEGIN IMMEDIATE" if self.sqlite else "BEGIN")
        for _ in range(size):
            number = self.next
            self.next += 1
            execute(self.change, (f"{number:032x}", number, None, SEALED))
            execute(self.leaf, (number, HASH, ENTRY % number, number))
        execute("COMMIT")


class Ours:
    """The same through the store, which also hashes the entry and gives out the index."""

    def __init__(self, url: str) -> None:
        self.store: Store = open_store(url, create=True)
        self.next = 0

    def work(self) -> Callable[[Unit], int]:
        """One write."""
        number = self.next
        self.next += 1

        def work(unit: Unit) -> int:
            entry = ENTRY % number
            index = unit.append(entry, hashlib.sha256(b"\x00" + entry).digest())
            unit.change(ADD, {"event": f"{number:032x}", "leaf": index, "person": None, "sealed": SEALED})
            return index

        return work

    def threads(self) -> None:
        """64 threads, each writing one after the other."""

        def load() -> None:
            for _ in range(EACH):
                self.store.write(self.work())

        threads = [threading.Thread(target=load) for _ in range(WRITERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def tasks(self) -> None:
        """64 tasks of an event loop, each writing one after the other, as the server does."""

        async def load() -> None:
            for _ in range(EACH):
                await self.store.write_async(self.work())

        async def main() -> None:
            await asyncio.gather(*(load() for _ in range(WRITERS)))

        asyncio.run(main())


def rate(run: Callable[[], object], writes: int) -> float:
    """Writes a second."""
    start = time.perf_counter()
    run()
    return writes / (time.perf_counter() - start)


def measure(bare: Bare, ours: Ours) -> dict[str, list[float]]:
    """The rates of every round."""
    found: dict[str, list[float]] = {}
    for turn in range(ROUNDS):
        runs = (
            ("one by one, bare", lambda: [bare.group(1) for _ in range(ONE_BY_ONE)], ONE_BY_ONE),
            ("one by one, Troth", lambda: [ours.store.write(ours.work()) for _ in range(ONE_BY_ONE)], ONE_BY_ONE),
            ("groups of 64, bare", lambda: [bare.group(WRITERS) for _ in range(EACH)], WRITERS * EACH),
            ("64 writers, tasks, Troth", ours.tasks, WRITERS * EACH),
            ("64 writers, threads, Troth", ours.threads, WRITERS * EACH),
        )
        for name, run, writes in runs if turn % 2 else reversed(runs):  # nobody always comes after the same one
            found.setdefault(name, []).append(rate(run, writes))
    return found


def main() -> None:
    """Print a table for SQLite, and for PostgreSQL where it is installed."""
    sys.path.append(str(Path(__file__).parents[1] / "tests"))
    from postgres_cluster import installed, running_cluster

    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(dir=os.environ.get("TROTH_BENCH_DIR")))
        targets = [
            ("SQLite " + sqlite3.sqlite_version, *(f"sqlite:///{Path(folder)}/{n}.db" for n in ("bare", "ours")))
        ]
        if installed():
            cluster = stack.enter_context(running_cluster())
            targets.append(("PostgreSQL " + cluster.version(), cluster.url(), cluster.url()))
        else:
            print("PostgreSQL was left out: it is not installed.\n")
        print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
        print("| database | what | writes/s | rows/s | of bare |\n|---|---|---:|---:|---:|")
        for name, bare_url, our_url in targets:
            bare, ours = Bare(bare_url), Ours(our_url)
            rates = {what: statistics.median(values) for what, values in measure(bare, ours).items()}
            for what, value in sorted(rates.items(), key=lambda rate: (rate[0][:3] != "one", rate[0])):
                base = rates["one by one, bare" if what.startswith("one") else "groups of 64, bare"]
                print(f"| {name} | {what} | {value:,.0f} | {2 * value:,.0f} | {value / base:.0%} |")
            ours.store.close()
            bare.connection.close()


if __name__ == "__main__":
    main()
