"""What the relay wants to know of the rest of the gate, in its own words, so that it can be tried out alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

NOTICES = "@failure"  # the stream of messages about failures: to whom mail was submitted from, and decided by nobody


class Verdicts(Protocol):
    """Decides who may get mail of a stream."""

    def outcomes(self, stream: str, addresses: Sequence[str], at: datetime) -> list[str | None]:
        """For each address None if mail may go to it, or the reason why not, by the newest word of the store.

        StreamError: there is no such stream any more. StoreUnavailableError: nothing can be decided now.
        """
