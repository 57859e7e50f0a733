"""The web application: the decision routes as plain ASGI, in front of the pages.

The decision route is the one that every gate of an application calls, so nothing stands between it and the server; the
pages are Litestar's. Whatever the path, the request must be sent to a name that this server answers to, and the
response carries the security headers. With people there are the pages of choices too, and decisions know what people
chose.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, cast
from urllib.parse import urlsplit

from troth.decision.point import DecisionPoint
from troth.notice.view import Published
from troth.policy.history import Policy
from troth.web.authzen import PREFIX, Clock, DecisionRoutes
from troth.web.headers import App, Receive, Scope, Send, secured, send_text
from troth.web.hosts import Hosts

if TYPE_CHECKING:
    from troth.accountability.telling import Teller
    from troth.accountability.terms import Terms
    from troth.gates.collect import Collecting
    from troth.gates.following.following import Following
    from troth.gates.share.files.files import Files
    from troth.gates.share.files.place import Place
    from troth.gates.share.share import Sharing
    from troth.gates.tally import Tally
    from troth.people import ChoiceIndex, People
    from troth.record.log import Log
    from troth.vault import Vault
    from troth.web.choices.app import ChoicePages
    from troth.web.choices.mail import Post
    from troth.web.complaints.place import Place as Complaints
    from troth.web.mail.desk import MailDesk, MailPlace
    from troth.web.services import Callers
    from troth.web.v1.app import Gates


def _now() -> datetime:
    return datetime.now(UTC)


class Mount(NamedTuple):
    """An app that answers for some paths, before the pages do: whether it takes a path, and the app."""

    takes: Callable[[str], bool]
    app: App


class WebApp:
    """An ASGI app: decisions in front, pages behind. With `tls` a proxy in front of the pages speaks TLS.

    `mounts` stand between the two, in the order in which they are asked.
    """

    def __init__(
        self,
        decisions: DecisionRoutes,
        pages: App,
        hosts: Hosts,
        *,
        mounts: Iterable[Mount] = (),
        choices: ChoicePages | None = None,
        index: ChoiceIndex | None = None,
        gates: Gates | None = None,
        tls: bool = False,
        callers: Callers | None = None,
        teller: Teller | None = None,
        subscribers: Callable[[], int] | None = None,
        files: Files | None = None,
        complaints: Complaints | None = None,
    ) -> None:
        self.teller = teller
        self.subscribers = subscribers
        self.files = files
        self.complaints = complaints
        self.callers = callers
        self._decisions = decisions
        self._routes = decisions.routes
        self._pages = secured(pages)
        self._hosts = hosts
        self._mounts = tuple(mounts)
        self._choices = choices
        if choices is not None:
            self._mounts += (Mount(choices.takes, choices),)
        self._index = index
        self._gates = gates
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
    clock_of_pages = clock or _now
    point = DecisionPoint(policy)
    callers = None
    mounts: list[Mount] = []
    hosts, parts = tuple(hosts), urlsplit(site or "")
    local = Hosts(hosts)
    everywhere = Hosts((*hosts, *names, *filter(None, [parts.hostname])))
    published: tuple[Published, ...] = ()
    sealed: tuple[tuple[str, str], ...] = ()
    if log is not None:
        from troth.conditions.claims.register import ClaimRegister  # noqa: PLC0415 - only who has a store needs it
        from troth.gates.services import ServiceKeys  # noqa: PLC0415 - only who has a store pays for loading it
        from troth.web.accountability.transparency import TransparencyRoutes  # noqa: PLC0415 - likewise
        from troth.web.complaints.counts import complained_about, complaint_counts  # noqa: PLC0415 - likewise
        from troth.web.promises.routes import PromiseRoutes  # noqa: PLC0415 - likewise
        from troth.web.recipients.routes import RecipientRoutes  # noqa: PLC0415 - likewise
        from troth.web.record import RecordRoutes, publications  # noqa: PLC0415 - likewise
        from troth.web.seals.routes import PICTURE_HEADERS, SealRoutes  # noqa: PLC0415 - likewise
        from troth.web.services import Callers  # noqa: PLC0415 - likewise
        from troth.web.stored import Stored  # noqa: PLC0415 - likewise

        callers = Callers(ServiceKeys(log.store), require_keys, local=local)
        callers.follow()
        published = publications(log, policy)
        sealed = ClaimRegister(log.store, policy).seals(clock_of_pages())
        stored = Stored(log, policy, clock_of_pages, published, site, people is not None)
        record = RecordRoutes(log, policy, clock_of_pages, choices=people is not None)
        mounts.append(Mount(RecordRoutes.takes, secured(record)))
        mounts.append(Mount(RecipientRoutes.takes, secured(RecipientRoutes(stored))))
        seals = SealRoutes(stored)
        mounts.append(Mount(SealRoutes.takes_picture, secured(seals, PICTURE_HEADERS)))
        mounts.append(Mount(SealRoutes.takes, secured(seals)))
        counts = partial(complaint_counts, log.store, clock_of_pages)
        mounts.append(Mount(PromiseRoutes.takes, secured(PromiseRoutes(stored, counts))))
        if people is not None:
            report = TransparencyRoutes(stored, terms)
            mounts.append(Mount(TransparencyRoutes.takes, secured(report)))
    index, choices, complaints, complained = None, None, None, None
    if log is not None and people is not None and post is not None:
        from troth.people import ChoiceIndex  # noqa: PLC0415 - likewise
        from troth.web.choices.app import ChoicePages  # noqa: PLC0415 - likewise
        from troth.web.choices.desk import Desk  # noqa: PLC0415 - likewise

        people.use(policy)
        index = ChoiceIndex(people, point)
        index.follow()
        choices = ChoicePages(Desk(people, point, log, clock_of_pages, post, site, published, vault, terms))
        from troth.accountability.complaints.desk import ComplaintDesk  # noqa: PLC0415 - likewise
        from troth.web.complaints.app import ComplaintPages  # noqa: PLC0415 - likewise
        from troth.web.complaints.place import Place as Complaints  # noqa: PLC0415 - likewise

        desk = ComplaintDesk(log.store, policy, people.key)
        complaints = Complaints(desk, point, log, clock_of_pages, published, site or public_url, post)
        complained = partial(complained_about, desk)
        mounts.append(Mount(ComplaintPages.takes, ComplaintPages(complaints)))
    gates, teller, made, subscribers = None, None, None, None
    if vault is not None and index is not None and callers is not None:
        from troth.gates.tally import Tally  # noqa: PLC0415 - likewise

        tally = tally or Tally()
        if post is not None:
            from troth.accountability.telling import Teller  # noqa: PLC0415 - likewise
            from troth.accountability.terms import Terms  # noqa: PLC0415 - likewise

            page = f"{(site or public_url or 'http://localhost').rstrip('/')}/choices"
            teller = Teller(vault, point, index, terms or Terms(), post, page, tally)
            from troth.conditions import Register  # noqa: PLC0415 - likewise
            from troth.web.recipients.subscribing import Subscriptions  # noqa: PLC0415 - likewise

            subscriptions = Subscriptions(vault.people, Register(vault.store, policy))
            subscribers = partial(subscriptions.run, post, page.removesuffix("/choices"))
        from troth.web.mail.desk import MailDesk, MailPlace  # noqa: PLC0415 - likewise
        from troth.web.mail.pages import MailPages  # noqa: PLC0415 - likewise
        from troth.web.v1.app import Gates  # noqa: PLC0415 - likewise
        from troth.web.v1.desk import GateDesk  # noqa: PLC0415 - likewise

        office = MailDesk(vault.people, point, mail or MailPlace(site=site or public_url or "http://localhost"))
        gates = Gates(GateDesk(vault, point, index, callers, terms, tally=tally), office)
        mounts.append(Mount(MailPages.takes, MailPages(office, callers, clock_of_pages, published)))
        from troth.web.desk.routes import DeskRoutes  # noqa: PLC0415 - likewise

        staff = DeskRoutes(vault.people, policy, callers, clock_of_pages, published, terms)
        mounts.append(Mount(DeskRoutes.takes, secured(staff)))
        if files is not None:
            from troth.web.v1.filing import file_routes  # noqa: PLC0415 - likewise

            made, routes = file_routes(vault, point, index, files, terms)
            mounts.append(Mount(routes.takes, routes))
        mounts.append(Mount(Gates.takes, gates))
    if pages is None:
        from troth.web.pages import make_pages  # noqa: PLC0415 - only who serves pages pays for loading them

        pages = cast("App", make_pages(policy, clock_of_pages, published, choices is not None, sealed, complained))
    decisions = DecisionRoutes(
        point,
        clock=clock,
        public_url=public_url,
        hosts=local if callers is None else everywhere,
        people=index,
        callers=callers,
    )
    tls = parts.scheme == "https"
    return WebApp(
        decisions,
        pages,
        everywhere,
        mounts=mounts,
        choices=choices,
        index=index,
        gates=gates,
        tls=tls,
        callers=callers,
        teller=teller,
        subscribers=subscribers,
        files=made,
        complaints=complaints,
    )
