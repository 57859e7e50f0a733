"""Passing on what came back to an envelope sender that was made here, to whom a stream names for it (`bounces`).

An envelope sender of our own takes the place of the client's, and whoever is responsible for the mail would not hear of
what becomes of it any more (RFC 5321, section 3.6.2: an undelivered message is reported to its originator). So it is
passed on as it came, from nobody, so that no failure of that is told in turn.
"""

from __future__ import annotations

import re
from datetime import datetime
from email.utils import format_datetime

from troth.gates.mail.content.splicing import as_field
from troth.gates.mail.sending.queue import Line, Parcel, Queue
from troth.gates.mail.sending.verdicts import NOTICES
from troth.people.changes import Person
from troth.store import Unit

HOPS = 100  # lines `Received` of a message that goes in circles (RFC 5321, section 6.3)
LONGEST = 998  # octets of a line, without CRLF (RFC 5321, section 4.5.3.1.6)

_ENDS = re.compile(rb"\r\n|\r|\n")
_RECEIVED = re.compile(rb"^Received:", re.IGNORECASE | re.MULTILINE)


def pass_on(unit: Unit, queue: Queue, to: str, raw: bytes, person: Person | None) -> bool:
    """Put a message into the queue for somebody, in a unit of work; whether it was. Who is erased takes it along."""
    if len(_RECEIVED.findall(raw)) >= HOPS:
        return False
    id = queue.people.scribe.random(9).hex()
    content = _trace(id, unit.at) + clean(raw)
    line = Line(address=to, person=person)
    queue.put(unit, Parcel(message=id, stream=NOTICES, content=content, sender="", returns="", lines=(line,)))
    return True


def clean(raw: bytes) -> bytes:
    """A message as it can be said to the next server: lines end with CRLF, are not too long, and have no NUL."""
    lines = _ENDS.split(raw.replace(b"\0", b"").removesuffix(b"\n").removesuffix(b"\r"))
    parts = (line[start : start + LONGEST] for line in lines for start in range(0, max(len(line), 1), LONGEST))
    return b"".join(part + b"\r\n" for part in parts)


def _trace(id: str, at: datetime) -> bytes:
    return as_field("Received", f"by localhost (Troth) id {id}; {format_datetime(at)}")
