"""`POST /v1/use`: values of persons for a purpose, with the reason for everything that is not released."""

from __future__ import annotations

import asyncio
from typing import Any

from litestar import Request, Response

from troth.gates.use import ANYBODY, MOST_PERSONS, Purpose, Segment, Used
from troth.web.v1.asked import check_known, texts_of
from troth.web.v1.bodies import BadRequestError, as_object, content_type, read_json, read_who, text_of
from troth.web.v1.desk import GateDesk, answer

MEMBERS = ("purpose", "data", "persons", "segment", "product")


class Use:
    """The route of the gate `use`."""

    def __init__(self, desk: GateDesk) -> None:
        self._desk = desk

    async def post(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """Persons, or a segment of them."""
        desk = self._desk
        key = await desk.caller(request)
        if content_type(request) != "application/json":
            raise BadRequestError("Content-Type: it is application/json.", status=415, code="unsupported")
        body = as_object(read_json(await request.body()), MEMBERS)
        purpose, product = text_of(body, "purpose"), text_of(body, "product")
        if purpose is None:
            raise BadRequestError("`purpose` says what the data is wanted for.", field="purpose")
        data = texts_of(body, "data")
        check_known(desk, purpose, data, product)
        desk.check_scope(key, actions="use", purposes=purpose, products=product)
        for term in data:
            desk.check_scope(key, data=term)
        wanted = Purpose(purpose=purpose, data=tuple(data), product=product, service=key.name if key else ANYBODY)
        if ("persons" in body) == ("segment" in body):
            raise BadRequestError("Give `persons` or a `segment`, one of the two.", field="persons")
        if "segment" in body:
            used = await asyncio.to_thread(desk.using.use, wanted, _segment(body["segment"]))
            return answer(_said(used, [one.person or "" for one in used.persons]))
        asked = texts_of(body, "persons")
        whos = [read_who(text, "persons") for text in asked]
        used = await asyncio.to_thread(desk.using.use, wanted, whos)
        return answer(_said(used, asked))


def _segment(value: object) -> Segment:
    segment = as_object(value, ("statement", "product", "after", "limit"))
    limit = segment.get("limit", 1000)
    if not isinstance(limit, int) or isinstance(limit, bool) or not 0 < limit <= MOST_PERSONS:
        raise BadRequestError(f"`segment.limit` is a number from 1 to {MOST_PERSONS}.", field="segment")
    return Segment(
        statement=text_of(segment, "statement"), product=text_of(segment, "product"), after=text_of(segment, "after"),
        limit=limit,
    )  # fmt: skip


def _said(used: Used, asked: list[str]) -> dict[str, object]:
    persons = [
        {"person": one.person, "asked": text, "values": one.values, "refused": one.refused}
        for text, one in zip(asked, used.persons, strict=True)
    ]
    return {"persons": persons, "duties": used.duties, "next": used.next}
