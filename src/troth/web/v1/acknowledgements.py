"""`POST /v1/acknowledgements`: a recipient signs that it received a delivery, later than in its answer to it.

It takes no service key: the signature is the proof. A signature that is not right and a delivery that there is not are
answered alike.
"""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from litestar import Request, Response

from troth.gates.delivery.acknowledging import MOST_BYTES, Acknowledgement, AcknowledgementError, Acknowledging
from troth.gates.delivery.endpoints import Endpoints
from troth.web.v1.bodies import BadRequestError, read_json
from troth.web.v1.desk import GateDesk, answer

MOST = MOST_BYTES


class Acknowledgements:
    """The route for what recipients sign."""

    def __init__(self, desk: GateDesk) -> None:
        store = desk.vault.store
        self._acknowledging = Acknowledging(store, Endpoints(store, desk.people))

    async def post(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """Take an acknowledgement. The same one may come again, and is recorded once."""
        sent = read_json(await request.body())
        try:
            said = msgspec.convert(sent, Acknowledgement)
        except msgspec.ValidationError:
            text = (
                "An acknowledgement has `acknowledged` (the id of the delivery), `digest` and `signature`, all texts."
            )
            raise BadRequestError(text) from None
        try:
            new = await asyncio.to_thread(self._acknowledging.take, said)
        except AcknowledgementError as problem:
            raise BadRequestError(str(problem), status=403, code="bad-signature") from None
        return answer({"acknowledged": said.acknowledged, "recorded": "now" if new else "before"})
