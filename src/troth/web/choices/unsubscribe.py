"""The unsubscribe page, `/unsubscribe/<pass>`: one click on a form, or one POST of a mail program (RFC 8058).

The pass says who and which list, that is, which choice. It never ends, and GET and HEAD change nothing, since scanners
of mail open every link. A list that the policy no longer has can still be refused: under the version that had it.
"""

from __future__ import annotations

import asyncio
from typing import Any

from litestar import Request, Response

from troth.people import Change
from troth.people.changes import How
from troth.people.errors import ExpiredPassError, UnknownPassError, UnknownPersonError
from troth.people.passes import Pass
from troth.policy.model import Choice, Version
from troth.web.choices.desk import Desk
from troth.web.choices.forms import FormError, chosen, read_form
from troth.web.choices.shown import Shown, shown

ONE_CLICK = ("List-Unsubscribe", "One-Click")  # RFC 8058, section 3.2


class Unsubscribe:
    """The page and the one-click POST."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def show(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """`GET /unsubscribe/<pass>`: the page. It changes nothing."""
        entry = self._read(request)
        return entry if isinstance(entry, Response) else await self._page(request, entry)

    async def act(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """`POST /unsubscribe/<pass>`: refuse. What is answered with 200 is durable and in force."""
        entry = self._read(request)
        if isinstance(entry, Response):
            return entry
        fields = await read_form(request)
        one_click = fields.get(ONE_CLICK[0]) == ONE_CLICK[1]
        action = "list" if one_click else fields.get("do", "")
        if action not in ("list", "save", "everything"):
            raise FormError("To unsubscribe, send the form of the page, or List-Unsubscribe=One-Click (RFC 8058).")
        try:
            changes = await asyncio.to_thread(self._change, entry, action, fields, "one-click" if one_click else "link")
        except UnknownPersonError:
            return self._missing(request, one_click)
        if one_click:
            return Response(b"Unsubscribed.\n", media_type="text/plain", headers={"Cache-Control": "no-store"})
        return await self._page(request, entry, changes, action)

    def _change(self, entry: Pass, action: str, fields: dict[str, str], how: How) -> tuple[Change, ...]:
        people = self._desk.people
        if action == "everything":
            return people.refuse_everything(entry.person, how=how, product=entry.product)
        if action == "save":
            states = chosen(fields)
            return people.choose(entry.person, states, how=how, product=entry.product) if states else ()
        version, choice, covered = self._list(entry)
        row = people.current(entry.person).get(choice.id)
        if row is not None and row.state == "out":
            return ()  # sent twice, or refused before: it is so already
        return people.choose(entry.person, {choice.id: "out"}, how=how, product=covered, version=version.id)

    def _list(self, entry: Pass) -> tuple[Version, Choice, str | None]:
        """The version, choice and product that a refusal goes under: the latest version that had the choice."""
        desk = self._desk
        now = desk.clock()
        for version in reversed(desk.policy.versions):
            choice = next((one for one in version.choices if one.id == entry.choice), None)
            if version.effective <= now and choice is not None:
                known = entry.product is not None and version.covered(entry.product) is not None
                return version, choice, entry.product if known else None
        raise UnknownPersonError(f"No version of the policy had the choice '{entry.choice}'.")

    def _read(self, request: Request[Any, Any, Any]) -> Pass | Response[bytes]:
        desk = self._desk
        try:
            entry = desk.passes.read(request.path_params["entry"], "unsubscribe", desk.clock())
            self._list(entry)
        except (UnknownPassError, ExpiredPassError, UnknownPersonError):
            return self._missing(request, plain=request.method == "POST")
        return entry

    def _missing(self, request: Request[Any, Any, Any], plain: bool) -> Response[bytes]:
        if plain:
            text = b"This link leads to no subscription. Nothing was changed.\n"
            return Response(text, status_code=404, media_type="text/plain", headers={"Cache-Control": "no-store"})
        return self._desk.page(request, "no-list.html", status=404)

    async def _page(
        self, request: Request[Any, Any, Any], entry: Pass, changes: tuple[Change, ...] = (), action: str = ""
    ) -> Response[bytes]:
        desk = self._desk
        version, choice, _ = self._list(entry)
        try:
            current = await asyncio.to_thread(desk.people.current, entry.person)
        except UnknownPersonError:
            return self._missing(request, plain=False)
        choices = shown(desk.policy, desk.version(), current, ())
        older = shown(desk.policy, version, current, ())
        this = next(one for one in older if one.choice.id == choice.id)
        return desk.page(
            request,
            "unsubscribe.html",
            this=this,
            others=_related(choices, choice.id),
            covered=desk.version().covered(entry.product) if entry.product else None,
            changes=desk.receipts(changes),
            action=action,
        )


def _related(choices: tuple[Shown, ...], list_id: str) -> tuple[Shown, ...]:
    """The other choices of the same family: what is above the list, beside it and below it."""
    root = list_id.partition(".")[0]
    return tuple(one for one in choices if one.choice.id != list_id and one.choice.id.partition(".")[0] == root)
