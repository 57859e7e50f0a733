"""The recipients over HTTP: `/recipients` for people, `.json` for machines, `.atom` for whoever follows the changes.

By the version in force they stand as they do now; by an earlier one as they stood at its end. What is answered depends
on the register, so it has to be asked for again; who has it already is told so in few bytes.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs

import msgspec

from troth.conditions import Register
from troth.conditions.listing import RecipientList, as_json, published_list
from troth.conditions.standing import standing
from troth.conditions.telling import Happening, happenings
from troth.notice.view import render_from
from troth.notice.words import TRANSFER_BASES
from troth.policy.model import Version
from troth.store import StoreError
from troth.web.headers import Header, Receive, Scope, Send, send_text
from troth.web.recipients.feed import write_feed
from troth.web.recipients.shown import grouped
from troth.web.stored import HTML, JSON, Stored, header, language_of, send_body

PREFIX = "/recipients"
HERE = Path(__file__).parent
ON_PAGE = 12  # happenings
_PATH = re.compile(r"(?:/(?P<version>[0-9TZ:.-]{10,40}?))?(?P<form>\.json|\.atom)?", re.ASCII)
TYPES = {"": HTML, ".json": JSON, ".atom": "application/atom+xml; charset=utf-8"}


class Found(msgspec.Struct, frozen=True):
    """What lies at an address."""

    body: bytes
    media_type: str


class RecipientRoutes:
    """An ASGI app for `/recipients` and what begins with it."""

    def __init__(self, stored: Stored) -> None:
        self._stored = stored
        self._policy = stored.policy
        self._register = Register(stored.log.store, stored.policy)

    @staticmethod
    def takes(path: str) -> bool:
        """Whether a path is one of these."""
        return path == PREFIX or path.startswith((f"{PREFIX}.", f"{PREFIX}/"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["method"] not in ("GET", "HEAD"):
            await send_text(scope, send, 405, "The list of recipients can be read.", [(b"allow", b"GET, HEAD")])
            return
        path = scope["path"].removeprefix(PREFIX)
        if path == "/":
            location: list[Header] = [(b"location", PREFIX.encode())]
            await send_text(scope, send, 308, "This page has no slash at its end.", location)
            return
        query = {name: values[-1] for name, values in parse_qs(scope["query_string"].decode("latin-1")).items()}
        if not path and _PATH.fullmatch(f"/{query.get('version', '')}"):
            location = [(b"location", f"{PREFIX}/{query['version']}".encode())]
            await send_text(scope, send, 303, "Each version has an address of its own.", location)
            return
        site, accept_language = self._stored.address(scope), header(scope, b"accept-language")
        try:
            found = await asyncio.to_thread(self.find, path, site, query.get("lang"), accept_language)
        except StoreError:
            retry: list[Header] = [(b"retry-after", b"5")]
            await send_text(scope, send, 503, "The list cannot be read at this moment. Please try again.", retry)
            return
        if found is None:
            known = ", ".join(f"{PREFIX}/{version.id}" for version in self._policy.versions)
            await send_text(scope, send, 404, f"There is no such list. There is {PREFIX}, and by version: {known}.")
            return
        etag = f'"{hashlib.sha256(found.body).hexdigest()[:32]}"'
        more: list[Header] = [
            (b"etag", etag.encode()), (b"cache-control", b"no-cache"), (b"vary", b"accept-language"),
        ]  # fmt: skip
        if etag in (header(scope, b"if-none-match") or ""):
            await send({"type": "http.response.start", "status": 304, "headers": more})
            await send({"type": "http.response.body", "body": b""})
            return
        await send_body(scope, send, found.body, found.media_type, more)

    def find(self, path: str, site: str, asked: str | None = None, accept_language: str | None = None) -> Found | None:
        """What lies at a path after `/recipients`, or None. StoreError: the register cannot be read."""
        match = _PATH.fullmatch(path)
        if match is None:
            return None
        form, now = match["form"] or "", self._stored.clock()
        current = self._policy.in_force(now)
        if match["version"] is None:
            version = current
        else:
            version = next((one for one in self._policy.versions if one.id == match["version"]), None)
        if version is None or (form == ".atom" and match["version"] is not None):
            return None
        at = self._shown_at(version, now)
        if form == ".atom":
            happened = happenings(version, self._register.facts(), now)
            return Found(write_feed(version, self._stored.log.keys.origin, site, happened, now), TYPES[form])
        facts = self._register.facts()
        listed = published_list(version, standing(facts, at), at)
        if form == ".json":
            return Found(as_json(listed) + b"\n", TYPES[form])
        language = language_of(version, asked, accept_language)
        happened = happenings(version, facts, at)
        return Found(self._page(version, listed, happened, (at, now), path, language), TYPES[form])

    def paths(self) -> tuple[str, ...]:
        """Every path after `/recipients` at which something lies, for a copy as files."""
        versions = [f"/{version.id}" for version in self._policy.versions]
        return ("", ".json", ".atom", *versions, *(f"{one}.json" for one in versions))

    def _shown_at(self, version: Version, now: datetime) -> datetime:
        """The moment of which a version is shown: now, or for one that is over its last moment."""
        index = self._policy.versions.index(version) + 1
        if index < len(self._policy.versions) and self._policy.versions[index].effective <= now:
            return self._policy.versions[index].effective - timedelta.resolution
        return now

    def _page(  # noqa: PLR0917
        self,
        version: Version,
        listed: RecipientList,
        happened: tuple[Happening, ...],
        when: tuple[datetime, datetime],
        path: str,
        language: str,
    ) -> bytes:
        at, now = when
        view = self._stored.view(version, f"{PREFIX[1:]}{path}", at, language, now=now)
        return render_from(
            HERE / "templates",
            "recipients.html",
            view,
            groups=grouped(version, listed),
            happened=happened[:ON_PAGE],
            more=len(happened) > ON_PAGE,
            others=[one for one in self._policy.versions if one is not version],
            names={one.id: one.name for one in listed.recipients},
            bases=TRANSFER_BASES,
        )
