"""Every single-bit change of an entry, a tile, a checkpoint or a receipt is found."""

import random
from pathlib import Path

import pytest

from troth.record.keys import create_keys, sign_checkpoint
from troth.record.receipt import write_receipt
from troth.record.tree import Tree
from troth.record.verifier import (
    TILE,
    Checkpoint,
    GrowingRoot,
    Key,
    VerifyError,
    hash_leaf,
    open_checkpoint,
    tile_path,
    tile_root,
    verify_log,
    verify_receipt,
)

Files = dict[str, bytes]


def make_log(entries: list[bytes], folder: Path) -> tuple[Files, list[Key]]:
    """All files of a log, as a server would serve them."""
    keys = create_keys(folder, "example.org/log")
    files: Files = {}
    growing = GrowingRoot()
    row = [hash_leaf(entry) for entry in entries]
    for leaf in row:
        growing.add(leaf)
    files["checkpoint"] = sign_checkpoint(len(entries), growing.root(), keys)
    for start in range(0, len(entries), TILE):
        part = entries[start : start + TILE]
        files[tile_path("entries", start // TILE, len(part))] = b"".join(len(e).to_bytes(2, "big") + e for e in part)
    level = 0
    while row:
        for start in range(0, len(row), TILE):
            files[tile_path(level, start // TILE, len(row[start : start + TILE]))] = b"".join(row[start : start + TILE])
        row = [tile_root(row[i : i + TILE]) for i in range(0, len(row) // TILE * TILE, TILE)]
        level += 1
    return files, list(keys.trusted)


def flip(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    changed[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def test_ten_thousand_changes_of_a_log(tmp_path: Path) -> None:
    chance = random.Random(10_000)
    files, keys = make_log([b"entry %d" % n for n in range(260)], tmp_path)
    assert verify_log(files.__getitem__, keys).size == 260
    names = sorted(files)
    assert names == [
        "checkpoint", "tile/0/000", "tile/0/001.p/4", "tile/1/000.p/1", "tile/entries/000", "tile/entries/001.p/4",
    ]  # fmt: skip
    for number in range(10_000):
        name = names[number % len(names)]
        changed = {**files, name: flip(files[name], chance)}
        with pytest.raises(VerifyError):
            verify_log(changed.__getitem__, keys)


def test_changes_of_a_receipt(tmp_path: Path) -> None:
    chance = random.Random(3)
    entries = [b"entry %d" % n for n in range(200)]
    files, keys = make_log(entries, tmp_path)
    tree = Tree(lambda _level, _index, _width: files["tile/0/000.p/200"], 200)
    receipt = write_receipt(77, tree.inclusion(77), files["checkpoint"], entries[77])
    assert verify_receipt(receipt, keys)[:2] == (b"entry 77", 77)
    for _ in range(3000):
        with pytest.raises(VerifyError):
            verify_receipt(flip(receipt, chance), keys)
    bare = write_receipt(77, tree.inclusion(77), files["checkpoint"])
    assert verify_receipt(bare, keys, entry=b"entry 77")[1] == 77
    with pytest.raises(VerifyError, match="does not carry"):
        verify_receipt(bare, keys)
    with pytest.raises(VerifyError, match="does not lead"):
        verify_receipt(receipt, keys, entry=b"entry 78")


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 512, 70_000])
def test_whole_logs_and_what_was_seen_of_them_earlier(size: int, tmp_path: Path) -> None:
    entries = [b"%d" % n for n in range(size)]
    files, keys = make_log(entries, tmp_path)
    if size == 70_000:  # the example of tlog-tiles
        assert len([name for name in files if name.startswith("tile/0/")]) == 274
        assert {"tile/0/273.p/112", "tile/1/000", "tile/1/001.p/17", "tile/2/000.p/1"} <= files.keys()
    head = open_checkpoint(files["checkpoint"], keys)
    growing = GrowingRoot()
    seen = []
    for n, entry in enumerate(entries[:600]):
        seen.append(Checkpoint(head.origin, n, growing.root()))
        growing.add(hash_leaf(entry))
    assert verify_log(files.__getitem__, keys, [*seen, head]) == head
    other = Checkpoint(head.origin, max(size // 2, 1), b"\x00" * 32)
    for false in (other, Checkpoint("example.org/other", 0, head.root), Checkpoint(head.origin, size + 1, head.root)):
        with pytest.raises(VerifyError):
            verify_log(files.__getitem__, keys, [false])
