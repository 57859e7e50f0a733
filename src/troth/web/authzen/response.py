"""Decisions as the responses of OpenID AuthZEN: `decision`, and in its `context` the sentence that decides and why.

Source: OpenID AuthZEN Authorization API 1.0, sections "Decision" and "Access Evaluations API Response", "Errors".
"""

from __future__ import annotations

from datetime import datetime

import msgspec
from msgspec import UNSET, UnsetType

from troth.decision.question import REASONS, Decision, Gate, QuestionError
from troth.web.authzen.request import PLACES
from troth.web.headers import Header

# How much of a message is sent back: it may quote what the caller sent.
MOST_MESSAGE = 500

_MOST_REMEMBERED = 8192

Answer = tuple[tuple[Header, ...], bytes]


class Refused(Exception):  # noqa: N818 - not a failure of ours
    """A request that is answered with an HTTP error and one line of text."""

    def __init__(self, status: int, text: str, *more: Header) -> None:
        self.status, self.text, self.more = status, text, more


class DecisionContext(msgspec.Struct, gc=False):
    """What comes with a decision. `at` and `ignored` only where the request gives cause."""

    reason: str
    statements: tuple[str, ...]
    duties: tuple[str, ...]
    sentence: str | UnsetType
    gate: Gate | UnsetType
    version: str | UnsetType
    reason_user: dict[str, str] | UnsetType
    reason_admin: dict[str, str] | UnsetType
    at: datetime | UnsetType = UNSET
    ignored: tuple[str, ...] | UnsetType = UNSET


class Response(msgspec.Struct, gc=False):
    """An access evaluation response."""

    decision: bool
    context: DecisionContext


class Failure(msgspec.Struct, gc=False):
    """Why one of several evaluations could not be decided."""

    status: int
    message: str
    code: str | UnsetType = UNSET


class FailureContext(msgspec.Struct, gc=False):
    """The context of an evaluation that could not be decided."""

    error: Failure


class FailedResponse(msgspec.Struct, gc=False):
    """The response to one of several evaluations that could not be decided: never a yes."""

    decision: bool
    context: FailureContext


_encode = msgspec.json.Encoder().encode


def written(decision: Decision, at: datetime | None = None, ignored: tuple[str, ...] = ()) -> bytes:
    """A decision as a response in JSON. `at` is the time that the question was about, where it named one."""
    reason_user: dict[str, str] | UnsetType = UNSET
    reason_admin: dict[str, str] | UnsetType = UNSET
    if not decision.allowed:
        # The shape of the specification's example: the reason for people and the one for staff, by status.
        explanation = REASONS[decision.reason]
        reason_user = {"403": decision.sentence or explanation}
        by = ", ".join(decision.statements) or "none"
        reason_admin = {"403": f"{explanation} Reason: {decision.reason}. Statements: {by}."}
    return _encode(
        Response(
            decision.allowed is True,
            DecisionContext(
                reason=decision.reason,
                statements=decision.statements,
                duties=decision.duties,
                sentence=UNSET if decision.sentence is None else decision.sentence,
                gate=UNSET if decision.gate is None else decision.gate,
                version=UNSET if decision.version is None else decision.version,
                reason_user=reason_user,
                reason_admin=reason_admin,
                at=UNSET if at is None else at,
                ignored=ignored or UNSET,
            ),
        )
    )


def failed(status: int, message: str, code: str | None = None) -> bytes:
    """One of several evaluations that could not be decided, as a response in JSON."""
    failure = Failure(status, message[:MOST_MESSAGE], UNSET if code is None else code)
    return _encode(FailedResponse(False, FailureContext(failure)))


def explained(error: QuestionError) -> str:
    """What is wrong with a question, where in the request, and the stable code."""
    return f"{PLACES.get(error.field, error.field)}: {error.message[: MOST_MESSAGE - 100]} [{error.code}]"


class Written:
    """Decisions as header fields and body, made once each: a decision point hands out the same objects again and again.

    `headers` are those that each response carries beside its length.
    """

    def __init__(self, headers: tuple[Header, ...]) -> None:
        self._headers = headers
        self._remembered: dict[int, tuple[Decision, Answer]] = {}

    def __call__(self, decision: Decision) -> Answer:
        """The headers and the body of the response."""
        # By identity: that is quicker than equality, and no id is used again while the object is remembered.
        remembered = self._remembered.get(id(decision))
        if remembered is not None and remembered[0] is decision:
            return remembered[1]
        answer = self.of(written(decision))
        if len(self._remembered) >= _MOST_REMEMBERED:
            self._remembered.clear()
        self._remembered[id(decision)] = (decision, answer)
        return answer

    def of(self, body: bytes) -> Answer:
        """The headers for a body, and the body."""
        return (*self._headers, (b"content-length", b"%d" % len(body))), body
