"""Verify the whole record in a store: what a stranger verifies from outside, and what only the keeper can see."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence

import msgspec
from sqlalchemy import bindparam, func, select

from troth.record import canonical
from troth.record.kinds import read_entry, write_time
from troth.record.reader import HASHES, RecordReader
from troth.record.verifier import Checkpoint, Key, VerifyError, hash_leaf, open_checkpoint, verify_log
from troth.store.schema import checkpoints, from_micros, leaves, policy_versions

COUNTS = select(func.count(), func.coalesce(func.max(leaves.c["index"]) + 1, 0)).select_from(leaves)
CHECKPOINTS = select(checkpoints.c.size, checkpoints.c.root, checkpoints.c.note).order_by(checkpoints.c.size)
PUBLISHED = select(
    policy_versions.c.leaf, policy_versions.c.policy, policy_versions.c.version, policy_versions.c.sha256,
    policy_versions.c.title,
    policy_versions.c.effective, policy_versions.c.source,
)  # fmt: skip
UNSIGNED = (
    select(leaves.c["index"], leaves.c.hash, leaves.c.entry)
    .where(leaves.c["index"] >= bindparam("first"))
    .order_by(leaves.c["index"])
)


class Verified(msgspec.Struct, frozen=True):
    """What was verified: the signed head, how many entries come after it, unsigned yet, and how many checkpoints."""

    head: Checkpoint | None
    unsigned: int
    checkpoints: int


def verify_record(reader: RecordReader, keys: Sequence[Key], pinned: Checkpoint | None = None) -> Verified:
    """Verify every entry, hash, tile and checkpoint, the published files, and the checkpoint kept outside.

    VerifyError says what does not hold. 1,000,000 entries take a quarter of a minute.
    """
    with reader.store.read() as connection:
        count, size = connection.execute(COUNTS).one()
        signed = connection.execute(CHECKPOINTS).all()
    if count != size:
        raise VerifyError(f"The record has {count} entries, but the last has the index {size - 1}: some are missing.")
    known = [] if pinned is None else [pinned]
    for row in signed:
        head = open_checkpoint(bytes(row.note), keys)
        if (head.size, head.root) != (row.size, bytes(row.root)):
            raise VerifyError(f"The checkpoint stored for {row.size} entries is that of {head.size}.")
        known.append(head)
    if not signed and pinned is not None and pinned.size:
        raise VerifyError(f"{pinned.size} entries were signed for, but the database has no checkpoint.")
    published: dict[int, bytes] = {}

    def on_entry(index: int, entry: bytes) -> None:
        try:
            body = read_entry(entry)
        except ValueError as problem:
            raise VerifyError(f"Entry {index} is not one of the record: {problem}") from None
        if body["kind"] == "published":
            published[index] = _fingerprint(body)

    verified = verify_log(lambda path: _fetch(reader, path), keys, known, on_entry) if signed else None
    covered = 0 if verified is None else verified.size
    _verify_unsigned(reader, covered, on_entry)
    _verify_published(reader, published)
    return Verified(verified, size - covered, len(signed))


def _fingerprint(publication: Mapping[str, object]) -> bytes:
    """What an entry and the row of a published version must have in common; short, as there may be many."""
    common = [publication[field] for field in ("policy", "version", "effective", "title", "sha256")]
    return hashlib.sha256(canonical.encode(common)).digest()


def _fetch(reader: RecordReader, path: str) -> bytes:
    try:
        data = reader.resource(path)
    except TypeError:  # SQLite keeps text where bytes should be, if someone puts it there
        raise VerifyError(f"What {path} is made of is not bytes.") from None
    if data is None:
        raise VerifyError(f"The record does not have {path}.")
    if path.startswith("tile/0/"):  # the hashes are also stored with the entries, and must be the same
        number = int(path.removeprefix("tile/0/").partition(".")[0].replace("/", "").replace("x", ""))
        first = number * 256
        with reader.store.read() as connection:
            rows = connection.execute(HASHES, {"first": first, "last": first + len(data) // 32 - 1})
            if b"".join(bytes(row.hash) for row in rows) != data:
                raise VerifyError(f"The hashes of the entries from {first} are not those of {path}.")
    return data


def _verify_unsigned(reader: RecordReader, first: int, on_entry: Callable[[int, bytes], None]) -> None:
    with reader.store.read() as connection:
        for index, stored, entry in connection.execute(UNSIGNED, {"first": first}):
            if hash_leaf(bytes(entry)) != bytes(stored):
                raise VerifyError(f"Entry {index} is not the one that was hashed.")
            on_entry(index, bytes(entry))


def _verify_published(reader: RecordReader, published: dict[int, bytes]) -> None:
    with reader.store.read() as connection:
        for row in connection.execute(PUBLISHED):
            stated = published.pop(row.leaf, None)
            name = f"version {row.version} of {row.policy}"
            if stated is None:
                raise VerifyError(f"The entry of {name} is not in the record.")
            kept = {**row._asdict(), "effective": write_time(from_micros(row.effective))}
            if _fingerprint(kept) != stated:
                raise VerifyError(f"The entry of {name} says something else than the store.")
            if hashlib.sha256(bytes(row.source)).hexdigest() != row.sha256:
                raise VerifyError(f"The file of {name} is not the one that was published.")
    if published:
        first, more = min(published), len(published) - 1
        raise VerifyError(f"The record has publications that the store does not have: entry {first} and {more} more.")
