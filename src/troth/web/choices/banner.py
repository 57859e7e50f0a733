"""The banner of a covered site, `/banner/<product>`: a piece of HTML for its server, and the address that it sends to.

A site that passes `/troth/…` on to this server (or any other path, given as `base`) can put the piece into its pages
itself: it is a plain form, works without JavaScript, and the cookie is set by the site's own address. The tag
(`tag.py`) makes the same banner in the browser, sends to the same address across origins, and sets the same cookie.

Only the covered sites of the policy may send here; a choice that another site made a browser send would be forged.
The cookie is set only where the policy states it, as a strictly necessary tracker of that name.
"""

from __future__ import annotations

import asyncio
import hmac
import re
import secrets
from collections.abc import Callable
from typing import Any, Literal

import msgspec
from litestar import Request, Response

from troth.notice.view import View, render_from
from troth.people.browsers import COOKIE, Browser, new_browser_id, read_digits, write_digits
from troth.people.strictness import State
from troth.web.choices.desk import HERE, PRIVATE, Desk, accepts_json, json, squeezed
from troth.web.choices.forms import CHOICE, FormError, read_form
from troth.web.choices.shown import changed_for
from troth.web.choices.signals import signals_of
from troth.web.choices.sites import Site, again_for, covered_origin, site_of

Action = Literal["accept", "refuse", "save", "signal"]
FOR_TAG = ".json"
_KEY = re.compile(r"[A-Za-z0-9_-]{22,64}\Z")  # 128 bits at least


