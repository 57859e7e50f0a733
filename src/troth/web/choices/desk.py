"""What the pages of choices share: the people, the policy and the record, the time, the way of mail, and the frame."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from litestar import Request, Response

from troth.accountability.terms import Terms
from troth.conditions import Register
from troth.decision.point import DecisionPoint
from troth.notice.view import Published, View, languages, render_from
from troth.people import People
from troth.people.browsers import Cookies, choice_order
from troth.people.changes import Change
from troth.people.passes import Passes
from troth.policy.model import Version
from troth.record.log import Log
from troth.vault import Vault
from troth.web.choices.mail import Post
from troth.web.negotiation import best_language

HERE = Path(__file__).parent
HTML = "text/html"
PRIVATE = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex"}


class NothingInForceError(Exception):
    """No version of the policy is in force, so there is nothing to choose."""


class Desk:
    """Everything that a page of choices needs.

    `site` is the address under which people reach these pages; without it, the one that they sent their request to.
    """

    def __init__(  # noqa: PLR0917 - made in one place
        self,
        people: People,
        point: DecisionPoint,
        log: Log,
        clock: Callable[[], datetime],
        post: Post,
        site: str | None = None,
        published: tuple[Published, ...] = (),
        vault: Vault | None = None,
        terms: Terms | None = None,
    ) -> None:
        self.vault = vault
        self.terms = terms or Terms()
        self.people = people
        self.policy = people.policy
        self.point = point
        self.log = log
        self.clock = clock
        self.post = post
        self._site = site.rstrip("/") if site else None
        self.published = published
        self.passes = Passes(people.key)
        self.register = Register(people.store, people.policy)
        self.cookies = Cookies(people.key, people.policy)
        self.order = choice_order(people.policy)
        self.sites: dict[tuple[str, datetime | None], Any] = {}  # covered sites, as `sites.site_of` made them

    def version(self) -> Version:
        """The version in force. NothingInForceError: there is none yet."""
        version = self.policy.in_force(self.clock())
        if version is None:
            raise NothingInForceError
        return version

    def site(self, request: Request[Any, Any, Any]) -> str:
        """The address of these pages, without a slash at its end; the host of a request is one of the server's."""
        return self._site or f"{request.scope['scheme']}://{request.headers.get('host', 'localhost')}"

    def language(self, request: Request[Any, Any, Any], version: Version) -> str:
        """The language of a page: the one asked for, else the one preferred, else the policy's own."""
        known = languages(version)
        asked = request.query_params.get("lang")
        return best_language(asked, request.headers.get("accept-language"), known) or version.language

    def page(
        self,
        request: Request[Any, Any, Any],
        template: str,
        *,
        status: int = 200,
        headers: dict[str, str] | None = None,
        **values: object,
    ) -> Response[bytes]:
        """A page in the frame of all pages. It is about a person, so nobody keeps it."""
        version, now = self.version(), self.clock()
        address = request.scope["path"].removeprefix("/")
        language = self.language(request, version)
        view = View(
            self.policy, version, now, address, language, now=now, published=self.published, choices=True, rooted=False
        )
        body = render_from(HERE / "templates", template, view, **values)
        return Response(body, status_code=status, media_type=HTML, headers={**PRIVATE, **(headers or {})})

    def receipts(self, changes: tuple[Change, ...]) -> tuple[tuple[Change, str], ...]:
        """Changes, each with the address of its receipt."""
        return tuple((change, f"receipts/{self.passes.receipt(change.person, change.leaf)}.json") for change in changes)


def squeezed(request: Request[Any, Any, Any], body: bytes, media_type: str, headers: dict[str, str]) -> Response[bytes]:
    """A response that is the same for everybody, with gzip for whoever takes it.

    For nothing else: what is secret must not be compressed together with what others can choose.
    """
    headers = {**headers, "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        body = gzip.compress(body, 9, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return Response(body, media_type=media_type, headers=headers)


def accepts_json(request: Request[Any, Any, Any]) -> bool:
    """Whether a script asks, and not a person."""
    return "application/json" in request.headers.get("accept", "")


def json(value: object, *, status: int = 200, headers: dict[str, str] | None = None) -> Response[bytes]:
    """A JSON response that nobody keeps."""
    body = msgspec.json.encode(value)
    kept = {"Cache-Control": "no-store", **(headers or {})}
    return Response(body, status_code=status, media_type="application/json", headers=kept)
