"""The record at size: proofs a second, signing, verification of the whole log, and memory.

python bench/record_proofs.py [ENTRIES]     (1,000,000 if not given)
"""

import hashlib
import os
import platform
import random
import resource
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

from troth.record.canonical import encode
from troth.record.keys import create_keys
from troth.record.log import Log, open_log
from troth.record.pinned import read_pinned
from troth.record.publishing import ADD_VERSION
from troth.record.verification import verify_record
from troth.record.verifier import hash_leaf, verify_log, verify_receipt
from troth.store import Unit, open_store

BATCH = 2000


def fill(log: Log, entries: int) -> None:
    """Publications without end, each an entry as real ones are, in large transactions."""

    def batch(unit: Unit) -> None:
        for _ in range(BATCH):
            number = unit._first + len(unit._leaves)
            source = b"policy: %d" % number
            body = {
                "policy": "p",
                "version": f"v{number}",
                "effective": "1970-01-01T00:00:00Z",
                "title": "Privacy policy",
            }
            body |= {"sha256": hashlib.sha256(source).hexdigest()}
            entry = encode({"kind": "published", "event": f"{number:032x}", "at": "2015-12-31T00:00:00Z", **body})
            leaf = unit.append(entry, hash_leaf(entry))
            row = {**body, "effective": 0, "source": source, "published_at": 0, "leaf": leaf}
            unit.change(ADD_VERSION, row)

    for _ in range(entries // BATCH):
        log.store.write(batch)


def main(entries: int = 1_000_000) -> None:
    """Print a table."""
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, ", end="")
    print(f"SQLite {sqlite3.sqlite_version}, {entries:,} entries\n\n| what | measured |\n|---|---:|")

    def show(what: str, value: str) -> None:
        print(f"| {what} | {value} |", flush=True)

    with tempfile.TemporaryDirectory(dir=os.environ.get("TROTH_BENCH_DIR")) as folder:
        create_keys(Path(folder) / "keys", "example.org/log")
        with open_store(f"sqlite:///{folder}/troth.db", create=True) as store:
            log = open_log(store, Path(folder) / "keys")
            fill(log, entries)
            start = time.perf_counter()
            head = log.sign().head
            show("sign for all of them at once", f"{time.perf_counter() - start:.1f} s")
            fill(log, BATCH)
            start = time.perf_counter()
            head = log.sign().head
            show(f"sign for {BATCH:,} more", f"{1000 * (time.perf_counter() - start):.1f} ms")
            chance = random.Random(1)
            tree = log.tree(head.size)
            for what, spread in (("anywhere in the log", head.size), ("among the last 20,000", 20_000)):
                indices = [head.size - 1 - chance.randrange(spread) for _ in range(5000)]
                start = time.perf_counter()
                for index in indices:
                    tree.inclusion(index)
                show(f"inclusion proofs, {what}", f"{len(indices) / (time.perf_counter() - start):,.0f} /s")
            olds = [chance.randrange(1, head.size) for _ in range(2000)]
            start = time.perf_counter()
            for old in olds:
                tree.consistency(old)
            show("consistency proofs", f"{len(olds) / (time.perf_counter() - start):,.0f} /s")
            start = time.perf_counter()
            receipts = [log.receipt(head.size - 1 - chance.randrange(20_000)) or b"" for _ in range(1000)]
            show("receipts, from the database to the file", f"{1000 / (time.perf_counter() - start):,.0f} /s")
            start = time.perf_counter()
            for receipt in receipts:
                verify_receipt(receipt, log.keys.trusted)
            show("receipts verified", f"{1000 / (time.perf_counter() - start):,.0f} /s")
            start = time.perf_counter()
            verify_log(lambda path: log.resource(path) or b"", log.keys.trusted)
            show("verify all as a stranger does", f"{time.perf_counter() - start:.1f} s")
            start = time.perf_counter()
            verify_record(log, log.keys.trusted, read_pinned(log.folder, log.keys))
            show("verify all as the keeper does", f"{time.perf_counter() - start:.1f} s")
        size = (Path(folder) / "troth.db").stat().st_size
        show("database", f"{size / 2**20:,.0f} MiB")
        show("most memory in use", f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
