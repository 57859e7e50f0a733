"""Subject search of OpenID AuthZEN: which persons hold data that may be used for a purpose now, page by page.

The subjects that are searched for are the persons whose data it is; who asks is known by the key that comes along.
A token says where the next page begins. It is authenticated and belongs to one question of one caller, so that nobody
can begin anywhere else with it; what is on a page is as true as the moment in which the page is made.

Source: OpenID AuthZEN Authorization API 1.0, sections "Search APIs", "Pagination" and "Subject Search API".
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from troth.decision.point import DecisionPoint
from troth.decision.question import QuestionError
from troth.gates.search import MOST_PERSONS, search
from troth.gates.services import ServiceKey
from troth.people import ChoiceIndex
from troth.people.errors import StaleChoicesError
from troth.policy.vocabulary import ACTIONS
from troth.store import StoreUnavailableError
from troth.web.authzen.callers import cover
from troth.web.authzen.people import unavailable
from troth.web.authzen.request import Action, RequestError, ignored, strict_json
from troth.web.authzen.response import Answer, Refused
from troth.web.headers import Header
from troth.web.services import CallerRefusedError

PERSON = "person"  # the type of the subjects
USUAL_LIMIT = 1000
_DIGEST, _ID = 16, 16  # bytes


class Wanted(msgspec.Struct):
    """The subjects: persons. An id is ignored, as the specification wants."""

    type: str


class Data(msgspec.Struct):
    """The data: `type` is the data term. Whose it is, is the question."""

    type: str


class SearchContext(msgspec.Struct):
    """The circumstances. What a search does not take is read to be refused."""

    product: str | None = None
    given: list[str] | None = None
    at: datetime | None = None
    choices: object = None
    recipient: str | None = None
    moment: str | None = None


class Page(msgspec.Struct):
    """Which page, and how many persons on it. `next_token` is what drafts of the specification called the token."""

    token: str | None = None
    next_token: str | None = None
    limit: int | None = None


class SubjectSearch(msgspec.Struct):
    """A subject search request."""

    subject: Wanted
    action: Action
    resource: Data
    context: SearchContext | None = None
    page: Page | None = None


_READ: Mapping[str, Any] = {
    "subject": {"type": None, "id": None, "properties": None},
    "action": {"name": None, "properties": {"purpose": None}},
    "resource": {"type": None, "id": None},
    "context": dict.fromkeys(SearchContext.__struct_fields__),
    "page": dict.fromkeys(Page.__struct_fields__),
}


class Searcher:
    """Answers subject searches by `point`, the people of `index` and a `clock` (None: the store's)."""

    def __init__(
        self,
        point: DecisionPoint,
        index: ChoiceIndex,
        clock: Callable[[], datetime] | None,
        headers: tuple[Header, ...],
    ) -> None:
        self._point = point
        self._index = index
        self._clock = clock
        self._headers = headers
        self._key = HKDF(SHA256(), 32, None, b"troth search: pages").derive(index.people.key.passes)

    async def search(self, body: bytes, caller: ServiceKey | None = None) -> Answer:
        """The response to the body of a request. Raises RequestError, QuestionError and Refused."""
        asked, left_out = read_search(body)
        context, page = asked.context or SearchContext(), asked.page or Page()
        properties = asked.action.properties
        purpose = properties.purpose if properties else None
        if purpose is None:
            raise QuestionError("missing", "purpose", "To use data takes a purpose.")
        now = self._clock() if self._clock else None
        if caller is not None:
            self._permit(caller, asked, context, purpose, now)
        digest = self._question(asked, context, purpose, caller)
        after = self._read_token(page.token or page.next_token, digest)
        limit = USUAL_LIMIT if page.limit is None else page.limit
        if not 0 < limit <= MOST_PERSONS:
            raise RequestError(f"`page.limit` is a number from 1 to {MOST_PERSONS}.")

        def find() -> bytes:
            found = search(
                self._point, self._index, purpose=purpose, data=asked.resource.type, product=context.product,
                given=context.given or (), at=context.at or now, after=after, limit=limit,
            )  # fmt: skip
            token = "" if found.next is None else self._write_token(found.next, digest)
            return _written(found.persons, token, context.at, left_out)

        try:
            answer = await asyncio.to_thread(find)
        except (StaleChoicesError, StoreUnavailableError) as error:
            raise unavailable(error) from None
        return (*self._headers, (b"content-length", b"%d" % len(answer))), answer

    def _permit(
        self,
        caller: ServiceKey,
        asked: SubjectSearch,
        context: SearchContext,
        purpose: str,
        now: datetime | None,
    ) -> None:
        try:
            cover(
                caller, self._point.policy, now,
                action=asked.action.name, data=asked.resource.type, purpose=purpose, product=context.product,
            )  # fmt: skip
        except CallerRefusedError as refused:
            raise Refused(refused.status, refused.text, *refused.headers) from None

    # --- where a page begins ------------------------------------------------------------------------------------------

    def _question(self, asked: SubjectSearch, context: SearchContext, purpose: str, caller: ServiceKey | None) -> bytes:
        """What a token belongs to: the question, and who asks it."""
        parts = [
            caller and caller.id, asked.resource.type, purpose, context.product, sorted(context.given or ()), context.at
        ]  # fmt: skip
        return hmac.digest(self._key, msgspec.json.encode(["question", *parts]), "sha256")[:_DIGEST]

    def _write_token(self, after: str, question: bytes) -> str:
        place = bytes.fromhex(after)
        return base64.urlsafe_b64encode(place + self._sealed(place, question)).rstrip(b"=").decode()

    def _read_token(self, token: str | None, question: bytes) -> str | None:
        if not token:
            return None
        try:
            read = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (ValueError, binascii.Error):
            read = b""
        place, seal = read[:_ID], read[_ID:]
        if len(place) != _ID or not hmac.compare_digest(seal, self._sealed(place, question)):
            raise RequestError("`page.token` is not one of this question. Begin again without it.")
        return place.hex()

    def _sealed(self, place: bytes, question: bytes) -> bytes:
        return hmac.digest(self._key, b"page" + question + place, "sha256")[:_DIGEST]


def read_search(body: bytes) -> tuple[SubjectSearch, tuple[str, ...]]:
    """A subject search and the names of the members that were ignored. Raises RequestError and QuestionError."""
    value = strict_json(body)
    try:
        asked = msgspec.convert(value, SubjectSearch)
    except msgspec.ValidationError as error:
        raise RequestError(f"The request is not a subject search request: {error}.") from None
    if asked.subject.type != PERSON:
        raise RequestError(f"`subject.type` is `{PERSON}`: persons are what can be searched for.")
    if asked.action.name != "use":
        if asked.action.name not in ACTIONS:
            message = f"'{asked.action.name}' is not an action."
            raise QuestionError("unknown-action", "action", message, found=asked.action.name, allowed=ACTIONS)
        raise RequestError("`action.name` is `use`: persons are searched for whose data may be used.")
    context = asked.context or SearchContext()
    if context.choices is not None:
        raise QuestionError("not-taken", "choices", "A search goes by the choices that people made here.")
    for field in ("recipient", "moment"):
        if getattr(context, field) is not None:
            raise QuestionError("not-taken", field, f"To use data takes no {field}.")
    return asked, tuple(ignored(value, _READ))


def _written(persons: tuple[str, ...], token: str, at: datetime | None, left_out: tuple[str, ...]) -> bytes:
    """The response. The ids are hex digits, so that nothing in them has to be escaped."""
    results = ",".join([f'{{"type":"{PERSON}","id":"{person}"}}' for person in persons])
    context = {name: value for name, value in (("at", at), ("ignored", left_out)) if value}
    page = {"next_token": token, "count": len(persons)}
    parts = [b'{"page":', msgspec.json.encode(page), b',"results":[', results.encode(), b"]"]
    if context:
        parts += [b',"context":', msgspec.json.encode(context)]
    return b"".join((*parts, b"}"))
