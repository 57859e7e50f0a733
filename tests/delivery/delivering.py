"""A deliverer with what may leave as the test says, run turn by turn on an event loop of its own."""

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple

from sqlalchemy import select

from troth.gates.delivery.deliverer import Deliverer
from troth.gates.delivery.deliveries import Deliveries, Delivery
from troth.gates.delivery.endpoints import Endpoints
from troth.gates.delivery.queue import Queue
from troth.gates.delivery.sending import Sender
from troth.people import People
from troth.record.kinds import read_entry
from troth.store import Store
from troth.store.schema import leaves


class Leaves(NamedTuple):
    """What leaves of a person."""

    subject: str
    values: dict[str, object]


class Batch(NamedTuple):
    """What of a batch may leave."""

    recipient: str
    persons: tuple[Leaves, ...]
    purpose: str = "service.payment"
    product: str | None = None
    policy: str = "citrix-online"
    version: str = "2017-02-01"
    sentences: tuple[str, ...] = ("A firm takes your payments.",)
    duties: tuple[str, ...] = ("pseudonymise",)


class Delivering:
    """The parts over a store, and what each batch may leave: by default one person with a card token."""

    def __init__(self, store: Store, people: People) -> None:
        self.store = store
        self.people = people
        self.queue = Queue(store, people)
        self.endpoints = Endpoints(store, people, loopback=True)
        self.deliveries = Deliveries(store)
        self.batches: dict[tuple[str, int], Batch] = {}
        self.decide: Callable[[str, int], Any] = lambda disclosure, batch: self.batches[disclosure, batch]
        self.limit = 5.0

    def disclose(self, recipient: str = "cards", count: int = 1, subject: str = "k3") -> list[str]:
        """Queue disclosures of one person each; the ids of the deliveries."""
        made = []
        for number in range(count):
            disclosure = f"dis_{recipient}_{len(self.batches)}"
            values: dict[str, object] = {"payment.card": f"tok_{disclosure}_{number}"}
            self.batches[disclosure, 0] = Batch(recipient, (Leaves(subject, values),))
            work = self._queued(recipient, disclosure)
            made.append(self.store.write(work))
        return made

    def _queued(self, recipient: str, disclosure: str):
        return lambda unit: self.queue.add(unit, kind="disclosure", recipient=recipient, disclosure=disclosure, batch=0)

    def deliverer(self, **more: Any) -> Deliverer:
        """One that has not begun."""
        sender = Sender(loopback=True, limit=self.limit)
        decide = lambda disclosure, batch: self.decide(disclosure, batch)  # noqa: E731, PLW0108 - as it is then
        return Deliverer(self.store, self.people, decide, loopback=True, sender=sender, **more)

    def turn(self, **more: Any) -> int:
        """Make every attempt that is due now; how many were made."""

        async def run() -> int:
            deliverer = self.deliverer(**more)
            made = 0
            while begun := await deliverer.turn():
                made += begun
                await deliverer.settle()
            await deliverer.stop()
            return made

        return asyncio.run(run())

    def one(self, id: str) -> Delivery:
        return self.deliveries.one(id)

    def entries(self, *kinds: str) -> list[dict[str, Any]]:
        """The entries of the record of some kinds."""
        with self.store.read() as connection:
            rows = connection.execute(select(leaves.c.entry).order_by(leaves.c["index"])).all()
        return [body for (entry,) in rows if (body := read_entry(bytes(entry)))["kind"] in kinds]
