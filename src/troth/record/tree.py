"""Proofs from the tiles of a log: the hash of any part of the tree, inclusion and consistency proofs.

RFC 6962, section 2.1; the tiles are those of c2sp.org/tlog-tiles. Nothing here reads a database: tiles come from a
function, so that the same code serves a stored log, a folder of files, and a test.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from troth.record.verifier import EMPTY_ROOT, TILE, hash_children

HEIGHT = 8  # of a tile: 2**8 hashes
TileReader = Callable[[int, int, int], bytes]  # level, index, width -> the hashes of the tile, one after the other


class Tree:
    """The tree of `size` leaves whose tiles `read` returns. Tiles are kept, hashed, for the next proof."""

    def __init__(self, read: TileReader, size: int, keep: int = 1024, kept: TileCache | None = None) -> None:
        self.size = size
        self._read = read
        self._kept: TileCache = OrderedDict() if kept is None else kept
        self._keep = keep

    def root(self) -> bytes:
        """The root of the tree (RFC 6962, section 2.1: MTH)."""
        return self._hash(0, self.size) if self.size else EMPTY_ROOT

    def inclusion(self, index: int) -> list[bytes]:
        """The inclusion proof for the leaf at `index` (RFC 6962, section 2.1.1: PATH). ValueError: no such leaf."""
        if not 0 <= index < self.size:
            raise ValueError(f"There is no leaf {index} in a tree of {self.size}.")
        proof, start, end = [], 0, self.size
        while end - start > 1:
            middle = start + _split(end - start)
            if index < middle:
                proof.append(self._hash(middle, end))
                end = middle
            else:
                proof.append(self._hash(start, middle))
                start = middle
        return proof[::-1]

    def consistency(self, old: int) -> list[bytes]:
        """The proof that this tree extends its first `old` leaves (RFC 6962, section 2.1.2: PROOF), else ValueError."""
        if not 0 <= old <= self.size:
            raise ValueError(f"A tree of {self.size} leaves does not extend one of {old}.")
        if old in (0, self.size):
            return []
        proof, start, end, whole = [], 0, self.size, True
        while old != end:
            middle = start + _split(end - start)
            if old <= middle:
                proof.append(self._hash(middle, end))
                end = middle
            else:
                proof.append(self._hash(start, middle))
                start, whole = middle, False
        if not whole:
            proof.append(self._hash(start, end))
        return proof[::-1]

    def _hash(self, start: int, end: int) -> bytes:
        """The root of the leaves from `start` up to `end`, a range that the tree divides into."""
        width = end - start
        if width & (width - 1) == 0:
            return self._node(width.bit_length() - 1, start // width)
        middle = start + _split(width)
        return hash_children(self._hash(start, middle), self._hash(middle, end))

    def _node(self, height: int, index: int) -> bytes:
        """The root of a perfect subtree: the `index`-th of its height."""
        level, inside = divmod(height, HEIGHT)
        tile, position = divmod(index, TILE >> inside)
        return self._rows(level, tile)[inside][position]

    def _rows(self, level: int, tile: int) -> list[list[bytes]]:
        """A tile as rows: its hashes, then the perfect subtrees above them, height by height."""
        width = min(TILE, (self.size >> (HEIGHT * level)) - tile * TILE)
        key = (level, tile, width)
        rows = self._kept.get(key)
        if rows is None:
            data = self._read(level, tile, width)
            row = [data[i : i + 32] for i in range(0, 32 * width, 32)]
            rows = [row]
            while len(row) > 1:
                row = [hash_children(row[i], row[i + 1]) for i in range(0, len(row) - 1, 2)]
                rows.append(row)
            self._kept[key] = rows
            while len(self._kept) > self._keep:
                try:
                    self._kept.popitem(last=False)
                except KeyError:  # another thread was faster
                    break
        return rows


TileCache = OrderedDict[tuple[int, int, int], list[list[bytes]]]


def _split(width: int) -> int:
    """The largest power of two that is smaller than `width`: where RFC 6962 divides a tree."""
    return 1 << (width - 1).bit_length() - 1
