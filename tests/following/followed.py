"""The flagship with its gates, recipients under contract, and what follows people to them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from gate_oracle import FLAGSHIP, Clock, Gated, gated
from sqlalchemy import text, update

from troth.conditions import Conditions
from troth.conditions.facts import Contract, Page, Profile
from troth.decision.point import DecisionPoint
from troth.gates.collect import Submission
from troth.gates.delivery.endpoints import Endpoints
from troth.gates.delivery.queue import Queue
from troth.gates.following.following import Following
from troth.gates.share.share import Sharing
from troth.gates.share.wanted import Shared, Wanted
from troth.people import Identifier
from troth.store.schema import deliveries, to_micros

AGENCY, MAIL, PARTNER, GROUP = "marketing-agency", "mail-service", "co-brand-partner", "logmein-group"
PAGE = "https://gotomeeting.localhost/partner"


class Followed(msgspec.Struct):
    """Everything, and what has been told so far."""

    gated: Gated
    conditions: Conditions
    sharing: Sharing
    queue: Queue
    endpoints: Endpoints
    following: Following

    def know(self, name: str, product: str = "gotomeeting", email: str | None = None) -> str:
        """Collect from somebody by the form of a site."""
        fields = {"contact.email": email or f"{name}@example.org", "identity.name": name}
        form = Submission(
            statement="site-forms", fields=fields, product=product, moment="visit", who=Identifier("account", name)
        )
        return self.gated.collecting.collect(form).person

    def share(self, recipient: str, purpose: str, *names: str, data: tuple[str, ...] = ("contact.email",)) -> Shared:
        """Share something of persons."""
        product = "gotomeeting" if recipient == PARTNER else None
        wanted = Wanted(recipient=recipient, purpose=purpose, data=data, channel="answer", product=product)
        return self.sharing.share(wanted, [Identifier("account", name) for name in names])

    def choose(self, name: str, product: str | None = None, **states: str) -> None:
        """Choose: a choice is written with `_` for its dots."""
        said = {choice.replace("_", "."): state for choice, state in states.items()}
        self.gated.people.choose(Identifier("account", name), said, how="page", product=product)

    def pseudonym(self, recipient: str, name: str) -> str:
        """What a recipient knows somebody by."""
        people = self.gated.people
        return people.key.pseudonym(recipient, people.find(Identifier("account", name)) or name)

    def messages(self) -> list[tuple[str, dict[str, object]]]:
        """Every message that follows somebody, in order: to whom, and what it says."""
        asked = "SELECT recipient, body FROM deliveries WHERE kind <> 'disclosure' ORDER BY created_at, id"
        with self.gated.store.read() as connection:
            return [(row.recipient, json.loads(row.body)) for row in connection.execute(text(asked)) if row.body]

    def told(self) -> set[tuple[str, str, str, str | None]]:
        """Who was told what of whom: recipient, kind, pseudonym, choice; with what waits for staff."""
        return {
            (one.recipient, one.kind, one.pseudonym, one.choice)
            for one in self.following.all(open_only=False)
            if one.state in ("sent", "staff", "done")
        }

    def acknowledge(self, *, state: str = "acknowledged") -> None:
        """Let every recipient acknowledge what it was sent, as the room of deliveries notes it."""
        at = to_micros(self.gated.store.clock())
        statement = update(deliveries).where(deliveries.c.state == "waiting")
        self.gated.store.write(
            lambda unit: unit.change(statement.values(state=state, acknowledged_at=at, why="so it is"))
        )


@contextmanager
def followed(folder: Path, url: str | None = None, clock: Clock | None = None) -> Iterator[Followed]:
    """The flagship with recipients that may receive. The agency and the partner have endpoints, the mail firm none."""
    with gated(folder, url=url, clock=clock) as at:
        conditions = Conditions(at.store, FLAGSHIP)
        queue = Queue(at.store, at.people)
        sharing = Sharing(at.vault, DecisionPoint(FLAGSHIP), at.index, conditions, queue=queue)
        following = Following(at.vault, conditions.register, queue, sharing)
        endpoints = Endpoints(at.store, at.people)
        found = Followed(at, conditions, sharing, queue, endpoints, following)
        _register(found)
        yield found


def _register(at: Followed) -> None:
    now = at.gated.store.clock()
    terms = Contract(
        id="c1", begins=now, accepts="2017-02-01", data=("contact.email", "identity.name"),
        purposes=("marketing.own", "marketing.events", "marketing.partner"), signed=now,
    )  # fmt: skip
    for id in (AGENCY, MAIL):
        at.conditions.register.add(id, Profile(name=id, kind="processor"), by="mary")
        at.conditions.register.add(id, terms, by="mary")
    at.conditions.register.add(PARTNER, Profile(name=PARTNER, kind="joint"), by="mary")
    at.conditions.register.add(PARTNER, Page(url=PAGE, product="gotomeeting", begins=now), by="mary")
    at.conditions.register.add(GROUP, Profile(name=GROUP, kind="group"), by="mary")
    for id in (AGENCY, PARTNER, GROUP):
        at.endpoints.add(id, f"https://{id}.example/hooks", by="mary")
