"""Credentials to submit mail with (RFC 4954): each belongs to a stream, so who signs in says what kind of mail it is.

The user name is the stream's, or the id of the credential. The password is `troth_mail_<id>_<43 characters>`, of which
the last part is 256 random bits; it is shown once, and the store keeps its SHA-256 alone, as for service keys. They are
read each time, so that one that is revoked counts no longer, in any process.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import bindparam, select

from troth.gates.mail.streams import Stream
from troth.record.commitment import new_event
from troth.record.kinds import make_entry
from troth.record.log import append
from troth.store import Store, Unit
from troth.store.schema import from_micros, mail_credentials, to_micros

Random = Callable[[int], bytes]

_SECRET = re.compile(r"troth_mail_([0-9a-f]{12})_[A-Za-z0-9_-]{43}", re.ASCII)
_ID = re.compile(r"[0-9a-f]{12}", re.ASCII)
_NOBODYS = bytes(32)  # in place of a hash where there is none; no secret has it

_COLUMNS = [mail_credentials.c[name] for name in ("id", "stream", "digest", "created_at", "created_by", "revoked_at")]
BY_ID = select(*_COLUMNS).where(mail_credentials.c.id == bindparam("of_id"))
EVERY = select(*_COLUMNS).order_by(mail_credentials.c.created_at, mail_credentials.c.id)
ADD = mail_credentials.insert().values({column.name: bindparam(column.name) for column in _COLUMNS})
REVOKE = (
    mail_credentials.update()
    .where(mail_credentials.c.id == bindparam("of_id"))
    .values(revoked_at=bindparam("new_revoked_at"))
)


class CredentialError(ValueError):
    """A credential cannot be made or revoked as asked; the text says why."""


class Credential(msgspec.Struct, frozen=True):
    """A credential as everybody may know it: all but its secret. `id` is 12 hex digits, `stream` the id of a stream."""

    id: str
    stream: str
    created_at: datetime
    created_by: str
    revoked_at: datetime | None = None


class Credentials:
    """The credentials in `store`. Safe to share between threads.

    Everything raises StoreUnavailableError when the store is not there: nothing was changed, nobody is known.
    """

    def __init__(self, store: Store, random: Random = secrets.token_bytes) -> None:
        self.store = store
        self._random = random

    def find(self, user: str, password: str) -> Credential | None:
        """The credential of a user name and password, as the store has it now; None for a wrong or revoked one.

        It takes as long whether or not it is the right one.
        """
        match = _SECRET.fullmatch(password)
        with self.store.glance() as glance:
            rows = glance.rows(BY_ID, {"of_id": match[1] if match else ""})
        id, stream, digest, created_at, created_by, revoked_at = rows[0] if rows else ("", "", _NOBODYS, 0, "", None)
        right = hmac.compare_digest(_digest(password), bytes(digest))
        if not rows or not right or revoked_at is not None or user not in (stream, id):
            return None
        return Credential(id, stream, from_micros(created_at), created_by)

    def list(self) -> list[Credential]:
        """Every credential there ever was, in the order in which they were made."""
        with self.store.read() as connection:
            return [_read(row) for row in connection.execute(EVERY)]

    def create(self, stream: Stream, *, by: str) -> tuple[Credential, str]:
        """A new credential for a stream and its secret, once it is durable and in the record; never to be had again.

        `by` says who makes it. CredentialError: it does not.
        """
        if not by:
            raise CredentialError("A credential names who made it.")
        id = self._random(6).hex()
        secret = f"troth_mail_{id}_{base64.urlsafe_b64encode(self._random(32)).rstrip(b'=').decode()}"

        def work(unit: Unit) -> Credential:
            row = {"id": id, "stream": stream.id, "digest": _digest(secret), "created_by": by, "revoked_at": None}
            unit.change(ADD, {**row, "created_at": to_micros(unit.at)})
            self._enter(unit, "created", id, stream.id)
            return Credential(id, stream.id, unit.at, by)

        return self.store.write(work), secret

    def revoke(self, id: str) -> Credential:
        """Revoke a credential: from now on it counts no longer, in any process, and never again.

        CredentialError: there is none of that id, or it is revoked.
        """

        def work(unit: Unit) -> Credential:
            rows = unit.rows(BY_ID, {"of_id": id}) if _ID.fullmatch(id) else ()
            if not rows:
                raise CredentialError(f"There is no credential '{id[:40]}'. `troth mail credential list` shows them.")
            _, stream, _, created_at, created_by, revoked_at = rows[0]
            if revoked_at is not None:
                raise CredentialError(f"The credential '{id}' is revoked. Make a new one.")
            unit.change(REVOKE, {"of_id": id, "new_revoked_at": to_micros(unit.at)})
            self._enter(unit, "revoked", id, stream)
            return Credential(id, stream, from_micros(created_at), created_by, unit.at)

        return self.store.write(work)

    def _enter(self, unit: Unit, change: str, id: str, stream: str) -> None:
        values: dict[str, object] = {"change": change, "credential": id, "stream": stream}
        append(unit, make_entry("credential", new_event(self._random), unit.at, values))


def _read(row: Any) -> Credential:
    revoked = None if row.revoked_at is None else from_micros(row.revoked_at)
    return Credential(row.id, row.stream, from_micros(row.created_at), row.created_by, revoked)


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
