"""Whether a file that was made may still be given, and what it was decided by.

It is out of date when the policy or the conditions say something else than when it was made, when the recipient has
another key, or when a person in it was erased, opted out of it, or has data in it that may be kept no longer. It is
made anew then, without what may not leave any more. What does not touch it, such as another choice, does not.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from troth.gates.errors import GateError
from troth.gates.share.disclosure import Disclosure
from troth.gates.share.files.row import FileRow
from troth.gates.share.files.source import Source, counted, erased_since, terms_of, touched_since, withheld
from troth.store import Store
from troth.store.schema import to_micros

Outdated = Literal["other-key", "other-rules", "erased", "kept-no-longer", "opted-out"]


class Marks(msgspec.Struct, frozen=True):
    """What a file is decided by, noted before anything of it is read.

    `seen` is the entry up to which choices were known, `items` how many items its persons had, and `world` what the
    policy and the conditions said of its `terms`.
    """

    terms: tuple[str, ...]
    seen: int
    items: int
    world: str


class Freshness:
    """Notes and compares what files are decided by. Everything raises StoreUnavailableError: nobody knows."""

    def __init__(self, store: Store, source: Source) -> None:
        self._store = store
        self._source = source

    def note(self, one: Disclosure) -> Marks:
        """What a file that is about to be made is decided by."""
        seen = self._source.seen()
        with self._store.read() as connection:
            terms = terms_of(connection, one.id)
            items, _ = counted(connection, one.id, terms, seen)
        return Marks(terms, seen, items, self._source.world(one, terms))

    def withheld(self, disclosure: str) -> int:
        """What is withheld of a disclosure, as a number that grows with it."""
        with self._store.read() as connection:
            return withheld(connection, disclosure)

    def closed(self, one: Disclosure) -> GateError | None:
        """Why nothing of a disclosure may leave any more, whoever it is about; None if something may."""
        return self._source.closed(one)

    def outdated(self, one: Disclosure, row: FileRow, key: str | None) -> tuple[Outdated | None, int]:
        """Why a file has to be made anew, or None; and the entry up to which it is known to be right then.

        `key` is the id of the recipient's key now. What its persons chose since is decided, batch by batch; what may
        not leave any more is withheld, with its entry.
        """
        if key != row.key:
            return "other-key", row.seen
        seen = self._source.seen()
        with self._store.read() as connection:
            terms = terms_of(connection, one.id)
            if erased_since(connection, one.id, row.seen):
                return "erased", row.seen
            touched = touched_since(connection, one.id, row.seen)
            count, first = counted(connection, one.id, terms, row.seen)
        if self._source.world(one, terms) != row.world:
            return "other-rules", row.seen
        if count != row.items or (first is not None and first <= to_micros(self._store.clock())):
            return "kept-no-longer", row.seen
        for batch in touched:
            self._source.contents(one.id, batch)
        if self.withheld(one.id) != row.withheld:
            return "opted-out", row.seen
        return None, seen
