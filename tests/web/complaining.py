"""The flagship in 2016 with an officer and the recourse body `truste`, for tests of complaints."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from choosing import Choosing, Clock, choosing
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from troth.accountability.complaints.bodies import eligible_of
from troth.accountability.complaints.desk import ComplaintDesk
from troth.accountability.complaints.facts import Said
from troth.accountability.complaints.texts import text
from troth.accountability.signing import sign
from troth.web.complaints.place import Place

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)


class Complaining(msgspec.Struct):
    """A running server with complaints, and what is behind it."""

    served: Choosing
    desk: ComplaintDesk
    place: Place
    officer: str
    key: Ed25519PrivateKey
    token: str

    @property
    def url(self) -> str:
        return self.served.url

    def send(self, files: list[tuple[str, bytes]] | None = None, **more: str) -> str:
        """Send a complaint; its code."""
        with self.served.client() as client:
            fields = {"what": "You sold my address.", "statement": "sale", "agreed": "yes", **more}
            sent = [("file", (name, data)) for name, data in files or []] or [("file", ("", b""))]
            answer = client.post("/complaints", data=fields, files=sent)
        assert answer.status_code == 200, answer.text
        found = re.search(r"/complaints/([0-9a-f]{32})", answer.text)
        assert found is not None
        return found[1]

    def staff(self, id: str, said: Said, words: str = "We looked at it.") -> None:
        """A step that the officer signs."""
        said, prepared = self.desk.prepare(id, said, text("text", words))
        self.desk.do_signed(
            id, said, prepared, sign(self.desk.act(id, said, self.served.clock()), self.officer, self.key)
        )

    def look(self) -> None:
        """What the running server does each second."""
        assert self.place.watch is not None
        self.place.watch.run()
        self.served.log.sign()


@contextmanager
def complaining(folder: Path) -> Iterator[Complaining]:
    with choosing(folder, clock=Clock(datetime(2016, 5, 1, 10, tzinfo=UTC))) as served:
        place = served.app.complaints
        assert place is not None
        key = Ed25519PrivateKey.generate()
        public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        officer = place.desk.staff.add("olga", ["officer", "desk"], public).id
        id, token, said = place.desk.bodies.new("truste", eligible_of(place.desk.policy, "truste"))
        place.desk.bodies.enter(id, said, sign(place.desk.bodies.act(id, said, served.clock()), officer, key))
        yield Complaining(served, place.desk, place, officer, key, token)
