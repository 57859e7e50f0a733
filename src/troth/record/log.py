"""The log with its keys: append to it in a unit of work, and sign its head.

A checkpoint is signed over entries that are durable already, whose hashes were computed again from their bytes, and
that extend the last checkpoint kept outside the database. Signing goes in this order: check, sign, pin outside, store.
So a crash at any point leaves a history that the next signature can extend, and a restored backup is not signed for.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import msgspec
from sqlalchemy import bindparam, func, select

from troth.record.errors import ContradictedHistoryError, RecordError
from troth.record.keys import Keys, load_keys, sign_checkpoint
from troth.record.pinned import CHECKPOINT, read_pinned, signing_lock, write_pinned
from troth.record.reader import RecordReader, SignedCheckpoint, read_tile, split_hashes
from troth.record.tree import Tree
from troth.record.verifier import TILE, Checkpoint, VerifyError, hash_leaf, open_checkpoint, tile_root
from troth.store import Store, Unit
from troth.store.schema import checkpoints, leaves, settings, tiles, to_micros

TILES_AT_ONCE = 64  # in one transaction: 512 KiB

ORIGIN = select(settings.c.value).where(settings.c.name == "log.origin")
SET_ORIGIN = settings.insert().values(name="log.origin", value=bindparam("origin"))
NEW_LEAVES = (
    select(leaves.c["index"], leaves.c.hash, leaves.c.entry)
    .where(leaves.c["index"].between(bindparam("first"), bindparam("last")))
    .order_by(leaves.c["index"])
)
TILE_COUNT = select(func.coalesce(func.max(tiles.c["index"]) + 1, 0)).where(tiles.c.level == bindparam("level"))
ADD_TILE = tiles.insert().values({name: bindparam(name) for name in ("level", "index", "root", "hashes")})
ADD_CHECKPOINT = checkpoints.insert().values({name: bindparam(name) for name in ("size", "root", "note", "at")})
REPLACE_NOTE = (
    checkpoints.update()
    .where(checkpoints.c.size == bindparam("of_size"))
    .values(note=bindparam("new_note"), at=bindparam("new_at"))
)


def append(unit: Unit, entry: bytes) -> int:
    """Add an entry, made by `kinds.make_entry`, to the record in a unit of work; its index."""
    return unit.append(entry, hash_leaf(entry))


class LogSummary(msgspec.Struct, frozen=True):
    """The log in four facts. `entries` may be more than the checkpoint covers; `keys` are written `name+id+base64`."""

    origin: str
    entries: int
    latest: SignedCheckpoint | None
    keys: tuple[str, ...]


class Log(RecordReader):
    """The record in `store` with the keys in `folder`. Made by `open_log`."""

    def __init__(self, store: Store, folder: Path, keys: Keys) -> None:
        super().__init__(store)
        self.folder = folder
        self.keys = keys

    def summary(self) -> LogSummary:
        """What the page about the log says."""
        return LogSummary(self.keys.origin, self.size(), self.latest(), tuple(str(key) for key in self.keys.public))

    def check(self) -> Checkpoint | None:
        """Compare the database with the checkpoint kept outside it, which is returned.

        ContradictedHistoryError: the database does not hold the history that was signed.
        """
        pinned = read_pinned(self.folder, self.keys)
        latest = self.latest()
        if pinned is None:
            if latest is not None:
                raise ContradictedHistoryError(
                    f"The record was signed for {latest.head.size} entries, but {self.folder / CHECKPOINT} is missing: "
                    "nothing shows that the database is not an old copy. Restore that file; if it is lost, and you are "
                    "sure that this is the newest database, run: troth record adopt"
                )
            return None
        size = self.size()
        if size < pinned.size:
            raise ContradictedHistoryError(
                f"{pinned.size} entries were signed for, but the database has only {size}: it was restored from an "
                "older copy, or lost entries. Nothing is signed, since that would fork the history. Restore the newest "
                "copy; if there is none, start a new log with a new name and keep this one for reading."
            )
        if self._fresh_tree(pinned.size).root() != pinned.root:
            raise ContradictedHistoryError(
                f"The first {pinned.size} entries are not those that were signed for: the database was restored from "
                "an older copy and written to since, or it was altered. Nothing is signed. Restore the newest copy."
            )
        return pinned

    def sign(self) -> SignedCheckpoint:
        """Sign for all entries that are durable now, unless that is done; the latest checkpoint.

        ContradictedHistoryError, StoreUnavailableError, OSError of the file beside the key: nothing new was shown.
        """
        with signing_lock(self.folder):
            pinned = self.check()
            latest = self.latest()
            size = self.size()
            signed = pinned is not None and pinned.size == size and latest is not None and latest.head.size == size
            if signed and latest is not None and self._is_signed_by_all(latest.note):
                return latest
            self._check_new_leaves(pinned.size if pinned is not None else 0, size)
            self._store_tiles(size)
            root = self._fresh_tree(size).root()
            note = sign_checkpoint(size, root, self.keys)
            write_pinned(self.folder, note)
            self.store.write(lambda unit: _store_checkpoint(unit, size, root, note))
            return SignedCheckpoint(Checkpoint(self.keys.origin, size, root), note, self.store.clock())

    def adopt(self) -> SignedCheckpoint:
        """Trust the database again after the checkpoint outside it was lost. RecordError: it is not lost, or no use."""
        with signing_lock(self.folder):
            if (self.folder / CHECKPOINT).exists():
                raise RecordError(f"{self.folder / CHECKPOINT} is there. It is not to be replaced by hand.")
            latest = self.latest()
            if latest is None:
                raise RecordError("The database has no checkpoint that could be adopted.")
            try:
                head = open_checkpoint(latest.note, self.keys.trusted)
            except VerifyError as problem:
                raise RecordError(f"The latest checkpoint in the database does not hold: {problem}") from None
            if self._fresh_tree(head.size).root() != head.root:
                raise ContradictedHistoryError("The entries in the database are not those that its checkpoint is of.")
            write_pinned(self.folder, latest.note)
            return latest

    def _fresh_tree(self, size: int) -> Tree:
        """A tree that trusts nothing it saw earlier, for what decides on a signature."""

        def read(level: int, index: int, width: int) -> bytes:
            with self.store.read() as connection:
                return read_tile(connection, level, index, width)

        return Tree(read, size)

    def _is_signed_by_all(self, note: bytes) -> bool:
        signers = sum(line.startswith("— ") for line in note.decode().splitlines())
        try:
            open_checkpoint(note, [self.keys.signing[0].public])
        except VerifyError:
            return False
        return signers == len(self.keys.signing)

    def _check_new_leaves(self, first: int, size: int) -> None:
        """Before they are signed for: no gap, and each hash is that of its entry."""
        with self.store.read() as connection:
            for start in range(first, size, 4096):
                last = min(start + 4096, size) - 1
                rows = connection.execute(NEW_LEAVES, {"first": start, "last": last}).all()
                if [index for index, _, _ in rows] != list(range(start, last + 1)):
                    raise ContradictedHistoryError(
                        f"Entries between {start} and {last} are missing. Nothing is signed."
                    )
                for index, stored, entry in rows:
                    if hash_leaf(bytes(entry)) != bytes(stored):
                        raise ContradictedHistoryError(f"Entry {index} was altered. Nothing is signed.")

    def _store_tiles(self, size: int) -> None:
        """Store the full tiles of a tree of `size` that are not stored yet, level by level."""
        full, level = size // TILE, 0
        while full:
            with self.store.read() as connection:
                have = int(connection.execute(TILE_COUNT, {"level": level}).scalar_one())
                for start in range(have, full, TILES_AT_ONCE):
                    rows = []
                    for index in range(start, min(start + TILES_AT_ONCE, full)):
                        hashes = read_tile(connection, level, index, TILE)
                        root = tile_root(split_hashes(hashes))
                        rows.append({"level": level, "index": index, "root": root, "hashes": hashes})
                    self.store.write(partial(_add_tiles, rows))
            full, level = full // TILE, level + 1


def open_log(store: Store, folder: Path) -> Log:
    """The log in `store`, signed with the keys in `folder`. RecordError: no keys, or the wrong keys or database.

    The database is compared with the checkpoint kept outside it, so that a server does not start on an old copy.
    """
    keys = load_keys(folder)
    with store.read() as connection:
        origin = connection.execute(ORIGIN).scalar()
    if origin is None:
        origin = store.write(lambda unit: _set_origin(unit, keys.origin))
    if origin != keys.origin:
        raise RecordError(f"The database holds the log {origin}, but the keys in {folder} are of {keys.origin}.")
    log = Log(store, folder, keys)
    latest = log.latest()
    if latest is not None:
        try:
            open_checkpoint(latest.note, keys.trusted)
        except VerifyError:
            raise RecordError(
                f"The latest checkpoint in the database is not signed by any key in {folder}. "
                "Restore the folder with the keys of this log."
            ) from None
    log.check()
    return log


def _set_origin(unit: Unit, origin: str) -> str:
    rows = unit.rows(ORIGIN)
    if rows:
        return str(rows[0][0])
    unit.change(SET_ORIGIN, {"origin": origin})
    return origin


def _add_tiles(rows: list[dict[str, object]], unit: Unit) -> None:
    for row in rows:
        unit.change(ADD_TILE, row)


def _store_checkpoint(unit: Unit, size: int, root: bytes, note: bytes) -> None:
    values = {"of_size": size, "new_note": note, "new_at": to_micros(unit.at)}
    if unit.change(REPLACE_NOTE, values) == 0:
        unit.change(ADD_CHECKPOINT, {"size": size, "root": root, "note": note, "at": to_micros(unit.at)})
