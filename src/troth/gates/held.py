"""What is held of the persons that a gate is asked about: their items, and the version that each agreed to since."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import bindparam, select

from troth.people.changes import ACCEPTED
from troth.policy.history import Policy
from troth.store.schema import choices
from troth.vault import SealedItem, Vault

AT_ONCE = 500  # persons in one statement

AGREED = select(choices.c.person, choices.c.version).where(
    choices.c.choice == ACCEPTED, choices.c.state == "in", choices.c.person.in_(bindparam("persons", expanding=True))
)


class Part(msgspec.Struct, frozen=True):
    """Whom a segment has: those of whom something was collected by a statement, on a product; None: by or on any."""

    statement: str | None = None
    product: str | None = None

    def takes(self, item: SealedItem) -> bool:
        """Whether an item puts its person into the segment."""
        return self.statement in (None, item.statement) and self.product in (None, item.product)


class Held:
    """What the vault holds, for gates under one policy. Everything raises StoreUnavailableError."""

    def __init__(self, vault: Vault, policy: Policy) -> None:
        self._vault = vault
        self._policy = policy

    def terms(self, data: Iterable[str]) -> list[str]:
        """The data terms under which something asked for can lie: those asked for, and what is below them."""
        asked = set(data)
        found: dict[str, None] = {}
        for version in self._policy.versions:
            vocabulary = version.vocabulary
            for term in vocabulary.slugs("data"):
                if set(vocabulary.path("data", term)) & asked:
                    found[term] = None
        return list(found)

    def of(self, persons: Iterable[str], terms: Iterable[str]) -> dict[str, list[SealedItem]]:
        """The items of each person; an empty list for those of whom there are none."""
        found: dict[str, list[SealedItem]] = {person: [] for person in persons}
        for item in self._vault.read(list(found), terms):
            found[item.person].append(item)
        return found

    def of_part(self, part: Part, terms: Sequence[str], after: str | None, limit: int) -> dict[str, list[SealedItem]]:
        """The items of the next persons of a segment, in the order of their ids, after one of them, at most `limit`.

        One item puts a person into it, and then all of theirs are.
        """
        found: dict[str, list[SealedItem]] = {}
        while len(found) < limit:
            some: dict[str, list[SealedItem]] = {}
            for item in self._vault.read(None, terms, after=after, limit=limit):
                some.setdefault(item.person, []).append(item)
            if not some:
                break
            for person, items in some.items():
                after = person
                if any(part.takes(item) for item in items):
                    found[person] = items
                if len(found) == limit:
                    break
        return found

    def agreed(self, persons: Sequence[str]) -> dict[str, str]:
        """The version of the policy that each person agreed to last, of those who did."""
        found: dict[str, str] = {}
        with self._vault.people.store.read() as connection:
            for start in range(0, len(persons), AT_ONCE):
                rows = connection.execute(AGREED, {"persons": list(persons[start : start + AT_ONCE])})
                found.update((str(row.person), str(row.version)) for row in rows)
        return found
