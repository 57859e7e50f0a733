"""How long it takes to find everybody who may be mailed, in a store that holds the address of a million people.

Everybody has an address, collected under one of two versions of the flagship's policy; half chose something; one in
twenty agreed to the present version; one in fifty addresses is past its end. All pages of 10,000 are read one after the
other, as a mailer would, and once more by the decision point person by person, which has to find the same.

    python -m bench.subject_search            a million people
    python -m bench.subject_search 100000     a quick look
"""

from __future__ import annotations

import gc
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from bench.machine import machine
from troth.decision.point import DecisionPoint
from troth.gates.search import MOST_PERSONS, search
from troth.people import ChoiceIndex, open_people
from troth.people.changes import ACCEPTED
from troth.policy.history import Policy
from troth.store import open_store
from troth.store.schema import to_micros

EXAMPLE = Path(__file__).parent.parent / "examples" / "citrix-online"
ROUNDS = 3
NOW = datetime(2026, 5, 1, tzinfo=UTC)
QUESTION = {"purpose": "marketing.own", "data": "contact.email", "product": "gototraining"}
ITEM = (
    "INSERT INTO items (leaf, position, person, sealed_for, data, statement, policy, version, product, collected_at, "
    "keeps, expires_at, blind, sealed) VALUES (?, 0, ?, ?, 'contact.email', 'registration', 'citrix-online', ?, "
    "'gotomeeting', 0, 'account + 24 months', ?, NULL, ?)"
)
CHOICE = (
    "INSERT INTO choices (person, choice, state, leaf, made_at, version, actor, how) "
    "VALUES (?, ?, ?, 0, 0, ?, 'person', 'page')"
)

Held = tuple[str, str, int | None, dict[str, str], str | None]


def fill(file: Path, count: int, policy: Policy) -> list[Held]:
    """Put that many people with an address each into the store; what there is to know of each, in order of the ids."""
    chance = random.Random(1)
    names = [choice.id for choice in policy.versions[-1].choices]
    versions = [version.id for version in policy.versions[-2:]]
    ends = (to_micros(NOW - timedelta(days=1)), to_micros(NOW + timedelta(days=300)), None)
    held: list[Held] = []
    for _ in range(count):
        made = {chance.choice(names): chance.choice(["in", "out"])} if chance.random() < 0.5 else {}
        agreed = versions[-1] if chance.random() < 0.05 else None
        end = ends[0] if chance.random() < 0.02 else chance.choice(ends[1:])
        held.append((f"{chance.getrandbits(128):032x}", chance.choice(versions), end, made, agreed))
    with sqlite3.connect(file) as connection:
        rows = ((leaf, one[0], one[0], one[1], one[2], b"\0" * 48) for leaf, one in enumerate(held))
        connection.executemany(ITEM, rows)
        said = ((one[0], name, state, versions[-1]) for one in held for name, state in one[3].items())
        connection.executemany(CHOICE, said)
        connection.executemany(CHOICE, ((one[0], ACCEPTED, "in", one[4]) for one in held if one[4]))
    connection.close()
    return sorted(held)


def pages(point: DecisionPoint, index: ChoiceIndex) -> Iterator[tuple[str, ...]]:
    """All pages, one after the other."""
    after = None
    while True:
        found = search(point, index, **QUESTION, at=NOW, after=after, limit=MOST_PERSONS)
        yield found.persons
        if found.next is None:
            return
        after = found.next


def one_by_one(point: DecisionPoint, held: list[Held]) -> list[str]:
    """The same by the decision point, person by person."""
    found = []
    for person, version, end, made, agreed in held:
        decision = point.decide(
            action="use", choices=made, at=NOW, collected_under=version, accepted=agreed, **QUESTION,
            expires=None if end is None else datetime.fromtimestamp(end / 1e6, UTC),
        )  # fmt: skip
        if decision.allowed:
            found.append(person)
    return found


def main(count: int = 1_000_000) -> None:
    """Measure and print the table in Markdown."""
    policy = Policy.read(EXAMPLE)
    point = DecisionPoint(policy)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "troth.db"
        with open_store(f"sqlite:///{file}", create=True) as store:
            people = open_people(store, Path(folder) / "keys", policy)
            held = fill(file, count, policy)
            index = ChoiceIndex(people, point, limit=1e9)
            gc.freeze()  # as the server does when it has started
            took, busy, longest = [], [], 0.0
            for _ in range(ROUNDS):
                found: list[str] = []
                began, began_busy = time.perf_counter(), time.process_time()
                last = began
                for page in pages(point, index):
                    found += page
                    longest = max(longest, time.perf_counter() - last)
                    last = time.perf_counter()
                took.append(time.perf_counter() - began)
                busy.append(time.process_time() - began_busy)
            began = time.perf_counter()
            wanted = one_by_one(point, held)
            alone = time.perf_counter() - began
            if found != wanted:
                raise SystemExit("the search and the decision point do not agree")
    scale = 1e6 / count
    print("## Who may be mailed\n")
    print(f"{count:,} people with an address, of whom {len(found):,} may be mailed; SQLite.", end=" ")
    print(f"{machine('sqlalchemy')}\n")
    print("| | seconds per million people |")
    print("|---|--:|")
    print(f"| all pages of {MOST_PERSONS:,}, the median of {ROUNDS} rounds | {median(took) * scale:.2f} |")
    print(f"| the same in CPU time | {median(busy) * scale:.2f} |")
    print(f"| the decision point alone, person by person, without reading anything | {alone * scale:.2f} |")
    print(f"\nThe longest wait for a page was {longest * 1000:.0f} ms.")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:2]))
