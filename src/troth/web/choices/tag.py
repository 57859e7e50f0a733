"""The tag of a covered site, `/tag/<product>.js`: one line of HTML in a page, and the policy holds there.

It holds scripts and frames back until their purpose may run, tells Google's tags the same (Consent Mode v2), shows the
banner where something is undecided, and works from the cookie when this server is away. What may run is the table of
`troth.decision.loading`; the tag only looks things up in it.

    p the covered site     c choices, in the order of the cookie's digits    r rules by purpose: [unless, only if]
    v version in force     g choices for which a signal counts as out        m Google's names and their purposes
    l the cookie's life    a older versions: agreements to ask about again

Where this server is, the tag knows from its own address.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from typing import Any

import msgspec
from litestar import Request, Response

from troth.notice import moments
from troth.people.asking import changed_since
from troth.web.choices.desk import HERE, Desk, squeezed
from troth.web.choices.forms import FormError
from troth.web.choices.sites import Site, site_of

SUFFIX = ".js"
LONGEST = 300  # seconds that it may be kept without asking again
STALE = 86_400  # seconds that a browser may use it while this server is away

# Google's names for what its tags store and send, and the purposes that they come under
# (https://developers.google.com/tag-platform/security/concepts/consent-mode, version 2).
MODES = {
    "ad_storage": "advertising.targeted",
    "ad_user_data": "advertising.targeted",
    "ad_personalization": "advertising.targeted",
    "analytics_storage": "improve.analytics",
    "functionality_storage": "service.preferences",
    "personalization_storage": "service.preferences",
    "security_storage": "service.sign_in",
}


class Tag:
    """The script of each covered site."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def get(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """`GET /tag/<product>.js`."""
        desk, name = self._desk, request.path_params["file"]
        if not name.endswith(SUFFIX):
            raise FormError("A tag ends in .js.")
        site = site_of(desk, name.removesuffix(SUFFIX))
        body = tag(desk, site)
        form = "-gzip" if "gzip" in request.headers.get("accept-encoding", "") else ""
        etag = f'"{hashlib.sha256(body).hexdigest()[:32]}{form}"'
        change = moments.next_change(desk.policy, desk.clock())
        seconds = LONGEST if change is None else max(0, min(LONGEST, int((change - desk.clock()).total_seconds())))
        headers = {
            "ETag": etag,
            "Cache-Control": f"public, max-age={seconds}, stale-while-revalidate={STALE}, stale-if-error={STALE}",
        }
        if etag in request.headers.get("if-none-match", ""):
            return Response(b"", status_code=304, headers=headers)
        return squeezed(request, body, "text/javascript", headers)


def tag(desk: Desk, site: Site) -> bytes:
    """The script for a site: what the server says of it, and the code that all sites share."""
    said = msgspec.json.encode(facts(desk, site)).decode()
    return source().replace("(() => {\n", f"(() => {{\nconst T = {said};\n", 1).encode()


def facts(desk: Desk, site: Site) -> dict[str, Any]:
    """The members of `T`; see above."""
    place = {name: number for number, name in enumerate(desk.order)}
    again = {
        old.id: [place[name] for name in site.asked if changed_since(desk.policy, old.id, name, site.version)]
        for old in desk.policy.versions
        if old.effective < site.version.effective
    }
    rules = {
        purpose: [[[place[name] for name in rule.unless], [place[name] for name in rule.only_if]] for rule in rules]
        for purpose, rules in site.loading.rules
    }
    return {
        "p": site.covered.id,
        "v": site.version.id,
        "c": desk.order,
        "g": [place[name] for name in site.signalled],
        "a": {version: places for version, places in again.items() if places},
        "l": site.seconds,
        "r": rules,
        "m": {name: purpose for name, purpose in MODES.items() if site.version.vocabulary.knows("purpose", purpose)},
    }


@cache
def source() -> str:
    """The code that all sites share, without comments and indentation."""
    text = (HERE / "static" / "tag.js").read_text("utf-8")
    return re.sub(r"^\s*(//.*\n)?", "", text, flags=re.M)
