"""The key of the identifiers. It lies in a file `people.key` (mode 0600) beside the record's, outside the database.

From its 32 random bytes HKDF-SHA-256 (RFC 5869) derives one key for each use: one for each kind of identifier, one for
the keys of requests, one that wraps the keys of persons where no vault does, one for each data term whose values can be
looked for, one each for links, codes, the cookie of a browser, the secrets of endpoints, addresses that get no mail,
addresses that mail comes back to and the keys of complaints, and a check value that the database keeps, so that a
database is never used with the key of another one. Whoever has the database and not this file can find nobody in it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import bindparam, select

from troth.people.errors import MissingIndexKeyError, UnsafeIndexKeyError
from troth.people.identifiers import KINDS, Identifier, normalise
from troth.people.sealing import LocalWrapping
from troth.record.durable import write_durably
from troth.store import Store, Unit
from troth.store.schema import persons, settings

FILE = "people.key"
_PREFIX = "TROTH+PEOPLE+"
CHECK = select(settings.c.value).where(settings.c.name == "people.key")
ANY_PERSON = select(persons.c.id).limit(1)
SET_CHECK = settings.insert().values(name="people.key", value=bindparam("value"))

Random = Callable[[int], bytes]


class IndexKey:
    """The derived keys. Holds no identifier."""

    __slots__ = (
        "_kinds", "_pseudonyms", "_requests", "_terms", "_values", "browsers", "check", "codes", "complaints",
        "endpoints", "passes", "returns", "suppressions", "wrapping",
    )  # fmt: skip

    def __init__(self, seed: bytes) -> None:
        self._kinds = {kind: _derive(seed, f"identifier {kind}") for kind in KINDS}
        self._requests = _derive(seed, "requests")
        self._values = _derive(seed, "values")
        self._terms: dict[str, bytes] = {}
        self.wrapping = LocalWrapping(_derive(seed, "persons"))
        self.passes = _derive(seed, "passes", 64)
        self.codes = _derive(seed, "codes")
        self.browsers = _derive(seed, "browsers")
        self._pseudonyms = _derive(seed, "pseudonyms")
        self.endpoints = _derive(seed, "endpoints", 64)
        self.suppressions = _derive(seed, "suppressions")
        self.returns = _derive(seed, "returns", 64)
        self.complaints = LocalWrapping(_derive(seed, "complaints"))
        self.check = _derive(seed, "check")[:16].hex()

    def blind(self, identifier: Identifier) -> bytes:
        """The blind index of an identifier: HMAC-SHA-256 of its one spelling, 32 bytes. Raises IdentifierError."""
        spelling = normalise(identifier)  # an unknown kind is an IdentifierError
        return hmac.digest(self._kinds[identifier.kind], spelling.encode(), "sha256")

    def blind_value(self, term: str, text: str) -> bytes:
        """The blind index of a value of a data term: HMAC-SHA-256 under a key of that term alone, 32 bytes."""
        key = self._terms.get(term)
        if key is None:
            key = self._terms[term] = _derive(self._values, f"value {term}")
        return hmac.digest(key, text.encode(), "sha256")

    def pseudonym(self, recipient: str, person: str) -> str:
        """What a recipient knows a person by: 26 letters and digits (RFC 4648 base32), the same each time.

        Another recipient knows the person by another, and without this key nobody can tell that they are one.
        """
        digest = hmac.digest(self._pseudonyms, f"{recipient}\0{person}".encode(), "sha256")
        return base64.b32encode(digest).decode().lower()[:26]

    def blind_request(self, key: str) -> bytes:
        """The blind form of a caller's key, which may say something about a person; 32 bytes."""
        return hmac.digest(self._requests, key.encode(), hashlib.sha256)


def load_index_key(store: Store, folder: Path, random: Random = secrets.token_bytes) -> IndexKey:
    """The key in `folder`, made once when the database holds nobody yet.

    MissingIndexKeyError: there are persons, and no key. UnsafeIndexKeyError: others can read it, it is no key, or it is
    not the key of this database.
    """
    with store.read() as connection:
        check = connection.execute(CHECK).scalar()
        anybody = connection.execute(ANY_PERSON).first() is not None
    path = folder / FILE
    if not path.exists():
        if check is not None or anybody:
            raise MissingIndexKeyError(
                f"There is no key of the identifiers at {path}, and the database holds persons. Nobody in it can be "
                "found with another key, so a refusal would be overlooked. Restore the file from where you keep it."
            )
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError):  # another process was first; its key is the key
            write_durably(path, f"{_PREFIX}{random(32).hex()}\n".encode(), 0o600, overwrite=False)
    key = IndexKey(_read(path))
    if check is None:
        check = store.write(lambda unit: _set_check(unit, key.check))
    if not hmac.compare_digest(check, key.check):
        raise UnsafeIndexKeyError(f"{path} is not the key under which this database stores identifiers. Restore it.")
    return key


def _read(path: Path) -> bytes:
    try:
        mode = path.stat().st_mode
        text = path.read_text().strip()
    except PermissionError:
        raise UnsafeIndexKeyError(f"The key {path} cannot be read by this user.") from None
    if mode & 0o077:
        raise UnsafeIndexKeyError(f"The key {path} can be read by others (mode {mode & 0o777:04o}): chmod 600 it")
    try:
        seed = bytes.fromhex(text.removeprefix(_PREFIX))
    except ValueError:
        seed = b""
    if not text.startswith(_PREFIX) or len(seed) != 32:
        raise UnsafeIndexKeyError(f"{path} does not hold a key of identifiers. Restore it.")
    return seed


def _set_check(unit: Unit, value: str) -> str:
    rows = unit.rows(CHECK)
    if rows:
        return str(rows[0][0])
    unit.change(SET_CHECK, {"value": value})
    return value


def _derive(seed: bytes, use: str, size: int = 32) -> bytes:
    return HKDF(SHA256(), size, None, f"troth people: {use}".encode()).derive(seed)
