"""Reading what is sent to the gates: JSON, forms, lines of JSON, what `sendBeacon` makes of them. Bounded and strict.

JSON is I-JSON (RFC 7493), as for decisions. A form's fields are named by data terms; `person`, `product`, `moment` and
`return` are no data terms, and say what they say.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import Request

from troth.gates.collect import Submission
from troth.people.errors import IdentifierError
from troth.people.identifiers import parse_who
from troth.people.reading import Who
from troth.web.authzen.request import RequestError, strict_json
from troth.web.choices.forms import FormError, read_form

MOST_BYTES = 1024 * 1024  # of a body that is one submission or question
MOST_LINES, MOST_LINE_BYTES = 10_000, 8 * 1024 * 1024
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
LINES = "application/x-ndjson"
JSONS = ("application/json", "text/plain")  # `navigator.sendBeacon(url, text)` sends text as text
ABOUT = ("person", "product", "moment", "return")


class BadRequestError(ValueError):
    """A request that cannot be read: the HTTP status, a stable code, and a text that says why, for the caller."""

    def __init__(self, text: str, *, status: int = 400, code: str = "bad-request", field: str | None = None) -> None:
        self.status, self.code, self.text, self.field = status, code, text, field
        super().__init__(text)


def bad(problem: BadRequestError) -> dict[str, object]:
    """What is answered to a request that cannot be read, in the shape of a refusal of a gate."""
    return {"error": problem.code, "message": problem.text, "field": problem.field, "statement": None, "sentence": ""}


class Sent(msgspec.Struct, frozen=True):
    """A submission as it was sent, before anything of it is believed. `back` is where a plain form wants to go."""

    fields: Mapping[str, object]
    person: str | None = None
    product: str | None = None
    moment: str | None = None
    back: str | None = None

    def submission(self, statement: str, who: Who | None, *, in_browser: bool = False) -> Submission:
        """The submission for the gate, about a person who was found out otherwise or is named."""
        return Submission(
            statement=statement, fields=self.fields, who=who, product=self.product, moment=self.moment,
            in_browser=in_browser,
        )  # fmt: skip


async def read_sent(request: Request[Any, Any, Any]) -> Sent:
    """One submission. BadRequestError: it cannot be read."""
    kind = content_type(request)
    if kind in FORMS:
        try:
            return sent_of_form(await read_form(request))
        except FormError as problem:
            raise BadRequestError(str(problem)) from None
    if kind in JSONS:
        return sent_of_json(read_json(await request.body()))
    known = ", ".join((*JSONS, *FORMS, LINES))
    raise BadRequestError(f"Content-Type: it is one of {known}.", status=415, code="unsupported")


async def read_lines(request: Request[Any, Any, Any]) -> list[Sent | BadRequestError]:
    """One submission a line; a line that cannot be read is an error of its own. BadRequestError: too many lines."""
    lines = [line for line in (await request.body()).split(b"\n") if line.strip()]
    if not 0 < len(lines) <= MOST_LINES:
        raise BadRequestError(f"There are 1 to {MOST_LINES} lines in one request, not {len(lines)}.", code="too-many")
    found: list[Sent | BadRequestError] = []
    for line in lines:
        try:
            found.append(sent_of_json(read_json(line)))
        except BadRequestError as problem:
            found.append(problem)
    return found


def sent_of_form(fields: Mapping[str, str]) -> Sent:
    """A form as a submission."""
    about = {name: fields[name] or None for name in ABOUT if name in fields}
    data = {name: value for name, value in fields.items() if name not in ABOUT}
    return Sent(data, about.get("person"), about.get("product"), about.get("moment"), about.get("return"))


def sent_of_json(value: object) -> Sent:
    """A JSON object as a submission. BadRequestError: it is none."""
    body = as_object(value, ("fields", "person", "product", "moment"))
    fields = body.get("fields")
    if not isinstance(fields, dict):
        raise BadRequestError("`fields` is an object: data terms and their values.", field="fields")
    return Sent(fields, text_of(body, "person"), text_of(body, "product"), text_of(body, "moment"))


def read_json(body: bytes) -> object:
    """A JSON value. BadRequestError: it is none, or can be read in two ways."""
    try:
        return strict_json(body)
    except RequestError as problem:
        raise BadRequestError(str(problem)) from None


def as_object(value: object, known: tuple[str, ...]) -> dict[str, Any]:
    """A JSON object without members that nobody knows. BadRequestError: it is another."""
    if not isinstance(value, dict):
        raise BadRequestError("The body is a JSON object.")
    for name in value:
        if name not in known:
            raise BadRequestError(f"There is no member `{str(name)[:100]}`. There are: {', '.join(known)}.")
    return value


def text_of(body: Mapping[str, Any], name: str) -> str | None:
    """A member that is a text or not there. BadRequestError: it is something else."""
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise BadRequestError(f"`{name}` is a text.", field=name)
    return value or None


def read_who(text: str, field: str = "person") -> Who:
    """The person that a text means. BadRequestError: it has none of the forms."""
    try:
        return parse_who(text)
    except IdentifierError as problem:
        raise BadRequestError(str(problem), code="bad-person", field=field) from None


def content_type(request: Request[Any, Any, Any]) -> str:
    """The media type of a body, without parameters."""
    return str(request.headers.get("content-type", "")).partition(";")[0].strip().lower()
