"""`POST /v1/share`: data of persons to a recipient for a purpose; done at once, or a job whose progress can be asked.

A service sees the disclosures that it asked for, and no others. For whose sake it is done (a legal request, a transfer
of the business) is not for a service to say: that is done by staff.
"""

from __future__ import annotations

import asyncio
from typing import Any

from litestar import Request, Response

from troth.gates.services import ServiceKey
from troth.gates.share.wanted import CHANNELS, FORMATS, Contents, Segment, Shared, Wanted
from troth.gates.use import ANYBODY
from troth.policy.values import write_moment
from troth.web.v1.asked import check_known, texts_of
from troth.web.v1.bodies import BadRequestError, as_object, content_type, read_json, read_who, text_of
from troth.web.v1.desk import GateDesk, answer

MEMBERS = (
    "recipient", "purpose", "data", "persons", "segment", "product", "channel", "format", "consideration", "identified",
    "key",
)  # fmt: skip


class Share:
    """The routes of the gate `share`."""

    def __init__(self, desk: GateDesk) -> None:
        self._desk = desk

    async def post(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """Share data of persons, or of a segment of them."""
        desk = self._desk
        key = await desk.caller(request)
        body = await _read(request, MEMBERS)
        wanted = self._wanted(body, key)
        await self._check_key(key, wanted)
        if ("persons" in body) == ("segment" in body):
            raise BadRequestError("Give `persons` or a `segment`, one of the two.", field="persons")
        whos: Any
        if "segment" in body:
            segment = as_object(body["segment"], ("statement", "product"))
            whos = Segment(text_of(segment, "statement"), text_of(segment, "product"))
        else:
            whos = [read_who(text, "persons") for text in texts_of(body, "persons")]
        shared = await asyncio.to_thread(desk.sharing.share, wanted, whos, key=text_of(body, "key"))
        headers = {"Location": f"/v1/share/{shared.id}"}
        return answer(_said(shared), status=202 if shared.state == "running" else 200, headers=headers)

    async def get(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """How far a disclosure came."""
        return answer(_said(await self._of_caller(request)))

    async def contents(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """The values of one batch, for the channel `answer`. It is no GET, since what may not leave is recorded."""
        shared = await self._of_caller(request)
        number = (await _read(request, ("batch",))).get("batch", 1)
        if not isinstance(number, int) or isinstance(number, bool) or not 0 < number <= shared.batches:
            raise BadRequestError(f"`batch` is a number from 1 to {shared.batches}.", field="batch")
        if shared.channel != "answer":
            text = f"It goes to the recipient by the channel '{shared.channel}', and to nobody else."
            raise BadRequestError(text, status=403, code="other-channel", field="channel")
        contents = await asyncio.to_thread(self._desk.sharing.contents, shared.id, number)
        return answer(_contents(contents))

    # --- inside -------------------------------------------------------------------------------------------------------

    def _wanted(self, body: dict[str, Any], key: ServiceKey | None) -> Wanted:
        desk = self._desk
        recipient, purpose, product = (text_of(body, name) for name in ("recipient", "purpose", "product"))
        if recipient is None:
            raise BadRequestError("`recipient` says who is to receive the data.", field="recipient")
        if purpose is None:
            raise BadRequestError("`purpose` says what the data is shared for.", field="purpose")
        data = texts_of(body, "data")
        check_known(desk, purpose, data, product)
        channel, format = text_of(body, "channel") or "webhook", text_of(body, "format") or "json"
        for name, value, known in (("channel", channel, CHANNELS), ("format", format, FORMATS)):
            if value not in known:
                raise BadRequestError(f"`{name}` is one of {', '.join(known)}.", field=name)
        identified = body.get("identified", False)
        if not isinstance(identified, bool):
            raise BadRequestError("`identified` is true or false.", field="identified")
        return Wanted(
            recipient=recipient, purpose=purpose, data=tuple(data), product=product,
            service=key.name if key else ANYBODY, channel=channel, format=format,  # type: ignore[arg-type]
            consideration=text_of(body, "consideration"), identified=identified,
        )  # fmt: skip

    async def _check_key(self, key: ServiceKey | None, wanted: Wanted) -> None:
        """Hold what is wanted against the key of a service, before anything is decided or read. BadRequestError: 403.

        That it was asked for is kept, as what a gate refuses is.
        """
        desk = self._desk
        try:
            desk.check_scope(key, actions="share", purposes=wanted.purpose, products=wanted.product)
            for term in wanted.data:
                desk.check_scope(key, data=term)
            desk.check_scope(key, recipients=wanted.recipient)
        except BadRequestError as refusal:
            await asyncio.to_thread(desk.sharing.refuse, wanted, refusal.text)
            raise

    async def _of_caller(self, request: Request[Any, Any, Any]) -> Shared:
        """The disclosure of a path. BadRequestError: there is none that this service asked for (404), or its key is
        not for that recipient by now (403).
        """
        key = await self._desk.caller(request)
        self._desk.check_scope(key, actions="share")
        id = request.path_params["disclosure"]
        one = await asyncio.to_thread(self._desk.sharing.register().one, id)
        if one is None or one.service != (key.name if key else ANYBODY):
            text = f"There is no disclosure '{id[:100]}' that you asked for."
            raise BadRequestError(text, status=404, code="unknown-disclosure")
        self._desk.check_scope(key, recipients=one.recipient)
        shared = await asyncio.to_thread(self._desk.sharing.look, id)
        assert shared is not None  # noqa: S101 - no disclosure is ever taken away
        return shared


async def _read(request: Request[Any, Any, Any], members: tuple[str, ...]) -> dict[str, Any]:
    if content_type(request) != "application/json":
        raise BadRequestError("Content-Type: it is application/json.", status=415, code="unsupported")
    return as_object(read_json(await request.body()), members)


def _said(shared: Shared) -> dict[str, object]:
    return {
        "id": shared.id, "state": shared.state, "recipient": shared.recipient, "purpose": shared.purpose,
        "version": shared.version, "channel": shared.channel, "asked": shared.asked, "persons": shared.persons,
        "values": shared.released, "refused": shared.refused, "batches": shared.batches,
        "statements": shared.statements, "duties": shared.duties, "refusals": shared.refusals,
        "created": write_moment(shared.created_at), "why": shared.why,
        "ended": None if shared.ended_at is None else write_moment(shared.ended_at),
        "contents": [_contents(one) for one in shared.contents],
    }  # fmt: skip


def _contents(one: Contents) -> dict[str, object]:
    return {"batch": one.batch, "duties": one.duties, "sentences": one.sentences, "persons": one.persons}
