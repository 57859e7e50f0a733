"""What the relay wants to know of the rest of the gate, in its own words, so that it can be tried out alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

NOTICES = "@failure"  # the stream of messages about failures: to whom mail was submitted from, and decided by nobody


class Verdicts(Protocol):
    """Decides who may get mail of a stream."""

    def refresh(self) -> None:
        """Read the newest word of the store. StoreUnavailableError, StaleChoicesError: nothing can be decided now."""

    def outcomes(self, stream: str, addresses: Sequence[str], at: datetime) -> list[str | None]:
        """For each address None if mail may go to it, or the reason why not. It goes by memory as far as it can.

        StreamError: there is no such stream any more. StaleChoicesError, StoreUnavailableError: as `refresh`.
        """
