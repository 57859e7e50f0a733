"""Plain speech, measured: how long sentences are and how hard they are to read.

The measure is the Flesch–Kincaid grade (Kincaid, Fishburne, Rogers and Chissom, 1975):
0.39 × words per sentence + 11.8 × syllables per word − 15.59. It tells the years of school that a reader needs.

Syllables are counted by rules, not by a dictionary: each group of vowels is one, without a silent `e`, `es` or `ed`
at the end; the patterns of Greg Fast's Lingua::EN::Syllable then add one where two vowels part (*via*, *table*) or take
one away where they do not (*social*, *station*). Numbers count as one. On common English words this agrees with
dictionaries for about nine words in ten, which moves the grade of a page by a few tenths.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import msgspec

from troth.policy.check.shape import Found, Subject, check_that
from troth.policy.check.texts import english, passages, sentences, words

MOST_WORDS_OF_OVERVIEW = 350
HIGHEST_GRADE = 8.0
LONGEST_MEAN = 18.0
LONGEST_SENTENCE = 25

_GROUP = re.compile(r"[aeiouy]+")
_SILENT = re.compile(r"(?:[^aeiouy]e|[^aeiouysxzcgh]es|[^aeiouytd]ed)$")
_VOICED = re.compile(r"(?:[^aeiouylr]|bb|dd|ff|gg|pp|tt|zz)les?$")
_LESS = re.compile(r"cial|tia|cius|cious|giu|ion|iou|sia$|[^aeiouy]ely$")
_MORE = re.compile(
    r"ia|riet|dien|iu|io|ii|[aeiou]{3}|^mc|ism$|[^l]lien|^coa[dglx].|[^gq]ua[^auieo]|dnt$|[aeiouy]ing$|[aeou]y(?:er|al|ee|ou)"
)


class Measure(msgspec.Struct, frozen=True):
    """What a text measures."""

    words: int
    sentences: int
    syllables: int

    @property
    def mean(self) -> float:
        """Words per sentence."""
        return self.words / self.sentences if self.sentences else 0.0

    @property
    def grade(self) -> float:
        """Flesch–Kincaid grade; 0 for a text without words."""
        if not self.words:
            return 0.0
        return 0.39 * self.mean + 11.8 * self.syllables / self.words - 15.59


def syllables(word: str) -> int:
    """The syllables of an English word, by rule; at least 1."""
    text = word.lower().replace("’", "'").partition("'")[0]
    if not text or text[0].isdigit():
        return 1
    count = len(_GROUP.findall(text))
    if _SILENT.search(text) and not _VOICED.search(text):
        count -= 1
    count += len(_MORE.findall(text)) - len(_LESS.findall(text))
    return max(count, 1)


def measure(texts: Iterable[str]) -> Measure:
    """The measure of several texts together."""
    found = [sentence for text in texts for sentence in sentences(text)]
    all_words = [word for sentence in found for word in words(sentence)]
    return Measure(len(all_words), len(found), sum(syllables(word) for word in all_words))


def overview_texts(subject: Subject) -> list[str]:
    """The English sentences of the overview: its title is a heading and does not count."""
    return [
        passage.text
        for passage in passages(subject)
        if passage.overview and english(passage) and passage.path != "title"
    ]


@check_that(
    "long-sentence",
    "warning",
    f"A sentence has more than {LONGEST_SENTENCE} words.",
    "Make two of it.",
)
def long_sentence(subject: Subject) -> Iterator[Found]:
    """All texts, those of the complete policy too."""
    for passage in passages(subject):
        if not english(passage):
            continue
        for sentence in sentences(passage.text):
            count = len(words(sentence))
            if count > LONGEST_SENTENCE:
                message = f"{count} words in one sentence: “{sentence}”"
                yield Found(passage.path, message, passage.statement.id if passage.statement else None)


@check_that(
    "overview-too-long",
    "warning",
    f"The overview has more than {MOST_WORDS_OF_OVERVIEW} words.",
    "Give `overview: false` to what people can look up, and shorten the rest.",
)
def overview_too_long(subject: Subject) -> Iterator[Found]:
    """A page that people read to the end."""
    found = measure(overview_texts(subject))
    if found.words > MOST_WORDS_OF_OVERVIEW:
        yield Found("says", f"The overview has {found.words} words.")


@check_that(
    "overview-too-hard",
    "warning",
    f"The overview needs more than {HIGHEST_GRADE:.0f} years of school (Flesch–Kincaid grade).",
    "Use shorter sentences and words; the longest sentences are the place to begin.",
)
def overview_too_hard(subject: Subject) -> Iterator[Found]:
    """GDPR article 12(1): clear and plain language."""
    found = measure(overview_texts(subject))
    if found.grade > HIGHEST_GRADE:
        yield Found("says", f"The overview reads at grade {found.grade:.1f}.")


@check_that(
    "overview-long-sentences",
    "warning",
    f"The sentences of the overview have more than {LONGEST_MEAN:.0f} words on average.",
    "Make two sentences of the longest ones.",
)
def overview_long_sentences(subject: Subject) -> Iterator[Found]:
    """The mean over all sentences of the overview."""
    found = measure(overview_texts(subject))
    if found.mean > LONGEST_MEAN:
        yield Found("says", f"The sentences of the overview have {found.mean:.1f} words on average.")


@check_that(
    "hard-sentence",
    "note",
    "A sentence of the overview needs more than twelve years of school.",
    "Use shorter words, or make two sentences of it.",
)
def hard_sentence(subject: Subject) -> Iterator[Found]:
    """One sentence is too short a text for the grade to be exact, so this is a hint, and only from eight words on."""
    for passage in passages(subject):
        if not passage.overview or not english(passage) or passage.path == "title":
            continue
        for sentence in sentences(passage.text):
            found = measure([sentence])
            if found.words >= 8 and found.grade > 12:
                message = f"Grade {found.grade:.0f}: “{sentence}”"
                yield Found(passage.path, message, passage.statement.id if passage.statement else None)
