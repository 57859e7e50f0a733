"""Card numbers are found however they are written, and nothing but the last four digits of one is left."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from troth.gates.cards import card_places, has_card, is_token, mask_cards, passes_luhn

# Numbers that the networks publish for tests.
CARDS = [
    "4111111111111111",
    "5555555555554444",
    "378282246310005",
    "6011111111111117",
    "30569309025904",
    "4222222222222",
]


def a_card(rng: random.Random) -> str:
    digits = "".join(rng.choice("0123456789") for _ in range(rng.randint(12, 18)))
    return next(digits + last for last in "0123456789" if passes_luhn(digits + last))


@pytest.mark.parametrize("card", CARDS)
def test_published_numbers_are_found(card: str) -> None:
    assert passes_luhn(card)
    assert card_places(f"My card is {card}, thanks.") == [(11, 11 + len(card))]
    assert has_card({"note": ["x", {"deep": int(card)}]})
    assert has_card({card: 1})
    assert not is_token(card)
    assert not is_token(f"tok {card}")


@given(st.integers(0, 2**32), st.sampled_from(["", " ", "-", ".", "/", "\u00a0", "\u2009", "\u200b", "_", "·"]))
def test_no_single_sign_between_the_digits_hides_one(seed: int, between: str) -> None:
    card = a_card(random.Random(seed))
    rng = random.Random(seed)
    text = card[0] + "".join((between if rng.random() < 0.5 else "") + digit for digit in card[1:])
    assert has_card(text)
    masked, found = mask_cards(f"a {text} b")
    assert found
    assert not has_card(masked)
    assert [c for c in masked if c.isdigit()] == list(card[-4:])
    assert len(masked) == len(text) + 4
    assert masked.startswith("a ")
    assert masked.endswith(" b")


@given(st.integers(0, 2**32), st.sampled_from(["٠", "०", "０", "𝟎"]))
def test_digits_of_any_script_count(seed: int, zero: str) -> None:
    card = a_card(random.Random(seed))
    text = "".join(chr(ord(zero) + int(digit)) for digit in card)
    assert has_card(text)
    masked, found = mask_cards(text)
    assert found
    assert not has_card(masked)


@given(st.text(alphabet=st.characters(blacklist_categories=["Nd", "No"]), max_size=200))
def test_text_without_digits_is_left_as_it_is(text: str) -> None:
    assert mask_cards(text) == (text, False)


@pytest.mark.parametrize(
    "text", ["+49 170 1234567", "2015-12-31T00:00:00Z", "1234567890123", "4111111111111112", "41111111111111111111"]
)
def test_other_numbers_are_none(text: str) -> None:
    assert card_places(text) == []


def test_what_cannot_be_masked_is_refused() -> None:
    for value in (4111111111111111, {"4111111111111111": "x"}, [[4111111111111111]]):
        with pytest.raises(ValueError, match="card number"):
            mask_cards(value)
    assert mask_cards({"a": ["4111 1111 1111 1111", None, True, 1.5]}) == (
        {"a": ["•••• •••• •••• 1111", None, True, 1.5]}, True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("value", "token"),
    [
        ("tok_1MqLZ2eZvKYlo2C", True),
        ("pm:card/x.y+z=", True),
        ("short", False),
        ("12345678", False),
        ("tok with space", False),
        (5, False),
        ("tok_4111111111111111", False),
    ],
)
def test_a_token_is_no_number(value: object, token: bool) -> None:
    assert is_token(value) == token
