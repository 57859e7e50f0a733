"""What counts when somebody else states choices for a person: they refuse for them, and never agree."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from troth.people.strictness import effective, narrow, weight

CHOICES = ("a", "a.b", "a.b.c", "a.d", "e")
states = st.dictionaries(st.sampled_from(CHOICES), st.sampled_from(["in", "out"]))


@pytest.mark.parametrize(
    ("stored", "stated", "counts"),
    [
        ({"a": "in"}, {}, {"a": "in", "a.b": "in", "a.b.c": "in", "a.d": "in"}),
        ({"a": "in"}, {"a": "out"}, {"a": "out", "a.b": "out", "a.b.c": "out", "a.d": "out"}),
        ({"a": "out"}, {"a": "in"}, {"a": "out", "a.b": "out", "a.b.c": "out", "a.d": "out"}),
        ({}, {"a": "in", "e": "in"}, {}),
        ({"e": "in"}, {"e": "in", "a": "in"}, {"e": "in"}),
        ({"a": "in"}, {"a": "out", "a.b": "in"}, {"a": "out", "a.b": "in", "a.b.c": "in", "a.d": "out"}),
        ({}, {"a": "out", "a.b": "in"}, {"a": "out", "a.b": "out", "a.b.c": "out", "a.d": "out"}),
        ({"a": "out", "a.b": "in"}, {"a.b.c": "out"}, {"a": "out", "a.b": "in", "a.b.c": "out", "a.d": "out"}),
    ],
)
def test_what_counts(stored: dict[str, str], stated: dict[str, str], counts: dict[str, str]) -> None:
    assert narrow(CHOICES, stored, stated) == counts


@given(states, states)
def test_never_weaker_than_what_is_stored_and_never_over_a_stated_refusal(
    stored: dict[str, str], stated: dict[str, str]
) -> None:
    narrowed = narrow(CHOICES, stored, stated)
    heard = {name: state for name, state in stated.items() if state == "out" or effective(stored, name) == "in"}
    for choice in CHOICES:
        counts, before = effective(narrowed, choice), effective(stored, choice)
        # What is said of each choice alone is what the decision point makes of all of them together.
        assert counts == narrowed.get(choice, "unset")
        assert counts == ("out" if effective(heard, choice) == "out" else before)
        for model in ("opt-in", "opt-out"):
            assert weight(model, counts) >= weight(model, before)
        if effective(stated, choice) == "out":
            assert counts == "out"
    assert narrow(CHOICES, narrowed, stated) == narrow(CHOICES, stored, stated)
    assert narrow(CHOICES, narrowed, {}) == narrowed
