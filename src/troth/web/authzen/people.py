"""Whose data a request is about: `resource.id` read as a person, and the choices that Troth keeps of that person.

An id is looked up in memory, on the event loop. An identifier, and an id that was merged into another, takes a read of
the store, in a thread: one for a request, however many questions it holds. The choices that a request states besides
can refuse for the person and never agree (`troth.people.strictness.narrow`).

Whoever is nobody here has made no choice. What names nobody at all is an error of the caller, unless the request states
the choices itself: then they are kept elsewhere, and so is the person.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import cast

from msgspec import UNSET

from troth.decision.bits import Choices
from troth.decision.point import DecisionPoint
from troth.decision.question import QuestionError, State
from troth.people.errors import IdentifierError, StaleChoicesError, UnknownFormError
from troth.people.identifiers import parse_who
from troth.people.index import ChoiceIndex
from troth.people.reading import Who
from troth.people.strictness import narrow
from troth.store import StoreUnavailableError
from troth.web.authzen.request import Request
from troth.web.authzen.response import Refused

# What can be wrong with `resource.id`, besides what is wrong with the question.
PERSON_ERRORS = {
    "unknown-form": "`resource.id` names nobody: it is neither the id of a person nor an identifier with its kind.",
    "bad-identifier": "`resource.id` cannot be an identifier of its kind.",
}

RETRY_AFTER = (b"retry-after", b"1")  # seconds: as often as an index follows the store

log = logging.getLogger("troth.web")


class StoredChoices:
    """The choices of everybody in `index`, for questions to `point`. Stateless; what it raises is for the caller."""

    def __init__(self, point: DecisionPoint, index: ChoiceIndex) -> None:
        self._point = point
        self._index = index
        self._none = point.choices({})

    def whose(self, request: Request) -> Who | None:
        """The person whom a request is about, or None when it states the choices of somebody whom Troth does not keep.

        QuestionError: it names nobody, or cannot be an identifier.
        """
        try:
            return parse_who(request.resource.id)
        except UnknownFormError as error:
            if request.context is not UNSET and request.context.choices is not None:
                return None
            raise QuestionError("unknown-form", "person", f"{error} Or state context.choices yourself.") from None
        except IdentifierError as error:
            raise QuestionError("bad-identifier", "person", str(error)) from None

    def at_hand(self, who: Who) -> Choices | None:
        """The choices of a person from memory; None when that takes the store. Refused: memory is out of date."""
        if not isinstance(who, str):
            return None
        try:
            return self._index.at_hand(who)
        except StaleChoicesError as error:
            raise unavailable(error) from None

    async def fetch(self, whos: Iterable[Who]) -> dict[Who, Choices]:
        """The choices of persons, all in one thread. Refused: the store is not there, or memory is out of date."""
        try:
            return await asyncio.to_thread(self._fetch, frozenset(whos))
        except (StaleChoicesError, StoreUnavailableError) as error:
            raise unavailable(error) from None

    def counting(self, stored: Choices, request: Request) -> Choices:
        """The choices to decide on: those stored, narrowed by those that the request states.

        QuestionError: it states a choice or a state that there is not.
        """
        if request.context is UNSET or not request.context.choices:
            return stored
        stated = self._point.choices(cast("Mapping[str, State]", request.context.choices))
        narrowed = narrow(stated.names, dict(stored.stated), dict(stated.stated))
        return self._point.choices(cast("Mapping[str, State]", narrowed))

    def _fetch(self, whos: frozenset[Who]) -> dict[Who, Choices]:
        persons = self._index.people.find_all(whos)
        return {who: self._index.choices(persons[who]) if who in persons else self._none for who in whos}


def unavailable(error: Exception) -> Refused:
    """Nothing is decided on what cannot be read now (503, RFC 9110, section 15.6.4)."""
    log.warning("No decision on the choices of a person: %s", error)
    text = "The choices of people cannot be read now, so nothing is allowed. Please try again."
    return Refused(503, str(error) if isinstance(error, StaleChoicesError) else text, RETRY_AFTER)
