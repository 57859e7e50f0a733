"""When a delivery is tried again: ten attempts over about three days, further apart each time.

The delays are those that Standard Webhooks gives as an example. Each is made up to a tenth longer, by chance, so that
what failed together does not come back together. A recipient may ask for more time (`Retry-After`, RFC 9110, section
10.2.3), and gets up to a day.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

DELAYS = tuple(
    timedelta(seconds=seconds) for seconds in (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
)  # between the attempts: 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h
ATTEMPTS = len(DELAYS) + 1
JITTER = 0.1
LONGEST = timedelta(days=1)  # that a recipient may ask for

_SECONDS = re.compile(r"[0-9]{1,10}", re.ASCII)


def next_attempt(made: int, at: datetime, chance: float, asked: timedelta | None = None) -> datetime | None:
    """When to try again after `made` attempts, the last of which failed at a moment; None: no more.

    `chance` is a random number from 0 to 1. `asked` is for how long the recipient wants to be left alone.
    """
    if made >= ATTEMPTS:
        return None
    delay = DELAYS[made - 1] * (1 + JITTER * chance)
    if asked is not None:
        delay = max(delay, min(asked, LONGEST))
    return at + delay


def read_retry_after(text: str | None, at: datetime) -> timedelta | None:
    """For how long a recipient wants to be left alone, from its header; None if it says nothing that can be read."""
    if text is None or len(text) > 100:
        return None
    if _SECONDS.fullmatch(text.strip()):
        return timedelta(seconds=int(text))
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    until = until if until.tzinfo is not None else until.replace(tzinfo=UTC)
    return until - at if until > at else None
