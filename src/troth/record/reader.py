"""Read the record: tiles, entries, checkpoints and proofs, as the store holds them and as `/log/` serves them.

The paths are those of c2sp.org/tlog-tiles. Only what a signed checkpoint covers is shown.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Connection, bindparam, func, select

from troth.record.receipt import write_receipt
from troth.record.tree import TileCache, Tree
from troth.record.verifier import TILE, Checkpoint, parse_checkpoint, tile_path, tile_root
from troth.store import Store
from troth.store.schema import checkpoints, from_micros, leaves, tiles

_PATH = re.compile(r"tile/(entries|0|[1-9][0-9]?)/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?\Z")
_RANGE = leaves.c["index"].between(bindparam("first"), bindparam("last"))

COUNT = select(func.coalesce(func.max(leaves.c["index"]) + 1, 0))
LATEST = select(checkpoints.c.note, checkpoints.c.at).order_by(checkpoints.c.size.desc()).limit(1)
ENTRY = select(leaves.c.entry).where(leaves.c["index"] == bindparam("index"))
ENTRIES = select(leaves.c.entry).where(_RANGE).order_by(leaves.c["index"])
HASHES = select(leaves.c.hash).where(_RANGE).order_by(leaves.c["index"])
STORED_TILE = select(tiles.c.hashes).where(tiles.c.level == bindparam("level"), tiles.c["index"] == bindparam("index"))
STORED_ROOTS = (
    select(tiles.c["index"], tiles.c.root)
    .where(tiles.c.level == bindparam("level"), tiles.c["index"].between(bindparam("first"), bindparam("last")))
    .order_by(tiles.c["index"])
)


class SignedCheckpoint(msgspec.Struct, frozen=True):
    """A checkpoint as it was signed, and when."""

    head: Checkpoint
    note: bytes
    at: datetime


class RecordReader:
    """The record in `store`. Needs no key."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._kept: TileCache = TileCache()

    def size(self) -> int:
        """How many entries the record has, also those that no checkpoint covers yet."""
        with self.store.read() as connection:
            return int(connection.execute(COUNT).scalar_one())

    def latest(self) -> SignedCheckpoint | None:
        """The latest checkpoint, or None if none was signed yet."""
        with self.store.read() as connection:
            row = connection.execute(LATEST).first()
        if row is None:
            return None
        head = parse_checkpoint(bytes(row.note).decode().partition("\n\n")[0] + "\n")
        return SignedCheckpoint(head, bytes(row.note), from_micros(row.at))

    def entry(self, index: int) -> bytes | None:
        """The bytes of an entry, or None."""
        with self.store.read() as connection:
            row = connection.execute(ENTRY, {"index": index}).first()
        return None if row is None else bytes(row.entry)

    def resource(self, path: str) -> bytes | None:
        """What a log serves under `checkpoint` or `tile/…`; None where it serves nothing.

        Everything under `tile/` never changes once it is there; `checkpoint` does.
        """
        latest = self.latest()
        if latest is None:
            return None
        if path == "checkpoint":
            return latest.note
        wanted = _PATH.match(path)
        if wanted is None:
            return None
        level, digits, partial = wanted.groups()
        number, width = int(digits.replace("/", "").replace("x", "")), int(partial or TILE)
        height = 0 if level == "entries" else int(level)
        if height > 7 or tile_path(level, number, width) != path:  # eight levels hold 2**64 leaves
            return None
        if number * TILE + width > latest.head.size >> (8 * height):
            return None
        with self.store.read() as connection:
            if level == "entries":
                return _bundle(connection, number, width)
            return read_tile(connection, height, number, width)

    def tree(self, size: int) -> Tree:
        """The tree of the first `size` entries, for proofs."""

        def read(level: int, index: int, width: int) -> bytes:
            with self.store.read() as connection:
                return read_tile(connection, level, index, width)

        return Tree(read, size, kept=self._kept)

    def receipt(self, index: int) -> bytes | None:
        """The `.tlog-proof` of an entry under the latest checkpoint; None if no checkpoint covers it yet."""
        latest = self.latest()
        if latest is None or not 0 <= index < latest.head.size:
            return None
        return write_receipt(index, self.tree(latest.head.size).inclusion(index), latest.note, self.entry(index))


def read_tile(connection: Connection, level: int, index: int, width: int) -> bytes:
    """The hashes of a tile, one after the other; a tile that is not stored is made from what is below it."""
    row = connection.execute(STORED_TILE, {"level": level, "index": index}).first()
    if row is not None:
        return bytes(row.hashes)[: 32 * width]
    first = index * TILE
    span = {"first": first, "last": first + width - 1}
    if level == 0:
        hashes = [bytes(row.hash) for row in connection.execute(HASHES, span)]
    else:
        stored = connection.execute(STORED_ROOTS, {"level": level - 1, **span})
        roots = {below: bytes(root) for below, root in stored}
        hashes = [
            roots.get(below) or tile_root(split_hashes(read_tile(connection, level - 1, below, TILE)))
            for below in range(first, first + width)
        ]
    return b"".join(hashes)


def split_hashes(data: bytes) -> Sequence[bytes]:
    """The hashes in a tile."""
    return [data[i : i + 32] for i in range(0, len(data), 32)]


def _bundle(connection: Connection, index: int, width: int) -> bytes:
    first = index * TILE
    rows = connection.execute(ENTRIES, {"first": first, "last": first + width - 1})
    return b"".join(len(entry).to_bytes(2, "big") + entry for (entry,) in rows)
