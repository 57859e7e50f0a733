"""Endpoints: where a recipient takes deliveries, and the keys with which they are signed.

A secret lies in the store sealed with AES-256-SIV (RFC 5297) under a key derived from `people.key`, bound to its
endpoint; it is shown once, when it is made. Adding an endpoint and every change of it is an entry in the record, in the
same unit of work, with the public keys and never the secret. Of the URL, in which recipients hide secrets of their own,
the record has the SHA-256.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from sqlalchemy import bindparam, select

from troth.gates.delivery.addresses import read_address
from troth.gates.delivery.signing import SECRET_BYTES, Method, PrivateKey, PublicKey, SharedSecret, signing_key
from troth.people import People
from troth.record.commitment import new_event
from troth.record.kinds import make_entry
from troth.record.log import append
from troth.store import Store, Unit
from troth.store.schema import endpoints, from_micros, to_micros

Random = Callable[[int], bytes]
State = Literal["enabled", "disabled"]

OVERLAP = timedelta(days=1)  # how long the key before signs too after a rotation, unless it is said otherwise
_RECIPIENT = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}", re.ASCII)

COLUMNS = list(endpoints.columns)
BY_ID = select(*COLUMNS).where(endpoints.c.id == bindparam("of_id"))
EVERY = select(*COLUMNS).order_by(endpoints.c.created_at, endpoints.c.id)
# Where a recipient has several, what names none goes to the one that was added last.
ENABLED_OF = (
    select(*COLUMNS)
    .where(endpoints.c.recipient == bindparam("of_recipient"), endpoints.c.state == "enabled")
    .order_by(endpoints.c.created_at.desc(), endpoints.c.id.desc())
    .limit(1)
)
ADD = endpoints.insert().values({column.name: bindparam(column.name) for column in COLUMNS})
_OF_ID = endpoints.update().where(endpoints.c.id == bindparam("of_id"))
ROTATE = _OF_ID.values(
    {name: bindparam(f"new_{name}") for name in ("secret", "previous", "previous_until", "rotated_at")}
)
SET_ACK_KEY = _OF_ID.values(ack_key=bindparam("new_ack_key"))
SET_STATE = _OF_ID.values(state=bindparam("new_state"), why=bindparam("new_why"), failing_since=None)


class EndpointError(ValueError):
    """An endpoint cannot be as asked; the text says why."""


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint as everybody may know it: all but its secret. `id` is `ep_` and 16 hex digits.

    `public_key` is what verifies its messages, of the method `v1a`. `ack_key` is the recipient's, for acknowledgements.
    `failing_since` is when the first of the attempts failed that have all failed since.
    """

    id: str
    recipient: str
    url: str
    method: Method
    public_key: str | None
    ack_key: str | None
    state: State
    why: str | None
    failing_since: datetime | None
    created_at: datetime
    created_by: str
    rotated_at: datetime | None
    overlap_until: datetime | None


class Keyed(msgspec.Struct, frozen=True):
    """An endpoint with the keys that count now, the present one first."""

    endpoint: Endpoint
    keys: tuple[SharedSecret | PrivateKey, ...]


