"""Why a gate does not open: a code that never changes its meaning, the place, and the sentence that says so."""

from __future__ import annotations

from troth.people.errors import PeopleError

# What a gate refuses, by code. The reasons of decisions (`troth.decision.question.REASONS`) come on top of these.
GATE_ERRORS: dict[str, str] = {
    "unknown-statement": "The policy in force has no `collects` statement of that id.",
    "unknown-product": "The policy covers no site or product of that id.",
    "unknown-moment": "The vocabulary has no moment of that name.",
    "whose": "Nothing says whose data it is: no person, and no field that could tell.",
    "no-fields": "There is nothing in it.",
    "bad-field": "A field is not named by a data term, or its value is none that can be kept.",
    "too-large": "A value or the whole is larger than a gate takes.",
    "undeclared": "The statement does not name the data.",
    "required": "The statement requires data that is not there.",
    "card-number": "A card number is in it; it is never kept.",
    "password": "A password is in it as it is; only its hash may be kept.",
    "undecided": "On a person's own device nothing optional is collected before they choose.",
    "unknown-purpose": "No version of the policy knows that purpose.",
    "unknown-data": "No version of the policy knows that data.",
    "too-many": "More persons or data were asked for than one request takes.",
}


class GateError(PeopleError):
    """A gate refuses: the stable `code`, the `field` if it is one, and the `sentence` of the policy that says so.

    Nothing was stored or released.
    """

    def __init__(
        self, code: str, message: str, *, field: str | None = None, statement: str | None = None, sentence: str = ""
    ) -> None:
        self.code = code
        self.message = message
        self.field = field
        self.statement = statement
        self.sentence = sentence
        super().__init__(message)
