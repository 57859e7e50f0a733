"""Payment card numbers never rest here: what looks like one is found in any value, however it is written.

A number is taken for a card's when 13 to 19 digits in a row pass the check of ISO/IEC 7812-1, annex B (Luhn): that is
what every card number does, and one in ten other numbers of that length. Digits of any script count, and single signs
or spaces between them do not hide one. Better a refused order number than a kept card (PCI DSS 4.0, requirement 3).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

MASK = "•"
SHORTEST = 13  # digits of a card number
LAST = 4  # digits that may be shown (PCI DSS 4.0, requirement 3.4.1)
_RUN = re.compile(r"(?<![0-9])[0-9](?:[^0-9A-Za-z]?[0-9]){12,18}(?![0-9])")
_TOKEN = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9][A-Za-z0-9._:/+=-]{7,255}\Z")


def passes_luhn(digits: str) -> bool:
    """Whether a row of digits passes the check."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def card_places(text: str) -> list[tuple[int, int]]:
    """Where card numbers stand in a text, as pairs of first and last-plus-one position."""
    if sum(map(str.isdigit, text)) < SHORTEST:
        return []
    plain = "".join(map(_plain, text))
    return [match.span() for match in _RUN.finditer(plain) if passes_luhn("".join(c for c in match[0] if c.isdigit()))]


def has_card(value: object) -> bool:
    """Whether a JSON value holds a card number anywhere: in texts, numbers, names of members."""
    return any(card_places(text) for text in _texts(value))


def mask_cards(value: object) -> tuple[object, bool]:
    """The value with all but the last four digits of card numbers masked, and whether there were any.

    A number that is one itself, and a member's name that holds one, cannot be masked: ValueError.
    """
    if isinstance(value, str):
        places = card_places(value)
        return (_masked(value, places) if places else value), bool(places)
    if isinstance(value, dict):
        if any(card_places(str(name)) for name in value):
            raise ValueError("a member's name holds a card number")
        pairs = {name: mask_cards(member) for name, member in value.items()}
        return {name: pair[0] for name, pair in pairs.items()}, any(pair[1] for pair in pairs.values())
    if isinstance(value, list):
        several = [mask_cards(member) for member in value]
        return [one[0] for one in several], any(one[1] for one in several)
    if has_card(value):
        raise ValueError("a number is a card number")
    return value, False


def is_token(value: object) -> bool:
    """Whether a value can be a processor's token: letters in it, no spaces, and no card number."""
    return isinstance(value, str) and _TOKEN.match(value) is not None and not has_card(value)


def _masked(text: str, places: list[tuple[int, int]]) -> str:
    letters = list(text)
    for first, end in places:
        digits = [place for place in range(first, end) if _plain(text[place]).isdigit()]
        for place in digits[:-LAST]:
            letters[place] = MASK
    return "".join(letters)


def _plain(character: str) -> str:
    """The digit 0 to 9 that a character is in any script, a space for what is not seen, else the character."""
    digit = unicodedata.digit(character, None)
    if digit is not None:
        return str(digit)
    return " " if unicodedata.category(character) in ("Cf", "Zs", "Cc") else character[:1]


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, bool) or value is None:
        return
    if isinstance(value, str):
        yield value
    elif isinstance(value, int | float):
        yield format(value, "f") if isinstance(value, float) else str(value)
    elif isinstance(value, dict):
        for name, member in value.items():
            yield str(name)
            yield from _texts(member)
    elif isinstance(value, list):
        for member in value:
            yield from _texts(member)
