"""Covered sites to try the banner on: small pages served under their `.localhost` names, beside the server they use.

They are an example of what somebody else's site does, and do nothing that such a site could not do: one page has the
tag, the other puts the banner in by itself and passes `/troth/…` on, and signing in links the browser with an address
through the library, as an application would. They belong to `troth up` with the flagship example alone.
"""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from troth.people import Identifier, People, PeopleError
from troth.people.browsers import COOKIE, Cookies
from troth.policy.model import Covered, Version
from troth.web.headers import App, Header, Message, Receive, Scope, Send, send_text

MOUNT = "/troth"  # where a site passes on what belongs to Troth
FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/without-script": ("without-script.html", "text/html; charset=utf-8"),
    "/site.css": ("site.css", "text/css; charset=utf-8"),
    "/counter.js": ("counter.js", "text/javascript; charset=utf-8"),
    "/remarketing.js": ("remarketing.js", "text/javascript; charset=utf-8"),
    "/preferences": ("preferences.html", "text/html; charset=utf-8"),
}
MOST_BYTES = 4096


def sites(version: Version) -> Mapping[str, Covered]:
    """The covered sites of a version on `.localhost` names, by host name."""
    found = {urlsplit(covered.site or "").hostname or "": covered for covered in version.covers}
    return {name: covered for name, covered in found.items() if name.endswith(".localhost")}


class Demonstration:
    """An ASGI app: the covered sites on their names, and `troth` on all others."""

    def __init__(self, troth: App, people: People, folder: Path, url: str) -> None:
        self._troth = troth
        self._people = people
        self._folder = folder
        self._url = url.rstrip("/")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request by the name that it is sent to."""
        covered = self._covered(scope) if scope["type"] == "http" else None
        if covered is None:
            await self._troth(scope, receive, send)
            return
        path = scope["path"]
        if path.startswith(f"{MOUNT}/"):
            rest = path.removeprefix(MOUNT)
            await self._troth({**scope, "path": rest, "raw_path": rest.encode()}, receive, send)
        elif path == "/sign-in" and scope["method"] == "POST":
            await self._sign_in(scope, receive, send)
        elif path in FILES and scope["method"] in ("GET", "HEAD"):
            await self._file(scope, send, covered)
        else:
            await send_text(scope, send, 404, "This example has no such page.")

    def _covered(self, scope: Scope) -> Covered | None:
        host = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1")
        version = self._people.policy.in_force(self._people.store.clock())
        return None if version is None else sites(version).get(host.partition(":")[0].lower())

    async def _file(self, scope: Scope, send: Send, covered: Covered) -> None:
        name, media_type = FILES[scope["path"]]
        text = (self._folder / name).read_text("utf-8")
        text = text.replace("{name}", html.escape(covered.name)).replace("{id}", covered.id)
        text = text.replace("{troth}", self._url)
        if "{banner}" in text:
            text = text.replace("{banner}", await self._banner(scope, covered))
        headers: list[Header] = [(b"content-type", media_type.encode()), (b"cache-control", b"no-store")]
        if name.endswith(".html"):
            policy = (
                f"default-src 'none'; script-src 'self' {self._url}; style-src 'self'; frame-src 'self'; "
                f"connect-src {self._url}; form-action 'self'; base-uri 'none'"
            )
            headers.append((b"content-security-policy", policy.encode()))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else text.encode()})

    async def _banner(self, scope: Scope, covered: Covered) -> str:
        """The banner as a site's server asks for it, with what the visitor's browser sent."""
        passed_on = (b"host", b"cookie", b"sec-gpc", b"accept-language")
        headers = [(name, value) for name, value in scope["headers"] if name in passed_on]
        path, query = f"/banner/{covered.id}", f"base={MOUNT}&return={scope['path']}"
        asked = {**scope, "method": "GET", "path": path, "raw_path": path.encode(), "query_string": query.encode()}
        parts: list[bytes] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.body":
                parts.append(message.get("body", b""))

        await self._troth({**asked, "headers": headers}, receive, send)
        return b"".join(parts).decode()

    async def _sign_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Link the browser with an address. A real site would ask for a password first."""
        body, more = b"", True
        while more and len(body) <= MOST_BYTES:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        form = parse_qs(body.decode("utf-8", "replace"))
        cookies = b"; ".join(value for name, value in scope["headers"] if name == b"cookie").decode("latin-1")
        match = re.search(rf"(?:^|; ){COOKIE}=([^;]*)", cookies)
        address = Identifier("email", form.get("address", [""])[0])
        gpc = [value for name, value in scope["headers"] if name == b"sec-gpc"] == [b"1"]
        try:
            await asyncio.to_thread(self._link, address, match[1] if match else None, gpc)
        except PeopleError as problem:
            await send_text(scope, send, 422, str(problem))
            return
        await send(
            {"type": "http.response.start", "status": 303, "headers": [(b"location", b"/"), (b"content-length", b"0")]}
        )
        await send({"type": "http.response.body", "body": b""})

    def _link(self, address: Identifier, cookie: str | None, gpc: bool) -> None:
        people = self._people
        browser = Cookies(people.key, people.policy).read(cookie)
        if browser is None:
            people.know(address)
        else:
            people.link(address, browser.identifier)
        if gpc:
            people.signal(address)