class Endpoints:
    """The endpoints in `store`, which has the people. Safe to share between threads.

    `loopback`: endpoints on this machine are allowed, as the examples have them. Everything raises
    StoreUnavailableError when the store is not there: nothing was changed.
    """

    def __init__(
        self, store: Store, people: People, *, loopback: bool = False, random: Random = secrets.token_bytes
    ) -> None:
        self.store = store
        self.loopback = loopback
        self._random = random
        self._sealing = AESSIV(people.key.endpoints)

    # --- reading ------------------------------------------------------------------------------------------------------

    def list(self, recipient: str | None = None) -> list[Endpoint]:
        """Every endpoint there ever was, or of one recipient, in the order in which they were added."""
        with self.store.read() as connection:
            rows = [_Row(*row) for row in connection.execute(EVERY)]
        return [self._read(row) for row in rows if recipient in (None, row.recipient)]

    def one(self, id: str) -> Endpoint:
        """An endpoint by its id. EndpointError: there is none."""
        with self.store.read() as connection:
            row = connection.execute(BY_ID, {"of_id": id}).first()
        if row is None:
            raise EndpointError(f"There is no endpoint '{id[:100]}'. `troth endpoint list` has them.")
        return self._read(_Row(*row))

    def keyed(self, rows: Sequence[Sequence[Any]], at: datetime) -> Keyed | None:
        """The endpoint in the first of some rows of COLUMNS with its keys at a moment; None without a row."""
        if not rows:
            return None
        row = _Row(*rows[0])
        found = self._read(row)
        keys = [signing_key(found.method, self._open(row, row.secret))]
        if row.previous is not None and found.overlap_until is not None and at < found.overlap_until:
            keys.append(signing_key(found.method, self._open(row, row.previous)))
        return Keyed(found, tuple(keys))

    # --- writing ------------------------------------------------------------------------------------------------------

    def add(
        self, recipient: str, url: str, *, by: str, method: Method = "v1", ack_key: str | None = None
    ) -> tuple[Endpoint, str]:
        """A new endpoint, and what the recipient needs to verify: the secret (`v1`), or the public key (`v1a`).

        `ack_key` is the public key with which the recipient signs its acknowledgements; with `v1` it may do that with
        the shared secret. EndpointError, AddressError, KeyTextError: it cannot be; nothing was added.
        """
        if not _RECIPIENT.fullmatch(recipient):
            raise EndpointError(f"'{recipient[:100]}' is not the id of a recipient. `troth recipient list` has them.")
        if not by:
            raise EndpointError("An endpoint names who added it.")
        read_address(url, loopback=self.loopback)
        _check_ack_key(method, ack_key)
        id = f"ep_{self._random(8).hex()}"
        secret = self._random(SECRET_BYTES)
        values: dict[str, Any] = dict.fromkeys(column.name for column in COLUMNS)
        values |= {"id": id, "recipient": recipient, "url": url, "method": method, "ack_key": ack_key}
        values |= {"secret": self._seal(id, secret), "state": "enabled", "created_by": by}

        def work(unit: Unit) -> Endpoint:
            values["created_at"] = to_micros(unit.at)
            unit.change(ADD, values)
            return self._changed(unit, id, "added")

        return self.store.write(work), _shown(method, secret)

    def rotate(self, id: str, overlap: timedelta = OVERLAP) -> tuple[Endpoint, str]:
        """A new key for an endpoint; the one before signs too for `overlap` longer, an older one no more.

        It returns the endpoint and what verifies, as `add` does. EndpointError: there is no such endpoint.
        """
        if overlap < timedelta(0):
            raise EndpointError("The time during which both keys sign is not negative.")
        secret = self._random(SECRET_BYTES)

        def work(unit: Unit) -> Endpoint:
            row = self._row(unit, id)
            values = {
                "of_id": id, "new_secret": self._seal(id, secret), "new_previous": row.secret,
                "new_previous_until": to_micros(unit.at + overlap), "new_rotated_at": to_micros(unit.at),
            }  # fmt: skip
            unit.change(ROTATE, values)
            return self._changed(unit, id, "rotated")

        found = self.store.write(work)
        return found, _shown(found.method, secret)

    def set_ack_key(self, id: str, ack_key: str | None) -> Endpoint:
        """Change the public key with which the recipient signs; None: it signs with the shared secret (`v1`).

        EndpointError, KeyTextError: it cannot be.
        """

        def work(unit: Unit) -> Endpoint:
            _check_ack_key(self._row(unit, id).method, ack_key)
            unit.change(SET_ACK_KEY, {"of_id": id, "new_ack_key": ack_key})
            return self._changed(unit, id, "keyed")

        return self.store.write(work)

    def enable(self, id: str) -> Endpoint:
        """Deliver to an endpoint again. EndpointError: there is none. AddressError: nothing may go there."""

        def work(unit: Unit) -> Endpoint:
            read_address(self._row(unit, id).url, loopback=self.loopback)
            return self.set_state(unit, id, "enabled", None)

        return self.store.write(work)

    def disable(self, id: str, why: str | None = None) -> Endpoint:
        """Deliver to an endpoint no more; what waits for it waits. EndpointError: there is none."""
        return self.store.write(lambda unit: self.set_state(unit, id, "disabled", why))

    def set_state(self, unit: Unit, id: str, state: State, why: str | None) -> Endpoint:
        """The same in a unit of work; it has no entry if the endpoint is in that state already."""
        row = self._row(unit, id)
        if row.state == state:
            return self._read(row)
        unit.change(SET_STATE, {"of_id": id, "new_state": state, "new_why": why})
        return self._changed(unit, id, state)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _row(self, unit: Unit, id: str) -> _Row:
        rows = unit.rows(BY_ID, {"of_id": id})
        if not rows:
            raise EndpointError(f"There is no endpoint '{id[:100]}'. `troth endpoint list` has them.")
        return _Row(*rows[0])

    def _changed(self, unit: Unit, id: str, change: str) -> Endpoint:
        """Enter a change that was made into the record; the endpoint as it is now."""
        found = self._read(self._row(unit, id))
        keys = {"method": found.method, "verifies": found.public_key, "acknowledges": found.ack_key}
        values: dict[str, object] = {
            "endpoint": id, "recipient": found.recipient, "change": change,
            "address": hashlib.sha256(found.url.encode()).hexdigest(),
            "keys": msgspec.json.encode({name: key for name, key in keys.items() if key is not None}).decode(),
        }  # fmt: skip
        append(unit, make_entry("endpoint", new_event(self._random), unit.at, values))
        return found

    def _read(self, row: _Row) -> Endpoint:
        public = PrivateKey(self._open(row, row.secret)).public() if row.method == "v1a" else None
        times = (row.failing_since, row.created_at, row.rotated_at, row.previous_until)
        failing, created, rotated, until = (None if at is None else from_micros(at) for at in times)
        return Endpoint(
            id=row.id, recipient=row.recipient, url=row.url, method=row.method, public_key=public,
            ack_key=row.ack_key, state=row.state, why=row.why, failing_since=failing, created_by=row.created_by,
            created_at=created or from_micros(0), rotated_at=rotated, overlap_until=until,
        )  # fmt: skip

    def _seal(self, id: str, secret: bytes) -> bytes:
        return self._sealing.encrypt(secret, [b"endpoint", id.encode()])

    def _open(self, row: _Row, sealed: bytes) -> bytes:
        try:
            return self._sealing.decrypt(bytes(sealed), [b"endpoint", row.id.encode()])
        except InvalidTag:
            raise EndpointError(f"The secret of the endpoint {row.id} cannot be opened. Rotate it.") from None


class _Row(msgspec.Struct):
    """A row of the table, in the order of its columns."""

    id: str
    recipient: str
    url: str
    method: Method
    secret: bytes
    previous: bytes | None
    previous_until: int | None
    ack_key: str | None
    state: State
    why: str | None
    failing_since: int | None
    created_at: int
    created_by: str
    rotated_at: int | None


def _shown(method: Method, secret: bytes) -> str:
    """What the recipient needs to verify messages."""
    return SharedSecret(secret).text() if method == "v1" else PrivateKey(secret).public()


def _check_ack_key(method: Method, ack_key: str | None) -> None:
    if ack_key is not None:
        PublicKey(ack_key)
    elif method == "v1a":
        raise EndpointError(
            "With `v1a` there is no shared secret, so the recipient signs what it acknowledges with a key of its own. "
            "Ask for its public key, `whpk_…`, and give it with --ack-key."
        )
