"""What every test of durability writes, and how it is judged: no acknowledged write lost, log and database agree."""

import hashlib
import json
import os
import select
import signal
from collections.abc import Callable, Iterable
from pathlib import Path

from sqlalchemy import bindparam, create_engine, text

from troth.store import Unit
from troth.store.schema import openings

ADD = openings.insert().values({name: bindparam(name) for name in ("event", "leaf", "person", "sealed")})


def killed_under_load(load: Callable[[int], object], after: int) -> list[str]:
    """Fork, kill the child once it acknowledged `after` lines or a moment later; the lines that it acknowledged.

    `load` runs in the child until it is killed, and writes a line to the file descriptor for what is acknowledged.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            load(writing)
        finally:
            os._exit(1)
    os.close(writing)
    told = b""
    while told.count(b"\n") < after:
        part = os.read(reading, 65536)
        assert part, "the child ended by itself"
        told += part
    os.kill(child, signal.SIGKILL)
    while select.select([reading], [], [])[0]:
        part = os.read(reading, 65536)
        if not part:
            break
        told += part
    os.close(reading)
    os.waitpid(child, 0)
    return told.decode().split("\n")[:-1]


def entry_of(key: str) -> bytes:
    """The record entry of a write."""
    return json.dumps({"event": key}).encode()


def write_of(key: str, padding: int = 40) -> Callable[[Unit], int]:
    """A unit of work: a change, its record entry, its message."""

    def work(unit: Unit) -> int:
        entry = entry_of(key)
        index = unit.append(entry, hashlib.sha256(b"\x00" + entry).digest())
        unit.change(ADD, {"event": key, "leaf": index, "person": None, "sealed": b"x" * padding})
        unit.send("written", key)
        return index

    return work


def judge(url: str, acknowledged: Iterable[str]) -> list[str]:
    """The keys that are there, in the order of the record; AssertionError if anything is lost, half, or out of step."""
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            assert connection.execute(text("PRAGMA integrity_check")).scalar() == "ok"
        leaves = connection.execute(text('SELECT "index", hash, entry FROM leaves ORDER BY "index"')).all()
        changes = dict(connection.execute(text("SELECT leaf, event FROM openings")).all())
        messages = [key for (key,) in connection.execute(text("SELECT body FROM outbox ORDER BY id"))]
    engine.dispose()
    assert [index for index, _, _ in leaves] == list(range(len(leaves))), "a gap among the indices"
    for _, leaf_hash, entry in leaves:
        assert hashlib.sha256(b"\x00" + bytes(entry)).digest() == bytes(leaf_hash)
    keys = [json.loads(bytes(entry))["event"] for _, _, entry in leaves]
    assert changes == dict(enumerate(keys)), "the changes are not those in the record"
    assert messages == keys, "the messages are not those of the record"
    lost = set(acknowledged) - set(keys)
    assert not lost, f"acknowledged and lost: {sorted(lost)[:5]}"
    return keys


def sqlite_url(folder: Path) -> str:
    """The URL of a store in that folder."""
    return f"sqlite:///{folder}/troth.db"
