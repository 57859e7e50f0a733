"""The transparency report over HTTP: `/transparency` for people, `/transparency.json` for machines."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import parse_qs

import msgspec
from sqlalchemy import select

from troth.accountability.legal.requests import LegalRequests
from troth.accountability.terms import Terms
from troth.accountability.transparency import OUTCOMES, Report, report
from troth.notice.view import render_from
from troth.policy.model import Version
from troth.store import StoreError
from troth.store.schema import from_micros, leaves
from troth.web.headers import Header, Receive, Scope, Send, send_text
from troth.web.stored import HTML, JSON, Stored, header, language_of, send_body

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

    def __init__(self, stored: Stored, terms: Terms | None = None) -> None:
        self._stored = stored
        self._requests = LegalRequests(stored.log.store)
        self._policy = stored.policy
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
        try:
            found = await asyncio.to_thread(self.report)
        except StoreError:
            retry: list[Header] = [(b"retry-after", b"5")]
            await send_text(scope, send, 503, "The report cannot be read at this moment. Please try again.", retry)
            return
        version = self._policy.in_force(found.at) or self._policy.versions[0]
        if scope["path"].endswith(".json"):
            body, kind = msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n", JSON
        else:
            asked = query.get("lang", [None])[-1]
            language = language_of(version, asked, header(scope, b"accept-language"))
            body, kind = self.page(found, language), HTML
        more = [(b"cache-control", b"no-cache"), (b"vary", b"accept-language")]
        await send_body(scope, send, body, kind, more)

    def report(self) -> Report:
        """The report as it stands now, from the beginning of the record on. StoreError: it cannot be read."""
        now = self._stored.clock()
        with self._requests.store.read() as connection:
            first = connection.execute(FIRST).scalar()
        begins = now if first is None else min(now, from_micros(first))
        return report(self._requests.facts(), self._terms, begins, now)

    def page(self, found: Report, language: str) -> bytes:
        """The page of a report."""
        version = self._policy.in_force(found.at) or self._policy.versions[0]
        view = self._stored.view(version, PATH[1:], found.at, language)
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
