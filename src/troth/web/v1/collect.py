"""`POST /v1/collect/<statement>`, and the web beacon `/v1/collect/<statement>.gif`.

A service sends with its key and says whose data it is. A browser sends from a page of the covered site, without a key:
its e-mail field or its signed cookie says whose data it is, and it learns no ids. The beacon is a picture, so it can
say nothing back: it is the same 43 bytes whether anything was collected or not, and it sets no cookie. No address of
whoever asks is looked at or kept.
"""

from __future__ import annotations

import asyncio
import base64
import logging
from typing import Any

import msgspec
from litestar import Request, Response

from troth.gates.collect import Collected
from troth.gates.errors import GateError
from troth.people import PeopleError
from troth.people.reading import Who
from troth.policy.model import Collects
from troth.store import StoreError
from troth.web.choices.banner import is_path
from troth.web.v1.bodies import (
    LINES,
    BadRequestError,
    Sent,
    bad,
    content_type,
    read_lines,
    read_sent,
    read_who,
    sent_of_form,
)
from troth.web.v1.desk import GateDesk, answer

GIF = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
BEACON = ".gif"
FROM_BROWSERS = frozenset({"person", "device"})  # what a browser may send without a service in between
REFUSED = 422

log = logging.getLogger("troth.web")


class Collect:
    """The routes of the gate `collect`."""

    def __init__(self, desk: GateDesk) -> None:
        self._desk = desk

    async def post(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """One submission, or lines of them."""
        desk, name = self._desk, request.path_params["statement"]
        statement = desk.statement(name)
        if content_type(request) == LINES:
            return await self._lines(request, statement)
        sent = await read_sent(request)
        if sent.back is not None and not is_path(sent.back):
            raise BadRequestError("`return` is a path that begins with a slash.", field="return")
        if "authorization" not in request.headers and desk.from_covered_site(request, sent.product):
            return await self._from_browser(request, statement, sent)
        key = await desk.caller(request)
        desk.check_scope(key, actions="collect", statements=statement.id, products=sent.product)
        for data in sent.fields:
            self._check_data(key, data)
        who = None if sent.person is None else read_who(sent.person)
        collected = await asyncio.to_thread(desk.collecting.collect, sent.submission(statement.id, who))
        return _done(collected, sent)

    async def beacon(self, request: Request[Any, Any, Any], name: str) -> Response[bytes]:
        """The picture. It collects if the page that shows it is covered and the browser has agreed."""
        desk = self._desk
        fields = dict(request.query_params)
        cookie = fields.pop("cookie", None)
        try:
            statement = desk.statement(name)
            sent = sent_of_form({name: str(value) for name, value in fields.items()})
            browser = desk.browser(request, cookie)
            if browser is not None and desk.referred_by_covered_site(request, sent.product):
                _check_source(statement)
                submission = sent.submission(statement.id, browser.identifier, in_browser=True)
                await asyncio.to_thread(desk.collecting.collect, submission)
        except (GateError, BadRequestError):
            pass  # nothing was collected, and a picture has no way to say so
        except (StoreError, PeopleError):
            log.warning("A beacon could not be recorded; nothing was collected.")
        headers = {"Cache-Control": "no-store", "Cross-Origin-Resource-Policy": "cross-origin"}
        return Response(GIF, media_type="image/gif", headers=headers)

    async def _from_browser(self, request: Request[Any, Any, Any], statement: Collects, sent: Sent) -> Response[bytes]:
        desk = self._desk
        _check_source(statement)
        if sent.person is not None:
            text = "A browser does not say whose data it is: its e-mail field or its cookie does."
            raise BadRequestError(text, status=403, code="bad-person", field="person")
        browser = desk.browser(request)
        has_address = any(name.startswith("contact.email") and value for name, value in sent.fields.items())
        who: Who | None = None if has_address or browser is None else browser.identifier
        submission = sent.submission(statement.id, who, in_browser=True)
        collected = await asyncio.to_thread(desk.collecting.collect, submission)
        return _done(collected, sent, browser=True)

    async def _lines(self, request: Request[Any, Any, Any], statement: Collects) -> Response[bytes]:
        desk = self._desk
        key = await desk.caller(request)
        desk.check_scope(key, actions="collect", statements=statement.id)
        outcomes: list[object] = []
        places, submissions = [], []
        for place, sent in enumerate(await read_lines(request)):
            outcomes.append(None)
            try:
                if isinstance(sent, BadRequestError):
                    raise sent
                desk.check_scope(key, products=sent.product)
                for data in sent.fields:
                    self._check_data(key, data)
                who = None if sent.person is None else read_who(sent.person)
                submissions.append(sent.submission(statement.id, who))
                places.append(place)
            except BadRequestError as problem:
                outcomes[place] = bad(problem)
        collected = await asyncio.to_thread(desk.collecting.collect_many, submissions)
        for place, outcome in zip(places, collected, strict=True):
            outcomes[place] = refused(outcome) if isinstance(outcome, GateError) else said(outcome)
        body = b"".join(msgspec.json.encode(outcome) + b"\n" for outcome in outcomes)
        return Response(body, media_type=LINES, headers={"Cache-Control": "no-store"})

    def _check_data(self, key: Any, data: str) -> None:
        """The data of a field is in the key's scope. A name that is no data term is for the gate to explain."""
        if self._desk.version().vocabulary.knows("data", data):
            self._desk.check_scope(key, data=data)


def said(collected: Collected, *, browser: bool = False) -> dict[str, object]:
    """What was stored, for whoever sent it. A browser learns no id of a person."""
    found: dict[str, object] = {} if browser else {"person": collected.person}
    return found | {
        "entry": collected.leaf,
        "statement": collected.statement,
        "version": collected.version,
        "sentence": collected.sentence,
        "stored": collected.stored,
        "dropped": collected.dropped,
        "masked": collected.masked,
        "duties": collected.duties,
    }


def refused(problem: GateError) -> dict[str, object]:
    """A refusal of a gate, for whoever asked."""
    return {
        "error": problem.code,
        "message": problem.message,
        "field": problem.field,
        "statement": problem.statement,
        "sentence": problem.sentence,
    }


def _done(collected: Collected, sent: Sent, *, browser: bool = False) -> Response[bytes]:
    if sent.back is not None:
        return Response(b"", status_code=303, headers={"Location": sent.back, "Cache-Control": "no-store"})
    return answer(said(collected, browser=browser), status=201)


def _check_source(statement: Collects) -> None:
    """A browser sends what comes from the person or the device. BadRequestError (403): the statement is about else."""
    if not FROM_BROWSERS & set(statement.sources or ("person",)):
        text = f"'{statement.id}' does not come from a person's browser. A service sends it, with its key."
        raise BadRequestError(text, status=403, code="not-from-browsers")
