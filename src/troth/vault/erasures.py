"""The file `erasures` beside the keys: the ids of all who were erased, so that a backup does not bring them back.

The ids are random and mean nobody any more; only an old copy of the database could still tell whose one was. Each is a
line of 33 bytes. A line is on the disk before the erasure is committed, within its transaction, so that there is never
an erasure without it; and the database notes up to which byte it has followed the file. After the restore of a backup
that note is old, and `pending` gives what has to be erased again before anything is served.

Keep the file with the keys, and never put an older copy of it in the place of a newer one.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from sqlalchemy import bindparam, select

from troth.record.durable import sync_folder, write_durably
from troth.store import Store, Unit
from troth.store.schema import persons, settings

FILE = "erasures"
LINE = 33  # bytes: 32 hex digits and the end of the line

FOLLOWED = select(settings.c.value).where(settings.c.name == "vault.erasures")
SET_FOLLOWED = settings.update().where(settings.c.name == "vault.erasures").values(value=bindparam("new_value"))
ADD_FOLLOWED = settings.insert().values(name="vault.erasures", value=bindparam("new_value"))
ERASED = select(persons.c.id).where(persons.c.erased_leaf.is_not(None)).order_by(persons.c.erased_leaf, persons.c.id)


class Erasures:
    """The file in a folder, and what the database in `store` has followed of it."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.path = folder / FILE
        self._store = store

    def add(self, unit: Unit, ids: Iterable[str]) -> None:
        """Add lines, in the unit of work that erases; they are on the disk on return. OSError: nothing is erased."""
        before = self._size()
        followed = _followed(unit)
        new = not self.path.exists()
        with open(self.path, "ab", opener=_private) as file:
            file.write("".join(f"{id}\n" for id in ids).encode())
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        if new:
            sync_folder(self.path.parent)
        # Lines of an erasure that was never committed are left to be followed by whoever opens the vault next.
        if before == followed:
            self.follow(unit, size)

    def pending(self) -> list[str]:
        """The ids in the file that the database has not followed yet.

        A line that a power cut left half is taken away, and a file that was lost is written again from the database.
        """
        with self._store.read() as connection:
            noted = connection.execute(FOLLOWED).scalar()
        if noted is None and not self.path.exists():
            return []
        return self._store.write(self._settle)

    def follow(self, unit: Unit, size: int | None = None) -> None:
        """Note that the database has followed the file, up to a size or all of it."""
        value = {"new_value": str(self._size() if size is None else size)}
        if unit.change(SET_FOLLOWED, value) == 0:
            unit.change(ADD_FOLLOWED, value)

    def _settle(self, unit: Unit) -> list[str]:
        followed = _followed(unit)
        size = self._size()
        if size % LINE:
            size -= size % LINE
            with self.path.open("r+b") as file:
                file.truncate(size)
                os.fsync(file.fileno())
        if size < followed:
            known = [str(id) for (id,) in unit.rows(ERASED)]
            there = set(known)
            more = [id for id in self._lines(0) if id not in there]
            write_durably(self.path, "".join(f"{id}\n" for id in [*known, *more]).encode(), 0o600)
            followed = len(known) * LINE
            self.follow(unit, followed)
        return self._lines(followed)

    def _lines(self, start: int) -> list[str]:
        if not self.path.exists():
            return []
        with self.path.open("rb") as file:
            file.seek(start)
            return file.read().decode("ascii").split()

    def _size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0


def _followed(unit: Unit) -> int:
    rows = unit.rows(FOLLOWED)
    return int(rows[0][0]) if rows else 0


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
