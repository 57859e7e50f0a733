"""The delivery that a download counts as: its recipient acknowledges it like any other, by its signature.

It is there only for a recipient with an endpoint, whose keys verify the signature. What is signed is the id of the
delivery, which came with the download, and the SHA-256 of the encrypted file. One that is not acknowledged in time is
late like any other; sending it again sends a message that says what was fetched.
"""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import bindparam

from troth.gates.delivery.acknowledging import WITHIN
from troth.gates.delivery.endpoints import ENABLED_OF
from troth.gates.share.files.row import FileRow
from troth.store import Store, Unit
from troth.store.schema import deliveries, to_micros

KIND = "file"
HEADER = "troth-delivery"  # of the answer that carries the file: the id of the delivery

ADD = deliveries.insert().values({column.name: bindparam(column.name) for column in deliveries.columns})


def endpoint_of(store: Store, recipient: str) -> str | None:
    """The id of the endpoint whose keys verify an acknowledgement of a recipient; None without one."""
    with store.read() as connection:
        row = connection.execute(ENABLED_OF, {"of_recipient": recipient}).first()
    return None if row is None else str(row.id)


def delivery_of(fetch: str) -> str:
    """The id of the delivery that a download counts as, once it is whole."""
    return f"msg_{fetch}"


def expect(unit: Unit, row: FileRow, fetch: str, endpoint: str) -> None:
    """Expect the acknowledgement of a download that is whole, in the unit of work that enters it."""
    now = to_micros(unit.at)
    body = {"about": "file-fetched", "size": row.size, "sha256": row.sha256}
    values: dict[str, Any] = dict.fromkeys(column.name for column in deliveries.columns)
    values |= {
        "id": delivery_of(fetch), "kind": KIND, "recipient": row.recipient, "endpoint": endpoint,
        "disclosure": row.disclosure, "body": msgspec.json.encode(body).decode(), "state": "delivered", "attempts": 1,
        "next_at": now, "sent": row.sha256, "sent_to": endpoint, "created_at": now, "delivered_at": now,
        "due_at": to_micros(unit.at + WITHIN), "digest": row.sha256,
    }  # fmt: skip
    unit.change(ADD, values)
