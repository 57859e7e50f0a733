"""When a message that could not be handed over is tried again: soon at first, then ever later, up to every four hours.

A domain that puts one message off is left in peace with the others, too, for as long. RFC 5321, section 4.5.4.1, asks
for half an hour at least between tries to one destination, and for more as time goes by; a first one may come sooner.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta

FIRST, LONGEST = timedelta(minutes=5), timedelta(hours=4)
REMEMBERED = 10_000  # destinations


def delay(tries: int, chance: Callable[[], float] = random.random) -> timedelta:
    """How long to wait after so many tries, of which there was one at least; a tenth more or less by chance."""
    base = min(LONGEST, FIRST * int(2 ** min(tries - 1, 12)))
    return base * (0.9 + 0.2 * chance())


class Destinations:
    """How it stands with each domain: how often it put us off in a row, and until when it is left in peace."""

    def __init__(self, chance: Callable[[], float] = random.random) -> None:
        self._chance = chance
        self._waiting: dict[bytes, tuple[int, datetime]] = {}

    def until(self, destination: bytes, at: datetime) -> datetime | None:
        """Until when nothing is to be tried there; None if something may be."""
        found = self._waiting.get(destination)
        return found[1] if found is not None and found[1] > at else None

    def put_off(self, destination: bytes, at: datetime, tries: int) -> datetime:
        """Note that it put a message off, which was tried so often; when to try that one again."""
        times = self._waiting.get(destination, (0, at))[0] + 1
        if len(self._waiting) >= REMEMBERED:
            self._waiting.clear()
        # The first time only the message itself has to wait: it may be about its own recipient.
        self._waiting[destination] = (times, at + (delay(times - 1, self._chance) if times > 1 else timedelta()))
        return at + delay(tries, self._chance)

    def took(self, destination: bytes) -> None:
        """Note that it took a message."""
        self._waiting.pop(destination, None)
