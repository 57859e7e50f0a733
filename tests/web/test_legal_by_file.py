"""A legal request answered by a file: who may have it released, who fetches it, and that nothing tells of it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import msgspec
import pyrage
import pytest
from choosing import FLAGSHIP, Choosing, choosing
from running import running
from sqlalchemy import text
from test_choices_browser import fits, page_of, violations
from test_legal_pages import Court

from troth.accountability.errors import CaseError
from troth.accountability.legal.by_file import ByFile, Handed
from troth.accountability.legal.facts import Closed, Gag, Gagged, Linked
from troth.accountability.verifying.contradictions import contradictions
from troth.gates.delivery.endpoints import Endpoints
from troth.gates.share.files.files import Files
from troth.gates.share.files.links import LinkError
from troth.gates.share.files.place import Place
from troth.record.kinds import read_entry
from troth.web.app import WebApp, make_app
from troth.web.choices.mail import FolderPost

SHOTS = os.environ.get("TROTH_SHOTS")  # a folder into which pictures are put, to be looked at
DAY = timedelta(days=1)
LAW = "18 U.S.C. 2705(b)"


class Answering(msgspec.Struct):
    """A court that fetches files, a request of it, and the server that gives them."""

    court: Court
    app: WebApp
    url: str
    by_file: ByFile
    identity: pyrage.x25519.Identity
    secret: str

    @property
    def files(self) -> Files:
        assert self.app.files is not None
        return self.app.files

    def gagged(self) -> str:
        return self.court.request(Gag(until=self.court.served.clock.now + 20 * DAY, basis=LAW))

    def release(self, id: str, name: str = "dora") -> tuple[str, Handed]:
        _, shared, handed = self.by_file.release(self.court.staff[name], id, self.app.sharing)
        return shared.id, handed

    def fetch(self, handed: Handed, secret: str | None = None) -> httpx.Response:
        path = handed.link.removeprefix("https://privacy.example.org")
        headers = {"Authorization": f"Bearer {secret or self.secret}"}
        with httpx.Client(base_url=self.url, trust_env=False) as client:
            return client.get(path, headers=headers)

    def page(self, id: str) -> str:
        with httpx.Client(base_url=self.url, trust_env=False) as client:
            return client.get(f"/desk/legal/{id}").text

    def entries(self) -> list[dict[str, object]]:
        with self.court.served.log.store.read() as connection:
            rows = connection.execute(text('SELECT entry FROM leaves ORDER BY "index"')).scalars().all()
        return [read_entry(bytes(row)) for row in rows]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Choosing]:
    with choosing(tmp_path) as served:
        yield served


@pytest.fixture
def at(served: Choosing) -> Iterator[Answering]:
    app = make_app(
        FLAGSHIP, clock=served.clock, log=served.log, people=served.people, post=FolderPost(served.folder / "mail"),
        vault=served.vault, files=Place(served.folder / "files", "https://privacy.example.org"),
    )  # fmt: skip
    try:
        with running(app) as url:
            court = Court(served)
            assert app.files is not None
            identity = pyrage.x25519.Identity.generate()
            app.files.keys.register("court", str(identity.to_public()).encode(), by="mary")
            _, secret = app.files.keys.make_secret("court", by="mary")
            yield Answering(court, app, url, ByFile(court.desk, app.files.links), identity, secret)
    finally:
        app.close()


def test_the_authority_fetches_what_was_released_once(at: Answering) -> None:
    id = at.gagged()
    disclosure, handed = at.release(id)
    closing = f"troth legal close {id}"
    assert closing not in at.page(id)  # it would stop the file
    assert at.files.make_next() == disclosure
    assert closing not in at.page(id)
    assert at.fetch(handed, "troth_fetch_0123456789abcdef_" + "A" * 43).status_code == 401
    answer = at.fetch(handed)
    assert answer.status_code == 200, answer.text
    (line,) = pyrage.decrypt(answer.content, [at.identity]).splitlines()
    assert json.loads(line)["data"] == {"identity.name": "Ann"}
    assert at.fetch(handed).json()["error"] == "used"
    assert closing in at.page(id)
    one = at.court.desk.requests.find(id)
    assert (one.state, one.released) == ("released", (disclosure,))
    assert contradictions(at.court.served.log.store) == []


def test_nothing_in_the_record_tells_of_it(at: Answering) -> None:
    Endpoints(at.court.served.log.store, at.court.served.people).add("court", "https://court.example/in", by="m")
    before = len(at.entries())
    seen = (at.court.centre(), at.court.page(), at.court.page("/transparency.json"), at.court.page("/promises.json"))
    id = at.gagged()
    _, handed = at.release(id)
    at.files.make_next()
    answer = at.fetch(handed)
    assert (answer.status_code, "troth-delivery" in answer.headers) == (200, False)
    at.app.tally.write(at.court.served.log.store)
    new = at.entries()[before:]
    assert {entry["kind"] for entry in new} == {"case"}
    assert len({(tuple(sorted(entry)), len(json.dumps(entry))) for entry in new}) == 1, "all look alike"
    # nor is anything sent of which the authority would be told, or which it would acknowledge for all to read
    with at.court.served.log.store.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM deliveries")).scalar() == 0
    now = (at.court.centre(), at.court.page(), at.court.page("/transparency.json"), at.court.page("/promises.json"))
    assert now == seen
    # what ends without being fetched is sealed as well
    _, handed = at.release(id)
    at.files.make_next()
    at.court.served.clock.now += 8 * DAY
    at.files.sweep()
    assert at.fetch(handed).json()["error"] == "ended"
    assert {entry["kind"] for entry in at.entries()[before:]} == {"case"}
    assert contradictions(at.court.served.log.store) == []


def test_once_the_gag_has_ended_the_person_sees_it(at: Answering) -> None:
    id = at.gagged()
    _, handed = at.release(id)
    at.files.make_next()
    assert at.fetch(handed).status_code == 200
    assert "District Court" not in at.court.centre()
    at.court.served.clock.now += 20 * DAY
    at.court.served.app.teller.run()
    assert "forbade us to tell you before" in at.court.centre()


def test_it_takes_what_every_release_takes(at: Answering) -> None:
    id = at.gagged()
    desk, staff = at.court.desk, at.court.staff
    scope = desk.requests.find(id).scope
    desk.narrow(staff["cara"], id, msgspec.structs.replace(scope, until=at.court.served.clock.now), "less")
    with pytest.raises(CaseError, match="under review"):  # to narrow it took the approvals back
        at.release(id)
    told = at.court.request()
    with pytest.raises(CaseError, match="Nothing of it may be released now"):  # nobody was told yet
        at.release(told)
    other = msgspec.structs.replace(staff["dora"], key=staff["cara"].key)
    with pytest.raises(Exception, match=r"signed|signature"):
        at.by_file.release(other, at.gagged(), at.app.sharing)
    assert at.files.list() == []


def test_an_authority_that_could_do_nothing_with_it_is_refused_before_anything_is_decided(at: Answering) -> None:
    id = at.gagged()
    secret, key = (next(one for one in at.files.keys.list() if one.sort == sort) for sort in ("fetch", "age"))
    at.files.keys.end(secret.id)
    with pytest.raises(CaseError, match="--fetch-secret"):
        at.release(id)
    at.files.keys.end(key.id)
    with pytest.raises(CaseError, match="troth recipient key court FILE"):
        at.release(id)
    assert at.app.sharing.register().list() == ()
    assert "troth recipient key court" in at.page(id)


def test_a_request_that_is_closed_before_stops_the_file(at: Answering) -> None:
    id = at.gagged()
    _, handed = at.release(id)
    at.files.make_next()
    assert "To close or refuse the request before a file was fetched" in at.page(id)
    at.court.desk.do(at.court.staff["cara"], id, Closed())
    assert at.fetch(handed).json()["error"] == "stopped"
    assert {entry["kind"] for entry in at.entries()[-3:]} == {"case"}
    with pytest.raises(CaseError, match="Nothing was released"):
        at.by_file.link(at.court.staff["dora"], id)
    assert "Nothing of it may leave any more." in at.page(id)


def test_a_gag_that_is_lifted_before_it_was_fetched_stops_it_until_people_were_told(at: Answering) -> None:
    id = at.gagged()
    _, handed = at.release(id)
    at.files.make_next()
    at.court.desk.do(at.court.staff["cara"], id, Gagged(gag=None))
    assert at.fetch(handed).json()["error"] in ("being-made", "stopped")
    at.files.make_next()
    assert at.fetch(handed).json()["error"] == "stopped"
    at.court.served.app.teller.run()
    at.court.served.clock.now += 8 * DAY
    _, handed = at.release(id)
    at.files.make_next()
    assert at.fetch(handed).status_code == 200


def test_each_link_is_signed_for(at: Answering) -> None:
    id = at.gagged()
    disclosure, first = at.release(id)
    at.files.make_next()
    with pytest.raises(LinkError, match="troth legal link"):
        at.files.links.make(disclosure, by="mary")
    with pytest.raises(CaseError, match="done in another way"):
        at.court.desk.do(at.court.staff["dora"], id, Linked(disclosure=disclosure, days=1))
    signed = at.court.desk.signed(at.court.staff["dora"], id, Linked(disclosure=disclosure, days=1), None)
    with pytest.raises(CaseError, match="troth legal link"):
        at.court.desk.submit(signed)
    at.court.served.clock.now += 8 * DAY
    at.files.sweep()
    assert at.fetch(first).json()["error"] == "ended"
    _, found, handed = at.by_file.link(at.court.staff["otto"], id, days=2)
    assert (found, handed.until) == (disclosure, at.court.served.clock.now + 2 * DAY)
    at.files.make_next()
    assert at.fetch(handed).status_code == 200
    fact = [fact for fact in at.court.desk.requests.facts() if isinstance(fact.said, Linked)]
    assert [(one.said.disclosure, one.said.days, one.staff) for one in fact] == [
        (disclosure, 2, at.court.staff["otto"].staff.id)
    ]
    assert "Made a new link to the file" in at.page(id)
    other = at.gagged()
    with pytest.raises(CaseError, match="is nothing that was released"):
        at.by_file.link(at.court.staff["otto"], id, "dis_0")
    with pytest.raises(CaseError, match="Nothing was released"):
        at.by_file.link(at.court.staff["otto"], other, disclosure=None)


def test_a_release_that_broke_off_is_ended_by_the_way_it_began(at: Answering, monkeypatch: pytest.MonkeyPatch) -> None:
    id = at.gagged()
    monkeypatch.setattr(at.files.links, "put", lambda *asked, **more: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        at.release(id)
    monkeypatch.undo()
    assert at.court.desk.requests.find(id).released == ()
    with pytest.raises(CaseError, match=r"broke off.*--file"):
        at.court.desk.release(at.court.staff["dora"], id, at.app.sharing)
    disclosure, handed = at.release(id)
    assert [one.id for one in at.app.sharing.register().list()] == [disclosure]
    at.files.make_next()
    assert at.fetch(handed).status_code == 200


def test_the_page_of_the_request_has_the_commands(at: Answering, chromium) -> None:
    id = at.gagged()
    assert "--file" in at.page(id)
    at.release(id)
    ready, here = at.gagged(), msgspec.structs.replace(at.court.served, url=at.url)
    for name, path in (("ready", ready), ("released", id)):
        for width in (1280, 360):
            for scheme in ("light", "dark"):
                options = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme, "bypass_csp": True}
                with page_of(chromium, here, java_script_enabled=True, **options) as page:
                    page.goto(f"{at.url}/desk/legal/{path}")
                    assert fits(page), (name, width)
                    assert violations(page) == []
                    if SHOTS:
                        page.screenshot(path=f"{SHOTS}/by-file-{name}-{width}-{scheme}.png", full_page=True)
    page = at.page(id)
    assert "It is to be made" in page
    assert "by dora: open until 8 May 2026" in page
    assert "troth legal link" in page
