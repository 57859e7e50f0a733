"""Proofs of every size against an independent tree: the definitions of RFC 6962, written down as they stand there."""

import hashlib
import random
from functools import cache, partial

import pytest

from troth.record.tree import Tree
from troth.record.verifier import (
    EMPTY_ROOT,
    GrowingRoot,
    VerifyError,
    hash_leaf,
    root_of_inclusion,
    tile_path,
    tile_root,
    verify_consistency,
    verify_inclusion,
)

LARGEST = 1025
ENTRIES = [f"entry {n}".encode() * (n % 3) for n in range(LARGEST)]
HASHES = [hash_leaf(entry) for entry in ENTRIES]


def split(n: int) -> int:
    k = 1
    while 2 * k < n:
        k *= 2
    return k


@cache
def mth(start: int, end: int) -> bytes:
    """RFC 6962, section 2.1."""
    if start == end:
        return hashlib.sha256(b"").digest()
    if end - start == 1:
        return hashlib.sha256(b"\x00" + ENTRIES[start]).digest()
    k = split(end - start)
    return hashlib.sha256(b"\x01" + mth(start, start + k) + mth(start + k, end)).digest()


def path(m: int, start: int, end: int) -> list[bytes]:
    """RFC 6962, section 2.1.1."""
    n = end - start
    if n == 1:
        return []
    k = split(n)
    if m < k:
        return [*path(m, start, start + k), mth(start + k, end)]
    return [*path(m - k, start + k, end), mth(start, start + k)]


def subproof(m: int, start: int, end: int, whole: bool) -> list[bytes]:
    """RFC 6962, section 2.1.2."""
    n = end - start
    if m == n:
        return [] if whole else [mth(start, end)]
    k = split(n)
    if m <= k:
        return [*subproof(m, start, start + k, whole), mth(start + k, end)]
    return [*subproof(m - k, start + k, end, False), mth(start, start + k)]


def tree(size: int) -> Tree:
    def read(level: int, index: int, width: int) -> bytes:
        row = HASHES[:size]
        for _ in range(level):
            row = [tile_root(row[i : i + 256]) for i in range(0, len(row) // 256 * 256, 256)]
        assert len(row[index * 256 :]) >= width
        return b"".join(row[index * 256 : index * 256 + width])

    return Tree(read, size)


def check(size: int, indices: list[int], olds: list[int]) -> None:
    ours, root = tree(size), mth(0, size)
    assert ours.root() == root
    for index in indices:
        proof = ours.inclusion(index)
        assert proof == path(index, 0, size)
        verify_inclusion(index, size, HASHES[index], proof, root)
    for old in olds:
        proof = ours.consistency(old)
        assert proof == (subproof(old, 0, size, True) if old else [])
        verify_consistency(old, size, mth(0, old), root, proof)


def test_every_size() -> None:
    chance = random.Random(6962)
    for size in range(LARGEST + 1):
        if size <= 40 or size in (255, 256, 257, 511, 512, 513, 1023, 1024, 1025):
            check(size, list(range(size)), list(range(size + 1)))
        else:
            edges = {0, 1, size // 2, size - 2, size - 1, 256 % size, 255 % size}
            check(size, [*edges, chance.randrange(size)], [*edges, size, chance.randrange(size)])


@pytest.mark.soak
def test_every_size_and_index() -> None:
    for size in range(LARGEST + 1):
        check(size, list(range(size)), list(range(size + 1)))


def test_changed_proofs_are_refused() -> None:
    chance = random.Random(1)
    for _ in range(2000):
        size = chance.randrange(2, LARGEST)
        index, old = chance.randrange(size), chance.randrange(1, size)
        ours, root = tree(size), mth(0, size)
        inclusion, consistency = ours.inclusion(index), ours.consistency(old)
        for proof, verify in (
            (inclusion, partial(verify_inclusion, index, size, HASHES[index], root=root)),
            (consistency, partial(verify_consistency, old, size, mth(0, old), root)),
        ):
            changed = list(proof)
            at = chance.randrange(len(changed))
            kind = chance.randrange(4)
            if kind == 0:
                changed[at] = bytes([changed[at][0] ^ 1 << chance.randrange(8)]) + changed[at][1:]
            elif kind == 1:
                changed.pop(at)
            elif kind == 2:
                changed.append(changed[at])
            else:
                changed.insert(0, root)
            with pytest.raises(VerifyError):
                verify(proof=changed)
        with pytest.raises(VerifyError):
            verify_inclusion((index + 1) % size, size, HASHES[index], inclusion, root)
        with pytest.raises(VerifyError):
            verify_consistency(old, size, mth(0, old - 1), root, consistency)


def test_proofs_of_nothing() -> None:
    verify_consistency(0, 0, EMPTY_ROOT, EMPTY_ROOT, [])
    verify_consistency(0, 5, EMPTY_ROOT, mth(0, 5), [])
    for bad in ((0, 5, mth(0, 5), mth(0, 5), []), (5, 4, mth(0, 5), mth(0, 4), []), (3, 3, mth(0, 3), mth(0, 4), [])):
        with pytest.raises(VerifyError):
            verify_consistency(*bad)
    with pytest.raises(VerifyError):
        root_of_inclusion(0, 0, HASHES[0], [])
    with pytest.raises(ValueError, match="no leaf"):
        tree(3).inclusion(3)
    with pytest.raises(ValueError, match="does not extend"):
        tree(3).consistency(4)


def test_a_growing_root_is_the_root_at_every_size() -> None:
    growing = GrowingRoot()
    for size in range(LARGEST):
        assert growing.root() == mth(0, size)
        assert growing.root(HASHES[size : size + 3]) == mth(0, min(size + 3, LARGEST))
        growing.add(HASHES[size])


# The reference data of github.com/transparency-dev/merkle, an implementation independent of this one.
LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def test_published_vectors() -> None:
    growing = GrowingRoot()
    for size, root in enumerate(ROOTS):
        assert growing.root().hex() == root
        if size < len(LEAVES):
            growing.add(hash_leaf(bytes.fromhex(LEAVES[size])))


def test_tile_paths() -> None:
    assert tile_path(0, 1234067) == "tile/0/x001/x234/067"
    assert tile_path(0, 67) == "tile/0/067"
    assert tile_path("entries", 1000, 5) == "tile/entries/x001/000.p/5"
    assert tile_path(63, 0, 255) == "tile/63/000.p/255"
