"""What the pages and the HTTP door of mail share: who decides, what comes back, the queue and the sink."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from troth.decision.point import DecisionPoint
from troth.gates.mail.deciding.mailing import Mailing
from troth.gates.mail.remembering import KEPT, forget
from troth.gates.mail.returning.returns import Returns
from troth.gates.mail.sending.queue import Queue
from troth.gates.mail.sending.sink import Sink
from troth.gates.mail.sending.waiting import Clerk
from troth.gates.mail.streams import read_streams
from troth.gates.mail.suppression import Suppression
from troth.people import People


class MailPlace(NamedTuple):
    """What is configured of mail: the tables of the streams, where people reach the pages, the folder of the sink.

    `kept` is how long it is remembered which mail went to whom.
    """

    streams: Mapping[str, object] | None = None
    site: str | None = None
    sink: Path | None = None
    kept: timedelta = KEPT


class MailDesk:
    """The gate of mail under one policy. StreamError: the streams are not right."""

    def __init__(self, people: People, point: DecisionPoint, place: MailPlace) -> None:
        self.people = people
        self.point = point
        self.streams = read_streams(place.streams, point.policy)
        self.mailing = Mailing(people, point, self.streams, place.site)
        self.returns = Returns(people, self.streams)
        self.suppression = Suppression(people)
        self.clerk = Clerk(Queue(people))
        self.sink = None if place.sink is None else Sink(place.sink)
        self._kept = place.kept

    def forget(self) -> int:
        """Delete the lines about mail that are older than they are kept; how many. StoreUnavailableError."""
        return forget(self.people.store, self._kept)
