"""The preference centre, `/choices`: every choice beside the sentence that it controls, changed without a login.

Whoever holds a link with a pass sees and changes the choices of that person; whoever has none asks for a code to an
address that is known already. What is answered to that does not tell whether the address is known.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import Any

from litestar import Request, Response

from troth.accountability.shown import shown_to
from troth.people import Change, Identifier
from troth.people.changes import ACCEPTED, accepted_version
from troth.people.codes import redeem_code, request_code
from troth.people.errors import ExpiredPassError, IdentifierError, UnknownPassError, UnknownPersonError
from troth.people.identifiers import normalise
from troth.people.overview import read_linked
from troth.people.passes import Pass
from troth.web.choices.desk import Desk
from troth.web.choices.forms import FormError, chosen, read_form
from troth.web.choices.mail import code_message
from troth.web.choices.mailed import mailed_to
from troth.web.choices.received import recipients_of
from troth.web.choices.shown import required, shown, told
from troth.web.choices.signals import signals_of
from troth.web.choices.sites import asked_anywhere

VISIT = timedelta(hours=1)  # how long the link works to which a code leads

log = logging.getLogger("troth.web")


class Centre:
    """The pages `/choices` and `/choices/<pass>`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._sending: set[asyncio.Task[None]] = set()  # the loop itself keeps only weak references to tasks

    # --- without a pass -----------------------------------------------------------------------------------------------

    async def enter(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """`GET /choices`: what there is to choose, and the way to one's own choices."""
        return self._entrance(request)

    async def ask(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """`POST /choices`: send a code to an address, or let a code in."""
        if request.headers.get("sec-fetch-site") == "cross-site":
            raise FormError("This form is not sent from other sites.")
        fields = await read_form(request)
        address = Identifier("email", fields.get("address", ""))
        try:
            normalise(address)
        except IdentifierError as problem:
            return self._entrance(request, 422, wrong=str(problem), address=address.value[:320])
        if "code" not in fields:
            self._keep(asyncio.create_task(self._send(address, f"{self._desk.site(request)}/choices")))
            return self._desk.page(request, "code.html", address=address.value, wrong=None)
        person = await asyncio.to_thread(redeem_code, self._desk.people, address, fields["code"])
        if person is None:
            wrong = "This code is not right, or it is too old. After five tries, or ten minutes, ask for a new one."
            return self._desk.page(request, "code.html", status=422, address=address.value, wrong=wrong)
        entry = self._desk.passes.choices(person, self._desk.clock() + VISIT)
        return Response(b"", status_code=303, headers={"Location": f"choices/{entry}", "Cache-Control": "no-store"})

    def _entrance(
        self,
        request: Request[Any, Any, Any],
        status: int = 200,
        *,
        wrong: str | None = None,
        note: str | None = None,
        address: str = "",
    ) -> Response[bytes]:
        desk = self._desk
        version = desk.version()
        choices = shown(desk.policy, version, {}, (), signals=signals_of(request), asked=asked_anywhere(desk))
        return desk.page(
            request,
            "choices.html",
            status=status,
            choices=choices,
            mails=self._may_mail(),
            wrong=wrong,
            note=note,
            address=address,
            required=required(version, desk.clock(), desk.language(request, version)),
        )

    async def _send(self, address: Identifier, page: str) -> None:
        """Make a code and send it where one is to be sent. Whoever asked has been answered already."""
        desk = self._desk
        try:
            code = await asyncio.to_thread(request_code, desk.people, address)
            if code is None or not self._may_mail():
                return
            message = code_message(desk.version(), normalise(address), code, page, desk.clock())
            await asyncio.to_thread(desk.post.send, message)
        except Exception:
            log.exception("A code could not be sent; whoever asked for it can ask again.")

    def _may_mail(self) -> bool:
        """Whether the policy says that an address is used to fulfil rights. If not, no code is sent."""
        decision = self._desk.point.decide(
            action="use", data="contact.email", purpose="legal.rights", at=self._desk.clock()
        )
        return decision.allowed and self._desk.version().publisher.email is not None

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    # --- with a pass --------------------------------------------------------------------------------------------------

    async def show(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """`GET /choices/<pass>`: the choices of a person."""
        entry = self._read(request)
        return entry if isinstance(entry, Response) else await self._centre(request, entry)

    async def save(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """`POST /choices/<pass>`: change them. A signal of the browser counts first, so what is said here is later."""
        entry = self._read(request)
        if isinstance(entry, Response):
            return entry
        fields = await read_form(request)
        action = fields.get("do", "save")
        if action not in ("save", "refuse", "signal", "unlink", "accept", "take-back"):
            raise FormError("The form asks for something that there is not.")
        changes = await asyncio.to_thread(self._change, request, entry, action, fields)
        return await self._centre(request, entry, changes, action)

    def _change(
        self, request: Request[Any, Any, Any], entry: Pass, action: str, fields: dict[str, str]
    ) -> tuple[Change, ...]:
        people = self._desk.people
        changes: list[Change] = []
        if action == "refuse":
            return people.refuse_everything(entry.person, how="page")
        if action == "accept":
            return people.accept(entry.person, how="page")
        if action == "take-back":
            return people.choose(entry.person, {ACCEPTED: "unset"}, how="page")
        if action == "unlink":
            people.unlink_all(entry.person, "cookie")
            return ()
        states = chosen(fields)
        for signal in sorted(signals_of(request)):
            changes += people.signal(entry.person, signal)
        if states and action == "save":
            changes += people.choose(entry.person, states, how="page")
        return tuple(changes)

    def _read(self, request: Request[Any, Any, Any]) -> Pass | Response[bytes]:
        """The pass in the address; a page that helps where it does not work."""
        desk = self._desk
        try:
            entry = desk.passes.read(request.path_params["entry"], "choices", desk.clock())
        except ExpiredPassError:
            return self._entrance(request, 410, note="This link has become too old. Ask for a new one here.")
        except UnknownPassError:
            return self._entrance(request, 404, note="This link does not lead to anybody's choices.")
        return entry

    async def _centre(
        self, request: Request[Any, Any, Any], entry: Pass, changes: tuple[Change, ...] = (), action: str = ""
    ) -> Response[bytes]:
        desk = self._desk
        people, version = desk.people, desk.version()
        try:
            current = await asyncio.to_thread(people.current, entry.person)
            history = await asyncio.to_thread(people.history, entry.person)
            person = await asyncio.to_thread(people.find, entry.person)  # another, if two became one since
            linked = await asyncio.to_thread(read_linked, people.store, person or entry.person)
        except UnknownPersonError:
            return self._entrance(request, 404, note="Nothing is known any more of whoever this link is for.")
        held: tuple[str, ...] = ()
        if desk.vault is not None:
            held = await asyncio.to_thread(desk.vault.held_under, person or entry.person)
        told_of = await asyncio.to_thread(shown_to, people.store, desk.policy, desk.terms, person or entry.person)
        mailed = await asyncio.to_thread(mailed_to, people, person or entry.person)
        received = await asyncio.to_thread(recipients_of, desk, person or entry.person)
        signals = signals_of(request)
        choices = shown(desk.policy, version, current, history, signals=signals, asked=asked_anywhere(desk))
        return desk.page(
            request,
            "centre.html",
            choices=choices,
            changes=desk.receipts(changes),
            action=action,
            history=[(told(desk.policy, change), address) for change, address in desk.receipts(tuple(history[::-1]))],
            receipt=lambda one: f"receipts/{desk.passes.receipt(one.person, one.leaf)}.json",
            honour=[one for one in choices if one.signal and one.counts != "out" and not one.kept],
            required=required(version, desk.clock(), desk.language(request, version)),
            linked=linked,
            told_of=told_of,
            received=received,
            mailed=mailed,
            older=[old for old in desk.policy.versions if old.id in held and old.effective < version.effective],
            accepted=accepted_version(current),
        )
