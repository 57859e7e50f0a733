"""What people write in complaints, and their files: sealed under a key for each complaint, and forgotten with it.

The key is stored wrapped under one that lies outside the database (`people.key`). AES-256-GCM with a random nonce;
what is sealed is bound to its id. With each goes the salt of its commitment.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterable, Sequence

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import bindparam, select

from troth.accountability.complaints.facts import Kept, Sort
from troth.accountability.errors import CaseError
from troth.people.keys import IndexKey
from troth.record.commitment import commit, new_salt
from troth.store import Store, Unit
from troth.store.schema import complaint_texts, complaints, to_micros

Random = Callable[[int], bytes]

KEY, NONCE, ID = 32, 12, 8  # bytes
LONGEST = 20_000  # characters of a text

BY_ID = select(complaints.c.sealing_key).where(complaints.c.id == bindparam("of_id"))
BY_CODE = select(complaints.c.id).where(complaints.c.code == bindparam("of_code"))
SINCE = select(complaints.c.id).where(complaints.c.created_at > bindparam("since"))
SEALED = select(complaint_texts.c.id, complaint_texts.c.sealed).where(complaint_texts.c.complaint == bindparam("of_id"))
BEGIN = complaints.insert().values(
    id=bindparam("id"), code=bindparam("code"), sealing_key=bindparam("sealing_key"), blind=bindparam("blind"),
    created_at=bindparam("created_at"),
)  # fmt: skip
ADD = complaint_texts.insert().values(
    id=bindparam("id"), complaint=bindparam("complaint"), sort=bindparam("sort"), sealed=bindparam("sealed")
)
FORGET_KEY = complaints.update().where(complaints.c.id == bindparam("of_id")).values(sealing_key=None, blind=None)
FORGET_TEXTS = complaint_texts.delete().where(complaint_texts.c.complaint == bindparam("of_id"))


class Written(msgspec.Struct, frozen=True):
    """A text, or a file with its name and media type, as it was sent."""

    sort: Sort
    data: bytes
    name: str = ""
    type: str = "text/plain"

    @property
    def text(self) -> str:
        """The text of it."""
        return self.data.decode(errors="replace")


class Opened(msgspec.Struct, frozen=True):
    """The same as it is read again, with the salt of its commitment."""

    id: str
    written: Written
    salt: bytes


class Prepared(msgspec.Struct, frozen=True):
    """What is ready to be stored: how a fact names it, and the sealed bytes."""

    kept: Kept
    sealed: bytes


def text(sort: Sort, said: str) -> tuple[Written, ...]:
    """A text to be kept, nothing where there is none. CaseError: it is too long."""
    said = said.replace("\r\n", "\n").strip()
    if len(said) > LONGEST:
        raise CaseError(f"The text has {len(said)} characters; {LONGEST} fit. Put the rest into a file.")
    return (Written(sort, said.encode()),) if said else ()


class Texts:
    """The sealed texts in `store`. Everything raises StoreUnavailableError: nothing was kept, nothing is known."""

    def __init__(self, store: Store, key: IndexKey, random: Random = secrets.token_bytes) -> None:
        self.store = store
        self._wrapping = key.complaints
        self._random = random

    def new_key(self) -> bytes:
        """A key for a new complaint."""
        return self._random(KEY)

    def key(self, complaint: str) -> bytes | None:
        """The key of a complaint; None: it was erased, or there is none."""
        with self.store.read() as connection:
            wrapped = connection.execute(BY_ID, {"of_id": complaint}).scalar()
        return None if wrapped is None else self._wrapping.unwrap(complaint, bytes(wrapped))

    def prepare(self, key: bytes, written: Iterable[Written]) -> tuple[Prepared, ...]:
        """Seal what was written, and commit to it."""
        found = []
        for one in written:
            id, salt = f"txt_{self._random(ID).hex()}", new_salt(self._random)
            plain = msgspec.msgpack.encode((salt, one))
            nonce = self._random(NONCE)
            sealed = nonce + AESGCM(key).encrypt(nonce, plain, id.encode())
            found.append(Prepared(Kept(id, one.sort, _commitment(salt, one)), sealed))
        return tuple(found)

    def begin(self, unit: Unit, complaint: str, code: bytes, key: bytes, blind: bytes | None) -> None:
        """Keep the wrapped key of a new complaint and the hash of its code, in a unit of work."""
        row = {"id": complaint, "code": code, "sealing_key": self._wrapping.wrap(complaint, key), "blind": blind}
        unit.change(BEGIN, {**row, "created_at": to_micros(unit.at)})

    def keep(self, unit: Unit, complaint: str, prepared: Sequence[Prepared]) -> None:
        """Keep what was sealed, in a unit of work. CaseError: the complaint was erased meanwhile."""
        rows = unit.rows(BY_ID, {"of_id": complaint})
        if prepared and (not rows or rows[0][0] is None):
            raise CaseError("What was written in this complaint was erased, so nothing more can be added to it.")
        for one in prepared:
            row = {"id": one.kept.id, "complaint": complaint, "sort": one.kept.sort, "sealed": one.sealed}
            unit.change(ADD, row)

    def read(self, complaint: str) -> dict[str, Opened]:
        """All that was written in a complaint, by id; nothing once it was erased. CaseError: it was altered."""
        key = self.key(complaint)
        if key is None:
            return {}
        with self.store.read() as connection:
            rows = connection.execute(SEALED, {"of_id": complaint}).all()
        return {row.id: _open(key, row.id, bytes(row.sealed)) for row in rows}

    def find(self, code: str) -> str | None:
        """The id of the complaint that a code leads to."""
        with self.store.read() as connection:
            return connection.execute(BY_CODE, {"of_code": hash_of(code)}).scalar()

    def forget(self, unit: Unit, complaint: str) -> None:
        """Destroy the key and what was sealed under it, in a unit of work."""
        unit.change(FORGET_TEXTS, {"of_id": complaint})
        unit.change(FORGET_KEY, {"of_id": complaint})


def hash_of(code: str) -> bytes:
    """What is kept of a code: SHA-256, which tells nothing of 128 random bits."""
    return hashlib.sha256(b"troth complaint\n" + code.encode(errors="replace")).digest()


def holds(kept: Kept, opened: Opened) -> bool:
    """Whether what was opened is what a fact commits to."""
    return _commitment(opened.salt, opened.written) == kept.commitment


def _commitment(salt: bytes, one: Written) -> str:
    digest = hashlib.sha256(one.data).hexdigest()
    return commit(salt, "written", {"sort": one.sort, "name": one.name, "type": one.type, "sha256": digest})


def _open(key: bytes, id: str, sealed: bytes) -> Opened:
    try:
        plain = AESGCM(key).decrypt(sealed[:NONCE], sealed[NONCE:], id.encode())
        salt, written = msgspec.msgpack.decode(plain, type=tuple[bytes, Written])
    except (InvalidTag, msgspec.DecodeError):
        raise CaseError(f"The text {id} is not what was sealed.") from None
    return Opened(id, written, salt)


__all__ = ["LONGEST", "Opened", "Prepared", "Texts", "Written", "hash_of", "holds", "text"]
