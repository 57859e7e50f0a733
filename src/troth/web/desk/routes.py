"""`/desk` over HTTP: what is due of staff, and the registers they work with. It shows; nothing can be changed here.

Acts are signed with the private key of whoever does them, which no server holds: each page has the command instead.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from troth.accountability.due.due import Due, most_urgent_first
from troth.accountability.due.gathering import DueOfStaff, as_json
from troth.accountability.legal.requests import LegalRequests, ready
from troth.accountability.legal.standing import APPROVERS, STATES
from troth.accountability.legal.telling import due as to_be_told
from troth.accountability.staff import StaffRegister
from troth.accountability.terms import Terms
from troth.conditions.claims.register import ClaimRegister
from troth.conditions.register import Register as Recipients
from troth.gates.delivery.deliveries import STATES as DELIVERY_STATES
from troth.gates.delivery.deliveries import Deliveries
from troth.gates.delivery.endpoints import Endpoints
from troth.gates.following.following import list_follow_ups
from troth.gates.share.disclosure import Disclosure
from troth.gates.share.files.links import Links
from troth.gates.share.files.recipient_keys import RecipientKeys
from troth.gates.share.files.row import look, unfetched
from troth.gates.share.register import Register
from troth.notice.view import Published, View, render_from
from troth.people import People
from troth.policy.history import Policy
from troth.policy.model import Version
from troth.store import StoreError
from troth.web.desk.admitting import admit
from troth.web.desk.shown import FileLine, claim_line, file_line, gag_of, lines_of, step_of
from troth.web.headers import Header, Receive, Scope, Send, send_text
from troth.web.services import CallerRefusedError, Callers

PREFIX = "/desk"
HERE = Path(__file__).parent
PRIVATE: tuple[Header, ...] = ((b"cache-control", b"no-store"), (b"x-robots-tag", b"noindex"))
SHOWN = 100  # lines of a register on one page
_CASE = re.compile(r"/desk/legal/(leg_[0-9a-f]{16})", re.ASCII)
_RECIPIENT = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}", re.ASCII)

Asked = Mapping[str, str]


class FilterError(ValueError):
    """What a list is to be limited to cannot be understood; the text says what would do."""


class DeskRoutes:
    """An ASGI app for `/desk` and what lies below. `terms` are those for legal requests."""

    def __init__(  # noqa: PLR0917 - made in one place
        self,
        people: People,
        policy: Policy,
        callers: Callers,
        clock: Callable[[], datetime],
        published: tuple[Published, ...] = (),
        terms: Terms | None = None,
    ) -> None:
        store = people.store
        self._store = store
        self._policy = policy
        self._callers = callers
        self._clock = clock
        self._published = published
        self._terms = terms or Terms()
        self._due = DueOfStaff(store, policy, self._terms)
        self._requests = LegalRequests(store)
        self._staff = StaffRegister(store)
        self._disclosures = Register(people, policy)
        self._deliveries = Deliveries(store)
        self._endpoints = Endpoints(store, people)
        self._links = Links(store, "")  # they are only looked at
        self._keys = RecipientKeys(store)
        self._claims = ClaimRegister(store, policy)
        self._recipients = Recipients(store, policy)
        self._pages: Mapping[str, Callable[[Asked], bytes]] = {
            "/desk": self.overview,
            "/desk/legal": self.requests,
            "/desk/disclosures": self.disclosures,
            "/desk/deliveries": self.deliveries,
            "/desk/claims": self.claims,
        }

    @staticmethod
    def takes(path: str) -> bool:
        """Whether a path is one of these."""
        return path in (PREFIX, f"{PREFIX}.json") or path.startswith(f"{PREFIX}/")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, once it is known that whoever sends it may see the desk."""
        try:
            await admit(self._callers, scope, self._version.vocabulary)
        except CallerRefusedError as refused:
            await send_text(scope, send, refused.status, refused.text, [*PRIVATE, *refused.headers])
            return
        if scope["method"] not in ("GET", "HEAD"):
            text = "The desk shows what is due; what is done is signed, by the commands that it shows."
            await send_text(scope, send, 405, text, [*PRIVATE, (b"allow", b"GET, HEAD")])
            return
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"), max_num_fields=20)
        asked = {name: values[-1].strip() for name, values in query.items() if values[-1].strip()}
        try:
            found = await asyncio.to_thread(self.find, scope["path"], asked)
        except FilterError as problem:
            await send_text(scope, send, 400, str(problem), list(PRIVATE))
            return
        except StoreError:
            text = "The store cannot be read at this moment. Please try again."
            await send_text(scope, send, 503, text, [*PRIVATE, (b"retry-after", b"5")])
            return
        if found is None:
            await send_text(scope, send, 404, "There is no such page. /desk has what is due.", list(PRIVATE))
            return
        body, kind = found
        headers = [(b"content-type", kind), (b"content-length", b"%d" % len(body)), *PRIVATE]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    def find(self, path: str, asked: Asked) -> tuple[bytes, bytes] | None:
        """What lies at an address, with its media type; None if nothing does. FilterError, StoreError."""
        if path == f"{PREFIX}.json":
            return as_json(self._due.all(), self._store.clock()), b"application/json"
        page = self._pages.get(path)
        body = page(asked) if page is not None else self.case(path)
        return None if body is None else (body, b"text/html; charset=utf-8")

    # --- pages --------------------------------------------------------------------------------------------------------

    def overview(self, asked: Asked) -> bytes:
        """`/desk`."""
        found = self._due.all()
        levels = [(level, [one for one in found if one.level == level]) for level in ("overdue", "soon", "open")]
        return self._page("desk.html", "desk", levels=levels, found=found)

    def requests(self, asked: Asked) -> bytes:
        """`/desk/legal`: every request, those first of which something is due."""
        at, staff = self._store.clock(), self._staff.everybody()
        lines, there = [], unfetched(self._store)
        for one in reversed(list(self._requests.standing().values())):
            fetching = not there.isdisjoint(one.released)
            step = step_of(one, self._terms, at, staff, ready(self._requests, one, self._terms, at), fetching)
            lines.append((one, step, one.gagged(at)))
        never = datetime.max.replace(tzinfo=UTC)
        lines.sort(key=lambda line: (line[1] is None, (line[1] and line[1].when) or never))
        return self._page("legal.html", "desk/legal", lines=lines, gag_of=gag_of, names=self._names(), states=STATES)

    def case(self, path: str) -> bytes | None:
        """`/desk/legal/<id>`: a request with all that became of it; None if there is none of that id."""
        match = _CASE.fullmatch(path)
        one = self._requests.standing().get(match[1]) if match is not None else None
        if one is None:
            return None
        at, staff = self._store.clock(), self._staff.everybody()
        names = {each.id: each.name for each in staff}
        facts = [fact for fact in self._requests.facts() if fact.subject == one.id]
        made = [found for id in one.released if (found := self._disclosures.one(id)) is not None]
        files = [self._file(each, at) for each in made if each.channel == "file"]
        return self._page(
            "case.html", f"desk/legal/{one.id}",
            one=one, names=names, states=STATES, approvers=APPROVERS,
            step=step_of(
                one, self._terms, at, staff, ready(self._requests, one, self._terms, at),
                any(file.waits for file in files),
            ),
            gagged=one.gagged(at), gag_of=gag_of, lines=lines_of(facts, names),
            waiting=len(to_be_told(self._requests, one, at)),
            here=len(set(self._requests.ledger.persons(one.id).values())),
            made=[(each, self._disclosures.batches(each.id)) for each in made],
            files=files,
            has_key=self._keys.public(one.received.authority) is not None,
            authority=self._names().get(one.received.authority, one.received.authority),
        )  # fmt: skip

    def disclosures(self, asked: Asked) -> bytes:
        """`/desk/disclosures`: to whom what went, limited to a recipient and a time."""
        recipient = _recipient(asked)
        since, until = _day(asked, "since"), _day(asked, "until")
        try:
            found = self._disclosures.list(
                recipient, since=since, until=until, after=asked.get("after"), limit=SHOWN + 1
            )
        except ValueError as problem:
            raise FilterError(str(problem)) from None
        counts = [one for one in self._disclosures.article_30(since, until) if recipient in (None, one.recipient)]
        kept = {name: asked[name] for name in ("recipient", "since", "until") if name in asked}
        more = None
        if len(found) > SHOWN:
            more = f"?{urlencode({**kept, 'after': found[SHOWN - 1].id})}"
        return self._page(
            "disclosures.html", "desk/disclosures",
            found=found[:SHOWN], counts=counts, asked=asked, more=more, names=self._names(),
        )  # fmt: skip

    def deliveries(self, asked: Asked) -> bytes:
        """`/desk/deliveries`: what is on its way, where it is delivered, and what follows people."""
        recipient, state = _recipient(asked), asked.get("state")
        chosen = next((each for each in DELIVERY_STATES if each == state), None)
        if state is not None and chosen is None:
            raise FilterError(f"There is no state '{state[:60]}'. The states: {', '.join(DELIVERY_STATES)}.")
        at = self._store.clock()
        found = self._deliveries.list(recipient=recipient, state=chosen, limit=SHOWN)
        follow_ups = list_follow_ups(self._store, recipient=recipient, limit=SHOWN)
        endpoints = [(one, urlsplit(one.url).hostname) for one in self._endpoints.list(recipient)]
        return self._page(
            "deliveries.html", "desk/deliveries",
            found=found, late={one.id for one in found if one.overdue(at)}, follow_ups=follow_ups,
            late_follow_ups={one.id for one in follow_ups if one.due_at <= at}, endpoints=endpoints,
            states=DELIVERY_STATES, asked=asked, names=self._names(),
        )  # fmt: skip

    def claims(self, asked: Asked) -> bytes:
        """`/desk/claims`: every claim of the policy in force."""
        at, standing = self._store.clock(), self._claims.standing()
        names = {each.id: each.name for each in self._staff.everybody()}
        version = self._policy.in_force(at)
        lines = [claim_line(one, standing.get(one.id), at, names) for one in (version.claims if version else ())]
        due: dict[str, list[Due]] = {}
        for one in most_urgent_first(self._due.all()):
            if one.room == "claims":
                due.setdefault(one.about, []).append(one)
        return self._page("claims.html", "desk/claims", lines=lines, due=due)

    def _file(self, one: Disclosure, at: datetime) -> FileLine:
        return file_line(one.id, look(self._store, one.id), self._links.list(one.id), at)

    # --- inside -------------------------------------------------------------------------------------------------------

    @property
    def _version(self) -> Version:
        return self._policy.in_force(self._clock()) or self._policy.versions[0]

    def _names(self) -> dict[str, str]:
        """The names of recipients by id, as the register or else the latest version that declares them has them."""
        declared = {one.id: str(one.name) for version in self._policy.versions for one in version.recipients}
        return declared | {id: one.profile.name for id, one in self._recipients.standing().items()}

    def _page(self, template: str, address: str, **values: Any) -> bytes:
        now, version = self._clock(), self._version
        view = View(
            self._policy, version, now, address, version.language, now=now, published=self._published, choices=True,
            rooted=True,
        )  # fmt: skip
        return render_from(HERE / "templates", template, view, at=self._store.clock(), **values)


def _recipient(asked: Asked) -> str | None:
    recipient = asked.get("recipient")
    if recipient is not None and not _RECIPIENT.fullmatch(recipient):
        raise FilterError(f"'{recipient[:60]}' is not the id of a recipient. `troth recipient list` has them.")
    return recipient


def _day(asked: Asked, name: str) -> datetime | None:
    text = asked.get(name)
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise FilterError(f"{name}: '{text[:60]}' is no day; write it as 2026-05-01.") from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found
