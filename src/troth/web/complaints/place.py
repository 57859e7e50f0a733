"""What the pages of complaints share: the desk, the record, the time, the frame, and how a step is told in words."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from litestar import Request, Response

from troth.accountability.complaints.case_file import EXTENSIONS
from troth.accountability.complaints.desk import ComplaintDesk
from troth.accountability.complaints.facts import Closed, Determined, Escalated, Said, what_of
from troth.accountability.complaints.standing import ComplaintStanding
from troth.accountability.complaints.texts import Opened
from troth.accountability.ledger import Fact
from troth.decision.point import DecisionPoint
from troth.notice.view import Published, View, languages, render_from
from troth.policy.model import Version
from troth.record.log import Log
from troth.web.choices.mail import Post
from troth.web.complaints.watching import Watch
from troth.web.complaints.words import ENDINGS, OUTCOMES, TOLD, WHO
from troth.web.negotiation import best_language

HERE = Path(__file__).parent
PRIVATE = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex"}


class Step(msgspec.Struct, frozen=True):
    """A step as a page tells it: when, what, by whom; what was written and which files, as far as they may be read."""

    at: datetime
    what: str
    title: str
    who: str
    remark: str
    texts: tuple[tuple[str, str], ...]
    files: tuple[tuple[str, str, int], ...]
    hidden: bool
    entry: int


class Place:
    """Everything that a page of complaints needs. `site` is the address under which people reach them."""

    def __init__(  # noqa: PLR0917 - made in one place
        self,
        desk: ComplaintDesk,
        point: DecisionPoint,
        log: Log,
        clock: Callable[[], datetime],
        published: tuple[Published, ...] = (),
        site: str | None = None,
        post: Post | None = None,
    ) -> None:
        self.desk = desk
        self.point = point
        self.log = log
        self.clock = clock
        self.published = published
        self._site = site.rstrip("/") if site else None
        self.watch = None if post is None else Watch(desk, post, site or "http://localhost", self.mails)

    def version(self) -> Version | None:
        """The version in force."""
        return self.desk.policy.in_force(self.clock())

    def site(self, request: Request[Any, Any, Any]) -> str:
        """The address of these pages, without a slash at its end."""
        return self._site or f"{request.scope['scheme']}://{request.headers.get('host', 'localhost')}"

    def mails(self) -> bool:
        """Whether people can be answered by mail: the policy says that an address is used to fulfil rights."""
        version = self.version()
        decision = self.point.decide(action="use", data="contact.email", purpose="legal.rights", at=self.clock())
        return (
            self.watch is not None and version is not None and version.publisher.email is not None and decision.allowed
        )

    def page(
        self, request: Request[Any, Any, Any], template: str, *, status: int = 200, **values: object
    ) -> Response[bytes]:
        """A page in the frame of all pages, which nobody keeps."""
        now = self.clock()
        version = self.version() or self.desk.policy.versions[0]
        known = languages(version)
        language = best_language(request.query_params.get("lang"), request.headers.get("accept-language"), known)
        view = View(
            self.desk.policy, version, now, request.scope["path"].removeprefix("/"), language or version.language,
            now=now, published=self.published, choices=True,
        )  # fmt: skip
        body = render_from(HERE / "templates", template, view, now=now, **values)
        return Response(body, status_code=status, media_type="text/html", headers=PRIVATE)

    def steps(
        self, one: ComplaintStanding, readable: Collection[str] | None = None, at_body: bool = False
    ) -> tuple[Step, ...]:
        """What happened, in order; with `readable` only these texts and files are shown."""
        opened = self.desk.texts.read(one.id)
        return tuple(_step(fact, opened, readable, at_body) for fact in one.facts)


def seen_other(location: str) -> Response[bytes]:
    """Another page, to be asked for with GET."""
    return Response(b"", status_code=303, headers={"Location": location, **PRIVATE})


def download(opened: Opened) -> Response[bytes]:
    """A file as a download; the headers of a sandbox are put on by the app."""
    written = opened.written
    name = f"{opened.id}{EXTENSIONS.get(written.type, '.bin')}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', **PRIVATE}
    return Response(written.data, media_type=written.type, headers=headers)


def _step(fact: Fact[Said], opened: dict[str, Opened], readable: Collection[str] | None, at_body: bool) -> Step:
    said = fact.said
    shown = [kept for kept in said.kept if kept.id in opened and (readable is None or kept.id in readable)]
    labels = {"text": "", "wanted": "What is wanted", "address": "Answer to"}
    texts = tuple((labels[kept.sort], opened[kept.id].written.text) for kept in shown if kept.sort != "file")
    files = tuple(
        (kept.id, opened[kept.id].written.name, len(opened[kept.id].written.data))
        for kept in shown
        if kept.sort == "file"
    )
    remark = ""
    if isinstance(said, Determined):
        remark = OUTCOMES[said.outcome]
        if said.remedy_by is not None:
            remark += f" It has to be remedied by {said.remedy_by.day} {said.remedy_by:%B %Y}."
    elif isinstance(said, Escalated) and said.why == "late":
        remark = "No answer came in the promised days."
    elif isinstance(said, Closed):
        remark = ENDINGS[said.why] + (f" The rule: {said.rule}" if said.rule else "")
    who = WHO[said.by]
    if said.by == "person" and not at_body:
        who = "by you"
    hidden = any(kept.sort != "address" for kept in said.kept) and not shown
    return Step(fact.at, what_of(said), TOLD[what_of(said)], who, remark, texts, files, hidden, fact.leaf)
