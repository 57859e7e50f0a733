"""Promises over HTTP: `/promises` asks of each whether it is kept, `/promises/<id>` tells the story of one.

`.json` after either gives the same for machines, and `/promises/<id>/evidence.zip` the evidence. What is shown is made
from the store at the moment it is asked for.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

import msgspec

from troth.accountability.complaints.bodies import Bodies
from troth.accountability.complaints.counting import requests_of_rights
from troth.accountability.promises.status import Complaints, Promise, promises
from troth.accountability.verifying.results import Result, Results
from troth.conditions.claims.register import ClaimRegister
from troth.gates.tally import counts_by_statement
from troth.notice.view import render_from
from troth.notice.words import title
from troth.policy.model import Version
from troth.policy.values import Text
from troth.store import StoreError
from troth.web.headers import Header, Receive, Scope, Send, send_text
from troth.web.promises.bars import bars
from troth.web.promises.evidence import EvidenceRoute
from troth.web.stored import HTML, JSON, Stored, header, language_of, send_body

PREFIX = "/promises"
HERE = Path(__file__).parent
_PATH = re.compile(r"/promises(?:/(?P<id>[a-z0-9](?:[a-z0-9._-]*?[a-z0-9])??))?(?P<form>\.json)?", re.ASCII)
NO_CACHE: Header = (b"cache-control", b"no-cache")

CountComplaints = Callable[[], Mapping[str, Complaints]]


class Day(msgspec.Struct, frozen=True):
    """A day as JSON has it."""

    day: str
    allowed: int
    refused: int


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A promise as JSON has it; moments are RFC 3339, in UTC."""

    id: str
    says: str
    state: str
    why: str
    since: datetime | None
    verified: datetime | None
    enforced: tuple[str, ...]
    tests: dict[str, str]
    allowed: int
    refused: int
    open_complaints: int
    days: tuple[Day, ...] = ()


class Ended(msgspec.Struct, frozen=True):
    """A claim that is made no longer: its name and state, since when, why, and the id of its seal if it had one."""

    name: str
    state: str
    since: datetime
    why: Text | None
    seal: str | None


class PromiseRoutes:
    """An ASGI app for `/promises` and what lies below. `complaints` counts them by statement."""

    def __init__(self, stored: Stored, complaints: CountComplaints = dict) -> None:
        self._stored = stored
        self._complaints = complaints
        self._results = Results(stored.log.store)
        self._claims = ClaimRegister(stored.log.store, stored.policy)
        self._bodies = Bodies(stored.log.store)
        self._evidence = EvidenceRoute(stored.log, stored.policy, stored.clock, complaints)

    @staticmethod
    def takes(path: str) -> bool:
        """Whether a path is one of these."""
        return path == PREFIX or path.startswith((f"{PREFIX}/", f"{PREFIX}."))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["method"] not in ("GET", "HEAD"):
            await send_text(scope, send, 405, "Promises can be read.", [(b"allow", b"GET, HEAD")])
            return
        if (wanted := EvidenceRoute.statement(scope["path"])) is not None:
            await self._evidence.send(scope, send, wanted)
            return
        match = _PATH.fullmatch(scope["path"])
        found: tuple[bytes, str] | None = None
        try:
            if match is not None:
                found = await asyncio.to_thread(
                    self.find, match["id"], bool(match["form"]), header(scope, b"accept-language")
                )
        except StoreError:
            retry: list[Header] = [(b"retry-after", b"5")]
            await send_text(scope, send, 503, "Whether promises are kept cannot be said at this moment.", retry)
            return
        if found is None and match is not None and self._was_claimed(match["id"]):
            said = f"This is not claimed any more, so it is no promise now. {PREFIX} says since when, and why."
            await send_text(scope, send, 410, said)
            return
        if found is None:
            await send_text(scope, send, 404, f"The policy in force has no such promise. {PREFIX} has all of them.")
            return
        await send_body(scope, send, *found, [NO_CACHE, (b"vary", b"accept-language")])

    def _was_claimed(self, id: str | None) -> bool:
        version = self._stored.policy.in_force(self._stored.clock())
        return version is not None and any(claim.id == id for claim in version.claims)

    def find(
        self, id: str | None, as_json: bool = False, accept_language: str | None = None
    ) -> tuple[bytes, str] | None:
        """What lies at an address, with its media type; None if nothing does. StoreError: it cannot be read now."""
        at = self._stored.clock()
        version = self._stored.policy.in_force(at)
        if version is None:
            return None
        results = self._results.latest()
        found = self._promises(version, at, results)
        one = next((each for each in found if each.statement.id == id), None)
        if id is not None and one is None:
            return None
        if as_json:
            value: object = told(one, True) if one is not None else [told(each) for each in found]
            return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n", JSON
        address = PREFIX[1:] if id is None else f"{PREFIX[1:]}/{id}"
        view = self._stored.view(version, address, at, language_of(version, None, accept_language))
        latest = self._stored.log.latest()
        today = at.date()
        if one is None:
            counts = {state: sum(each.state == state for each in found) for state in ("kept", "broken", "not verified")}
            page = render_from(
                HERE / "templates", "promises.html", view, promises=found, counts=counts, latest=latest,
                verified=max((result.at for result in results.values()), default=None),
                bars=lambda each: bars(each.counted, today), ended=self._ended(version, at),
            )  # fmt: skip
        else:
            history: dict[str, list[Result]] = {rest.name: self._results.of(rest.name, 5) for rest in one.rests}
            page = render_from(
                HERE / "templates", "promise.html", view, one=one, latest=latest, history=history,
                drawing=bars(one.counted, today),
            )  # fmt: skip
        return page, HTML

    def _ended(self, version: Version, at: datetime) -> list[Ended]:
        """The claims of a version that were made and are not now: their sentences are gone, and that is told here."""
        standing = self._claims.standing(at)
        found = []
        for claim in version.claims:
            if claim.end is None or claim.end > at:
                continue
            one = standing.get(claim.id)
            state = one.state(at) if one is not None else "void" if claim.void is not None else "lapsed"
            seal = one.signings[-1].said.seal if one is not None and one.signings and claim.seal else None
            name = claim.programme or title(claim.framework or claim.id)
            found.append(Ended(name, state, claim.end, claim.void.why if claim.void is not None else None, seal))
        return found

    def _promises(self, version: Version, at: datetime, results: Mapping[str, Result]) -> tuple[Promise, ...]:
        """Every promise of a version, as it stands at a moment, by the latest results of the tests."""
        return promises(
            version,
            at,
            results=results,
            failing=self._results.failing(results),
            claims=self._claims.standing(at),
            counted=counts_by_statement(self._stored.log.store, at),
            complaints=self._complaints(),
            requests=requests_of_rights(self._stored.log.store, at),
            taking=self._bodies.taking(),
        )


def told(one: Promise, days: bool = False) -> Told:
    """A promise for machines."""
    return Told(
        id=one.statement.id,
        says=str(one.statement.says),
        state=one.state,
        why=one.why,
        since=one.since,
        verified=one.verified,
        enforced=one.enforced,
        tests={rest.name: rest.state for rest in one.rests},
        allowed=one.allowed,
        refused=one.refused,
        open_complaints=one.complaints.open,
        days=tuple(Day(day.day.isoformat(), day.allowed, day.refused) for day in one.counted) if days else (),
    )
