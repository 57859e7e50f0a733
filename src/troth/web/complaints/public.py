"""`/complaints` for people: the form, the page that a code leads to, what they can do there, and the statistics."""

from __future__ import annotations

import asyncio
import logging
import re
from datetime import datetime
from typing import Any

import msgspec
from litestar import Request, Response

from troth.accountability.complaints.bodies import known_names, next_body
from troth.accountability.complaints.counting import statistics
from troth.accountability.complaints.deadlines import deadlines
from troth.accountability.complaints.desk import Form
from troth.accountability.complaints.entering import APPEAL, MAY, may_escalate
from troth.accountability.complaints.facts import (
    KINDS,
    Added,
    Agreed,
    Appealed,
    Closed,
    Determined,
    Escalated,
    Said,
    Settled,
)
from troth.accountability.complaints.standing import ComplaintStanding
from troth.accountability.complaints.texts import text
from troth.accountability.errors import CaseError
from troth.people import Identifier
from troth.people.errors import IdentifierError
from troth.people.identifiers import normalise
from troth.policy.model import Rights, Statement, Version
from troth.web.choices.forms import FormError
from troth.web.complaints.forms import FileError, Sent, read_sent
from troth.web.complaints.place import Place, download, seen_other
from troth.web.complaints.words import STATES

log = logging.getLogger("troth.web")
CODE = re.compile(r"[0-9a-f]{32}", re.ASCII)


