"""Small things in words: lists, dates, periods, names of choices. English, like the frame of every page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, time

from troth.policy.values import ANCHORS, Period

BASES = {
    "consent": "Your consent",
    "contract": "A contract with you",
    "legal-obligation": "A duty under the law",
    "vital-interest": "The vital interests of a person",
    "public-task": "A task in the public interest",
    "legitimate-interest": "A legitimate interest",
}
SOURCES = {
    "person": "you",
    "use": "your use of the product",
    "device": "your device",
    "third_party": "somebody else",
}
SIGNALS = {"gpc": "Global Privacy Control", "dnt": "Do Not Track"}
NEEDS = {"login": "a login", "fee": "a fee", "data": "more data about you"}
TRANSFER_BASES = {
    "adequacy": "the European Commission found the protection there adequate",
    "standard-clauses": "standard contractual clauses",
    "binding-rules": "binding rules of the group",
    "framework": "a transfer framework",
    "consent": "your consent",
    "derogation": "an exception that the law makes for single cases",
}
ACTIONS = {
    "collect": "collect",
    "use": "use",
    "share": "share",
    "sell": "sell",
    "trade": "trade",
    "rent": "rent out",
}


def day(moment: datetime) -> str:
    """`31 December 2015`, with the time where it is not 00:00 UTC."""
    utc = moment.astimezone(UTC)
    text = f"{utc.day} {utc:%B} {utc.year}"
    return text if utc.time() == time() else f"{text}, {utc:%H:%M} UTC"


def period(value: Period) -> str:
    """`30 days`; `as long as the account exists, and 24 months more`."""
    length = f"{value.count} {value.unit}{'' if value.count == 1 else 's'}"
    if value.after is None:
        return length
    begins = ANCHORS[value.after]
    return f"{begins}, and {length} more" if value.count else begins


def choice(id: str) -> str:
    """A choice as people read it: `marketing.events` becomes `marketing events`."""
    return id.replace(".", " ").replace("-", " ").replace("_", " ")


def title(id: str) -> str:
    """An id as a short name: `card-payments` becomes `Card payments`."""
    return capital(choice(id))


def capital(text: str) -> str:
    """The text with a capital first letter."""
    return text[:1].upper() + text[1:]


def small(text: str) -> str:
    """The text with a small first letter, abbreviations (`IP address`) left as they are."""
    return text if text[1:2].isupper() or text[1:2].isdigit() else text[:1].lower() + text[1:]


def listed(labels: Iterable[str], word: str = "and") -> str:
    """`a, b and c`."""
    several = list(labels)
    if len(several) < 2:
        return "".join(several)
    return f"{', '.join(several[:-1])} {word} {several[-1]}"


def joints(items: Sequence[object], word: str) -> list[str]:
    """What stands before each item when several are read as a list."""
    return ["" if index == 0 else (f" {word} " if index == len(items) - 1 else ", ") for index in range(len(items))]
