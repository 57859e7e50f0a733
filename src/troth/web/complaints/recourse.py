"""`/recourse/<token>` for a recourse body: its cases, what it may do in each, and the signed case file."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, time
from typing import Any

from litestar import Request, Response

from troth.accountability.complaints.bodies import Body
from troth.accountability.complaints.case_file import case_file, readable, rules, sentence_of
from troth.accountability.complaints.deadlines import deadlines
from troth.accountability.complaints.entering import MAY
from troth.accountability.complaints.facts import OUTCOMES, Added, Appealed, Asked, Closed, Determined, Mediated, Said
from troth.accountability.complaints.standing import ComplaintStanding
from troth.accountability.complaints.texts import text
from troth.accountability.errors import CaseError
from troth.web.choices.forms import FormError
from troth.web.complaints.forms import FileError, Sent, read_sent
from troth.web.complaints.place import PRIVATE, Place, download, seen_other
from troth.web.complaints.words import STATES

TOKEN = re.compile(r"[0-9a-f]{64}", re.ASCII)
GONE = "This address does not lead to cases. A token that was revoked opens nothing any more."


class UnknownTokenError(Exception):
    """The token is nobody's, or the case is not one of theirs."""


class Recourse:
    """The pages below `/recourse`."""

    def __init__(self, place: Place) -> None:
        self._place = place

    async def list(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """`GET /recourse/<token>`: the cases of a body, and no others."""
        body = await self._body(request)
        cases = await asyncio.to_thread(self._place.desk.cases_of, body)
        return self._place.page(
            request, "recourse.html", body=body, cases=cases, deadlines=deadlines, stands=STATES, token=_token(request)
        )

    async def show(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """`GET /recourse/<token>/<case>`."""
        body, one = await self._case(request)
        return await self._page(request, body, one, Sent({}, ()))

    async def act(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """`POST /recourse/<token>/<case>`: ask, mediate, determine, take an appeal, write more, or close."""
        body, one = await self._case(request)
        sent = Sent({}, ())
        try:
            sent = await read_sent(request)
            said = self._step(one, sent, rules(self._place.desk, one))
            written = (*text("text", sent.get("what")), *sent.files)
            await asyncio.to_thread(self._place.desk.do_as_body, _token(request), one.id, said, written)
        except (CaseError, FileError) as problem:
            return await self._page(request, body, one, sent, 422, str(problem))
        return seen_other(f"/recourse/{_token(request)}/{one.id}")

    async def case_file(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """`GET /recourse/<token>/<case>/case.zip`."""
        _, one = await self._case(request)
        made = await asyncio.to_thread(case_file, self._place.desk, self._place.log, one)
        headers = {"Content-Disposition": f'attachment; filename="{one.id}.zip"', **PRIVATE}
        return Response(made, media_type="application/zip", headers=headers)

    async def file(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """`GET /recourse/<token>/<case>/files/<id>`: an attached file that the body may read."""
        _, one = await self._case(request)
        id = request.path_params["file"]
        opened = await asyncio.to_thread(self._place.desk.texts.read, one.id)
        if id not in {kept.id for kept in readable(one) if kept.sort == "file"} or id not in opened:
            raise UnknownTokenError
        return download(opened[id])

    def _step(self, one: ComplaintStanding, sent: Sent, known: tuple[str, ...]) -> Said:
        match sent.get("do"):
            case "ask":
                return Asked(by="body")
            case "mediate":
                return Mediated(by="body")
            case "add":
                if not (sent.get("what") or sent.files):
                    raise CaseError("There is nothing to add.")
                return Added(by="body")
            case "appeal":
                return Appealed(by="body")
            case "determine":
                outcome = sent.get("outcome")
                if outcome not in OUTCOMES:
                    raise CaseError("Say whether the complaint is right, right in part, or not right.")
                if not sent.get("what"):
                    raise CaseError("Say why, in words that both understand.")
                until = None if outcome == "dismissed" else _day(sent.get("remedy_by"))
                return Determined(by="body", outcome=outcome, remedy_by=until)
            case "ineligible":
                rule = sent.get("rule")
                if rule not in known:
                    raise CaseError("Choose the rule of the programme that the complaint does not meet.")
                return Closed(by="body", why="ineligible", rule=rule)
            case "done":
                return Closed(by="body", why="done")
            case _:
                raise FormError("The form asks for something that there is not.")

    async def _page(  # noqa: PLR0917
        self,
        request: Request[Any, Any, Any],
        body: Body,
        one: ComplaintStanding,
        sent: Sent,
        status: int = 200,
        wrong: str = "",
    ) -> Response[bytes]:
        place = self._place
        allowed = frozenset(kept.id for kept in readable(one))
        steps = await asyncio.to_thread(place.steps, one, allowed, True)
        may = {kind.__name__.lower() for kind, by in MAY.items() if one.state in by.get("body", ())}
        if one.facts_of(Appealed):
            may.discard("appealed")
        if one.determination is None:
            may.add("ineligible")
        return place.page(
            request,
            "case.html",
            status=status,
            body=body,
            one=one,
            sent=sent,
            wrong=wrong,
            may=may,
            steps=steps,
            stands=STATES[one.state].replace("with the recourse body", "with you"),
            rules=rules(place.desk, one),
            sentence=sentence_of(place.desk.policy, one),
            due=[each for each in deadlines(one) if each.met is None and one.open],
            token=_token(request),
        )

    async def _body(self, request: Request[Any, Any, Any]) -> Body:
        token = _token(request)
        body = await asyncio.to_thread(self._place.desk.bodies.find, token) if TOKEN.fullmatch(token) else None
        if body is None:
            raise UnknownTokenError
        return body

    async def _case(self, request: Request[Any, Any, Any]) -> tuple[Body, ComplaintStanding]:
        body = await self._body(request)
        cases = await asyncio.to_thread(self._place.desk.cases_of, body)
        one = next((case for case in cases if case.id == request.path_params["case"]), None)
        if one is None:
            raise UnknownTokenError
        return body, one


def _token(request: Request[Any, Any, Any]) -> str:
    return str(request.path_params["token"])


def _day(written: str) -> datetime:
    try:
        return datetime.combine(datetime.strptime(written, "%Y-%m-%d").replace(tzinfo=UTC).date(), time(), UTC)
    except ValueError:
        raise CaseError("Say by which day it has to be remedied, such as 2026-12-31.") from None
