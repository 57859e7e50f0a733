"""A compact table in memory: from a person's number (63 bits) to a few bytes.

Open addressing with linear probing over two flat arrays: numbers, and values of one fixed width. A person costs eight
bytes and the width, times the room that is kept free (1.18 to 2.36 times). Numbers are random, so the lowest bits of a
number are its place. Nothing is ever taken out. One thread writes at a time; others may read meanwhile.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable

FULL = 0.85  # beyond this the table doubles


class CompactTable:
    """Numbers other than 0, each with a value of `width` bytes, kept as a whole number of 8 × `width` bits."""

    __slots__ = ("_limit", "_parts", "count", "width")

    def __init__(self, width: int, expected: int = 0) -> None:
        self.width = width
        self.count = 0
        size = 1024
        while size * FULL < expected:
            size *= 2
        self._make(size)

    def get(self, number: int) -> int:
        """The value of a number; 0 where there is none."""
        numbers, values, mask = self._parts  # together: a reader never sees the arrays of two sizes
        width = self.width
        place = number & mask
        while True:
            found = numbers[place]
            if found == number:
                return int.from_bytes(values[place * width : place * width + width], "little")
            if not found:
                return 0
            place = (place + 1) & mask

    def get_all(self, numbers: Iterable[int]) -> list[int]:
        """The values of several numbers, each as `get` gives it."""
        places, values, mask = self._parts
        width, read = self.width, int.from_bytes
        found: list[int] = []
        add = found.append
        for number in numbers:
            place = number & mask
            while (there := places[place]) != number:
                if not there:
                    add(0)
                    break
                place = (place + 1) & mask
            else:
                add(read(values[place * width : place * width + width], "little"))
        return found

    def set(self, number: int, value: int) -> None:
        """Give a number a value. OverflowError: it does not fit the width."""
        numbers, values, mask = self._parts
        width = self.width
        place = number & mask
        while numbers[place] not in (0, number):
            place = (place + 1) & mask
        values[place * width : place * width + width] = value.to_bytes(width, "little")
        if not numbers[place]:
            numbers[place] = number  # after its value, so that whoever finds it finds the value too
            self.count += 1
            if self.count > self._limit:
                self._grow()

    @property
    def bytes(self) -> int:
        """The memory that it takes."""
        numbers, values, _ = self._parts
        return len(numbers) * numbers.itemsize + len(values)

    def _make(self, size: int) -> None:
        self._limit = int(size * FULL)
        self._parts = (array("Q", bytes(8 * size)), bytearray(self.width * size), size - 1)

    def _grow(self) -> None:
        numbers, values, mask = self._parts
        width, size = self.width, 2 * (mask + 1)
        new_numbers, new_values, new_mask = array("Q", bytes(8 * size)), bytearray(width * size), size - 1
        for place, number in enumerate(numbers):
            if number:
                new = number & new_mask
                while new_numbers[new]:
                    new = (new + 1) & new_mask
                new_numbers[new] = number
                new_values[new * width : new * width + width] = values[place * width : place * width + width]
        self._limit = int(size * FULL)
        self._parts = (new_numbers, new_values, new_mask)
