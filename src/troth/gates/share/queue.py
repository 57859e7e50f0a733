"""What the gate `share` needs of the queue of deliveries: see `troth.gates.delivery`."""

from __future__ import annotations

from typing import Protocol

from troth.store import Unit


class Queue(Protocol):
    """Takes deliveries in the unit of work that decides on them."""

    def reachable(self, recipient: str) -> bool:
        """Whether a recipient has an endpoint to which something can be delivered."""
        ...

    def add(
        self,
        unit: Unit,
        *,
        kind: str,
        recipient: str,
        disclosure: str | None = None,
        batch: int | None = None,
        body: str | None = None,
        endpoint: str | None = None,
    ) -> str:
        """Put a delivery into the queue; its id."""
        ...
