"""The transparency report over HTTP: `/transparency` for people, `/transparency.json` for machines."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from urllib.parse import parse_qs

import msgspec
from sqlalchemy import select

from troth.accountability.legal.requests import LegalRequests
from troth.accountability.terms import Terms
from troth.accountability.transparency import OUTCOMES, Report, report
from troth.notice.view import Published, View, languages, render_from
from troth.policy.history import Policy
from troth.policy.model import Version
from troth.record.log import Log
from troth.store import StoreError
from troth.store.schema import from_micros, leaves
from troth.web.headers import Header, Receive, Scope, Send, security_headers, send_text
from troth.web.negotiation import best_language

PATH = "/transparency"
FIRST = select(leaves.c.at).where(leaves.c["index"] == 0)
HERE = Path(__file__).parent
PROCESSES = {
    "warrant": "Search warrants",
    "court-order": "Court orders",
    "subpoena": "Subpoenas",
    "national-security": "Demands for national security",
    "civil": "Civil proceedings",
    "emergency": "Emergencies",
    "other": "Others",
}


class TransparencyRoutes:
    """An ASGI app for the two addresses."""

    def __init__(  # noqa: PLR0917 - made in one place
        self,
        log: Log,
        policy: Policy,
        clock: Callable[[], datetime],
        published: tuple[Published, ...] = (),
        choices: bool = False,
        terms: Terms | None = None,
    ) -> None:
        self._requests = LegalRequests(log.store)
        self._policy = policy
        self._clock = clock
        self._published = published
        self._choices = choices
        self._terms = terms or Terms()

    @staticmethod
    def takes(path: str) -> bool:
        """Whether a path is one of the two, or the first with a slash too many."""
        return path in (PATH, f"{PATH}.json", f"{PATH}/")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["method"] not in ("GET", "HEAD"):
            await send_text(scope, send, 405, "The transparency report can be read.", [(b"allow", b"GET, HEAD")])
            return
        if scope["path"].endswith("/"):
            location: list[Header] = [(b"location", PATH.encode())]
            await send_text(scope, send, 308, "This page has no slash at its end.", location)
            return
        query = parse_qs(scope["query_string"].decode("latin-1"))
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        try:
            found = await asyncio.to_thread(self.report)
        except StoreError:
            retry: list[Header] = [(b"retry-after", b"5")]
            await send_text(scope, send, 503, "The report cannot be read at this moment. Please try again.", retry)
            return
        version = self._policy.in_force(found.at) or self._policy.versions[0]
        if scope["path"].endswith(".json"):
            body, kind = msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n", b"application/json"
        else:
            asked = query.get("lang", [None])[-1]
            language = best_language(asked, headers.get(b"accept-language"), languages(version)) or version.language
            body, kind = self.page(found, language), b"text/html; charset=utf-8"
        sent: list[Header] = [
            (b"content-type", kind),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-cache"),
            (b"vary", b"accept-language"),
            *security_headers(scope),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": sent})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    def report(self) -> Report:
        """The report as it stands now, from the beginning of the record on. StoreError: it cannot be read."""
        now = self._clock()
        with self._requests.store.read() as connection:
            first = connection.execute(FIRST).scalar()
        begins = now if first is None else min(now, from_micros(first))
        return report(self._requests.facts(), self._terms, begins, now)

    def page(self, found: Report, language: str) -> bytes:
        """The page of a report."""
        version = self._policy.in_force(found.at) or self._policy.versions[0]
        view = View(
            self._policy, version, found.at, PATH[1:], language, now=found.at, published=self._published,
            choices=self._choices,
        )  # fmt: skip
        stated = [share for share in version.shares if "authority" in _kinds(version, share.recipients)]
        return render_from(
            HERE / "templates",
            "transparency.html",
            view,
            report=found,
            processes=PROCESSES,
            outcomes=OUTCOMES,
            bands=self._terms.bands,
            stated=[one for one in stated if one in version.stated_on(found.at)],
        )


def _kinds(version: Version, recipients: tuple[str, ...]) -> set[str]:
    """The kinds that recipients are of, with those above them."""
    return {kind for one in recipients for kind in version.recipient_path(one)}
