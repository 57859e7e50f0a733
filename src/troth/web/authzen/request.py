"""Access evaluation requests of OpenID AuthZEN, read strictly, as questions for the decision point.

The types below say which members Troth reads (`docs/reference/authzen.md` explains them). Members that it does not know
are ignored, as the specification wants, and named in the answer, so that a misspelt `choices` does not go unnoticed.
What can be read in two ways is refused: a member given twice, text that is not Unicode (RFC 7493, I-JSON).

Source: OpenID AuthZEN Authorization API 1.0, sections "Information Model", "Access Evaluation API", "Access Evaluations
API" and "JSON Serialization".
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

import msgspec
from msgspec import UNSET, UnsetType

from troth.decision.bits import Choices
from troth.decision.point import DecisionPoint
from troth.decision.question import Decision, State

# How many questions one request may hold.
MOST_EVALUATIONS = 1000

SEMANTICS = ("execute_all", "deny_on_first_deny", "permit_on_first_permit")


class RequestError(ValueError):
    """A request that cannot be read; the text says why, for the caller."""


class Subject(msgspec.Struct, gc=False):
    """Who wants to act. The specification wants a type and an id; the decision does not depend on them."""

    type: str
    id: str
    properties: dict[str, Any] | UnsetType = UNSET


class ActionProperties(msgspec.Struct, gc=False):
    """What the act is for."""

    purpose: str | None = None


class Action(msgspec.Struct, gc=False):
    """The act: collect, use, share, sell, trade or rent."""

    name: str
    properties: ActionProperties | UnsetType = UNSET


class ResourceProperties(msgspec.Struct, gc=False):
    """What is known of data that is held already."""

    collected_under: str | None = None
    expires: datetime | None = None
    accepted: str | None = None


class Resource(msgspec.Struct, gc=False):
    """The data: `type` is the data term, `id` the person, whom `authzen_people` may know."""

    type: str
    id: str
    properties: ResourceProperties | UnsetType = UNSET


class Context(msgspec.Struct, gc=False):
    """The circumstances."""

    recipient: str | None = None
    product: str | None = None
    moment: str | None = None
    choices: dict[str, str] | None = None
    given: list[str] | None = None
    at: datetime | None = None


class Request(msgspec.Struct, gc=False):
    """One access evaluation request."""

    subject: Subject
    action: Action
    resource: Resource
    context: Context | UnsetType = UNSET


def ask(point: DecisionPoint, request: Request, at: datetime | None = None, choices: Choices | None = None) -> Decision:
    """The decision on a request, at the time that it names, else at `at` (None: now). Raises QuestionError.

    `choices` are the person's; without them, those that the request states.
    """
    action = request.action
    resource = request.resource
    of_action = action.properties
    held = resource.properties
    context = request.context
    if context is UNSET:
        context = _NO_CONTEXT
    if held is UNSET:
        held = _NOT_HELD
    return point.decide(
        action=action.name,
        data=resource.type,
        purpose=None if of_action is UNSET else of_action.purpose,
        recipient=context.recipient,
        product=context.product,
        moment=context.moment,
        # The decision point checks the states.
        choices=cast("dict[str, State] | None", context.choices) if choices is None else choices,
        given=context.given or (),
        at=at if context.at is None else context.at,
        collected_under=held.collected_under,
        expires=held.expires,
        accepted=held.accepted,
    )


_NO_CONTEXT = Context()
_NOT_HELD = ResourceProperties()

# Where the fields of a question stand in a request, to say what is wrong with it.
PLACES = {
    "action": "action.name",
    "data": "resource.type",
    "person": "resource.id",
    "purpose": "action.properties.purpose",
    "recipient": "context.recipient",
    "product": "context.product",
    "moment": "context.moment",
    "choices": "context.choices",
    "given": "context.given",
    "at": "context.at",
    "collected_under": "resource.properties.collected_under",
    "expires": "resource.properties.expires",
    "accepted": "resource.properties.accepted",
}


# --- one question -----------------------------------------------------------------------------------------------------

_ESCAPE, _COLON = b"\\:"  # as numbers, which are found more quickly

_decode = msgspec.json.Decoder(Request).decode


def read_evaluation(body: bytes) -> tuple[Request, tuple[str, ...]]:
    """A request and the names of the members that were ignored. Raises RequestError."""
    try:
        request = _decode(body)
    except msgspec.ValidationError as error:
        raise RequestError(_explained(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RequestError(_not_json(error)) from None
    # Each member has one colon, and a few hold some. When there are no more colons than the members that were read
    # explain, and no escapes, then none was ignored and none given twice. Otherwise a second, slower reading finds out.
    if _ESCAPE not in body:
        colons = body.count(_COLON) - _members(request)
        if not colons or colons == request.subject.id.count(":") + request.resource.id.count(":"):
            return request, ()
    value = strict_json(body)
    return convert(value), tuple(ignored(value))


_TIME = 3  # a member that is a time has two colons more, or three with an offset, which takes the slower reading


def _members(request: Request) -> int:
    """How many colons the members that were read have at least, without those in ids."""
    count = 8
    if (of_action := request.action.properties) is not UNSET:
        count += 1 if of_action.purpose is None else 2
    if (held := request.resource.properties) is not UNSET:
        count += 1 + (held.collected_under is not None) + (held.accepted is not None)
        if held.expires is not None:
            count += _TIME
    if (context := request.context) is not UNSET:
        count += 1
        if context.recipient is not None:
            count += 1
        if context.product is not None:
            count += 1
        if context.moment is not None:
            count += 1
        if context.choices is not None:
            count += 1 + len(context.choices)
        if context.given is not None:
            count += 1
        if context.at is not None:
            count += _TIME
    return count


def convert(value: Any) -> Request:
    """A request from decoded JSON. Raises RequestError."""
    try:
        return msgspec.convert(value, Request)
    except msgspec.ValidationError as error:
        raise RequestError(_explained(error)) from None


def _explained(error: Exception) -> str:
    return f"The request is not an access evaluation request: {error}."


def _not_json(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "The body is nested deeper than a request ever is."
    if isinstance(error, UnicodeDecodeError):
        return "The body is not JSON in UTF-8."
    return f"The body is not JSON: {error}."


# --- several questions ------------------------------------------------------------------------------------------------


class Evaluations(msgspec.Struct):
    """A request for several evaluations: the questions still unread, with the defaults in place, and the semantic."""

    items: tuple[Any, ...]
    defaults: dict[str, Any]
    semantic: str

    def read(self, item: Any) -> tuple[Request, tuple[str, ...]]:
        """One of the items, as `read_evaluation` gives it. Raises RequestError; a bad item spoils no other."""
        if not isinstance(item, dict):
            raise RequestError("The request is not an access evaluation request: it is not an object.")
        merged = dict(item)
        for key, required in _ENTITIES:
            default = self.defaults.get(key)
            if default is None:
                continue
            entity = merged.setdefault(key, default)
            if entity is not default and isinstance(entity, dict):
                # What is required and left out comes from the default too, so that `{"type": …}` can be given once.
                merged[key] = {name: default[name] for name in required if name in default} | entity
        return convert(merged), tuple(ignored(item))


_ENTITIES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("subject", ("type", "id")),
    ("action", ("name",)),
    ("resource", ("type", "id")),
    ("context", ()),
)


def read_evaluations(body: bytes) -> Evaluations | tuple[Request, tuple[str, ...]]:
    """Several questions, or one where `evaluations` is absent or empty, as `read_evaluation` gives it.

    Raises RequestError for what is wrong with the request as a whole.
    """
    value = strict_json(body)
    if not isinstance(value, dict):
        raise RequestError("The request is not an object.")
    items = value.pop("evaluations", [])
    options = value.pop("options", {})
    if not isinstance(items, list):
        raise RequestError("`evaluations` is not an array.")
    if not isinstance(options, dict):
        raise RequestError("`options` is not an object.")
    semantic = options.get("evaluations_semantic", "execute_all")
    if semantic not in SEMANTICS:
        raise RequestError(f"`options.evaluations_semantic` is one of {', '.join(SEMANTICS)}.")
    if not items:
        return convert(value), tuple(ignored(value))
    if len(items) > MOST_EVALUATIONS:
        raise RequestError(f"`evaluations` has {len(items)} items; {MOST_EVALUATIONS} are the most in one request.")
    for key, _ in _ENTITIES:
        if key in value and not isinstance(value[key], dict):
            raise RequestError(f"`{key}` is not an object.")
    return Evaluations(tuple(items), value, semantic)


# --- strictness -------------------------------------------------------------------------------------------------------

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def strict_json(body: bytes) -> Any:
    """A JSON value as I-JSON (RFC 7493) has it: UTF-8, no member twice, no half of a surrogate pair.

    Raises RequestError.
    """
    try:
        value = _strict.decode(body.decode())
        if _SURROGATE.search(body):
            json.dumps(value, ensure_ascii=False).encode()
    except RequestError:
        raise
    except UnicodeEncodeError:
        raise RequestError("The body has a lone surrogate, which is not a character.") from None
    except (ValueError, RecursionError) as error:
        raise RequestError(_not_json(error)) from None
    return value


def _object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(members)
    if len(value) != len(members):
        names = [name for name, _ in members]
        twice = next(name for name in names if names.count(name) > 1)
        raise RequestError(f"The member {json.dumps(twice[:100])} is given twice in one object.")
    return value


def _constant(name: str) -> Any:
    raise RequestError(f"The body is not JSON: {name} is not a number.")


_strict = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)

_MOST_IGNORED = 20
# The members of a request that Troth reads. What a subject's properties hold is the caller's own affair.
_READ: dict[str, Any] = {
    "subject": {"type": None, "id": None, "properties": None},
    "action": {"name": None, "properties": dict.fromkeys(ActionProperties.__struct_fields__)},
    "resource": {"type": None, "id": None, "properties": dict.fromkeys(ResourceProperties.__struct_fields__)},
    "context": dict.fromkeys(Context.__struct_fields__),
}


def ignored(value: Any, read: Mapping[str, Any] = _READ) -> list[str]:
    """The paths of the members of a request that Troth does not read, at most twenty; `read` has those that it does."""
    found: list[str] = []

    def look(value: Any, read: Mapping[str, Any], path: str) -> None:
        if not isinstance(value, dict):
            return
        for name, member in value.items():
            if len(found) == _MOST_IGNORED:
                return
            if name not in read:
                found.append(f"{path}{name[:100]}")
            elif read[name] is not None:
                look(member, read[name], f"{path}{name}.")

    look(value, read, "")
    return found