class Public:
    """The pages below `/complaints`."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._sending: set[asyncio.Task[None]] = set()  # the loop itself keeps only weak references to tasks

    # --- the form -----------------------------------------------------------------------------------------------------

    async def enter(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """`GET /complaints`."""
        asked = {name: request.query_params.get(name) or "" for name in ("kind", "statement")}
        return self._form(request, Sent(asked, ()))

    async def send(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """`POST /complaints`: take it in, and show the code once."""
        try:
            sent = await read_sent(request)
        except FileError as problem:
            # What the form said is read no more: the text is in the browser's own history.
            return self._form(request, Sent({}, ()), 422, wrong=f"{problem} Go back, and choose another file.")
        try:
            form = self._read(sent)
        except (CaseError, IdentifierError) as problem:
            return self._form(request, sent, 422, wrong=str(problem))
        code = sent.get("code")
        if not CODE.fullmatch(code):
            code = self._place.desk.new_code()
        try:
            one, code = await asyncio.to_thread(self._place.desk.receive, form, code)
        except CaseError as problem:
            if type(problem) is not CaseError:
                raise
            return self._form(request, sent, 422, wrong=str(problem))
        page = f"{self._place.site(request)}/complaints/{code}"
        if form.address is not None and self._place.watch is not None:
            self._keep(asyncio.create_task(self._acknowledge(one, page)))
        return self._place.page(
            request, "received.html", one=one, code=code, page=page, mailed=form.address is not None
        )

    async def find(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """`POST /complaints/find`: a code that somebody types leads to its page."""
        sent = await read_sent(request)
        code = "".join(sent.get("code").split()).lower()
        if CODE.fullmatch(code) and await asyncio.to_thread(self._place.desk.by_code, code) is not None:
            return seen_other(f"/complaints/{code}")
        return self._form(request, Sent({}, ()), 422, lost="This code does not lead to a complaint. Look for a typo.")

    def _form(
        self, request: Request[Any, Any, Any], sent: Sent, status: int = 200, wrong: str = "", lost: str = ""
    ) -> Response[bytes]:
        place = self._place
        version = place.version()
        if version is None:
            raise FormError("No version of the policy is in force yet, so there is nothing to complain about.")
        stated = next((one for one in version.answers if (one.about or one.id) == "complaints"), None)
        return place.page(
            request,
            "complaints.html",
            status=status,
            sent=sent,
            wrong=wrong,
            lost=lost,
            code=place.desk.new_code(),
            groups=_groups(version, place.clock()),
            stated=stated,
            to=self._next(version),
            mails=place.mails(),
        )

    def _next(self, version: Version) -> str:
        """What the body is called that comes after a complaint of now; empty where nobody does."""
        then = next_body(version, self._place.clock(), self._place.desk.bodies.taking())
        return known_names(self._place.desk.policy).get(then, then) if then else ""

    async def _acknowledge(self, one: ComplaintStanding, page: str) -> None:
        """Mail the code. Whoever complained has it on the page already; without it, a mail without a code follows."""
        try:
            if self._place.watch is not None:
                await asyncio.to_thread(self._place.watch.acknowledge, one, page)
        except Exception:
            log.exception("A code of a complaint could not be mailed.")

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    def _read(self, sent: Sent) -> Form:
        kind = next((one for one in KINDS if one == (sent.get("kind") or "complaint")), None)
        if kind is None:
            raise CaseError("It is a complaint, a request or feedback.")
        said = text("text", sent.get("what"))
        if not said:
            raise CaseError("Say what happened.")
        address = None
        if sent.get("way") == "mail":
            if not self._place.mails():
                raise CaseError("We cannot answer by mail now. Choose the code.")
            if not sent.get("address"):
                raise CaseError("Give the e-mail address to answer to, or choose the code.")
            address = normalise(Identifier("email", sent.get("address")))
        return Form(
            kind=kind,
            written=(*said, *text("wanted", sent.get("wanted")), *sent.files),
            statement=sent.get("statement") or None,
            site=sent.get("site") or None,
            address=address,
            agreed=sent.get("agreed") == "yes",
        )

    # --- with a code --------------------------------------------------------------------------------------------------

    async def show(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """`GET /complaints/<code>`: how it stands."""
        one = await self._by_code(request)
        return self._missing(request) if one is None else await self._page(request, one, Sent({}, ()))

    async def act(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """`POST /complaints/<code>`: add to it, settle it, take it further, or take it back."""
        one = await self._by_code(request)
        if one is None:
            return self._missing(request)
        sent = Sent({}, ())
        try:
            sent = await read_sent(request)
            said, written = self._step(one, sent)
            if isinstance(said, Added) and len(one.facts_of(Added)) >= 50:
                raise CaseError("Fifty things were added already; write to the address in the policy.")
            await asyncio.to_thread(self._place.desk.do, one.id, said, written)
        except (CaseError, FileError) as problem:
            return await self._page(request, one, sent, 422, str(problem))
        return seen_other(f"/complaints/{request.path_params['code']}")

    async def file(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """`GET /complaints/<code>/files/<id>`: a file that goes with it, as a download."""
        one = await self._by_code(request)
        opened = None
        if one is not None:
            found = await asyncio.to_thread(self._place.desk.texts.read, one.id)
            opened = found.get(request.path_params["file"])
        if opened is None or opened.written.sort != "file":
            return self._missing(request)
        return download(opened)

    def _step(self, one: ComplaintStanding, sent: Sent) -> tuple[Said, tuple[Any, ...]]:
        written = (*text("text", sent.get("what")), *sent.files)
        handed = sent.get("agreed") == "yes"
        match sent.get("do"):
            case "add":
                if not written:
                    raise CaseError("There is nothing to add: write something, or choose a file.")
                return Added(by="person"), written
            case "settle":
                return Settled(by="person"), written
            case "escalate":
                return Escalated(by="person", to=one.received.then or "", why="asked", handed=handed), written
            case "agree":
                return Agreed(by="person"), ()
            case "appeal":
                return Appealed(by="person"), written
            case "withdraw":
                return Closed(by="person", why="withdrawn"), ()
            case _:
                raise FormError("The form asks for something that there is not.")

    async def _by_code(self, request: Request[Any, Any, Any]) -> ComplaintStanding | None:
        code = request.path_params["code"]
        return await asyncio.to_thread(self._place.desk.by_code, code) if CODE.fullmatch(code) else None

    async def _page(
        self, request: Request[Any, Any, Any], one: ComplaintStanding, sent: Sent, status: int = 200, wrong: str = ""
    ) -> Response[bytes]:
        place, now = self._place, self._place.clock()
        to = body_name(place, one) or "the recourse body"
        steps = await asyncio.to_thread(place.steps, one)
        may = {kind.__name__.lower() for kind, by in MAY.items() if one.state in by.get("person", ())}
        may.discard("escalated")
        if may_escalate(one, now):
            may.add("escalated")
        if "appealed" in may and (one.facts_of(Appealed) or _too_late(one, place)):
            may.discard("appealed")
        if one.handed:
            may.discard("agreed")
        if one.erased or not any(step.texts for step in steps):
            may.discard("added")
        return place.page(
            request,
            "complaint.html",
            status=status,
            sent=sent,
            one=one,
            wrong=wrong,
            may=may,
            steps=steps,
            stands=STATES[one.state].replace("The recourse body", to).replace("the recourse body", to),
            due=[each for each in deadlines(one) if each.met is None and one.open],
            to=to,
            code=request.path_params["code"],
        )

    def _missing(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        return self._form(request, Sent({}, ()), 404, lost="This address does not lead to a complaint.")

    # --- for everybody ------------------------------------------------------------------------------------------------

    async def statistics(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """`GET /complaints/statistics` and `.json`: counts by year, no texts."""
        known = await asyncio.to_thread(self._place.desk.standing)
        years = statistics(known.values(), self._place.clock())
        if request.scope["path"].endswith(".json"):
            body = msgspec.json.format(msgspec.json.encode(years), indent=2) + b"\n"
            return Response(body, media_type="application/json", headers={"Cache-Control": "public, max-age=60"})
        return self._place.page(request, "complaint-statistics.html", years=years)


def _groups(version: Version, at: datetime) -> list[tuple[str, list[Statement]]]:
    """The statements that a form offers: the rights, which a request uses, and everything else."""
    stated = [one for one in version.stated_on(at) if one.says]
    found: list[tuple[str, list[Statement]]] = [
        ("Rights", [one for one in stated if isinstance(one, Rights)]),
        ("Promises", [one for one in stated if not isinstance(one, Rights)]),
    ]
    return [(label, some) for label, some in found if some]


def body_name(place: Place, one: ComplaintStanding) -> str:
    """What the body that comes next is called."""
    then = one.body or one.received.then
    return known_names(place.desk.policy).get(then, then) if then else ""


def _too_late(one: ComplaintStanding, place: Place) -> bool:
    found = one.last(Determined)
    return found is None or place.clock() >= found.at + APPEAL
