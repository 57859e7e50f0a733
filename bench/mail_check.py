"""Verdicts on recipients of mail a second, with a million suppressed addresses, beside one read of as many keys.

    python -m bench.mail_check              1,000,000 suppressed addresses
    python -m bench.mail_check 10000        fewer

Each batch is a mixture: suppressed addresses, people who refused, people who may get it, and addresses that nobody has.
A verdict is a whole one: hashed, read from the store, decided by the policy, and for who may get it with the links, the
header lines, the footer and the envelope sender. Bare is the read of the same keys from the same table alone.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

from bench.machine import machine
from troth.decision.point import DecisionPoint
from troth.gates.mail.deciding.mailing import Mailing
from troth.gates.mail.streams import read_streams
from troth.people import Identifier, People, open_people
from troth.people.keys import IndexKey
from troth.people.suppressions import ADD, CHOICE, blind_address, hidden, read_suppressed
from troth.policy.history import Policy
from troth.store import Store, Unit, open_store
from troth.store.schema import to_micros

EXAMPLE = Path(__file__).parent.parent / "examples" / "citrix-online"
PERSONS, AT_ONCE = 2_000, 20_000


def address(number: int) -> str:
    """An address of somebody who is suppressed."""
    return f"suppressed{number}@example.org"


def timed(work: Callable[[], object]) -> float:
    """Seconds that it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def fill(store: Store, people: People, count: int) -> float:
    """Suppress that many addresses; seconds."""
    began = time.perf_counter()
    for start in range(0, count, AT_ONCE):
        store.write(partial(add, key=people.key, numbers=range(start, min(start + AT_ONCE, count))))
    return time.perf_counter() - began


def add(unit: Unit, key: IndexKey, numbers: range) -> None:
    """Suppress some of them, in one unit of work."""
    rest = {"scope": f"{CHOICE}marketing", "reason": "opt-out", "source": "import", "since": to_micros(unit.at)}
    for number in numbers:
        unit.change(ADD, {"address": hidden(key, blind_address(key, address(number))), **rest})


def batch(size: int, count: int, turn: int) -> list[str]:
    """Recipients, a quarter of each sort, and others in each turn."""
    quarter = size // 4
    step = max(1, count // quarter)
    found = [address((turn * 7919 + number * step) % count) for number in range(quarter)]
    found += [f"out{(turn * quarter + number) % PERSONS}@example.org" for number in range(quarter)]
    found += [f"in{(turn * quarter + number) % PERSONS}@example.org" for number in range(quarter)]
    return found + [f"nobody{turn}.{number}@example.org" for number in range(size - 3 * quarter)]


def read(store: Store, keys: list[bytes]) -> None:
    """The bare read."""
    with store.glance() as glance:
        read_suppressed(glance, keys)


def main(count: int = 1_000_000) -> None:
    """Print the tables."""
    policy = Policy.read(EXAMPLE)
    with tempfile.TemporaryDirectory() as folder, open_store(f"sqlite:///{folder}/troth.db", create=True) as store:
        people = open_people(store, Path(folder) / "keys", policy)
        mailing = Mailing(people, DecisionPoint(policy), read_streams(None, policy), "https://privacy.example.org")
        stream = mailing.streams["newsletter"]
        took = fill(store, people, count)
        for number in range(PERSONS):
            people.know(Identifier("email", f"in{number}@example.org"))
            people.choose(Identifier("email", f"out{number}@example.org"), {"marketing": "out"}, how="page")
        size = Path(folder, "troth.db").stat().st_size / 1e6
        print(f"\n### Verdicts on mail, {count:,} suppressed addresses ({machine()})\n")
        print(f"Filled in {took:.0f} s; the database has {size:,.0f} MB.\n")
        print("| recipients at once | verdicts/s | median of a call | with links | one read of as many keys |")
        print("|---:|---:|---:|---:|---:|")
        for many in (1, 100, 1_000, 10_000):
            rounds = max(3, min(200, 20_000 // many))
            calls, offers, bare = [], [], []
            for turn in range(rounds):
                asked = batch(many, count, turn) if many >= 4 else [address(turn * 7919 % count)]
                calls.append(timed(partial(mailing.outcomes, stream.id, asked)))
                known = [one for one in asked if not one.startswith("nobody")]
                offers.append(timed(partial(mailing.verdicts, stream, known)))
                keys = [hidden(people.key, blind_address(people.key, one)) for one in asked]
                bare.append(timed(partial(read, store, keys)))
            one, other, alone = median(calls), median(offers), median(bare)
            cells = (f"{many:,}", f"{many / one:,.0f}", *(f"{took * 1000:.2f} ms" for took in (one, other, alone)))
            print(f"| {' | '.join(cells)} |")
    print(f"\nLargest memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB.")


if __name__ == "__main__":
    main(*(int(one) for one in sys.argv[1:]))
