"""Items: what was collected, each value sealed by itself under the key of the person.

AES-256-GCM-SIV (RFC 8452) under a key that HKDF-SHA-256 (RFC 5869) derives from the person's. The nonce is the index of
the entry in the record that tells of the collection (8 bytes), and the place of the item in it (4 bytes): the sequencer
gives no index twice. Where the same one comes again all the same, after a unit of work was undone or in a copy that was
restored, SIV lets nothing be learnt but whether two values are equal. The additional data ties the value to the person,
the data term, the policy, its version and the statement: moved elsewhere, it cannot be opened.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import bindparam

from troth.policy.values import Period, read_period
from troth.record import canonical
from troth.store.schema import from_micros, items
from troth.vault.errors import DamagedItemError

COLUMNS = [
    items.c[name]
    for name in (
        "leaf", "position", "person", "data", "statement", "policy", "version", "product", "collected_at", "keeps",
        "expires_at", "sealed", "sealed_for",
    )
]  # fmt: skip
ADD_ITEM = items.insert().values({column.name: bindparam(column.name) for column in items.columns})


class Origin(msgspec.Struct, frozen=True):
    """How items were collected: by which statement of which version of a policy, on what product, at what moment."""

    statement: str
    policy: str
    version: str
    product: str | None = None
    moment: str | None = None


class NewItem(msgspec.Struct, frozen=True):
    """A value to be kept: its data term, the value (anything that JSON has), and how long it may be kept.

    `blind` is a spelling of the value by which it can be looked for; without it, it cannot.
    """

    data: str
    value: object
    keeps: Period | None = None
    blind: str | None = None


class SealedItem(msgspec.Struct, frozen=True):
    """An item as it is kept. `leaf` and `position` name it: the entry of its collection, and its place in that.

    `sealed_for` is the person under whose key it lies: another id than `person` where two persons became one since.
    """

    leaf: int
    position: int
    person: str
    data: str
    statement: str
    policy: str
    version: str
    product: str | None
    collected_at: datetime
    keeps: Period | None
    expires_at: datetime | None
    sealed: bytes
    sealed_for: str


class Item(msgspec.Struct, frozen=True):
    """An item with its value."""

    leaf: int
    position: int
    person: str
    data: str
    value: object
    statement: str
    policy: str
    version: str
    product: str | None
    collected_at: datetime
    keeps: Period | None
    expires_at: datetime | None


class ItemKey:
    """What seals and opens the items of one person, from that person's key."""

    __slots__ = ("_aead",)

    def __init__(self, person_key: bytes) -> None:
        self._aead = AESGCMSIV(HKDF(SHA256(), 32, None, b"troth vault items").derive(person_key))

    def seal(self, plain: bytes, leaf: int, position: int, bound_to: bytes) -> bytes:
        """The value of an item, sealed: 16 bytes more."""
        return self._aead.encrypt(nonce(leaf, position), plain, bound_to)

    def open(self, item: SealedItem) -> object:
        """The value of an item. DamagedItemError: it, or what is said of it, is not what was stored."""
        bound_to = binding(item.sealed_for, item.data, item.policy, item.version, item.statement)
        try:
            plain = self._aead.decrypt(nonce(item.leaf, item.position), item.sealed, bound_to)
        except InvalidTag:
            raise DamagedItemError(
                f"Item {item.position} of entry {item.leaf} is not what was stored there: it was altered or moved. "
                "Restore the newest backup, and look who can write to the database."
            ) from None
        return msgspec.json.decode(plain)


def nonce(leaf: int, position: int) -> bytes:
    """The nonce of an item, 12 bytes: no two items of a store have the same."""
    return leaf.to_bytes(8, "big") + position.to_bytes(4, "big")


def binding(person: str, data: str, policy: str, version: str, statement: str) -> bytes:
    """What the value of an item is tied to."""
    return canonical.encode([person, data, policy, version, statement])


def read_item(row: Sequence[Any]) -> SealedItem:
    """The item in a row of COLUMNS."""
    leaf, position, person, data, statement, policy, version, product, at, keeps, expires, sealed, sealed_for = row
    return SealedItem(
        leaf, position, person, data, statement, policy, version, product, from_micros(at),
        None if keeps is None else _period(keeps), None if expires is None else from_micros(expires), bytes(sealed),
        sealed_for,
    )  # fmt: skip


def opened(item: SealedItem, value: object) -> Item:
    """The item with its value."""
    return Item(
        item.leaf, item.position, item.person, item.data, value, item.statement, item.policy, item.version,
        item.product, item.collected_at, item.keeps, item.expires_at,
    )  # fmt: skip


_periods: dict[str, Period] = {}  # a policy has few


def _period(text: str) -> Period:
    found = _periods.get(text)
    if found is None:
        found = _periods[text] = read_period(text)
    return found
