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
    "unknown-recipient": "The policy declares no recipient of that name, and none is registered.",
    "unknown-channel": "There is no such way for data to leave.",
    "unknown-format": "There is no such form of a file.",
    "unknown-disclosure": "There is no such disclosure, or no such part of it.",
    "transfer": "The basis of the transfer to the recipient's country does not stand.",
    "pseudonymise": "The statement gives no data to somebody who asks for data that says who the person is.",
    "identified": "Data that says who a person is was asked for, and no such data.",
    "unreachable": "The recipient has no endpoint to which anything could be delivered.",
    "bad-key": "The caller's key of the request is empty or too long.",
    "other-request": "The caller's key came before with another request.",
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
