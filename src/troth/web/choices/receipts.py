"""Receipts of choices, `/receipts/<pass>.json`: what was chosen, and the proof that it is in the record.

The shape is `/static/choice-receipt.schema.json`. A receipt needs a signed checkpoint that covers its entry; for those
who are quicker than the next one, it is signed at once.
"""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from litestar import Request, Response

from troth.people.errors import ExpiredPassError, NotProvableYetError, UnknownPassError, UnknownPersonError
from troth.people.receipt import choice_receipt, receipt_schema
from troth.web.choices.desk import Desk, json

SUFFIX = ".json"


class Receipts:
    """The downloads."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def get(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """`GET /receipts/<pass>.json`."""
        desk = self._desk
        name = request.path_params["entry"]
        try:
            entry = desk.passes.read(name.removesuffix(SUFFIX), "receipt", desk.clock())
            if not name.endswith(SUFFIX) or entry.leaf is None:
                raise UnknownPassError("A receipt ends in .json.")
            language = desk.language(request, desk.version())
            receipt = await asyncio.to_thread(self._receipt, entry.leaf, language)
        except (UnknownPassError, ExpiredPassError, UnknownPersonError):
            return json({"error": "There is no such receipt."}, status=404)
        except NotProvableYetError as problem:
            return json({"error": str(problem)}, status=503, headers={"Retry-After": "1"})
        body = msgspec.json.format(msgspec.json.encode(receipt), indent=2)
        headers = {
            "Cache-Control": "no-store",
            "Content-Disposition": f'attachment; filename="receipt-{entry.leaf}.json"',
        }
        return Response(body, media_type="application/json", headers=headers)

    def _receipt(self, leaf: int, language: str) -> dict[str, Any]:
        desk = self._desk
        try:
            return choice_receipt(desk.people, desk.log, leaf, language=language)
        except NotProvableYetError:
            desk.log.sign()
            return choice_receipt(desk.people, desk.log, leaf, language=language)

    async def schema(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """`GET /static/choice-receipt.schema.json`."""
        body = msgspec.json.format(msgspec.json.encode(receipt_schema()), indent=2)
        headers = {"Cache-Control": "public, max-age=86400"}
        return Response(body, media_type="application/schema+json", headers=headers)
