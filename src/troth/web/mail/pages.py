"""`/mail`: the gate of mail for staff. Streams and their day, what waits, what the sink caught, and any message shown.

Only this machine sees it, or whoever has a service key: it names recipients. Nothing can be changed here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from litestar import Litestar, Request, Response
from litestar.exceptions import HTTPException
from markupsafe import Markup, escape

from troth.gates.mail.day import read_day
from troth.gates.mail.sending.envelopes import EnvelopeError
from troth.gates.mail.suppression import scope_of_stream
from troth.notice.view import Published, View, render_from
from troth.store import StoreError
from troth.web.choices.forms import FormError, read_form
from troth.web.headers import CONTENT_SECURITY_POLICY, SECURITY_HEADERS, App, Header, Receive, Scope, Send, secured
from troth.web.hosts import is_here
from troth.web.mail.desk import MailDesk
from troth.web.mail.preview import FRAME_POLICY, MOST_BYTES, Pasted, Preview, read_preview
from troth.web.routing import route
from troth.web.services import CallerRefusedError, Callers

HERE = Path(__file__).parent
PREFIX = "/mail"
PRIVATE = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex"}
SHOWN = 50  # lines of the queue and of the sink

log = logging.getLogger("troth.web")


def _with_policy(policy: str) -> tuple[Header, ...]:
    return tuple(
        (name, policy.encode()) if name == b"content-security-policy" else (name, value)
        for name, value in SECURITY_HEADERS
    )


class MailPages:
    """An ASGI app for `/mail` and what is below it."""

    def __init__(
        self,
        mail: MailDesk,
        callers: Callers,
        clock: Callable[[], datetime],
        published: tuple[Published, ...] = (),
    ) -> None:
        self._mail = mail
        self._callers = callers
        self._clock = clock
        self._published = published
        self._pasted = Pasted()
        app: App = self._litestar()  # type: ignore[assignment]
        self._pages = secured(app, _with_policy(f"{CONTENT_SECURITY_POLICY}; frame-src 'self'"))
        self._frames = secured(app, _with_policy(FRAME_POLICY))

    @staticmethod
    def takes(path: str) -> bool:
        """Whether a path is one of these."""
        return path == PREFIX or path.startswith(f"{PREFIX}/")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        framed = scope["path"].endswith((".light", ".dark"))
        await (self._frames if framed else self._pages)(scope, receive, send)

    def _litestar(self) -> Litestar:
        routes: list[tuple[str, list[Any], Callable[..., Any]]] = [
            ("/mail", ["GET", "HEAD"], self.overview),
            ("/mail/preview", ["POST"], self.paste),
            ("/mail/{where:str}/{name:str}", ["GET", "HEAD"], self.show),
        ]
        return Litestar(
            route_handlers=[route(*one, admit=self._admit) for one in routes],
            openapi_config=None,
            logging_config=None,
            request_max_body_size=3 * MOST_BYTES,  # a form writes many characters as three
            exception_handlers={Exception: _failed},
        )

    async def _admit(self, request: Request[Any, Any, Any]) -> None:
        """Let this machine in under one of its own names, and whoever has a key. CallerRefusedError: nobody else."""
        scope = dict(request.scope)
        if "authorization" not in request.headers and self._callers.is_local(scope) and is_here(scope):
            return
        await self._callers.caller(scope)

    # --- pages --------------------------------------------------------------------------------------------------------

    async def overview(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """`GET /mail`."""
        return await self._overview(request)

    async def _overview(
        self, request: Request[Any, Any, Any], status: int = 200, wrong: str | None = None
    ) -> Response[bytes]:
        mail, now = self._mail, self._clock()
        days = await asyncio.to_thread(read_day, mail.people.store, mail.streams, now)
        waiting = await asyncio.to_thread(mail.clerk.lines, SHOWN)
        caught = [] if mail.sink is None else await asyncio.to_thread(mail.sink.caught, SHOWN)
        counts = await asyncio.to_thread(mail.suppression.counts)
        version = mail.point.policy.in_force(now)
        scopes = {
            one.id: scope_of_stream(one, version)
            for one in mail.streams.values()
            if version is not None and one.is_marketing(version)
        }
        return self._page(
            "mail.html", "mail", status,
            streams=[(one, day, scopes.get(one.id)) for one, day in zip(mail.streams.values(), days, strict=True)],
            waiting=waiting, caught=caught, sink=mail.sink is not None, counts=counts, wrong=wrong,
        )  # fmt: skip

    async def paste(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """`POST /mail/preview`: show a message that was pasted. It is kept in memory, and not for long."""
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise FormError("This form is not sent from other sites.")
        raw = (await read_form(request)).get("message", "").replace("\r\n", "\n").replace("\n", "\r\n").encode()
        try:
            read_preview(raw)
        except ValueError as problem:
            return await self._overview(request, 422, str(problem))
        location = f"pasted/{self._pasted.keep(raw)}"
        return Response(b"", status_code=303, headers={"Location": location, **PRIVATE})

    async def show(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """`GET /mail/<where>/<name>`: a message; with `.light` or `.dark` its HTML, for a frame."""
        where, name = request.path_params["where"], request.path_params["name"]
        stem, _, form = name.rpartition(".")
        framed = form in ("light", "dark")
        if not framed:
            stem = name
        raw = await asyncio.to_thread(self._raw, where, stem)
        if raw is None:
            text = b"There is no such message here, or no longer.\n"
            return Response(text, status_code=404, media_type="text/plain", headers=PRIVATE)
        preview = read_preview(raw)
        if framed:
            return Response(preview.frame(form == "dark"), media_type="text/html", headers=PRIVATE)
        return self._shown(where, stem, preview)

    def _shown(self, where: str, name: str, preview: Preview) -> Response[bytes]:
        shown: dict[str, Any] = {"name": name, "where": where, "one": preview, "text": _lines(preview.text)}
        return self._page("message.html", f"mail/{where}/{name}", **shown)

    def _raw(self, where: str, name: str) -> bytes | None:
        if where == "pasted":
            return self._pasted.get(name)
        if where == "sink" and self._mail.sink is not None:
            try:
                return self._mail.sink.content(name)
            except (OSError, ValueError):
                return None
        if where == "queue":
            try:
                return self._mail.clerk.content(name)
            except EnvelopeError:
                return None
        return None

    def _page(self, template: str, address: str, status: int = 200, **values: object) -> Response[bytes]:
        now = self._clock()
        policy = self._mail.point.policy
        version = policy.in_force(now) or policy.versions[0]
        view = View(
            policy, version, now, address, version.language, now=now, published=self._published, choices=True,
            rooted=True,
        )  # fmt: skip
        body = render_from(HERE / "templates", template, view, **values)
        return Response(body, status_code=status, media_type="text/html", headers=PRIVATE)


def _lines(text: str | None) -> Markup:
    """A text with its line ends as numbers, since a page has no empty lines and no indentation of its own."""
    return Markup(str(escape((text or "").replace("\r", ""))).replace("\n", "&#10;"))  # noqa: S704 - it is escaped


def _failed(request: Request[Any, Any, Any], problem: Exception) -> Response[bytes]:
    """What is answered to a request that failed."""
    status, text, headers = 500, "Something went wrong here; please try again.", dict(PRIVATE)
    if isinstance(problem, CallerRefusedError):
        status, text = problem.status, problem.text
        headers |= {name.decode(): value.decode() for name, value in problem.headers}
    elif isinstance(problem, StoreError):
        status, text = 503, "The store cannot be read at this moment. Please try again."
        headers["Retry-After"] = "5"
    elif isinstance(problem, HTTPException):
        status = problem.status_code
        text = {404: "There is no such page.", 405: "This address does not take that method."}.get(
            status, problem.detail
        )
        headers |= dict(problem.headers or {})
    elif isinstance(problem, FormError | ValueError):
        status, text = 400, str(problem)
    else:
        log.exception("A page of mail failed: %s", request.method, exc_info=problem)
    return Response(f"{text}\n".encode(), status_code=status, media_type="text/plain", headers=headers)
