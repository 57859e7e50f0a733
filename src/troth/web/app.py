"""The web application: the decision routes as plain ASGI, in front of the pages.

The decision route is the one that every gate of an application calls, so nothing stands between it and the server; the
pages are Litestar's. Whatever the path, the request must be sent to a name that this server answers to, and the
response carries the security headers. With people there are the pages of choices too, and decisions know what people
chose.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from troth.decision.point import DecisionPoint
from troth.policy.history import Policy
from troth.web.authzen.routes import PREFIX, Clock, DecisionRoutes
from troth.web.headers import App, Receive, Scope, Send, secured, send_text
from troth.web.hosts import Hosts
from troth.web.mounts import Rooms

if TYPE_CHECKING:
    from troth.accountability.terms import Terms
    from troth.gates.collect import Collecting
    from troth.gates.following.following import Following
    from troth.gates.share.files.place import Place
    from troth.gates.share.share import Sharing
    from troth.gates.tally import Tally
    from troth.people import People
    from troth.record.log import Log
    from troth.vault import Vault
    from troth.web.choices.mail import Post
    from troth.web.mail.desk import MailDesk, MailPlace


def _now() -> datetime:
    return datetime.now(UTC)


class WebApp:
    """An ASGI app: decisions in front, pages behind. With `tls` a proxy in front of the pages speaks TLS.

    The mounts of `rooms` stand between the two, in the order in which they are asked.
    """

    def __init__(self, decisions: DecisionRoutes, pages: App, hosts: Hosts, rooms: Rooms, *, tls: bool = False) -> None:
        self.teller = rooms.teller
        self.subscribers = rooms.subscribers
        self.files = rooms.files
        self.complaints = rooms.complaints
        self.callers = rooms.callers
        self._decisions = decisions
        self._routes = decisions.routes
        self._pages = secured(pages)
        self._hosts = hosts
        self._mounts = tuple(rooms.mounts)
        self._choices = rooms.choices
        self._index = rooms.index
        self._gates = rooms.gates
        self._tls = tls

    @property
    def collecting(self) -> Collecting | None:
        """The gate `collect`, for an application in the same process; None without a vault."""
        return None if self._gates is None else self._gates.desk.collecting

    @property
    def following(self) -> Following | None:
        """What follows people to those who received their data; None without a vault."""
        return None if self._gates is None else self._gates.desk.following

    @property
    def sharing(self) -> Sharing | None:
        """The gate `share`, likewise."""
        return None if self._gates is None else self._gates.desk.sharing

    @property
    def tally(self) -> Tally | None:
        """What the gates decided and is not written down yet; None without a vault."""
        return None if self._gates is None else self._gates.desk.tally

    @property
    def mail(self) -> MailDesk | None:
        """What is known of mail, and forgotten in time; None without a vault."""
        return None if self._gates is None else self._gates.mail

    def close(self) -> None:
        """Stop following what people choose and which keys there are; decisions are refused from then on."""
        if self._index is not None:
            self._index.close()
        if self.callers is not None:
            self.callers.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or the start and end of the server's life."""
        if scope["type"] == "http":
            path = scope["path"]
            route = self._routes.get(path)
            if self._tls and (route is None or self.callers is None or not self.callers.is_local(scope)):
                scope["scheme"] = "https"
            if route is not None:
                await route(scope, receive, send)
                return
            if path.startswith(PREFIX):
                await self._decisions.not_found(scope, receive, send)
                return
            if refusal := self._hosts.refusal(scope):
                await send_text(scope, send, *refusal)
                return
            app = next((mount.app for mount in self._mounts if mount.takes(path)), self._pages)
            await app(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._pages(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})


def make_app(
    policy: Policy,
    *,
    clock: Clock | None = None,
    hosts: Iterable[str] = (),
    public_url: str | None = None,
    pages: App | None = None,
    log: Log | None = None,
    site: str | None = None,
    people: People | None = None,
    post: Post | None = None,
    vault: Vault | None = None,
    names: Iterable[str] = (),
    require_keys: bool = False,
    terms: Terms | None = None,
    files: Place | None = None,
    mail: MailPlace | None = None,
    tally: Tally | None = None,
) -> WebApp:
    """The web application of a policy.

    `clock` gives the present time, with a zone. `hosts` are host names to answer to besides those of loopback.
    `public_url` is the address under which callers know this server. `pages` takes the place of Troth's own pages.
    `site` is the address under which people read the pages, where a proxy on this machine passes it on; if that address
    is https, the pages say so (HSTS). `names` are further host names, for a network.

    With a `log` the record is served too, and the versions of the policy that are in it lead to their proofs. Callers
    may have service keys then: decisions are answered under `site` and `names` too, to callers with a key, and with
    `require_keys` under every name to those alone. With `people` as well, who then go by this policy, they can choose:
    `post` is how codes reach them. With their `vault` the gates are open, too. Such an application follows what people
    choose until it is closed. `terms` are those for legal requests, of which the transparency report tells.
    `files` is where the files of disclosures lie; without it, none are made or given. `mail` is what is configured of
    mail. `tally` counts what the gates decide, one of its own without it.
    """
    point, clock_of_pages = DecisionPoint(policy), clock or _now
    hosts, parts = tuple(hosts), urlsplit(site or "")
    local = Hosts(hosts)
    everywhere = Hosts((*hosts, *names, *filter(None, [parts.hostname])))
    rooms = Rooms()
    if log is not None:
        from troth.web.rooms import Given, open_rooms  # noqa: PLC0415 - only who has a store pays for loading them

        rooms = open_rooms(
            Given(
                policy=policy, point=point, clock=clock_of_pages, log=log, local=local, site=site,
                public_url=public_url, require_keys=require_keys, people=people, post=post, vault=vault, terms=terms,
                files=files, mail=mail, tally=tally,
            )
        )  # fmt: skip
    if pages is None:
        from troth.web.pages import make_pages  # noqa: PLC0415 - only who serves pages pays for loading them

        choices = rooms.choices is not None
        own = make_pages(policy, clock_of_pages, rooms.published, choices, rooms.sealed, rooms.complained)
        pages = cast("App", own)
    decisions = DecisionRoutes(
        point,
        clock=clock,
        public_url=public_url,
        hosts=local if rooms.callers is None else everywhere,
        people=rooms.index,
        callers=rooms.callers,
    )
    return WebApp(decisions, pages, everywhere, rooms, tls=parts.scheme == "https")
