"""The recipients over HTTP: `/recipients` for people, `.json` for machines, `.atom` for whoever follows the changes.

By the version in force they stand as they do now; by an earlier one as they stood at its end. What is answered depends
on the register, so it has to be asked for again; who has it already is told so in few bytes.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs

import msgspec

from troth.conditions import Register
from troth.conditions.listing import RecipientList, as_json, published_list
from troth.conditions.standing import standing
from troth.conditions.telling import Happening, happenings
from troth.notice.view import Published, View, languages, render_from
from troth.notice.words import TRANSFER_BASES
from troth.policy.history import Policy
from troth.policy.model import Version
from troth.record.log import Log
from troth.store import StoreError
from troth.web.headers import Header, Receive, Scope, Send, security_headers, send_text
from troth.web.negotiation import best_language
from troth.web.recipients.feed import write_feed
from troth.web.recipients.shown import grouped

PREFIX = "/recipients"
HERE = Path(__file__).parent
ON_PAGE = 12  # happenings
_PATH = re.compile(r"(?:/(?P<version>[0-9TZ:.-]{10,40}?))?(?P<form>\.json|\.atom)?", re.ASCII)
TYPES = {"": "text/html; charset=utf-8", ".json": "application/json", ".atom": "application/atom+xml; charset=utf-8"}


class Found(msgspec.Struct, frozen=True):
    """What lies at an address."""

    body: bytes
    media_type: str


class RecipientRoutes:
    """An ASGI app for `/recipients` and what begins with it.

    `site` is the address under which people reach it; without it, the one that they sent their request to.
    """

    def __init__(  # noqa: PLR0917 - made in one place
        self,
        log: Log,
        policy: Policy,
        clock: Callable[[], datetime],
        published: tuple[Published, ...] = (),
        site: str | None = None,
        choices: bool = False,
    ) -> None:
        self._log = log
        self._policy = policy
        self._clock = clock
        self._published = published
        self._site = site.rstrip("/") if site else None
        self._choices = choices
        self._register = Register(log.store, policy)

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
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        site = self._site or f"{scope['scheme']}://{headers.get(b'host', 'localhost')}"
        try:
            found = await asyncio.to_thread(self.find, path, site, query.get("lang"), headers.get(b"accept-language"))
        except StoreError:
            retry: list[Header] = [(b"retry-after", b"5")]
            await send_text(scope, send, 503, "The list cannot be read at this moment. Please try again.", retry)
            return
        if found is None:
            known = ", ".join(f"{PREFIX}/{version.id}" for version in self._policy.versions)
            await send_text(scope, send, 404, f"There is no such list. There is {PREFIX}, and by version: {known}.")
            return
        etag = f'"{hashlib.sha256(found.body).hexdigest()[:32]}"'
        sent: list[Header] = [
            (b"etag", etag.encode()),
            (b"cache-control", b"no-cache"),
            (b"vary", b"accept-language"),
            *security_headers(scope),
        ]
        same = etag in headers.get(b"if-none-match", "")
        if not same:
            sent += [
                (b"content-type", found.media_type.encode()),
                (b"content-length", b"%d" % len(found.body)),
            ]
        await send({"type": "http.response.start", "status": 304 if same else 200, "headers": sent})
        body = b"" if same or scope["method"] == "HEAD" else found.body
        await send({"type": "http.response.body", "body": body})

    def find(self, path: str, site: str, asked: str | None = None, accept_language: str | None = None) -> Found | None:
        """What lies at a path after `/recipients`, or None. StoreError: the register cannot be read."""
        match = _PATH.fullmatch(path)
        if match is None:
            return None
        form, now = match["form"] or "", self._clock()
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
            return Found(write_feed(version, self._log.keys.origin, site, happened, now), TYPES[form])
        facts = self._register.facts()
        listed = published_list(version, standing(facts, at), at)
        if form == ".json":
            return Found(as_json(listed) + b"\n", TYPES[form])
        language = best_language(asked, accept_language, languages(version)) or version.language
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
        view = View(
            self._policy, version, at, f"{PREFIX[1:]}{path}", language, now=now, published=self._published,
            choices=self._choices,
        )  # fmt: skip
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
