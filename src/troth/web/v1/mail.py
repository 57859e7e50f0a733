"""`POST /v1/mail/check` for senders that use an API, and `POST /v1/mail/returns` for what comes back to them.

A check says of each recipient whether a message of a stream may go there, and what to add to marketing: header lines,
the footer, and the envelope sender that bounces come back to. What comes back is believed by the address that it came
to, as over LMTP, and acknowledged once it is durable.
"""

from __future__ import annotations

import asyncio
from typing import Any

from litestar import Request, Response

from troth.gates.mail.content.footer import as_html, as_text
from troth.gates.mail.deciding.mailing import AT_ONCE
from troth.gates.mail.deciding.verdict import Verdict
from troth.gates.mail.returning.reports import MOST_BYTES, What
from troth.gates.mail.returning.returns import ReturnError, Taken
from troth.gates.mail.streams import Stream, StreamError
from troth.policy.values import LANGUAGE
from troth.web.mail.desk import MailDesk
from troth.web.v1.bodies import BadRequestError, as_object, content_type, read_json, text_of
from troth.web.v1.desk import GateDesk, answer

MESSAGE = "message/rfc822"
TOLD: dict[str, What] = {"bounce": "bounce", "complaint": "complaint", "opt-out": "opt-out"}
CODES = {"5.1.1": "unknown-address", "5.6.0": "unreadable"}  # of what comes back and is refused
MOST_RETURNED = MOST_BYTES


class MailDoor:
    """The routes of the gate `mail`."""

    def __init__(self, desk: GateDesk, mail: MailDesk) -> None:
        self._desk = desk
        self._mail = mail

    async def check(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """Who may receive a message of a stream, and what it must bear."""
        desk = self._desk
        key = await desk.caller(request)
        if content_type(request) != "application/json":
            raise BadRequestError("Content-Type: it is application/json.", status=415, code="unsupported")
        body = as_object(read_json(await request.body()), ("stream", "recipients", "language"))
        stream = self._stream(text_of(body, "stream"))
        recipients = body.get("recipients")
        if not isinstance(recipients, list) or not all(isinstance(one, str) for one in recipients):
            raise BadRequestError("`recipients` is an array of e-mail addresses.", field="recipients")
        if not 0 < len(recipients) <= AT_ONCE:
            text = f"One request is about 1 to {AT_ONCE} recipients, not {len(recipients)}."
            raise BadRequestError(text, code="too-many", field="recipients")
        language = text_of(body, "language")
        if language is not None and not LANGUAGE.match(language):
            raise BadRequestError("`language` is a language tag such as en or pt-BR.", field="language")
        desk.check_scope(key, actions="use", purposes=stream.purpose, products=stream.product, data=stream.data)
        at = desk.people.store.clock()
        verdicts = await asyncio.to_thread(self._mail.mailing.verdicts, stream, recipients, at, language=language)
        marketing = self._mail.streams.is_marketing(stream, at)
        return answer({"stream": stream.id, "marketing": marketing, "verdicts": [said(one) for one in verdicts]})

    async def returned(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """Take what came back: the message itself, or what a sending service tells of it."""
        await self._desk.caller(request)
        kind = content_type(request)
        if kind == MESSAGE:
            recipient = request.query_params.get("recipient", "")
            if not recipient:
                raise BadRequestError("`recipient` in the address says which address it came to.", field="recipient")
            work = asyncio.to_thread(self._mail.returns.take, await request.body(), recipient, source="webhook")
        elif kind == "application/json":
            body = as_object(read_json(await request.body()), ("recipient", "what", "status"))
            recipient, what = text_of(body, "recipient"), text_of(body, "what")
            if recipient is None or what not in TOLD:
                text = f"`recipient` is the address that it came to, and `what` is {', '.join(TOLD)}."
                raise BadRequestError(text, field="recipient" if recipient is None else "what")
            status = text_of(body, "status") or ""
            work = asyncio.to_thread(self._mail.returns.told, recipient, TOLD[what], status, source="webhook")
        else:
            text = f"Content-Type: it is {MESSAGE} or application/json."
            raise BadRequestError(text, status=415, code="unsupported")
        try:
            taken: Taken = await work
        except ReturnError as problem:
            code = CODES.get(problem.enhanced, "no-proof")
            raise BadRequestError(problem.text, status=422, code=code, field="recipient") from None
        return answer({"what": taken.what, "did": taken.did, "status": taken.status, "stream": taken.stream})

    def _stream(self, id: str | None) -> Stream:
        if id is None:
            raise BadRequestError("`stream` says which mail it is.", field="stream")
        try:
            return self._mail.streams.find(id)
        except StreamError as problem:
            raise BadRequestError(str(problem), status=404, code="unknown-stream", field="stream") from None


def said(verdict: Verdict) -> dict[str, object]:
    """A verdict as it is answered."""
    footer = verdict.footer
    return {
        "address": verdict.address,
        "outcome": verdict.outcome,
        "reason": verdict.reason,
        "sentence": verdict.sentence,
        "statement": verdict.statement,
        "version": verdict.version,
        "sender": f"{verdict.verp}@{verdict.returns}" if verdict.verp else None,
        "headers": [{"name": name, "value": value} for name, value in verdict.headers],
        "footer": None if footer is None else {"text": "\n".join(as_text(footer)), "html": as_html(footer)},
    }
