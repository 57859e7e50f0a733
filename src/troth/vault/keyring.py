"""The key ring: wraps the keys of persons under the key of an epoch, and moves them to the next one while all runs.

AES key wrap (RFC 3394, NIST SP 800-38F) needs no nonce and tells when a key is not the one. A wrapped key is 45 bytes:
1, the epoch in four bytes (big endian), and what AES-KW gives. What the local wrapping made before there was a vault
has another length; it is unwrapped in its way and moved by `rewrap` like a key of an earlier epoch.

The table `epochs` says which epochs there are. It is read in the unit of work in which a new key is wrapped, so no key
is ever wrapped under an epoch that another process has retired.
"""

from __future__ import annotations

import hmac
import threading
from datetime import datetime

import msgspec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap
from sqlalchemy import bindparam, func, select

from troth.people.errors import UnknownPersonError
from troth.people.sealing import LOCAL, KeyWrapping
from troth.record.commitment import new_event
from troth.record.kinds import make_entry
from troth.record.log import append
from troth.store import Store, Unit
from troth.store.schema import epochs, from_micros, persons, to_micros
from troth.vault.errors import EpochError, MissingVaultKeyError, UnsafeVaultKeyError
from troth.vault.providers import KeyProvider

MARK = b"\x01"
WRAPPED = 1 + 4 + 40  # bytes

NEWEST = select(func.coalesce(func.max(epochs.c.epoch), 0)).where(epochs.c.retired_at.is_(None))
LATEST = select(func.coalesce(func.max(epochs.c.epoch), 0))
ALL = select(epochs.c.epoch, epochs.c.fingerprint, epochs.c.made_at, epochs.c.retired_at).order_by(epochs.c.epoch)
ADD = epochs.insert().values({name: bindparam(name) for name in ("epoch", "fingerprint", "made_at", "retired_at")})
RETIRE = epochs.update().where(epochs.c.epoch == bindparam("of_epoch")).values(retired_at=bindparam("new_at"))
_UNDER = persons.c.sealing_key.between(bindparam("first"), bindparam("last"))
ANY_UNDER = select(persons.c.id).where(_UNDER).limit(1)
HOW_MANY_UNDER = select(func.count()).select_from(persons).where(_UNDER)
LOCAL_KEYS = select(func.count()).select_from(persons).where(func.length(persons.c.sealing_key) == LOCAL)


class Epoch(msgspec.Struct, frozen=True):
    """An epoch: its number, when it began and was retired, and how many keys of persons are wrapped under its key.

    Epoch 0 stands for the wrapping that there is without a vault.
    """

    epoch: int
    made_at: datetime | None
    retired_at: datetime | None
    keys: int


