"""The keys of recipients: the public one that files are encrypted to, and the secrets they are fetched with.

A recipient has one public key at a time; another one takes its place, and a file that was made for the one before and
not fetched yet is made again. A fetch secret is `troth_fetch_<id>_<43 characters>`, of which the last part is 256
random bits; it is shown once, and the store keeps its SHA-256. One that is made ends the one before.

Each change is an entry in the record, in the same unit of work.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal, cast

import msgspec
from sqlalchemy import bindparam, select

from troth.gates.share.files.encrypting import Encryption, PublicKey, read_key
from troth.record.commitment import new_event
from troth.record.kinds import make_entry
from troth.record.log import append
from troth.store import Store, Unit
from troth.store.schema import from_micros, recipient_keys, to_micros

Random = Callable[[int], bytes]
Sort = Literal["age", "openpgp", "fetch"]
FETCH: Sort = "fetch"

_SECRET = re.compile(r"troth_fetch_([0-9a-f]{16})_[A-Za-z0-9_-]{43}", re.ASCII)
_NOBODYS = bytes(32)  # in place of a hash where there is none; no secret has it

_COLUMNS = list(recipient_keys.columns)
ADD = recipient_keys.insert().values({column.name: bindparam(column.name) for column in _COLUMNS})
BY_ID = select(*_COLUMNS).where(recipient_keys.c.id == bindparam("of_id"))
OF_RECIPIENT = (
    select(*_COLUMNS)
    .where(recipient_keys.c.recipient == bindparam("of_recipient"), recipient_keys.c.ended_at.is_(None))
    .order_by(recipient_keys.c.leaf)
)
EVERY = select(*_COLUMNS).order_by(recipient_keys.c.leaf)
END = (
    recipient_keys.update().where(recipient_keys.c.id == bindparam("of_id")).values(ended_at=bindparam("new_ended_at"))
)


class RecipientKeyError(ValueError):
    """A key cannot be registered or ended as asked; the text says why."""


class RecipientKey(msgspec.Struct, frozen=True):
    """A key as everybody may know it. `public` is None for a fetch secret; `leaf` is the entry that registered it."""

    id: str
    recipient: str
    sort: Sort
    public: PublicKey | None
    leaf: int
    created_at: datetime
    created_by: str
    ended_at: datetime | None


class RecipientKeys:
    """The keys of recipients in `store`. Safe to share between threads.

    Everything raises StoreUnavailableError when the store is not there: nothing was changed, nobody is known.
    """

    def __init__(self, store: Store, random: Random = secrets.token_bytes) -> None:
        self.store = store
        self._random = random

    # --- reading ------------------------------------------------------------------------------------------------------

    def list(self) -> list[RecipientKey]:
        """Every key there ever was, in the order of the record."""
        with self.store.read() as connection:
            return [_read(row) for row in connection.execute(EVERY)]

    def public(self, recipient: str) -> RecipientKey | None:
        """The key that files for a recipient are encrypted to; None without one."""
        with self.store.read() as connection:
            rows = connection.execute(OF_RECIPIENT, {"of_recipient": recipient}).all()
        return public_of(rows)

    def fetches(self, recipient: str) -> bool:
        """Whether a recipient has a fetch secret that counts."""
        with self.store.read() as connection:
            rows = connection.execute(OF_RECIPIENT, {"of_recipient": recipient}).all()
        return any(row.kind == FETCH for row in rows)

    def who(self, secret: str) -> str | None:
        """The recipient whose fetch secret this is; None for one that is unknown or has ended."""
        match = _SECRET.fullmatch(secret)
        with self.store.read() as connection:
            row = connection.execute(BY_ID, {"of_id": f"key_{match[1]}" if match else ""}).first()
        right = hmac.compare_digest(_digest(secret), _NOBODYS if row is None else bytes(row.key))
        if row is None or not right or row.kind != FETCH or row.ended_at is not None:
            return None
        return str(row.recipient)

    # --- writing ------------------------------------------------------------------------------------------------------

    def register(self, recipient: str, data: bytes, *, by: str) -> RecipientKey:
        """Register the public key in a file that a recipient sent; the one before has ended once this is durable.

        EncryptionError: there is no usable key in it. RecipientKeyError: it is the recipient's key already.
        """
        public = read_key(data, self.store.clock())

        def work(unit: Unit) -> RecipientKey:
            before = public_of([_Row(row) for row in unit.rows(OF_RECIPIENT, {"of_recipient": recipient})])
            if before is not None and before.public == public:
                raise RecipientKeyError(f"That is the key of '{recipient}' already ({before.id}).")
            if before is not None:
                self._end(unit, before)
            return self._add(unit, recipient, public.kind, public.key, public, by)

        return self.store.write(work)

    def make_secret(self, recipient: str, *, by: str) -> tuple[RecipientKey, str]:
        """A new secret with which a recipient fetches its files, shown this once; the one before has ended."""
        id = self._random(8).hex()
        secret = f"troth_fetch_{id}_{base64.urlsafe_b64encode(self._random(32)).rstrip(b'=').decode()}"

        def work(unit: Unit) -> RecipientKey:
            for row in unit.rows(OF_RECIPIENT, {"of_recipient": recipient}):
                if (before := _read(_Row(row))).sort == FETCH:
                    self._end(unit, before)
            return self._add(unit, recipient, FETCH, _digest(secret), None, by, id)

        return self.store.write(work), secret

    def end(self, id: str) -> RecipientKey:
        """End a key: nothing is encrypted to it, or fetched with it, from now on. RecipientKeyError: there is none."""

        def work(unit: Unit) -> RecipientKey:
            found = [_read(_Row(row)) for row in unit.rows(BY_ID, {"of_id": id})]
            if not found or found[0].ended_at is not None:
                raise RecipientKeyError(
                    f"There is no key '{id[:100]}' that has not ended. `troth recipient keys` lists."
                )
            return self._end(unit, found[0])

        return self.store.write(work)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _add(  # noqa: PLR0917
        self, unit: Unit, recipient: str, sort: Sort, key: bytes, public: PublicKey | None, by: str, id: str = ""
    ) -> RecipientKey:
        if not by:
            raise RecipientKeyError("A key names who registered it.")
        id = f"key_{id or self._random(8).hex()}"
        fingerprint = public.fingerprint if public is not None else ""
        leaf = self._enter(unit, "registered", recipient, id, sort, fingerprint)
        row = {
            "id": id, "recipient": recipient, "kind": sort, "key": key, "fingerprint": fingerprint, "leaf": leaf,
            "created_at": to_micros(unit.at), "created_by": by, "ended_at": None,
        }  # fmt: skip
        unit.change(ADD, row)
        return RecipientKey(id, recipient, sort, public, leaf, unit.at, by, None)

    def _end(self, unit: Unit, one: RecipientKey) -> RecipientKey:
        unit.change(END, {"of_id": one.id, "new_ended_at": to_micros(unit.at)})
        fingerprint = one.public.fingerprint if one.public is not None else ""
        self._enter(unit, "ended", one.recipient, one.id, one.sort, fingerprint)
        return msgspec.structs.replace(one, ended_at=unit.at)

    def _enter(  # noqa: PLR0917
        self, unit: Unit, change: str, recipient: str, id: str, sort: str, fingerprint: str
    ) -> int:
        values: dict[str, object] = {
            "recipient": recipient, "change": change, "key": id, "sort": sort, "fingerprint": fingerprint,
        }  # fmt: skip
        return append(unit, make_entry("recipient-key", new_event(self._random), unit.at, values))


class _Row:
    """A row of the table, in the order of its columns."""

    def __init__(self, values: Any) -> None:
        (
            self.id, self.recipient, self.kind, self.key, self.fingerprint, self.leaf, self.created_at,
            self.created_by, self.ended_at,
        ) = values  # fmt: skip


def public_of(rows: Any) -> RecipientKey | None:
    """The public key among rows of a recipient that have not ended."""
    keys = [key for row in rows if (key := _read(row)).public is not None]
    return keys[-1] if keys else None


def _read(row: Any) -> RecipientKey:
    public = None
    if row.kind != FETCH:
        public = PublicKey(cast("Encryption", row.kind), bytes(row.key), row.fingerprint)
    ended = None if row.ended_at is None else from_micros(row.ended_at)
    return RecipientKey(
        row.id, row.recipient, row.kind, public, row.leaf, from_micros(row.created_at), row.created_by, ended
    )


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