class Banner:
    """The piece of HTML and the choices that are made with it."""

    def __init__(self, desk: Desk, random: Callable[[int], bytes] = secrets.token_bytes) -> None:
        self._desk = desk
        self._random = random

    # --- the piece ----------------------------------------------------------------------------------------------------

    async def show(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """`GET /banner/<product>`: the banner, open where there is something to choose, else folded.

        The site's server passes on the visitor's `Cookie`, `Sec-GPC` and `Accept-Language`.
        """
        desk, product = self._desk, request.path_params["product"]
        if product.endswith(FOR_TAG):
            return self._for_tag(request, site_of(desk, product.removesuffix(FOR_TAG)))
        site = site_of(desk, product)
        base, back = request.query_params.get("base", "/troth"), request.query_params.get("return", "/")
        if not is_path(base) or not is_path(back):
            raise FormError("`base` and `return` are paths that begin with a slash.")
        browser = desk.cookies.read(request.cookies.get(COOKIE))
        body = self._piece(request, site, browser, bool(signals_of(request)), base=base.rstrip("/"), back=back)
        return Response(body, media_type="text/html", headers={**PRIVATE, "Vary": "Cookie, Sec-GPC"})

    def _for_tag(self, request: Request[Any, Any, Any], site: Site) -> Response[bytes]:
        """`GET /banner/<product>.json`: the same for the tag, by what the cookie says and without whose it is."""
        query = request.query_params
        version, digits = query.get("version", ""), query.get("digits", "")
        known = any(one.id == version for one in self._desk.policy.versions)
        browser = Browser("", version, digits) if known and re.fullmatch("[0-3]{0,999}", digits) else None
        html = self._piece(request, site, browser, query.get("gpc") == "1", base=self._desk.site(request), back=None)
        headers = {"Cache-Control": "public, max-age=300", "Access-Control-Allow-Origin": "*"}
        body = {"html": html.decode(), "css": (HERE / "static" / "banner.css").read_text("utf-8")}
        return squeezed(request, msgspec.json.encode(body), "application/json", headers)

    def _piece(
        self,
        request: Request[Any, Any, Any],
        site: Site,
        browser: Browser | None,
        signal: bool,
        *,
        base: str,
        back: str | None,
    ) -> bytes:
        desk, version = self._desk, site.version
        states = self.states(site, browser, signal)
        view = View(desk.policy, version, desk.clock(), "", desk.language(request, version), choices=True)
        return render_from(
            HERE / "templates",
            "banner.html",
            view,
            site=site,
            choices=[choice for choice in version.choices if choice.id in site.asked],
            states=states,
            open=bool(site.loading.undecided(states)),
            again=again_for(desk, site, browser),
            since=browser.version if browser else None,
            honoured=signal and bool(site.signalled),
            base=base,
            back=back,
            key=new_browser_id(self._random(16)),
            privacy=desk.site(request),
        )

    def states(self, site: Site, browser: Browser | None, signal: bool) -> dict[str, State]:
        """What counts for a browser: its cookie, less what a signal refuses and what it must be asked again about."""
        digits = "" if browser is None else browser.digits
        states = read_digits(digits, self._desk.order)
        for place, name in enumerate(self._desk.order):
            if signal and name in site.signalled and digits[place : place + 1] != "3":
                states[name] = "out"
            elif (
                browser is not None
                and states[name] == "in"
                and changed_for(self._desk.policy, browser.version, (name,), site.version)
            ):
                states[name] = "unset"
        return states

    # --- choosing -----------------------------------------------------------------------------------------------------

    async def choose(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """`POST /banner/<product>`: make the choice, and give the cookie: to a script as JSON, else by `Set-Cookie`."""
        desk = self._desk
        site = site_of(desk, request.path_params["product"])
        allowed = _origin(request, site)
        if site.cookie is None:
            raise FormError(f"The policy states no strictly necessary tracker named '{COOKIE}', so none is set.")
        fields = await read_form(request)
        action = fields.get("do", "")
        if action not in ("accept", "refuse", "save", "signal"):
            raise FormError("`do` is accept, refuse, save or signal.")
        back = fields.get("return", "/")
        if not is_path(back):
            raise FormError("`return` is a path that begins with a slash.")
        browser = desk.cookies.read(fields.get("cookie") or request.cookies.get(COOKIE))
        if action == "signal" and browser is None:
            raise FormError("A browser without a cookie keeps its signal to itself; there is nothing to record.")
        signals = signals_of(request) | (frozenset({"gpc"}) if fields.get("gpc") == "1" else frozenset())
        made = await asyncio.to_thread(self._choose, site, browser, action, fields, signals)
        value = desk.cookies.write(made)
        if accepts_json(request):
            body = {"cookie": value, "seconds": site.seconds}
            return json(body, headers={"Access-Control-Allow-Origin": allowed, "Vary": "Origin"} if allowed else None)
        cookie = f"{COOKIE}={value}; Path=/; SameSite=Lax"
        cookie += f"; Max-Age={site.seconds}" if site.seconds else ""
        cookie += "; Secure" if (allowed or "").startswith("https:") else ""
        headers = {"Location": back, "Cache-Control": "no-store", "Set-Cookie": cookie}
        return Response(b"", status_code=303, headers=headers)

    def _choose(
        self, site: Site, browser: Browser | None, action: str, fields: dict[str, str], signals: frozenset[str]
    ) -> Browser:
        desk = self._desk
        people = desk.people
        key = fields.get("key", "")
        once = key if _KEY.match(key) else None
        made = browser or Browser(self._new_id(once), site.version.id, "")
        who, product = made.identifier, site.covered.id
        for signal in sorted(signals):
            people.signal(who, signal, product=product)
        states: dict[str, State] = {}
        if action == "save":
            # A box that is not ticked is not sent, so the form says which ones there were.
            asked = [name for name in fields.get("asked", "").split() if name in site.asked]
            states = {name: "in" if fields.get(f"{CHOICE}{name}") == "in" else "out" for name in asked}
        elif action == "refuse":
            states = dict.fromkeys(site.asked, "out")
        elif action == "accept":
            # A yes to everything at once is not the particular word that a signal gives way to.
            refused = site.signalled if signals else ()
            states = {name: "in" for name in site.asked if name not in refused}
        if states:
            again = f"banner {once}" if once else None
            people.choose(who, states, how="banner", product=product, version=site.version.id, key=again)
        digits = write_digits(people.current(who), desk.order)
        return Browser(made.id, site.version.id, digits)

    def _new_id(self, key: str | None) -> str:
        """The id of a browser that has none. From the key of a request, so that one sent again makes no other."""
        if key is None:
            return new_browser_id(self._random(16))
        return new_browser_id(hmac.digest(self._desk.people.key.browsers, f"new {key}".encode(), "sha256")[:16])


def _origin(request: Request[Any, Any, Any], site: Site) -> str | None:
    """The origin of a request, if it is the covered site's; None where there is none to see. FormError: another's."""
    origin = request.headers.get("origin")
    if origin is None:
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise FormError("This choice was sent from another site.")
        return None
    if not covered_origin(origin, site.covered):
        raise FormError(f"{site.covered.name} is not at {origin[:200]}: the policy says where it is, in `covers`.")
    return origin


def is_path(text: str) -> bool:
    """Whether it leads to the same host, whatever a browser makes of it."""
    plain = text.isascii() and text.isprintable() and "\\" not in text and " " not in text
    return plain and text.startswith("/") and not text.startswith("//") and len(text) <= 2000
