"""The choices of a million people: memory and look-ups in the decision point, and durable choices a second.

    python -m bench.people_choices             with 1,000,000 people
    python -m bench.people_choices 100000      with fewer

Memory is what the process grows by (resident set) when the index is read from a store that holds that many people, the
policy being the flagship with its choices. A durable choice is a whole one: history, current state, entry, sealed
opening and message, on the disk, and read back into the index.
"""

from __future__ import annotations

import gc
import os
import random
import sqlite3
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import median

from bench.machine import machine
from troth.decision.point import DecisionPoint
from troth.people import ChoiceIndex, Identifier, People, open_people
from troth.policy.history import Policy
from troth.store import open_store

EXAMPLE = Path(__file__).parent.parent / "examples" / "citrix-online"
LOOKUPS, ROUNDS, ONE_BY_ONE, WRITERS, EACH = 100_000, 5, 150, 32, 30


def resident() -> int:
    """Return the bytes of memory that the process has."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def fill(file: Path, count: int, choices: list[str]) -> list[str]:
    """Put that many people with one choice each into the store; some of their ids."""
    chance = random.Random(1)
    ids = [f"{chance.getrandbits(128):032x}" for _ in range(count)]
    rows = ((id, chance.choice(choices), chance.choice(["in", "out"])) for id in ids)
    sql = "INSERT INTO choices (person, choice, state, leaf, made_at, version, actor, how) VALUES (?, ?, ?, 0, 0, '2015-12-31', 'person', 'page')"  # noqa: E501
    with sqlite3.connect(file) as connection:
        connection.executemany(sql, rows)
    connection.close()
    return chance.sample(ids, min(LOOKUPS, count))


def lookups(index: ChoiceIndex, ids: list[str]) -> float:
    """Return the microseconds of CPU time of one look-up."""
    times = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for id in ids:
            index.choices(id)
        times.append((time.process_time() - began) / len(ids))
    return median(times) * 1e6


def durable(people: People, writers: int, each: int) -> float:
    """Return the durable choices a second of so many threads."""

    def write(writer: int) -> None:
        who = Identifier("account", f"bench {writer}")
        for number in range(each):
            people.choose(who, {"marketing": "out" if number % 2 else "in"}, how="page")

    for writer in range(writers):
        people.choose(Identifier("account", f"bench {writer}"), {"marketing": "in"}, how="page")
    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(writers)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return writers * each / (time.perf_counter() - began)


def main(count: int = 1_000_000) -> None:
    """Measure and print the table in Markdown."""
    policy = Policy.read(EXAMPLE)
    point = DecisionPoint(policy)
    names = [choice.id for choice in policy.versions[-1].choices]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "troth.db"
        with open_store(f"sqlite:///{file}", create=True) as store:
            people = open_people(store, Path(folder) / "keys", policy)
            ids = fill(file, count, names)
            before = resident()
            began = time.perf_counter()
            index = ChoiceIndex(people, point, limit=1e9)
            loading = time.perf_counter() - began
            grown = resident() - before
            one = lookups(index, ids)
            decide = point.decide
            began = time.process_time()
            for id in ids:
                decide(action="use", data="contact.email", purpose="marketing.own", choices=index.choices(id))
            decided = (time.process_time() - began) / len(ids) * 1e6
            alone, together = durable(people, 1, ONE_BY_ONE), durable(people, WRITERS, EACH)
            million = index.bytes / index.persons * 1e6 / 1e6
    print("## People and their choices\n")
    print(f"{count:,} people, SQLite with `synchronous=FULL`. {machine('sqlalchemy', 'cryptography')}\n")
    print("| | |")
    print("|---|--:|")
    print(f"| choices in memory, by the size of the table, MB per million people | {million:.1f} |")
    print(f"| the same, by what the process grew | {grown / count:.1f} |")
    print(f"| reading them from the store, once, at the start | {loading:.1f} s |")
    print(f"| looking up the choices of a person | {one:.2f} µs |")
    print(f"| looking them up and deciding | {decided:.2f} µs |")
    print(f"| durable choices a second, one by one | {alone:,.0f} |")
    print(f"| durable choices a second, {WRITERS} threads | {together:,.0f} |")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:2]))