class KeyRing:
    """The keys of the epochs, in memory. Safe to share between threads. Made by `open_ring`."""

    def __init__(self, store: Store, provider: KeyProvider, local: KeyWrapping) -> None:
        self.store = store
        self.provider = provider
        self._local = local
        self._keys: dict[int, bytes] = {}
        self._newest = 0
        self._loading = threading.Lock()

    @property
    def newest(self) -> int:
        """The epoch under which new keys are wrapped, as far as this process has heard."""
        return self._newest

    # --- wrapping -----------------------------------------------------------------------------------------------------

    def prepare(self, unit: Unit) -> None:
        """See KeyWrapping: whatever another process did, the next key is wrapped under the newest epoch."""
        newest = int(unit.rows(NEWEST)[0][0])
        if newest != self._newest:
            if newest and newest not in self._keys:
                # Not by `_key`: the epoch may have begun in this very transaction, so that only the unit sees it.
                proof = next(row[1] for row in unit.rows(ALL) if row[0] == newest)
                self._keys[newest] = self._checked(newest, proof)
            self._newest = newest

    def wrap(self, person: str, key: bytes) -> bytes:
        """See KeyWrapping."""
        return self.wrap_under(self._newest, person, key)

    def wrap_under(self, epoch: int, person: str, key: bytes) -> bytes:
        """A key, wrapped under that of an epoch; under 0 in the local way."""
        if epoch == 0:
            return self._local.wrap(person, key)
        return MARK + epoch.to_bytes(4, "big") + aes_key_wrap(self._key(epoch), key)

    def unwrap(self, person: str, wrapped: bytes) -> bytes:
        """See KeyWrapping. MissingVaultKeyError: the key of its epoch is not there."""
        epoch = epoch_of(wrapped)
        if epoch == 0:
            return self._local.unwrap(person, wrapped)
        try:
            return aes_key_unwrap(self._key(epoch), wrapped[5:])
        except InvalidUnwrap:
            raise UnknownPersonError("This key of a person is not one that was wrapped here.") from None

    # --- epochs -------------------------------------------------------------------------------------------------------

    def epochs(self) -> list[Epoch]:
        """All epochs in order, with the keys under each; at first the local wrapping, if anything lies under it.

        It counts, so it reads every person. Raises StoreUnavailableError.
        """
        with self.store.read() as connection:
            found = []
            local = int(connection.execute(LOCAL_KEYS).scalar_one())
            if local:
                found.append(Epoch(0, None, None, local))
            for epoch, _, made_at, retired_at in connection.execute(ALL).all():
                keys = int(connection.execute(HOW_MANY_UNDER, between(epoch)).scalar_one())
                retired = None if retired_at is None else from_micros(retired_at)
                found.append(Epoch(epoch, from_micros(made_at), retired, keys))
        return found

    def rotate(self) -> int:
        """Begin a new epoch: its key wraps every new key from now on, in all processes. Its number.

        Keys that are there stay as they are until `Vault.rewrap` moves them. KeyProviderError: no key can be made, and
        everything is as before. Raises StoreUnavailableError.
        """
        with self.store.read() as connection:
            latest = int(connection.execute(LATEST).scalar_one())
        epoch = latest + 1
        self.provider.create(epoch)
        proof = fingerprint(self.provider.get(epoch))

        def work(unit: Unit) -> int:
            there = int(unit.rows(LATEST)[0][0])
            if there < epoch:  # else another process was as quick, and this is its epoch
                row = {"epoch": epoch, "fingerprint": proof, "made_at": to_micros(unit.at), "retired_at": None}
                unit.change(ADD, row)
                note(unit, epoch, "created")
            return int(unit.rows(NEWEST)[0][0])

        newest = self.store.write(work)
        self._key(newest)
        self._newest = newest
        return newest

    def retire(self, epoch: int) -> None:
        """Destroy the key of an epoch, so that every copy of a key wrapped under it, in any backup, is noise.

        EpochError: it is the newest, there is none, or keys of persons lie under it still: `Vault.rewrap` moves them.
        KeyProviderError: the epoch is retired, but its key must be destroyed elsewhere, or by calling this again.
        """

        def work(unit: Unit) -> None:
            row = {number: retired for number, _, _, retired in unit.rows(ALL)}
            if epoch not in row:
                raise EpochError(f"There is no epoch {epoch}. There are: {', '.join(map(str, row))}.")
            if epoch == max(row):
                raise EpochError(f"Epoch {epoch} is the newest. Rotate first: troth vault rotate")
            keys = int(unit.rows(HOW_MANY_UNDER, between(epoch))[0][0])
            if keys:
                raise EpochError(
                    f"{keys} keys of persons are wrapped under epoch {epoch}. Move them first: troth vault rewrap"
                )
            if row[epoch] is None:
                unit.change(RETIRE, {"of_epoch": epoch, "new_at": to_micros(unit.at)})
                note(unit, epoch, "retired")

        self.store.write(work)
        self.provider.destroy(epoch)
        self._keys.pop(epoch, None)

    def load(self) -> None:
        """Read every key that is needed.

        MissingVaultKeyError, UnsafeVaultKeyError: a key is missing that keys of persons are wrapped under, or another
        one is in its place. KeyProviderError: where the keys are kept does not answer.
        """
        with self.store.read() as connection:
            rows = connection.execute(ALL).all()
        if not rows:
            return
        there = set(self.provider.epochs())
        newest = max(row.epoch for row in rows)
        for row in rows:
            if row.retired_at is not None:
                continue
            if row.epoch in there or row.epoch == newest:
                self._keys[row.epoch] = self._checked(row.epoch, row.fingerprint)
            else:
                self._check_unused(row.epoch)
        self._newest = newest

    def _check_unused(self, epoch: int) -> None:
        with self.store.read() as connection:
            used = connection.execute(ANY_UNDER, between(epoch)).first() is not None
        if used:
            raise MissingVaultKeyError(
                f"The key of epoch {epoch} is missing, and keys of persons are wrapped under it: nothing of theirs "
                "could be read, and nothing proven. Restore it from where you keep it, then start again."
            )

    def _key(self, epoch: int) -> bytes:
        key = self._keys.get(epoch)
        if key is None:
            with self._loading, self.store.read() as connection:
                known = {row.epoch: row.fingerprint for row in connection.execute(ALL)}
                if epoch not in known:
                    raise MissingVaultKeyError(f"There is no epoch {epoch} of the vault's keys.")
                key = self._keys[epoch] = self._checked(epoch, known[epoch])
        return key

    def _checked(self, epoch: int, known: str) -> bytes:
        key = self.provider.get(epoch)
        if not hmac.compare_digest(fingerprint(key), known):
            raise UnsafeVaultKeyError(
                f"The key that is there for epoch {epoch} is not the one with which the vault has worked. Restore it."
            )
        return key


def open_ring(store: Store, provider: KeyProvider, local: KeyWrapping, begin: bool = True) -> KeyRing:
    """The key ring of a store. `local` unwraps what was wrapped before there was one. Raises what `load` raises.

    The first epoch begins here, unless `begin` is false: then keys are wrapped in the local way until it has.
    """
    ring = KeyRing(store, provider, local)
    ring.load()
    if begin and ring.newest == 0:
        ring.rotate()
    return ring


def epoch_of(wrapped: bytes) -> int:
    """The epoch of a wrapped key; 0 for one of the local wrapping."""
    return int.from_bytes(wrapped[1:5], "big") if len(wrapped) == WRAPPED and wrapped[:1] == MARK else 0


def between(epoch: int) -> dict[str, bytes]:
    """The least and the greatest wrapped key of an epoch.

    Once in 2^40 times a key of the local wrapping falls between; it is then one more that has to be moved.
    """
    mark = MARK + epoch.to_bytes(4, "big")
    return {"first": mark, "last": mark + b"\xff" * 41}


def fingerprint(key: bytes) -> str:
    """What the database keeps of the key of an epoch, to know it again: 32 hex digits that say nothing of the key."""
    return HKDF(SHA256(), 16, None, b"troth vault fingerprint").derive(key).hex()


def note(unit: Unit, epoch: int, act: str, keys: int = 0) -> int:
    """The entry of something done to keys; its index."""
    return append(unit, make_entry("rotated", new_event(), unit.at, {"epoch": epoch, "act": act, "keys": keys}))
