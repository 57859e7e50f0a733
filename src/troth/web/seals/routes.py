"""Seals over HTTP: `/seals/<id>.svg` is the picture, `/seals/<id>` the page that says whether it may stand somewhere.

Nothing of it may be kept by anybody: both are made from the register at the moment they are asked for. The picture is
for covered sites to embed; asked for by a page of another site, as far as browsers tell, it is grey and says so. A site
can forbid its browser to say which site it is (`Referer`), and cannot forbid it to say that it is another than this one
(`Sec-Fetch-Site`, W3C Fetch Metadata): then the picture is grey, too, and asks to be followed to its page.
"""

from __future__ import annotations

import asyncio
import re
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from troth.conditions.claims.applied import moments
from troth.conditions.claims.register import ClaimRegister
from troth.conditions.claims.standing import ClaimStanding, Signing, State
from troth.notice.view import render_from
from troth.policy.model import Claim, Covered, Version
from troth.store import StoreError
from troth.web.headers import EMBEDDED_HEADERS, Header, Receive, Scope, Send, send_text
from troth.web.seals.drawing import Picture, draw
from troth.web.stored import HTML, Stored, header, language_of, send_body

PREFIX = "/seals/"
HERE = Path(__file__).parent
_PATH = re.compile(r"/seals/(?P<id>[0-9a-f]{32})(?P<form>\.svg)?", re.ASCII)
NO_STORE: Header = (b"cache-control", b"no-store, max-age=0")
ELSEWHERE = ("cross-site", "same-site")
# The picture may move by itself, and load and do nothing else.
PICTURE_HEADERS: tuple[Header, ...] = (
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"),
    *(header for header in EMBEDDED_HEADERS if header[0] != b"content-security-policy"),
)

WHYS: dict[State, str] = {
    "draft": "Not signed",
    "assessed": "Not signed",
    "signed": "Not valid yet",
    "lapsed": "Ended",
    "suspended": "Suspended",
    "withdrawn": "Withdrawn",
    "void": "Void",
}


class Sealed(msgspec.Struct, frozen=True):
    """A claim with a seal as it stands at a moment: what its page shows.

    `valid` is for how many seconds it will be so as far as is known, 0 where it is not valid; `sites` are where the
    seal may stand.
    """

    claim: Claim
    version: Version
    standing: ClaimStanding
    state: State
    signing: Signing
    sites: tuple[Covered, ...]
    at: datetime
    valid: float

    @property
    def name(self) -> str:
        """The programme or framework."""
        return self.claim.programme or self.claim.framework or self.claim.id

    @property
    def why(self) -> str:
        """In a few words why it is not valid."""
        return WHYS.get(self.state, "Not part of the policy any more")


class SealRoutes:
    """An ASGI app for everything below `/seals/`."""

    def __init__(self, stored: Stored) -> None:
        self._stored = stored
        self._policy = stored.policy
        self._register = ClaimRegister(stored.log.store, stored.policy)

    @staticmethod
    def takes(path: str) -> bool:
        """Whether a path is one of these."""
        return path.startswith(PREFIX)

    @staticmethod
    def takes_picture(path: str) -> bool:
        """Whether a path is that of a picture, which other sites load."""
        return path.startswith(PREFIX) and path.endswith(".svg")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        match = _PATH.fullmatch(scope["path"])
        if scope["method"] not in ("GET", "HEAD"):
            await send_text(scope, send, 405, "A seal can be looked at.", [(b"allow", b"GET, HEAD")])
            return
        try:
            found = await asyncio.to_thread(self.find, match["id"]) if match else None
        except StoreError:
            retry: list[Header] = [(b"retry-after", b"5"), NO_STORE]
            await send_text(scope, send, 503, "Whether this seal is valid cannot be said at this moment.", retry)
            return
        if match is None or found is None:
            await send_text(scope, send, 404, "This is no seal of ours. Whoever shows it has no right to.", [NO_STORE])
            return
        if match["form"]:
            own = urlsplit(self._stored.site or f"//{header(scope, b'host') or ''}").hostname
            elsewhere = header(scope, b"sec-fetch-site") in ELSEWHERE
            body, kind = self.picture(found, header(scope, b"referer"), own, elsewhere), "image/svg+xml"
        else:
            body = self.page(found, match["id"], self._stored.address(scope), header(scope, b"accept-language"))
            kind = HTML
        await send_body(scope, send, body, kind, [NO_STORE, (b"vary", b"referer, sec-fetch-site, accept-language")])

    def find(self, id: str) -> Sealed | None:
        """The claim of which an id is the seal, as it stands now; None if it is of none. StoreError: not known now."""
        at = self._stored.clock()
        version = self._policy.in_force(at)
        for standing in self._register.standing(at).values():
            signing = next((one for one in reversed(standing.signings) if one.said.seal == id), None)
            if signing is None or version is None:
                continue
            carrying = standing.signing(at) or signing
            claims = [one for one in version.claims if one.id == standing.id]
            stated = claims or [c for v in reversed(self._policy.versions) for c in v.claims if c.id == standing.id]
            holds = bool(claims) and claims[0].seal and claims[0].current(at) and standing.holds(at)
            ends = [one for one in (moments({standing.id: standing}, at), claims[0].end if claims else None) if one]
            left = min(((end - at).total_seconds() for end in ends if end > at), default=float("inf"))
            sites = tuple(one for one in version.covers if one.id in carrying.draft.covers)
            state = standing.state(at)
            return Sealed(stated[0], version, standing, state, carrying, sites, at, left if holds else 0.0)
        return None

    def picture(self, found: Sealed, referer: str | None, own: str | None, elsewhere: bool = False) -> bytes:
        """The picture, for the page that embeds it as far as is known, which is None where it is not told.

        `elsewhere`: the browser says that the page is of another site than `own`.
        """
        valid, why = found.valid, found.why
        host = urlsplit(referer).hostname if referer else None
        allowed = {urlsplit(site.site).hostname for site in found.sites if site.site} | {own}
        if valid > 0 and host is not None and host not in allowed:
            valid, why = 0.0, "Not valid on this site"
        elif valid > 0 and host is None and elsewhere:
            valid, why = 0.0, "Click to check it"
        return draw(Picture(found.name, found.signing.draft.holder, found.at, valid, why))

    def page(self, found: Sealed, id: str, site: str, accept_language: str | None = None) -> bytes:
        """The page that validates a seal."""
        version = found.version
        language = language_of(version, None, accept_language)
        view = self._stored.view(version, f"{PREFIX[1:]}{id}", found.at, language)
        latest = self._stored.log.latest()
        return render_from(
            HERE / "templates", "seal.html", view, found=found, id=id, site=site, latest=latest,
            in_record=latest is not None and found.signing.leaf < latest.head.size,
        )  # fmt: skip
