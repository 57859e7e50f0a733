"""The record over HTTP: `/log/` for people, and below it what a log serves to verifiers (c2sp.org/tlog-tiles).

Tiles never change, so they may be kept for ever; the checkpoint always has to be asked for again. Reading the database
happens in a thread, so that a slow disk keeps no decision waiting.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from importlib import resources

import msgspec

from troth.notice.view import Published, View, render
from troth.policy.history import Policy
from troth.record.log import Log
from troth.record.publishing import published_versions
from troth.record.verifier import TILE, tile_path
from troth.store import StoreError
from troth.web.headers import Header, Receive, Scope, Send, security_headers, send_text

PREFIX = "/log"
FOREVER = "public, max-age=31536000, immutable"
ALWAYS_ASK = "no-cache"
_RECEIPT = re.compile(r"receipts/([0-9TZ:.-]{10,40})\.tlog-proof\Z")


class Found(msgspec.Struct, frozen=True):
    """What lies at an address below `/log/`."""

    body: bytes
    media_type: str
    cache: str = ALWAYS_ASK
    file: str | None = None


class RecordRoutes:
    """An ASGI app for `/log/` and everything below."""

    def __init__(self, log: Log, policy: Policy, clock: Callable[[], datetime], choices: bool = False) -> None:
        self._log = log
        self._policy = policy
        self._clock = clock
        self._choices = choices

    @staticmethod
    def takes(path: str) -> bool:
        """Whether a path is one of these."""
        return path == PREFIX or path.startswith(f"{PREFIX}/")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["method"] not in ("GET", "HEAD"):
            await send_text(scope, send, 405, "The record can be read.", [(b"allow", b"GET, HEAD")])
            return
        path = scope["path"].removeprefix(PREFIX)
        if path == "":
            await send_text(scope, send, 308, "The record lies at /log/.", [(b"location", b"/log/")])
            return
        try:
            found = await asyncio.to_thread(self.find, path.removeprefix("/"))
        except StoreError:
            retry: list[Header] = [(b"retry-after", b"5")]
            await send_text(scope, send, 503, "The record cannot be read at this moment. Please try again.", retry)
            return
        if found is None:
            await send_text(scope, send, 404, "The record has nothing here; /log/ says what it has.")
            return
        headers: list[Header] = [
            (b"content-type", found.media_type.encode()),
            (b"content-length", b"%d" % len(found.body)),
            (b"cache-control", found.cache.encode()),
            *security_headers(scope),
        ]
        if found.file:
            headers.append((b"content-disposition", f'attachment; filename="{found.file}"'.encode()))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else found.body})

    def find(self, path: str) -> Found | None:
        """What lies at a path below `/log/`, or None. StoreError when the store cannot be read."""
        if path == "":
            return Found(self._page(), "text/html; charset=utf-8")
        if path == "keys":
            keys = "".join(f"{key}\n" for key in self._log.keys.public)
            return Found(keys.encode(), "text/plain; charset=utf-8")
        if path == "verifier.py":
            source = resources.files("troth.record").joinpath("verifier.py").read_bytes()
            return Found(source, "text/x-python; charset=utf-8", file="verifier.py")
        if match := _RECEIPT.match(path):
            return self._receipt(match[1])
        resource = self._log.resource(path)
        if resource is None:
            return None
        if path == "checkpoint":
            return Found(resource, "text/plain; charset=utf-8")
        return Found(resource, "application/octet-stream", FOREVER)

    def paths(self) -> Iterator[str]:
        """Every path below `/log/` at which something lies, for a copy of the record as files."""
        yield from ("", "keys", "verifier.py")
        latest = self._log.latest()
        if latest is None:
            return
        yield "checkpoint"
        yield from (f"receipts/{one.version}.tlog-proof" for one in publications(self._log, self._policy))
        level, size = 0, latest.head.size
        while size:
            for number in range(-(-size // TILE)):
                width = min(TILE, size - number * TILE)
                yield tile_path(level, number, width)
                if level == 0:
                    yield tile_path("entries", number, width)
            level, size = level + 1, size // TILE

    def _receipt(self, version: str) -> Found | None:
        published = publications(self._log, self._policy)
        leaf = next((one.entry for one in published if one.version == version), None)
        proof = None if leaf is None else self._log.receipt(leaf)
        if proof is None:
            return None
        return Found(proof, "text/plain; charset=utf-8", file=f"{self._policy.id}-{version}.tlog-proof")

    def _page(self) -> bytes:
        now = self._clock()
        version = self._policy.in_force(now) or self._policy.versions[0]
        published = publications(self._log, self._policy)
        summary = self._log.summary()
        latest = summary.latest
        view = View(
            self._policy, version, now, "log/", version.language, now=now, published=published, choices=self._choices
        )
        return render(
            "record.html",
            view,
            name=summary.origin,
            size=latest.head.size if latest else 0,
            signed_at=latest.at if latest else None,
            note=latest.note.decode() if latest else "",
            keys=summary.keys,
        )


def publications(log: Log, policy: Policy) -> tuple[Published, ...]:
    """Which versions of a policy are in the record, by effective date."""
    return tuple(
        Published(one.version, one.published_at, one.leaf)
        for one in published_versions(log.store)
        if one.policy == policy.id
    )
