"""Covered sites to try the banner on: small pages served under their `.localhost` names, beside the server they use.

They are an example of what somebody else's site does, and do nothing that such a site could not do: one page has the
tag, another puts the banner in by itself and passes `/troth/…` on, one has the form of a free trial; signing in links
the browser with an address through the library, as an application would. They belong to `troth up` with the flagship
example alone.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import html
import re
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from troth.gates.collect import Collecting, Submission
from troth.gates.errors import GateError
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
    "/trial": ("trial.html", "text/html; charset=utf-8"),
}
MOST_BYTES = 4096


def sites(version: Version) -> Mapping[str, Covered]:
    """The covered sites of a version on `.localhost` names, by host name."""
    found = {urlsplit(covered.site or "").hostname or "": covered for covered in version.covers}
    return {name: covered for name, covered in found.items() if name.endswith(".localhost")}


class Demonstration:
    """An ASGI app: the covered sites on their names, and `troth` on all others."""

    def __init__(
        self, troth: App, people: People, folder: Path, url: str, collecting: Callable[[], Collecting | None]
    ) -> None:
        """`collecting` gives the gate `collect` of the version in force, if there is a vault."""
        self._collecting = collecting
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
        elif path == "/trial" and scope["method"] == "POST":
            await self._trial(scope, receive, send, covered)
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
            query = f"base={MOUNT}&return={scope['path']}"
            text = text.replace("{banner}", await self._fetched(scope, f"/banner/{covered.id}", query))
        if "{why}" in text:
            text = text.replace("{why}", await self._fetched(scope, "/v1/why/registration", ""))
        headers: list[Header] = [(b"content-type", media_type.encode()), (b"cache-control", b"no-store")]
        if name.endswith(".html"):
            policy = (
                f"default-src 'none'; script-src 'self' {self._url}; style-src 'self'; img-src 'self'; "
                f"frame-src 'self'; connect-src {self._url}; form-action 'self'; base-uri 'none'"
            )
            headers.append((b"content-security-policy", policy.encode()))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else text.encode()})

    async def _fetched(self, scope: Scope, path: str, query: str) -> str:
        """A piece of HTML as a site's server asks Troth for it, with what the visitor's browser sent."""
        passed_on = (b"host", b"cookie", b"sec-gpc", b"accept-language")
        headers = [(name, value) for name, value in scope["headers"] if name in passed_on]
        headers.append((b"accept", b"text/html"))
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
        form = await _form(receive)
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

    async def _trial(self, scope: Scope, receive: Receive, send: Send, covered: Covered) -> None:
        """Register for a free trial: two statements of the policy collect here, each through the gate."""
        form = {name: values[0] for name, values in (await _form(receive)).items()}
        gate = self._collecting()
        if gate is None:
            await send_text(scope, send, 503, "Nothing can be collected now; please try again.")
            return
        email = form.get("email", "")
        account = {
            "identity.name": form.get("name", ""), "contact.email": email, "account.id": email,
            "account.password": _hashed(form.get("password", "")),
        }  # fmt: skip
        told, status = [], 200
        # The card first: without one there is no trial, and so no account is opened.
        for statement, fields in (("trial-card", {"payment.card": form.get("card", "")}), ("registration", account)):
            try:
                submission = Submission(
                    statement=statement, fields=fields, who=Identifier("email", email), product=covered.id,
                    moment="trial",
                )  # fmt: skip
                done = await asyncio.to_thread(gate.collect, submission)
                told.append((done.sentence, f"Kept: {', '.join(done.stored)}.", f"entry {done.leaf} of the record"))
            except GateError as problem:
                told.append((problem.sentence, problem.message, "nothing was kept"))
                status = 422
                break
            except PeopleError as problem:
                told.append(("", str(problem), "nothing was kept"))
                status = 422
                break
        rows = "".join(
            f"<li><q>{html.escape(sentence)}</q> {html.escape(what)} <small>({html.escape(proof)})</small></li>"
            for sentence, what, proof in told
        )
        text = (self._folder / "registered.html").read_text("utf-8")
        heading = "Your trial has begun" if status == 200 else "This could not be done"
        text = text.replace("{name}", html.escape(covered.name)).replace("{troth}", self._url)
        text = text.replace("{heading}", heading).replace("{told}", rows)
        headers: list[Header] = [(b"content-type", b"text/html; charset=utf-8"), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": text.encode()})

    def _link(self, address: Identifier, cookie: str | None, gpc: bool) -> None:
        people = self._people
        browser = Cookies(people.key, people.policy).read(cookie)
        if browser is None:
            people.know(address)
        else:
            people.link(address, browser.identifier)
        if gpc:
            people.signal(address)


async def _form(receive: Receive) -> dict[str, list[str]]:
    """The fields of a small urlencoded form."""
    body, more = b"", True
    while more and len(body) <= MOST_BYTES:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    return parse_qs(body.decode("utf-8", "replace"))


def _hashed(password: str) -> str:
    """A password as an application keeps it: a PHC string of scrypt (RFC 7914), never itself."""
    if not password:
        return ""
    salt = secrets.token_bytes(16)
    digest = hashlib.scrypt(password.encode(), salt=salt, n=2**14, r=8, p=1)
    parts = [base64.b64encode(part).decode().rstrip("=") for part in (salt, digest)]
    return f"$scrypt$ln=14,r=8,p=1${parts[0]}${parts[1]}"
