"""Acknowledgements: a recipient signs that it received a delivery, in its answer or at any time later.

What it signs is the id of the delivery and the SHA-256 of the body. The signature is the proof, so no other key is
needed. A right one is recorded once; a wrong one changes nothing, and is told apart from an unknown delivery by nobody.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from datetime import timedelta

import msgspec
from sqlalchemy import bindparam, select

from troth.gates.delivery.endpoints import BY_ID as ENDPOINT_BY_ID
from troth.gates.delivery.endpoints import EndpointError, Endpoints, Keyed
from troth.gates.delivery.signing import PublicKey, SharedSecret, acknowledged_content, verified
from troth.record.commitment import new_event
from troth.record.kinds import make_entry
from troth.record.log import append
from troth.store import Store, Unit
from troth.store.schema import deliveries, to_micros

Random = Callable[[int], bytes]

WITHIN = timedelta(days=3)  # after it was delivered, an acknowledgement is due
MOST_BYTES = 4096  # of an acknowledgement
REFUSED = "This is not the signature of the recipient of that delivery, over its id and the SHA-256 of its body."
_ID = re.compile(r"msg_[0-9a-f]{32}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)

COLUMNS = [
    deliveries.c[name]
    for name in (
        "id", "kind", "recipient", "disclosure", "batch", "state", "attempts", "sent", "sent_to", "digest",
    )
]  # fmt: skip
BY_ID = select(*COLUMNS).where(deliveries.c.id == bindparam("of_id"))
_OF_ID = deliveries.update().where(deliveries.c.id == bindparam("of_id"))
DELIVERED = _OF_ID.values(
    state="delivered", digest=bindparam("new_digest"), delivered_at=bindparam("new_at"), due_at=bindparam("new_due_at"),
    nonce=None, leased_until=None, why=None,
)  # fmt: skip
# What an acknowledged delivery carried is not needed any more.
ACKNOWLEDGED = _OF_ID.values(
    state="acknowledged", digest=bindparam("new_digest"), acknowledged_at=bindparam("new_at"), due_at=None, body=None,
    why=None,
)  # fmt: skip


class AcknowledgementError(ValueError):
    """An acknowledgement is not one; nothing was changed."""


class Acknowledgement(msgspec.Struct, frozen=True):
    """What a recipient says: which delivery, the SHA-256 of the body that it received, and its signature."""

    acknowledged: str
    digest: str
    signature: str


class Acknowledging:
    """Takes acknowledgements into `store`. Safe to share between threads."""

    def __init__(self, store: Store, endpoints: Endpoints, random: Random = secrets.token_bytes) -> None:
        self.store = store
        self._endpoints = endpoints
        self._random = random

    def take(self, said: Acknowledgement) -> bool:
        """Record an acknowledgement, durably; False if it was recorded before.

        AcknowledgementError: the signature is not the recipient's, or there is no such delivery.
        """
        if not _ID.fullmatch(said.acknowledged) or not _DIGEST.fullmatch(said.digest):
            raise AcknowledgementError(REFUSED)
        with self.store.read() as connection:
            row = connection.execute(BY_ID, {"of_id": said.acknowledged}).first()
            to = None if row is None else connection.execute(ENDPOINT_BY_ID, {"of_id": row.sent_to or ""}).first()
        try:
            keyed = None if to is None else self._endpoints.keyed([tuple(to)], self.store.clock())
        except EndpointError:
            keyed = None
        if row is None or keyed is None or said.digest not in row.sent.split():
            raise AcknowledgementError(REFUSED)
        signature = right_signature(said, keyed)
        if signature is None:
            raise AcknowledgementError(REFUSED)
        return self.store.write(lambda unit: acknowledge(unit, said, signature, keyed.endpoint.id, self._random))


def read_acknowledgement(body: bytes | None) -> Acknowledgement | None:
    """The acknowledgement in an answer; None if it is anything else, whatever its type is said to be."""
    if body is None or len(body) > MOST_BYTES:
        return None
    try:
        return msgspec.json.decode(body, type=Acknowledgement)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None


def right_signature(said: Acknowledgement, to: Keyed) -> str | None:
    """The signature in it that is the recipient's; None if none is.

    A recipient that has a key of its own signs with that one, and then the shared secret, which is known here too,
    does not count.
    """
    content = acknowledged_content(said.acknowledged, said.digest)
    if to.endpoint.ack_key is not None:
        return verified(said.signature, content, publics=(PublicKey(to.endpoint.ack_key),))
    return verified(said.signature, content, secrets=[key for key in to.keys if isinstance(key, SharedSecret)])


def acknowledge(unit: Unit, said: Acknowledgement, signature: str, endpoint: str, random: Random) -> bool:
    """Record, in a unit of work, an acknowledgement whose signature is right; False if one was before."""
    row = _Row(*unit.rows(BY_ID, {"of_id": said.acknowledged})[0])
    if row.state == "acknowledged":
        return False
    if row.state != "delivered":
        # Nothing came back from the attempt, or it was given up since: by this it is known to have arrived.
        take(unit, row.id, said.digest, endpoint, random)
    values: dict[str, object] = {
        "delivery": row.id, "recipient": row.recipient, "endpoint": endpoint, "digest": said.digest,
        "signature": signature,
    }  # fmt: skip
    append(unit, make_entry("acknowledged", new_event(random), unit.at, values))
    unit.change(ACKNOWLEDGED, {"of_id": row.id, "new_digest": said.digest, "new_at": to_micros(unit.at)})
    return True


def take(unit: Unit, id: str, digest: str, endpoint: str, random: Random) -> bool:
    """Record, in a unit of work, that a recipient has a delivery; False if that is known. Its signature is due then."""
    row = _Row(*unit.rows(BY_ID, {"of_id": id})[0])
    if row.state in ("delivered", "acknowledged"):
        return False
    values: dict[str, object] = {
        "delivery": id, "what": row.kind, "recipient": row.recipient, "endpoint": endpoint,
        "disclosure": row.disclosure or "", "batch": row.batch or 0, "attempts": row.attempts, "digest": digest,
    }  # fmt: skip
    due = to_micros(unit.at + WITHIN)
    append(unit, make_entry("delivered", new_event(random), unit.at, values))
    unit.change(DELIVERED, {"of_id": id, "new_digest": digest, "new_at": to_micros(unit.at), "new_due_at": due})
    return True


class _Row(msgspec.Struct):
    """A row of COLUMNS."""

    id: str
    kind: str
    recipient: str
    disclosure: str | None
    batch: int | None
    state: str
    attempts: int
    sent: str
    sent_to: str | None
    digest: str | None
