"""Service keys: how a calling service shows who it is, and what it may ask for.

A key has a secret, `troth_<id>_<43 characters>`, of which the last part is 256 random bits. It is shown once; the store
keeps its SHA-256. A slow hash, as for passwords, would protect a secret that can be guessed; one of 256 bits cannot be,
and each request would pay for it. Looking a key up takes as long whether or not it is the right one.

Keys are read from the store each time, so that one that is revoked counts no longer, in any process. Making, rotating
and revoking one is an entry in the record, in the same unit of work. No request over HTTP does any of it, so whoever
holds a key cannot widen it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, or_, select

from troth.gates.scope import Scope
from troth.record.commitment import new_event
from troth.record.kinds import make_entry
from troth.record.log import append
from troth.store import Store, Unit
from troth.store.schema import from_micros, service_keys, to_micros

Random = Callable[[int], bytes]

OVERLAP = timedelta(days=1)  # how long the secret before counts after a rotation, unless it is said otherwise
_SECRET = re.compile(r"troth_([0-9a-f]{12})_[A-Za-z0-9_-]{43}", re.ASCII)
_ID = re.compile(r"[0-9a-f]{12}", re.ASCII)
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?", re.ASCII)
_NOBODYS = bytes(32)  # in place of a hash where there is none; no secret has it

_COLUMNS = list(service_keys.columns)
BY_ID = select(*_COLUMNS).where(service_keys.c.id == bindparam("of_id"))
BY_NAME = (
    select(*_COLUMNS)
    .where(or_(service_keys.c.name == bindparam("of_name"), service_keys.c.id == bindparam("of_name")))
    .order_by(service_keys.c.revoked_at.is_(None).desc(), service_keys.c.created_at.desc())
    .limit(1)
)
EVERY = select(*_COLUMNS).order_by(service_keys.c.created_at, service_keys.c.id)
ANY = select(service_keys.c.id).where(service_keys.c.revoked_at.is_(None)).limit(1)
ADD = service_keys.insert().values({column.name: bindparam(column.name) for column in _COLUMNS})
ROTATE = (
    service_keys.update()
    .where(service_keys.c.id == bindparam("of_id"))
    .values({name: bindparam(f"new_{name}") for name in ("digest", "previous", "previous_until", "rotated_at")})
)
REVOKE = (
    service_keys.update().where(service_keys.c.id == bindparam("of_id")).values(revoked_at=bindparam("new_revoked_at"))
)


class ServiceKeyError(ValueError):
    """A key cannot be made or changed as asked; the text says why."""


class ServiceKey(msgspec.Struct, frozen=True):
    """A key as everybody may know it: all but its secret. `id` is 12 hex digits, `name` that of the service.

    `overlap_until` is when the secret from before the last rotation counts no longer, None if there is none.
    """

    id: str
    name: str
    scope: Scope
    created_at: datetime
    created_by: str
    rotated_at: datetime | None = None
    overlap_until: datetime | None = None
    revoked_at: datetime | None = None


class ServiceKeys:
    """The service keys in `store`. Safe to share between threads.

    Everything raises StoreUnavailableError when the store is not there: nothing was changed, nobody is known.
    """

    def __init__(self, store: Store, random: Random = secrets.token_bytes) -> None:
        self.store = store
        self._random = random

    # --- reading ------------------------------------------------------------------------------------------------------

    def find(self, secret: str) -> ServiceKey | None:
        """The key whose secret this is, as the store has it now; None for an unknown or revoked one."""
        return self.find_all((secret,))[secret]

    def find_all(self, several: Iterable[str]) -> dict[str, ServiceKey | None]:
        """The same of several secrets, in one read."""
        now = to_micros(self.store.clock())
        with self.store.read() as connection:
            return {secret: _counting(_row(connection, secret), secret, now) for secret in several}

    def any(self) -> bool:
        """Whether there is a key that is not revoked: from then on callers need one."""
        with self.store.read() as connection:
            return connection.execute(ANY).first() is not None

    def list(self) -> list[ServiceKey]:
        """Every key there ever was, in the order in which they were made."""
        with self.store.read() as connection:
            return [_read(row) for row in connection.execute(EVERY)]

    # --- writing ------------------------------------------------------------------------------------------------------

    def create(self, name: str, scope: Scope, *, by: str) -> tuple[ServiceKey, str]:
        """A new key and its secret, once it is durable and in the record. The secret can never be had again.

        `by` says who makes it. Whether the scope is spelt right is for `scope.check_scope` to say. ServiceKeyError: the
        name is no name, or that of another key that is not revoked.
        """
        if not _NAME.fullmatch(name) or _ID.fullmatch(name):
            raise ServiceKeyError(
                f"'{name[:100]}' is no name for a key: up to 64 small letters, digits, dots, dashes and underscores, "
                "such as newsletter, and not 12 hex digits, which would look like the id of another key."
            )
        if not by:
            raise ServiceKeyError("A key names who made it.")
        id = self._random(6).hex()
        secret = self._secret(id)

        def work(unit: Unit) -> ServiceKey:
            if any(row.revoked_at is None for row in _rows(unit, BY_NAME, {"of_name": name})):
                raise ServiceKeyError(
                    f"There is a key '{name}' already. Rotate it for a new secret, or revoke it first to change what "
                    "it is for."
                )
            values = dict.fromkeys(column.name for column in _COLUMNS)
            values |= {"id": id, "name": name, "digest": _digest(secret), "scope": _written(scope), "created_by": by}
            unit.change(ADD, {**values, "created_at": to_micros(unit.at)})
            self._enter(unit, "created", id, name, scope)
            return ServiceKey(id, name, scope, unit.at, by)

        return self.store.write(work), secret

    def rotate(self, key: str, overlap: timedelta = OVERLAP) -> tuple[ServiceKey, str]:
        """A new secret for a key, by id or name; the one before counts for `overlap` longer, an older one no more.

        ServiceKeyError: there is no such key, or it is revoked.
        """
        if overlap < timedelta(0):
            raise ServiceKeyError("The time during which both secrets count is not negative.")

        def work(unit: Unit) -> tuple[ServiceKey, str]:
            row = self._living(unit, key)
            secret = self._secret(row.id)
            until = unit.at + overlap
            values = {
                "of_id": row.id, "new_digest": _digest(secret), "new_previous": bytes(row.digest),
                "new_previous_until": to_micros(until), "new_rotated_at": to_micros(unit.at),
            }  # fmt: skip
            unit.change(ROTATE, values)
            found = _read(row)
            self._enter(unit, "rotated", found.id, found.name, found.scope)
            return msgspec.structs.replace(found, rotated_at=unit.at, overlap_until=until), secret

        return self.store.write(work)

    def revoke(self, key: str) -> ServiceKey:
        """Revoke a key, by id or name: from now on neither of its secrets counts, in any process, and never again.

        ServiceKeyError: there is no such key, or it is revoked.
        """

        def work(unit: Unit) -> ServiceKey:
            found = _read(self._living(unit, key))
            unit.change(REVOKE, {"of_id": found.id, "new_revoked_at": to_micros(unit.at)})
            self._enter(unit, "revoked", found.id, found.name, found.scope)
            return msgspec.structs.replace(found, revoked_at=unit.at)

        return self.store.write(work)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _secret(self, id: str) -> str:
        return f"troth_{id}_{base64.urlsafe_b64encode(self._random(32)).rstrip(b'=').decode()}"

    def _living(self, unit: Unit, key: str) -> _Row:
        rows = _rows(unit, BY_NAME, {"of_name": key})
        if not rows:
            raise ServiceKeyError(f"There is no key '{key[:100]}'.")
        if rows[0].revoked_at is not None:
            raise ServiceKeyError(f"The key '{key[:100]}' is revoked. Make a new one.")
        return rows[0]

    def _enter(self, unit: Unit, change: str, id: str, name: str, scope: Scope) -> None:
        values: dict[str, object] = {"change": change, "key": id, "name": name, "scope": _written(scope)}
        append(unit, make_entry("service", new_event(self._random), unit.at, values))


class _Row(msgspec.Struct):
    """A row of the table, in the order of its columns."""

    id: str
    name: str
    digest: bytes
    previous: bytes | None
    previous_until: int | None
    scope: str
    created_at: int
    created_by: str
    rotated_at: int | None
    revoked_at: int | None


def _rows(unit: Unit, statement: Any, values: dict[str, Any]) -> Sequence[_Row]:
    return [_Row(*row) for row in unit.rows(statement, values)]


def _row(connection: Connection, secret: str) -> Any:
    match = _SECRET.fullmatch(secret)
    return connection.execute(BY_ID, {"of_id": match[1] if match else ""}).first()


def _counting(row: Any, secret: str, now: int) -> ServiceKey | None:
    """The key in a row, if this is a secret of it that counts. Both are compared whatever the first one says."""
    digest = _digest(secret)
    is_now = hmac.compare_digest(digest, _NOBODYS if row is None else bytes(row.digest))
    was_before = hmac.compare_digest(digest, _NOBODYS if row is None or row.previous is None else bytes(row.previous))
    if row is None or row.revoked_at is not None:
        return None
    return _read(row) if is_now or (was_before and now < row.previous_until) else None


def _read(row: Any) -> ServiceKey:
    """A key from a row, without the hashes of its secrets."""
    return ServiceKey(
        row.id,
        row.name,
        msgspec.json.decode(row.scope, type=Scope),
        from_micros(row.created_at),
        row.created_by,
        *(None if at is None else from_micros(at) for at in (row.rotated_at, row.previous_until, row.revoked_at)),
    )


def _written(scope: Scope) -> str:
    return msgspec.json.encode(scope).decode()


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
