"""The gates: durable collections a second beside bare inserts of the same rows, and the release of many values.

    python -m bench.gates              100,000 persons
    python -m bench.gates 10000        fewer

A collection is a whole one: decided field by field, entry in the record, sealed opening, sealed items, on the disk.
Bare is the very same rows, copied to an empty database of the same schema by the driver alone, in transactions of the
same size. A release is decided value by value, opened, and counted durably.
"""

from __future__ import annotations

import os
import resource
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from bench.machine import machine
from troth.decision.point import DecisionPoint
from troth.gates.collect import AT_ONCE, Collecting, Submission
from troth.gates.use import Purpose, Segment, Using
from troth.people import ChoiceIndex, open_people
from troth.policy.history import Policy
from troth.store import open_store
from troth.vault import open_vault

EXAMPLE = Path(__file__).parent.parent / "examples" / "citrix-online"
ROUNDS, EACH, WRITERS = 5, 4000, 32
TABLES = ("leaves", "openings", "items", "persons", "identifiers", "person_links")
HASH = "$scrypt$ln=14,r=8,p=1$c2FsdHNhbHQ$ZGlnZXN0ZGlnZXN0"


def submission(number: int) -> Submission:
    """A registration: four fields, all required."""
    address = f"person{number}@example.org"
    fields = {"identity.name": f"Person {number}", "contact.email": address, "account.id": address}
    fields["account.password"] = HASH
    return Submission(statement="registration", fields=fields, product="gototraining", moment="trial")


def timed(work: Callable[[], object]) -> float:
    """Seconds that it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def copied(source: Path, target: Path, first: int, chunk: int) -> tuple[int, float]:
    """Insert the rows that came since leaf `first` into another database by the driver alone; how many, how long."""
    with sqlite3.connect(source) as reading:
        since = {
            "leaves": 'SELECT * FROM leaves WHERE "index" >= ?', "openings": "SELECT * FROM openings WHERE leaf >= ?",
            "items": "SELECT * FROM items WHERE leaf >= ?",
            "person_links": "SELECT * FROM person_links WHERE leaf >= ?",
            "persons": "SELECT p.* FROM persons p JOIN person_links l ON l.person = p.id WHERE l.leaf >= ?",
            "identifiers": "SELECT i.* FROM identifiers i JOIN person_links l ON l.person = i.person WHERE l.leaf >= ?",
        }  # fmt: skip
        rows = {table: reading.execute(sql, (first,)).fetchall() for table, sql in since.items()}
    reading.close()
    count = sum(map(len, rows.values()))
    writing = sqlite3.connect(target, isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON"):
        writing.execute(f"PRAGMA {pragma}")
    submissions = len(rows["leaves"]) // 2  # each is two entries: the person, and the collection
    began = time.perf_counter()
    for start in range(0, submissions, chunk):
        writing.execute("BEGIN IMMEDIATE")
        for table, several in rows.items():
            each = -(-len(several) // submissions)
            some = several[start * each : (start + chunk) * each]
            if some:
                marks = ", ".join("?" * len(some[0]))
                writing.executemany(f"INSERT INTO {table} VALUES ({marks})", some)
        writing.execute("COMMIT")
    seconds = time.perf_counter() - began
    writing.close()
    return count, seconds


def main(persons: int = 100_000) -> None:
    """Measure and print the tables in Markdown."""
    policy = Policy.read(EXAMPLE)
    point = DecisionPoint(policy)
    with tempfile.TemporaryDirectory() as folder:
        file, bare = Path(folder) / "troth.db", Path(folder) / "bare.db"
        with open_store(f"sqlite:///{bare}", create=True):
            pass
        with open_store(f"sqlite:///{file}", create=True) as store:
            people = open_people(store, Path(folder) / "keys", policy)
            vault = open_vault(store, people)
            collecting = Collecting(vault, point)
            ours, theirs, rows = [], [], 0
            number = 0
            for _ in range(ROUNDS):
                first = _size(file)
                some = [submission(number + n) for n in range(EACH)]
                number += EACH
                ours.append(EACH / timed(lambda some=some: collecting.collect_many(some)))
                rows, seconds = copied(file, bare, first, AT_ONCE)
                theirs.append(EACH / seconds)
            alone = _threads(collecting, 1, 300, number)
            number += 300
            together = _threads(collecting, WRITERS, 40, number)
            number += WRITERS * 40
            while number < persons:
                collecting.collect_many([submission(number + n) for n in range(min(10_000, persons - number))])
                number += 10_000
            index = ChoiceIndex(people, point, limit=1e9)
            using = Using(vault, point, index)
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            began, released, after = time.perf_counter(), 0, None
            data = ("identity.name", "contact.email", "account.id")
            wanted = Purpose(purpose="service.account", data=data, product="gototraining")
            asked = 0
            while True:
                used = using.use(wanted, Segment(after=after, limit=1000))
                released += sum(len(one.values) for one in used.persons)
                asked += len(used.persons)
                after = used.next
                if after is None or asked >= persons:
                    break
            seconds = time.perf_counter() - began
            grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
            index.close()
    print("## The gates\n")
    print(f"SQLite with `synchronous=FULL`. {machine('sqlalchemy', 'cryptography')}\n")
    print(
        f"Collections of four fields, {AT_ONCE} in a transaction. One is {rows / EACH:.0f} rows: entry, sealed opening,"
    )
    print(
        "the items, and for a new person those of person and identifier. Bare is the same rows by the driver alone.\n"
    )
    print("| | collections/s | rows/s | of bare |")
    print("|---|--:|--:|--:|")
    share, each = median(o / t for o, t in zip(ours, theirs, strict=True)), rows / EACH
    print(f"| in groups of {AT_ONCE} | {median(ours):,.0f} | {median(ours) * each:,.0f} | {share:.0%} |")
    print(f"| bare, in groups of {AT_ONCE} | {median(theirs):,.0f} | {median(theirs) * each:,.0f} | 100% |")
    print(f"| one by one | {alone:,.0f} | {alone * each:,.0f} | |")
    print(f"| {WRITERS} threads, one each | {together:,.0f} | {together * each:,.0f} | |\n")
    print("| | |")
    print("|---|--:|")
    print(f"| release of {asked:,} persons × 3 values, in pages of 1,000 | {seconds:.1f} s |")
    print(f"| values a second | {released / seconds:,.0f} |")
    print(f"| memory that it took beyond what was there | {grown:.0f} MiB |")


def _threads(collecting: Collecting, threads: int, each: int, first: int) -> float:
    def write(thread: int) -> None:
        for number in range(each):
            collecting.collect(submission(first + thread * each + number))

    workers = [threading.Thread(target=write, args=(thread,)) for thread in range(threads)]
    return threads * each / timed(lambda: [*map(threading.Thread.start, workers), *map(threading.Thread.join, workers)])


def _size(file: Path) -> int:
    with sqlite3.connect(file) as connection:
        size = connection.execute('SELECT coalesce(max("index") + 1, 0) FROM leaves').fetchone()[0]
    connection.close()
    return int(size)


if __name__ == "__main__":
    os.environ.setdefault("PYTHONHASHSEED", "0")
    main(*(int(argument) for argument in sys.argv[1:2]))
