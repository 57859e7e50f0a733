"""Reading what Troth answers. An answer that is not exactly what it should be is no answer: `Unavailable`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, NoReturn, TypeVar

from troth.client.errors import NotAllowed, Refused, TrothError, Unavailable, WrongRequest
from troth.client.transport import JSON, Answer
from troth.client.values import Collected, Decision, Dropped, Gate, Json, OfPerson, Refusal, Used

T = TypeVar("T")
_WRONG = ("too-many", "bad-key", "other-request", "identified")  # refusals of a gate that the application brought about
_LINE = re.compile(r"(.*) \[([a-z-]{1,60})\]\s*", re.S)  # an error of the decision route: one line and its code


class NonsenseError(ValueError):
    """An answer that is not what it should be."""


def read_answer(answer: Answer, *, changes: bool = False) -> dict[str, Any]:
    """The object that a successful answer is. `changes`: the request stores something. TrothError: any other answer."""
    if answer.status not in (200, 201, 202):
        raise error_of(answer, changes=changes)
    if answer.media_type != JSON:
        raise Unavailable("The answer of Troth is not JSON.", unknown=changes)
    try:
        return as_object(load(answer.body))
    except NonsenseError as problem:
        raise nonsense(problem, unknown=changes) from problem


def nonsense(problem: NonsenseError, *, unknown: bool = False) -> Unavailable:
    """The error for an answer that cannot be read."""
    return Unavailable(f"The answer of Troth cannot be read: {problem}", unknown=unknown)


def error_of(answer: Answer, *, changes: bool = False, whole: bool = True) -> TrothError:
    """The error that an answer is. Whatever Troth would not say itself comes from something in between.

    `changes`: the request stores something; `whole`: all of it or nothing.
    """
    status = answer.status
    if status >= 500 or status in (408, 425, 429):
        did_nothing = not changes or (status == 503 and whole and answer.media_type == JSON)
        return Unavailable(f"Troth answers {status}.", unknown=not did_nothing, retry_after=answer.retry_after)
    if not 400 <= status < 500:
        moved = " A redirect is not followed." if 300 <= status < 400 else ""
        return Unavailable(f"Troth answers {status}.{moved}", unknown=changes)
    try:
        told = as_object(load(answer.body)) if answer.media_type == JSON else _line(answer)
        return told_error(status, told)
    except NonsenseError:
        if status in (401, 403):
            line = answer.body[:1000].decode("utf-8", "replace").strip() if answer.media_type == "text/plain" else ""
            return NotAllowed("scope" if status == 403 else "key", line or f"Troth answers {status}.")
        if status == 422:  # a refusal that does not say what it refuses may be of something else
            return Unavailable("Troth answers 422 and does not say why.")
        return WrongRequest("bad-request", f"Troth answers {status}. Is this the address of a Troth?")


def told_error(status: int, told: dict[str, Any]) -> TrothError:
    """The error that an object tells. NonsenseError: it is none."""
    code = text(told, "error")
    kind: type[TrothError] = {401: NotAllowed, 403: NotAllowed, 422: Refused}.get(status, WrongRequest)
    if kind is Refused and (code.startswith("unknown-") or code in _WRONG):
        kind = WrongRequest  # the gate does not know a name that the application gave: nobody was refused anything
    return kind(
        code,
        text(told, "message"),
        field=maybe(told, "field"),
        statement=maybe(told, "statement"),
        sentence=maybe(told, "sentence") or "",
    )


def _line(answer: Answer) -> dict[str, Any]:
    line = answer.body[:10_000].decode("utf-8", "replace")
    match = _LINE.fullmatch(line)
    if answer.media_type != "text/plain" or match is None:
        raise NonsenseError("it is no error of Troth")
    return {"message": match[1], "error": match[2]}


# --- the answers ------------------------------------------------------------------------------------------------------


def read_collected(told: dict[str, Any]) -> Collected:
    """What was stored. NonsenseError."""
    entry = told.get("entry")
    if not isinstance(entry, int) or isinstance(entry, bool):
        raise NonsenseError("`entry` is no number")
    return Collected(
        person=maybe(told, "person"),
        entry=entry,
        statement=text(told, "statement"),
        version=text(told, "version"),
        sentence=text(told, "sentence"),
        stored=texts(told, "stored"),
        dropped=tuple(
            Dropped(text(one, "field"), text(one, "reason"), maybe(one, "sentence") or "")
            for one in objects(told, "dropped")
        ),
        masked=texts(told, "masked"),
        duties=texts(told, "duties"),
    )


def read_used(told: dict[str, Any], asked: list[str] | None) -> Used:
    """What was released; of those `asked`, in their order, or of a segment. NonsenseError: also if it is of others."""
    persons = tuple(_of_person(one) for one in objects(told, "persons"))
    if asked is not None and [one.asked for one in persons] != asked:
        raise NonsenseError("it is not about the persons that were asked for")
    return Used(persons=persons, duties=texts(told, "duties"), next=maybe(told, "next"))


def _of_person(told: dict[str, Any]) -> OfPerson:
    values: dict[str, Json] = as_object(told.get("values"))
    refused = tuple(
        Refusal(text(one, "data"), text(one, "reason"), maybe(one, "sentence") or "", maybe(one, "statement"))
        for one in objects(told, "refused")
    )
    return OfPerson(person=maybe(told, "person"), asked=maybe(told, "asked"), values=values, refused=refused)


def read_decision(told: dict[str, Any]) -> Decision:
    """A decision (AuthZEN 1.0, section 6.2). NonsenseError: it is none, or only nearly one."""
    allowed, context = told.get("decision"), as_object(told.get("context"))
    if not isinstance(allowed, bool):
        raise NonsenseError("`decision` is neither true nor false")
    gate = context.get("gate")
    return Decision(
        allowed=allowed,
        reason=text(context, "reason"),
        statements=texts(context, "statements"),
        sentence=maybe(context, "sentence") or "",
        duties=texts(context, "duties"),
        gate=None if gate is None else Gate(text(as_object(gate), "kind"), text(as_object(gate), "name")),
        version=maybe(context, "version"),
    )


# --- the parts --------------------------------------------------------------------------------------------------------


def load(body: bytes) -> Any:
    """The value of a JSON text. NonsenseError: it is none, or can be read in two ways (RFC 8259, section 4)."""
    try:
        return json.loads(body.decode(), object_pairs_hook=_once, parse_constant=_no_constant)
    except NonsenseError:
        raise
    except (ValueError, RecursionError):
        pass  # these errors hold the whole text, and errors end up in logs
    raise NonsenseError("it is no JSON")


def _once(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    pairs = list(pairs)
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NonsenseError("a member is given twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise NonsenseError(f"{name} is no JSON")


def as_object(value: Any) -> dict[str, Any]:
    """The value, which is an object. NonsenseError."""
    if not isinstance(value, dict):
        raise NonsenseError("an object is expected")
    return value


def text(told: dict[str, Any], name: str) -> str:
    """A member that is a text. NonsenseError."""
    value = told.get(name)
    if not isinstance(value, str):
        raise NonsenseError(f"`{name}` is no text")
    return value


def maybe(told: dict[str, Any], name: str) -> str | None:
    """A member that is a text, null, or left out. NonsenseError."""
    return None if told.get(name) is None else text(told, name)


def texts(told: dict[str, Any], name: str) -> tuple[str, ...]:
    """A member that is a list of texts, or left out. NonsenseError."""
    found = _list(told, name)
    if not all(isinstance(one, str) for one in found):
        raise NonsenseError(f"`{name}` is no list of texts")
    return tuple(found)


def objects(told: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """A member that is a list of objects, or left out. NonsenseError."""
    return [as_object(one) for one in _list(told, name)]


def _list(told: dict[str, Any], name: str) -> list[Any]:
    value = told.get(name, [])
    if not isinstance(value, list):
        raise NonsenseError(f"`{name}` is no list")
    return value
