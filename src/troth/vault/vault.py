"""The vault of a store: items put in and read, in units of work of the gates.

`put` and `read` are for the gates, `happened` for staff, `sweep` and `rewrap` for whoever runs the server, `erase` for
the person.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial

import msgspec
from sqlalchemy import bindparam, select

from troth.people.changes import Person
from troth.people.errors import UnknownPersonError
from troth.people.identifiers import Identifier
from troth.people.people import People
from troth.people.reading import Who
from troth.people.suppressions import Keeping
from troth.store import Store, StoreUnavailableError, Unit
from troth.store.schema import items, persons, to_micros
from troth.vault.erasure import (
    ERASED_AT_ONCE,
    GREAT_MANY,
    GREAT_MANY_AT_ONCE,
    TABLES,
    Erased,
    Erasure,
    erase_some,
    in_order_of_arrival,
)
from troth.vault.erasures import Erasures
from troth.vault.items import ADD_ITEM, ItemKey, NewItem, Origin, SealedItem, binding
from troth.vault.keyring import KeyRing, open_ring
from troth.vault.providers import FOLDER, FileKeys, KeyProvider
from troth.vault.reading import read_items
from troth.vault.retention import SWEPT_AT_ONCE, any_over, delete_some, end_after
from troth.vault.rewrapping import Rewrapping

IDS_AT_ONCE = 500  # in one statement
KEYS_OF = select(persons.c.id, persons.c.sealing_key).where(
    persons.c.id.in_(bindparam("of_ids", expanding=True)), persons.c.sealing_key.is_not(None)
)
KEY_OF = select(persons.c.sealing_key).where(persons.c.id == bindparam("of_id"))
HOLDERS = (
    select(items.c.person)
    .where(items.c.data == bindparam("of_data"), items.c.blind == bindparam("of_blind"))
    .distinct()
    .order_by(items.c.person)
)
HELD_UNDER = (
    select(items.c.version).where(items.c.person == bindparam("of_person")).distinct().order_by(items.c.version)
)
_encode = msgspec.json.Encoder().encode


class Opener:
    """Opens items. Holds the unwrapped key of the person it opened last, and no other: for one call of a gate.

    `wrapped` has keys of persons as they are stored, read beforehand for many at once.
    """

    __slots__ = ("_key", "_person", "_vault", "_wrapped")

    def __init__(self, vault: Vault, wrapped: Mapping[str, bytes] | None = None) -> None:
        self._vault = vault
        self._wrapped = wrapped or {}
        self._person = ""
        self._key: ItemKey | None = None

    def open(self, item: SealedItem) -> object:
        """The value. UnknownPersonError: the person was erased. DamagedItemError: it is not what was stored."""
        if self._key is None or item.sealed_for != self._person:
            person, wrapped = item.sealed_for, self._wrapped.get(item.sealed_for)
            ring = self._vault.ring
            self._key = self._vault.item_key(person) if wrapped is None else ItemKey(ring.unwrap(person, wrapped))
            self._person = person
        return self._key.open(item)


class Vault:
    """The vault of `people`, with the keys in `ring`. Made by `open_vault`; safe to share between threads.

    `replayed` is how many persons were erased again when it was opened, since the store was an older copy.

    Everything raises StoreUnavailableError when the store is not there: nothing was acknowledged, try again.
    """

    def __init__(self, people: People, ring: KeyRing) -> None:
        self.people = people
        self.store: Store = people.store
        self.ring = ring
        self.replayed = 0
        self._erasures = Erasures(people.store, people.folder)
        self._rewrapping = Rewrapping(ring)

    # --- items --------------------------------------------------------------------------------------------------------

    def put(self, unit: Unit, person: Person, origin: Origin, items: Sequence[NewItem]) -> int:
        """Keep what was collected from a person, in the unit of work of a gate; the index of the entry `collected`.

        Whatever is to be known of it later is in the entry's opening, sealed under the person's key as the values are.
        """
        terms = [item.data for item in items]
        collection = {"data": terms, "product": origin.product, "moment": origin.moment}
        values: dict[str, object] = {
            "policy": origin.policy, "version": origin.version, "statement": origin.statement, "person": person.id,
            "collection": collection,
        }  # fmt: skip
        leaf, _ = self.people.scribe.enter(unit, "collected", person, values)
        key = ItemKey(self.ring.unwrap(person.id, person.sealing_key))
        for position, item in enumerate(items):
            ends = None if item.keeps is None else item.keeps.ends(unit.at)
            bound_to = binding(person.id, item.data, origin.policy, origin.version, origin.statement)
            row = {
                "leaf": leaf,
                "position": position,
                "person": person.id,
                "sealed_for": person.id,
                "data": item.data,
                "statement": origin.statement,
                "policy": origin.policy,
                "version": origin.version,
                "product": origin.product,
                "collected_at": to_micros(unit.at),
                "keeps": None if item.keeps is None else str(item.keeps),
                "expires_at": None if ends is None else to_micros(ends),
                "blind": None if item.blind is None else self.people.key.blind_value(item.data, item.blind),
                "sealed": key.seal(_encode(item.value), leaf, position, bound_to),
            }
            unit.change(ADD_ITEM, row)
        return leaf

    def read(
        self,
        persons: Iterable[str] | None,
        terms: Iterable[str],
        *,
        after: str | None = None,
        limit: int | None = None,
    ) -> Iterator[SealedItem]:
        """The items of persons (None: of everybody) with exactly these data terms, sealed.

        They come person by person in the order of the ids, and for each in the order in which they were collected.
        `persons` are ids as `People.find` gives them. `after` leaves out everybody up to that id, and `limit` is how
        many persons there are at most; nobody comes in part. All is of one moment. What has expired is in it until
        `sweep` deletes it: whether it may be used is for the decision point to say.
        """
        return read_items(self.store, persons, terms, after, limit)

    def held_under(self, person: str) -> tuple[str, ...]:
        """The versions of the policy under which something of a person is held, the earliest first."""
        with self.store.read() as connection:
            return tuple(str(version) for (version,) in connection.execute(HELD_UNDER, {"of_person": person}))

    def holders(self, term: str, text: str) -> list[str]:
        """The ids of those who have an item of a data term that can be looked for by this spelling of its value."""
        values = {"of_data": term, "of_blind": self.people.key.blind_value(term, text)}
        with self.store.read() as connection:
            return [str(person) for (person,) in connection.execute(HOLDERS, values)]

    def open(self, item: SealedItem) -> object:
        """The value of one item. UnknownPersonError: the person was erased. DamagedItemError: see there."""
        return self.opener().open(item)

    def opener(self, persons: Iterable[str] = ()) -> Opener:
        """What opens many items in turn, for one call of a gate.

        The keys of `persons`, for whom items are sealed, are read at once and not one by one. StoreUnavailableError.
        """
        ids = list(dict.fromkeys(persons))
        wrapped: dict[str, bytes] = {}
        if ids:
            with self.store.read() as connection:
                for start in range(0, len(ids), IDS_AT_ONCE):
                    rows = connection.execute(KEYS_OF, {"of_ids": ids[start : start + IDS_AT_ONCE]})
                    wrapped.update((str(row.id), bytes(row.sealing_key)) for row in rows)
        return Opener(self, wrapped)

    def item_key(self, person: str) -> ItemKey:
        """What opens the items that are sealed for a person. UnknownPersonError: erased, or nobody."""
        with self.store.read() as connection:
            wrapped = connection.execute(KEY_OF, {"of_id": person}).scalar()
        if wrapped is None:
            raise UnknownPersonError("The person was erased; what was collected from them cannot be opened any more.")
        return ItemKey(self.ring.unwrap(person, bytes(wrapped)))

    # --- retention and keys -------------------------------------------------------------------------------------------

    def happened(self, who: Who, anchor: str, at: datetime | None = None) -> int:
        """Tell that an event happened to a person from which periods are counted, such as the end of an `account`.

        Items whose `keeps` begins with it expire that much after `at` (now, without it), unless they do already. How
        many have another end now. VaultError: there is no such event. UnknownPersonError: nobody is meant.
        """

        def work(unit: Unit) -> int:
            person = self.people.seek(unit, who)
            if person is None:
                raise UnknownPersonError("Nobody has this identifier.")
            return end_after(unit, person.id, anchor, at or unit.at)

        return self.store.write(work)

    def sweep(self, limit: int = 10_000) -> int:
        """Delete what may be kept no longer, at most `limit` items, the longest due first; how many were deleted.

        It may be called every second, by several processes, and again after an error: see `retention`.
        """
        deleted = 0
        while deleted < limit and any_over(self.store):
            some = min(SWEPT_AT_ONCE, limit - deleted)
            now = self.store.write(partial(delete_some, limit=some))
            deleted += now
            if now < some:
                break
        return deleted

    def rewrap(self, limit: int = 10_000) -> int:
        """Move keys of persons to the newest epoch, at most `limit`; how many were moved. 0: all are there.

        MissingVaultKeyError: the key of an epoch that is needed is not there. What was moved before stays moved.
        """
        return self._rewrapping.move(limit)

    # --- erasure ------------------------------------------------------------------------------------------------------

    def erase(
        self, whos: Sequence[Who], *, staff: str | None = None, reason: str = "request", rewrite: bool | None = None
    ) -> Erasure:
        """Erase persons, whoever became one with them included; what can prove it later, which is kept nowhere else.

        Durable, and known to every follower of this process, when it returns: see `erasure`. Then the files of the
        database are scrubbed; `rewrite` as in `Store.scrub`. Who was erased before is passed over. UnknownPersonError:
        one of them is nobody here; nobody was erased. StoreUnavailableError, OSError: some may have been erased, each
        whole; ask again. If a transaction could not be committed, its persons are erased when the vault opens next.
        """
        entries = tuple(self.erasing(whos, staff=staff, reason=reason))
        scrubbed, rewritten = True, False
        try:
            if entries:
                rewritten = self.scrub(rewrite=rewrite)
        except StoreUnavailableError:
            scrubbed = False
        return Erasure(sum(entry.persons for entry in entries), entries, scrubbed, rewritten)

    def erasing(self, whos: Sequence[Who], *, staff: str | None, reason: str) -> Iterator[Erased]:
        """The same one transaction after the other, without scrubbing at the end: for a great many persons.

        Others that write wait for each: about a second for 10,000 persons, and for several from 100,000 persons on.
        """
        ids = self._ids(whos)
        if len(ids) > ERASED_AT_ONCE:
            with self.store.read() as connection:
                ids = in_order_of_arrival(connection, ids)
        at_once = ERASED_AT_ONCE if len(ids) < GREAT_MANY else GREAT_MANY_AT_ONCE
        for start in range(0, len(ids), at_once):
            some = ids[start : start + at_once]
            work = partial(
                erase_some, erasures=self._erasures, ids=some, staff=staff, reason=reason, keeping=self._keeping()
            )
            erased = self.people.write(work)
            if erased is not None:
                yield erased

    def scrub(self, *, rewrite: bool | None = None) -> bool:
        """Take what was deleted of persons out of the files of the database. See `Store.scrub`."""
        return self.store.scrub(TABLES, rewrite=rewrite)

    def replay(self) -> int:
        """Erase again whom an older copy of the database brought back; how many persons. `open_vault` does it."""
        ids = self._erasures.pending()
        persons = 0
        for start in range(0, len(ids), ERASED_AT_ONCE):
            some = ids[start : start + ERASED_AT_ONCE]
            work = partial(
                erase_some, erasures=self._erasures, ids=some, staff=None, reason="restored", keeping=self._keeping(),
                again=True,
            )  # fmt: skip
            erased = self.people.write(work)
            persons += erased.persons if erased is not None else 0
        if ids:
            self.store.write(self._erasures.follow)
        if persons:
            self.scrub()
        return persons

    def _keeping(self) -> Keeping:
        return Keeping(self.people.key, self.people.policy)

    def _ids(self, whos: Sequence[Who]) -> list[str]:
        found = self.people.find_all(who for who in whos if isinstance(who, Identifier))
        if any(isinstance(who, Identifier) and who not in found for who in whos):
            raise UnknownPersonError("Somebody among them is nobody here: was it another identifier?")
        return list(dict.fromkeys(found[who] if isinstance(who, Identifier) else who for who in whos))


def open_vault(store: Store, people: People, provider: KeyProvider | None = None, *, begin: bool = True) -> Vault:
    """The vault of a store, on its people, whose keys it wraps from now on. Nothing may be served before it is open.

    `provider` is where the keys are that wrap those of persons: files below the folder of the other keys without it.
    The first of them is made here, unless `begin` is false, as for somebody who only reads.
    MissingVaultKeyError, UnsafeVaultKeyError: a key is missing that is needed, or is not the right one.
    KeyProviderError: where the keys are kept does not answer. Whoever was erased after the backup that this store was
    restored from is erased again first.
    """
    ring = open_ring(store, provider or FileKeys(people.folder / FOLDER), people.key.wrapping, begin)
    people.wrap_with(ring)
    vault = Vault(people, ring)
    vault.replayed = vault.replay()
    return vault
