"""Moving the keys of persons to the newest epoch, some at a time, while everything goes on.

The keys are unwrapped and wrapped outside the transaction, in which they are then only exchanged: each only if it is
still what was read, so that a person who was erased meanwhile stays erased, and all of them only if the epoch is still
the newest, so that none is wrapped under a key that was retired meanwhile.
"""

from __future__ import annotations

from sqlalchemy import bindparam, select

from troth.store import Unit
from troth.store.schema import persons
from troth.vault.keyring import NEWEST, KeyRing, epoch_of, note

AT_ONCE = 1_000  # keys read, and moved in one transaction

SOME_KEYS = (
    select(persons.c.id, persons.c.sealing_key)
    .where(persons.c.id > bindparam("after"), persons.c.sealing_key.is_not(None))
    .order_by(persons.c.id)
    .limit(bindparam("at_most"))
)
EXCHANGE = (
    persons.update()
    .where(persons.c.id == bindparam("of_id"), persons.c.sealing_key == bindparam("old_key"))
    .values(sealing_key=bindparam("new_key"))
)


class Rewrapping:
    """Goes through the persons in the order of their ids, again and again, and remembers where it is."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring
        self._after = ""

    def move(self, limit: int) -> int:
        """Move at most `limit` keys to the newest epoch; how many were. 0: all are there, those of new persons too.

        Raises StoreUnavailableError, MissingVaultKeyError; what was moved before stays moved.
        """
        ring, store = self._ring, self._ring.store
        store.write(ring.prepare)
        moved, began_after, turned = 0, self._after, False
        while moved < limit:
            with store.read() as connection:
                rows = connection.execute(SOME_KEYS, {"after": self._after, "at_most": AT_ONCE}).all()
            newest = ring.newest
            some = [(row.id, bytes(row.sealing_key)) for row in rows if epoch_of(bytes(row.sealing_key)) != newest]
            some = some[: limit - moved]
            if some:
                done = self._exchange(newest, some)
                if done is None:  # another process rotated meanwhile: all of them have to be moved there
                    store.write(ring.prepare)
                    began_after, turned = self._after, False
                    continue
                moved += done
                self._after = some[-1][0]
            elif rows and not (turned and self._after >= began_after):
                self._after = rows[-1].id
            elif turned:
                break
            else:
                self._after, turned = "", True
        return moved

    def _exchange(self, newest: int, some: list[tuple[str, bytes]]) -> int | None:
        ring = self._ring
        new = [(id, old, ring.wrap_under(newest, id, ring.unwrap(id, old))) for id, old in some]

        def work(unit: Unit) -> int | None:
            if int(unit.rows(NEWEST)[0][0]) != newest:
                return None
            changed = sum(
                unit.change(EXCHANGE, {"of_id": id, "old_key": old, "new_key": wrapped}) for id, old, wrapped in new
            )
            if changed:
                note(unit, newest, "rewrapped", changed)
            return changed

        return ring.store.write(work)
