"""What can be wrong with a policy file, and how it is said.

Reading a policy never stops at the first mistake: every mistake becomes a `Problem`, and all problems of a file are
raised together as one `PolicyError`. A problem teaches: it names the place, what was found, what is allowed there and
the nearest right spelling. Its `code` is stable: it never changes its meaning, so that people can search for it and
programs can match it. `CODES` lists them all; `docs/reference/errors.md` explains each.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

import msgspec

CODES: dict[str, str] = {
    "file-not-found": "The file or directory does not exist.",
    "file-unreadable": "The file exists and cannot be read.",
    "file-too-large": "The file is larger than a policy can be.",
    "no-policy": "The directory holds no policy file.",
    "encoding": "The file is not text in UTF-8 (or in UTF-16 or UTF-32 with a byte order mark).",
    "tab": "A tab stands where YAML wants spaces.",
    "yaml": "The text is not YAML.",
    "several-documents": "The file holds more than one YAML document.",
    "alias": "The file uses a YAML anchor and alias.",
    "tag": "The file uses a YAML tag.",
    "too-deep": "Something is nested deeper than a policy ever is.",
    "wrong-type": "A value has the wrong shape, such as a list where one word is expected.",
    "empty": "A value is missing after its key.",
    "unknown-key": "A key is not part of the language.",
    "missing-key": "A key that must be there is not.",
    "duplicate-key": "A mapping has the same key twice.",
    "duplicate-id": "Two statements of a policy have the same id.",
    "duplicate-value": "A list names the same thing twice.",
    "bad-id": "An id has characters that ids do not have.",
    "bad-value": "A value is not one of those allowed.",
    "bad-date": "A date or time is not written as ISO 8601, or does not exist.",
    "bad-period": "A length of time cannot be read.",
    "bad-language": "A language is not a BCP 47 tag.",
    "bad-address": "A web or e-mail address cannot be one.",
    "unknown-term": "A term is in neither the vocabulary of Troth nor that of the policy.",
    "unknown-choice": "A statement names a choice that the policy does not declare.",
    "unknown-product": "A statement names a site or product that the policy does not cover.",
    "unknown-answer": "`then` names neither an answer, nor a claim, nor a recipient of the policy.",
    "vocabulary-cycle": "Terms of the policy's own vocabulary are parents of each other in a circle.",
    "vocabulary-clash": "An own term bears the name of a term that exists.",
    "claim-dates": "The dates of a claim contradict each other.",
    "same-effective-date": "Two versions of a policy come into force at the same moment.",
    "other-policy": "A file in the directory is a version of another policy.",
    "too-many-problems": "There are more problems than are worth listing; the first ones are shown.",
}

# A file of nonsense may have one mistake per line. Nobody reads beyond the first thousand, and looking for near
# spellings is the expensive part, so both are bounded.
MOST_PROBLEMS = 1000
MOST_SUGGESTIONS = 200


class Place(msgspec.Struct, frozen=True, order=True):
    """A place in a file; `line` and `column` count from 1 and 0 means the file as a whole."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """One mistake: where it is, what was found, what is allowed, the nearest right spelling (or None)."""

    code: str
    place: Place
    message: str
    found: str | None = None
    allowed: tuple[str, ...] = ()
    suggestion: str | None = None

    def __str__(self) -> str:
        text = f"{self.place}: {self.message}"
        if self.suggestion:
            text += f" Did you mean '{self.suggestion}'?"
        elif self.allowed:
            shown = ", ".join(self.allowed[:12])
            text += f" Allowed: {shown}{', …' if len(self.allowed) > 12 else ''}."
        return f"{text} [{self.code}]"


class PolicyError(ValueError):
    """A policy that cannot be read. `problems` holds every mistake, in the order of the places."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(sorted(problems, key=lambda problem: problem.place))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class Problems:
    """Collects the problems of a reading, up to a bound."""

    def __init__(self) -> None:
        self.found: list[Problem] = []
        self._suggestions_left = MOST_SUGGESTIONS

    def add(
        self, code: str, place: Place, message: str, *, found: str | None = None, allowed: Iterable[str] = ()
    ) -> None:
        """Note a problem; `found` is compared with `allowed` to suggest the nearest spelling."""
        assert code in CODES, code  # noqa: S101 - a code that is not in the table is a mistake in Troth
        if len(self.found) == MOST_PROBLEMS:
            message = f"There are more than {MOST_PROBLEMS} problems; mend these first."
            self.found.append(Problem(code="too-many-problems", place=place, message=message))
        if len(self.found) > MOST_PROBLEMS:
            return
        options = tuple(allowed)
        suggestion = None
        if found is not None and options and self._suggestions_left:
            self._suggestions_left -= 1
            suggestion = nearest(found, options)
        self.found.append(
            Problem(
                code=code,
                place=place,
                message=message,
                found=None if found is None else found[:200],
                allowed=options,
                suggestion=suggestion,
            )
        )

    @property
    def full(self) -> bool:
        """True when nothing more will be kept."""
        return len(self.found) > MOST_PROBLEMS

    def raise_if_any(self) -> None:
        """Raise PolicyError with all that was found, if anything was."""
        if self.found:
            raise PolicyError(self.found)


def nearest(found: str, options: Sequence[str]) -> str | None:
    """The option whose spelling is nearest to `found`, or None when none is near (Ratcliff/Obershelp ratio ≥ 0.6).

    A term that is right but for its missing parent (`email` for `contact.email`) counts as near.
    """
    if len(found) > 100:
        return None
    last = [option for option in options if option.rsplit(".", 1)[-1] == found]
    if len(last) == 1:
        return last[0]
    return next(iter(difflib.get_close_matches(found, options, n=1, cutoff=0.6)), None)
