"""The measure of plain speech: sentences, words, syllables and the Flesch–Kincaid grade."""

import pytest

from troth.policy.check.readability import measure, syllables
from troth.policy.check.texts import sentences, words

SYLLABLES = {
    1: "we the made use used asked keeps times lives makes name page loved through eyes site choose rule owned 24",
    2: "data unless person notice given able table needed wanted sources pages agree letter about going quiet trial "
    "people simple account address "
    "contract social station",
    3: "company agency policy visitor however opinion marketing register employer employee",
    4: "information delivery security authority analytics identity",
}


@pytest.mark.parametrize("count", SYLLABLES)
def test_syllables(count: int):
    counted = {word: syllables(word) for word in SYLLABLES[count].split()}
    assert counted == dict.fromkeys(counted, count)


def test_sentences_end_where_people_end_them():
    assert sentences("We ask. You answer! Do you? Yes.") == ["We ask.", "You answer!", "Do you?", "Yes."]
    assert sentences("Citrix Systems, Inc. makes these promises.") == ["Citrix Systems, Inc. makes these promises."]
    assert sentences("Use it, e.g. for mail. It works.") == ["Use it, e.g. for mail.", "It works."]
    assert sentences("Version 2.0 is here. 30 days remain.") == ["Version 2.0 is here.", "30 days remain."]
    assert sentences("") == []


def test_words():
    assert words("We don't e-mail 1,000 people’s data.") == ["We", "don't", "e", "mail", "1,000", "people’s", "data"]


def test_grade_is_that_of_the_formula():
    found = measure(["The cat sat on the mat."])
    assert (found.words, found.sentences, found.syllables) == (6, 1, 6)
    assert found.grade == pytest.approx(0.39 * 6 + 11.8 * 1 - 15.59)


def test_nothing_measures_nothing():
    assert measure([]).grade == 0
    assert measure([]).mean == 0
