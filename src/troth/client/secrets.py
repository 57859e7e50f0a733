"""What is never sent as it was written: passwords, of which a hash is kept, and cards, of which a token is.

Troth refuses both at its gate too. Here they do not even leave the application.
"""

from __future__ import annotations

import re

from troth.client.errors import Refused
from troth.client.values import Json

PASSWORD, CARD = "account.password", "payment.card"
_DIGITS = re.compile(r"(?:\d[ -]?){12,18}\d")  # ISO/IEC 7812-1: 13 to 19 digits here, as people write them


def is_secret(term: str) -> bool:
    """Whether a data term is a password or a card."""
    return any(term == one or term.startswith(f"{one}.") for one in (PASSWORD, CARD))


def check_secret(term: str, written: Json, made: Json) -> None:
    """Hold what would be sent against what was written. Refused: it is the same, or shows it."""
    if not isinstance(made, str) or not made:
        raise Refused("bad-field", f"Nothing was made of {term} that may be sent.", field=term)
    if term.startswith(PASSWORD):
        if isinstance(written, str) and written in made:
            raise Refused("password", "A password is sent as its hash only.", field=term)
    elif _has_card(made):
        raise Refused("card-number", "A card is sent as the token of a payment processor only.", field=term)


def _has_card(text: str) -> bool:
    return any(_passes(re.sub(r"[ -]", "", match[0])) for match in _DIGITS.finditer(text))


def _passes(digits: str) -> bool:
    """The check digit of cards (ISO/IEC 7812-1, annex B)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        number = int(digit) * (1 + place % 2)
        total += number - 9 if number > 9 else number
    return total % 10 == 0
