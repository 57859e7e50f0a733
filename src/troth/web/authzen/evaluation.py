"""Requests of OpenID AuthZEN evaluated: from the body of a request to the headers and the body of its response.

An answer is made at once wherever memory knows all that it takes. Where the store has to be asked whose choices are
meant, it is awaited, and once for all the questions of a request.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from troth.decision.bits import Choices
from troth.decision.point import DecisionPoint
from troth.decision.question import QuestionError
from troth.web.authzen.request import Evaluations, Request, RequestError, ask, read_evaluation, read_evaluations
from troth.web.authzen.response import Answer, Refused, Written, explained, failed, written
from troth.web.headers import Header

if TYPE_CHECKING:
    from troth.gates.services import ServiceKey
    from troth.people import ChoiceIndex
    from troth.people.reading import Who
    from troth.web.authzen.people import StoredChoices

log = logging.getLogger("troth.web")


class Evaluator:
    """Evaluates requests by `point`, at the time that `clock` gives or, where that is None, the point's own.

    `headers` are those of every response; `people` is as `DecisionRoutes` has it.
    """

    def __init__(
        self,
        point: DecisionPoint,
        clock: Callable[[], datetime | None],
        headers: tuple[Header, ...],
        people: ChoiceIndex | None = None,
    ) -> None:
        self._point = point
        self._clock = clock
        self._written = Written(headers)
        self._stored = None
        if people is not None:
            from troth.web.authzen.people import StoredChoices  # noqa: PLC0415 - only who has people pays for them

            self._stored = StoredChoices(point, people)

    def one(self, body: bytes, caller: ServiceKey | None = None) -> Answer | Awaitable[Answer]:
        """The response to the body of an access evaluation request. Raises RequestError, QuestionError and Refused."""
        request, ignored = read_evaluation(body)
        if caller is not None:
            self._permit(caller, request)
        return self._decided(request, ignored) if self._stored is None else self._one(self._stored, request, ignored)

    def several(self, body: bytes, caller: ServiceKey | None = None) -> Answer | Awaitable[Answer]:
        """The response to the body of an access evaluations request; one bad question spoils no other.

        RequestError: the request as a whole cannot be read. Refused: the choices of somebody cannot be read now.
        """
        asked = read_evaluations(body)
        stored = self._stored
        if not isinstance(asked, Evaluations):
            if caller is not None:
                self._permit(caller, asked[0])
            return self._decided(*asked) if stored is None else self._one(stored, *asked)
        if stored is None:
            return self._all_decided(asked, asked.items, {}, caller)
        # Whose choices are needed is known before the first question is decided, so that the store is asked once.
        items: list[Any] = []
        whos: set[Who] = set()
        for item in asked.items:
            try:
                read = asked.read(item)
                if caller is not None:
                    self._permit(caller, read[0])
                who = stored.whose(read[0])
            except Exception:  # it is told when its turn comes
                items.append(item)
            else:
                items.append(read)
                if who is not None:
                    whos.add(who)
        known = {who: choices for who in whos if (choices := stored.at_hand(who)) is not None}
        if len(known) < len(whos):
            return self._all_fetched(stored, asked, items, known, whos - known.keys(), caller)
        return self._all_decided(asked, items, known, caller)

    # --- one question -------------------------------------------------------------------------------------------------

    def _one(self, stored: StoredChoices, request: Request, ignored: tuple[str, ...]) -> Answer | Awaitable[Answer]:
        who = stored.whose(request)
        if who is None:
            return self._decided(request, ignored)
        choices = stored.at_hand(who)
        if choices is None:
            return self._one_fetched(stored, request, ignored, who)
        return self._decided(request, ignored, stored.counting(choices, request))

    async def _one_fetched(self, stored: StoredChoices, request: Request, ignored: tuple[str, ...], who: Who) -> Answer:
        fetched = await stored.fetch((who,))
        return self._decided(request, ignored, stored.counting(fetched[who], request))

    def _decided(self, request: Request, ignored: tuple[str, ...], choices: Choices | None = None) -> Answer:
        decision = ask(self._point, request, self._clock(), choices)
        if not ignored and ((context := request.context) is UNSET or context.at is None):
            return self._written(decision)
        return self._written.of(written(decision, _time_of(request), ignored))

    def _permit(self, caller: ServiceKey, request: Request) -> None:
        """Raise Refused unless the service asks in its own name, and for what its key is for."""
        from troth.web.authzen.callers import permit  # noqa: PLC0415 - only where there are keys

        permit(caller, request, self._point, self._clock())

    # --- several questions --------------------------------------------------------------------------------------------

    async def _all_fetched(  # noqa: PLR0917
        self,
        stored: StoredChoices,
        asked: Evaluations,
        items: Iterable[Any],
        known: dict[Who, Choices],
        whos: set[Who],
        caller: ServiceKey | None,
    ) -> Answer:
        return self._all_decided(asked, items, known | await stored.fetch(whos), caller)

    def _all_decided(
        self, asked: Evaluations, items: Iterable[Any], known: Mapping[Who, Choices], caller: ServiceKey | None
    ) -> Answer:
        """The response to all `items`, of which some have been read; `known` has the choices of the persons in them."""
        stored = self._stored
        # All of them are about the same present.
        moment = self._clock() or datetime.now(UTC)
        stop_at = {"execute_all": None, "deny_on_first_deny": False, "permit_on_first_permit": True}[asked.semantic]
        answers: list[bytes] = []
        for item in items:
            allowed = False
            try:
                request, ignored = item if type(item) is tuple else asked.read(item)
                if caller is not None:
                    self._permit(caller, request)
                choices = None
                if stored is not None and (who := stored.whose(request)) is not None:
                    choices = stored.counting(known[who], request)
                decision = ask(self._point, request, moment, choices)
                answers.append(written(decision, _time_of(request), ignored))
                allowed = decision.allowed
            except RequestError as error:
                answers.append(failed(400, str(error)))
            except QuestionError as error:
                answers.append(failed(400, explained(error), error.code))
            except Refused as refused:
                answers.append(failed(refused.status, refused.text))
            except Exception:
                log.exception("A decision failed")
                answers.append(failed(500, "The decision failed, so nothing is allowed. Please try again."))
            if allowed is stop_at:
                break
        return self._written.of(b'{"evaluations":[' + b",".join(answers) + b"]}")


def _time_of(request: Request) -> datetime | None:
    return None if request.context is UNSET else request.context.at
