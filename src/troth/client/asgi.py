"""Middleware for ASGI applications: what a form collects goes through Troth before the application sees it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from troth.client.bodies import BadFormError
from troth.client.client import Client
from troth.client.collecting import HEADERS, AnswerTo, Collecting, too_large
from troth.client.forms import Form

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class CollectASGI:
    """`CollectASGI(app, client, {"/register": Form(…)})`: the outcome is in `scope["troth"]`, the body is intact.

    A form that is not taken is answered here, and `app` does not see it: 422 refused, 503 without an answer of Troth.
    An `optional` one goes on with the error in the outcome. `answer(form, error)` gives another `Answer`, or None to
    let the application go on.
    """

    def __init__(self, app: App, client: Client, forms: Mapping[str, Form], answer: AnswerTo | None = None) -> None:
        self._app = app
        self._collecting = Collecting(client, forms, answer)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        form = self._collecting.form(scope["method"], scope["path"]) if scope["type"] == "http" else None
        if form is None:
            await self._app(scope, receive, send)
            return
        headers = _headers(scope)
        messages, body = await _read(receive, form)
        if body is None:  # whoever sent it is gone
            return
        outcome = await asyncio.to_thread(self._collecting.collect, form, body, headers, scope)
        answer = self._collecting.answer(form, outcome, headers)
        if answer is None:

            async def again() -> Message:
                return messages.popleft() if messages else await receive()

            await self._app({**scope, "troth": outcome}, again, send)
            return
        content, lines = answer.whole()
        encoded = [(name.lower().encode(), value.encode("latin-1")) for name, value in lines]
        await send({"type": "http.response.start", "status": answer.status, "headers": encoded})
        await send({"type": "http.response.body", "body": content})


async def _read(receive: Receive, form: Form) -> tuple[deque[Message], bytes | BadFormError | None]:
    """The messages of a body and what it is; as far as one goes that is too large, and None of one that broke off."""
    messages: deque[Message] = deque()
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return messages, None
        messages.append(message)
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > form.most_bytes:
            return messages, too_large(form)
        if not message.get("more_body", False):
            return messages, b"".join(parts)


def _headers(scope: Scope) -> dict[str, str]:
    found: dict[str, str] = {}
    for raw, value in scope["headers"]:
        name, text = raw.decode("latin-1").lower(), value.decode("latin-1")
        if name in HEADERS:
            joined = "; " if name == "cookie" else ", "  # several of one that comes once are then none that is known
            found[name] = f"{found[name]}{joined}{text}" if name in found else text
    return found
