"""The desk for staff: who may see it, what it shows, and that nothing of it shows anywhere else."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import anyio
import httpx
import pytest
from choosing import FLAGSHIP, Choosing, choosing

sys.path.append(str(Path(__file__).parents[1] / "accountability"))
from test_choices_browser import fits, page_of, violations
from test_legal_pages import Court

from troth.accountability.legal.facts import Approved, Gag, Received, Refused, Reviewing, Scope
from troth.accountability.verifying.results import Found, Results
from troth.conditions import Register
from troth.conditions.claims.facts import Assessed, Drafted, Evidence, Requirement, Signed
from troth.conditions.claims.register import ClaimRegister
from troth.conditions.facts import Contract, Terminated
from troth.gates.delivery.endpoints import Endpoints
from troth.gates.delivery.queue import Queue
from troth.gates.scope import Scope as KeyScope
from troth.gates.services import ServiceKeys
from troth.people import Identifier
from troth.web.choices.mail import FolderPost
from troth.web.headers import App

SHOTS = os.environ.get("TROTH_SHOTS")  # a folder into which pictures are put, to be looked at
DAY = timedelta(days=1)
EVERYTHING = KeyScope(actions=("share",), purposes=("*",), data=("*",), products=("*",))


class Desk:
    """The flagship with something due in most rooms. The ids of the requests are by what they are."""

    def __init__(self, served: Choosing) -> None:
        self.served = served
        self.court = Court(served)
        at, store = served.clock.now, served.log.store
        self.gagged = self.court.request(Gag(until=at + 5 * DAY, basis="18 U.S.C. 2705(b)"))
        self.released = self.court.request(Gag(until=at + 20 * DAY, basis="18 U.S.C. 2705(b)"))
        self.court.desk.release(self.court.staff["dora"], self.released, served.app.sharing)
        self.new = self.take(deadline=at + 3 * DAY)
        self.late = self.take(deadline=at + DAY)
        self.court.desk.do(self.court.staff["cara"], self.late, Reviewing())
        self.refused = self.take()
        self.court.desk.do(self.court.staff["cara"], self.refused, Refused(why="It has no basis."))
        recipients = Register(store, served.people.policy)
        self._contract(recipients)
        self.claim()
        Results(store).enter([Found("tls", "failed", "www.gotomeeting.com answers with TLS 1.0."),
                              Found("record", "passed", "It holds.")])  # fmt: skip
        endpoints = Endpoints(store, served.people, loopback=True)
        made, _ = endpoints.add("card-processor", "https://hooks.cards.example/secret-path", by="mary")
        queue = Queue(store, served.people)
        store.write(lambda unit: queue.add(unit, kind="erasure", recipient="card-processor", body="{}"))
        endpoints.disable(made.id, "It answered 410.")
        served.clock.now += 2 * DAY

    def take(self, **more: object) -> str:
        said = Received(authority="court", process="warrant", basis="18 U.S.C. 2703(a)", document="b" * 64,
                        purpose="legal.comply", scope=Scope(data=("identity.name",), persons=0), **more)  # fmt: skip
        return self.court.desk.receive(self.court.staff["dora"], said, [Identifier("email", "ann@example.org")]).id

    def _contract(self, register: Register) -> None:
        at = self.served.clock.now
        from troth.conditions.facts import Profile

        register.add("card-processor", Profile(name="Cards Inc.", kind="processor"), by="mary")
        for id in ("c1", "c2"):
            terms = Contract(
                id=id, begins=at - 300 * DAY, ends=at + 30 * DAY, accepts=self.served.people.policy.in_force(at).id,
                data=("payment.card",), purposes=("service.payment",), signed=at - 300 * DAY,
            )  # fmt: skip
            register.add("card-processor", terms, by="mary")
        ended = Terminated(contract="c2", on=at - DAY, owed="delete", due=at + DAY)
        register.add("card-processor", ended, by="mary")

    def claim(self) -> None:
        claims, at = ClaimRegister(self.served.log.store, self.served.people.policy), self.served.clock.now
        officer = self.court.staff["otto"].staff.id
        one = Requirement(id="tls", says="Traffic is encrypted.", source="1.1", how="person")
        claims.add("truste", Drafted(holder="Acme", requirements=(one,), covers=("gotomeeting",)), by=officer)
        met = Evidence(requirement="tls", verdict="met", how="person", text="Yes.")
        version = self.served.people.policy.in_force(at).id
        assessed = claims.add("truste", Assessed(version=version, evidence=(met,)), by=officer)
        signed = Signed(officer=officer, assessment=assessed.leaf, begins=at, ends=at + 6 * DAY, seal="s" * 22)
        claims.add("truste", signed, by=officer)

    @property
    def paths(self) -> tuple[str, ...]:
        """Every page of the desk."""
        return ("/desk", "/desk/legal", f"/desk/legal/{self.gagged}", f"/desk/legal/{self.released}",
                f"/desk/legal/{self.late}", "/desk/disclosures", "/desk/deliveries", "/desk/claims")  # fmt: skip


@pytest.fixture(scope="module")
def desk(tmp_path_factory) -> Iterator[Desk]:
    with choosing(tmp_path_factory.mktemp("desk")) as served:
        yield Desk(served)


@pytest.fixture
def client(desk: Desk) -> Iterator[httpx.Client]:
    with desk.served.client() as client:
        yield client


# --- who may see it ---------------------------------------------------------------------------------------------------


def status(app: App, path: str, client: str, host: str, method: str = "GET", **headers: str) -> int:
    """What a request from an address to a host name is answered."""

    async def ask() -> int:
        scope = {
            "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in {"host": host, **headers}.items()],
            "scheme": "http", "client": (client, 5), "server": ("127.0.0.1", 80), "http_version": "1.1",
            "root_path": "",
        }  # fmt: skip
        sent: list[dict] = []

        async def receive():
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(part):
            sent.append(part)

        await app(scope, receive, send)
        return sent[0]["status"]

    return anyio.run(ask)


@pytest.fixture
def key(desk: Desk) -> Iterator[object]:
    """Makes keys; they are revoked at the end."""
    keys, made = ServiceKeys(desk.served.log.store), []

    def make(scope: KeyScope) -> str:
        one, secret = keys.create(f"k{len(made)}", scope, by="mary")
        made.append(one.id)
        desk.served.app.callers.refresh()
        return secret

    yield make
    for id in made:
        keys.revoke(id)
    desk.served.app.callers.refresh()


def test_only_this_machine_or_a_key_for_it_sees_it(desk: Desk, key) -> None:
    secret = key(EVERYTHING)
    for path in (*desk.paths, "/desk.json", "/desk/nothing"):
        there = 404 if path == "/desk/nothing" else 200
        assert status(desk.served.app, path, "127.0.0.1", "localhost") == there
        assert status(desk.served.app, path, "::1", "127.0.0.1:8768") == there
        assert (
            status(desk.served.app, path, "127.0.0.1", "elsewhere.example") == 421
        )  # a name that a page of others took
        assert status(desk.served.app, path, "192.0.2.7", "localhost") == 401
        assert status(desk.served.app, path, "192.0.2.7", "localhost", authorization=f"Bearer {secret}") == there
        assert status(desk.served.app, path, "127.0.0.1", "localhost", authorization="Bearer wrong") == 401


@pytest.mark.parametrize(
    "less",
    [
        {"actions": ("use",)}, {"purposes": ("service",)}, {"data": ("contact",)}, {"products": ("gotomeeting",)},
        {"actions": ()}, {"data": ()}, {"recipients": ("card-processor",)},
    ],
)  # fmt: skip
def test_a_key_for_less_does_not_open_it(desk: Desk, key, less) -> None:
    from msgspec.structs import replace

    secret = key(replace(EVERYTHING, **less))
    for path in ("/desk", "/desk.json", f"/desk/legal/{desk.gagged}"):
        assert status(desk.served.app, path, "192.0.2.7", "localhost", authorization=f"Bearer {secret}") == 403
        # Whoever says who they are is held to it, on this machine as well.
        assert status(desk.served.app, path, "127.0.0.1", "localhost", authorization=f"Bearer {secret}") == 403


def test_under_a_name_of_the_network_it_takes_a_key_on_this_machine_too(desk: Desk, key) -> None:
    from troth.web.app import make_app

    served, secret = desk.served, key(EVERYTHING)
    post = FolderPost(served.folder / "mail")
    more = {"site": "https://privacy.example", "names": ["troth.internal.example"]}
    app = make_app(FLAGSHIP, clock=served.clock, log=served.log, people=served.people, post=post, vault=served.vault,
                   **more)  # fmt: skip
    try:
        for name in ("privacy.example", "troth.internal.example"):
            # A proxy on this machine passes on what the public asks under these.
            assert status(app, "/desk", "127.0.0.1", name) == 401
            assert status(app, "/desk", "127.0.0.1", name, authorization=f"Bearer {secret}") == 200
        assert status(app, "/desk", "127.0.0.1", "localhost") == 200
    finally:
        app.close()


def test_without_any_key_the_network_is_refused_too(desk: Desk) -> None:
    assert status(desk.served.app, "/desk", "192.0.2.7", "localhost") == 403
    assert status(desk.served.app, "/desk", "not an address", "localhost") == 403


def test_it_only_shows(client: httpx.Client, desk: Desk) -> None:
    for path in (*desk.paths, "/desk.json"):
        assert client.post(path).status_code == 405
        assert client.delete(path).status_code == 405
        assert client.head(path).text == ""
        answer = client.get(path)
        assert answer.status_code == 200
        assert (answer.headers["cache-control"], answer.headers["x-robots-tag"]) == ("no-store", "noindex")
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "<script" not in answer.text
    for path in ("/desk/legal/leg_0123456789abcdef", "/desk/legal/x", "/desk/", "/desk/legal/"):
        assert client.get(path).status_code == 404, path


# --- what it shows ----------------------------------------------------------------------------------------------------


def test_what_is_due_is_shown_with_its_command(client: httpx.Client, desk: Desk) -> None:
    found = client.get("/desk.json").json()
    due = {(one["room"], one["about"], one["level"]): one for one in found["due"]}
    assert due["legal", desk.late, "overdue"]["command"] == f"troth legal approve {desk.late} --as NAME"
    assert due["legal", desk.new, "soon"]["command"] == f"troth legal review {desk.new} --as NAME"
    gag = [one for one in found["due"] if one["command"].startswith(f"troth legal gag {desk.gagged}")]
    assert [one["level"] for one in gag] == ["soon"]
    assert due["recipients", "card-processor", "overdue"]["command"].startswith(
        "troth recipient confirm card-processor c2 --deleted"
    )
    assert due["recipients", "card-processor", "open"]["what"].startswith("The contract 'c1' ends")
    assert due["claims", "truste", "soon"]["command"] == "troth claim assess truste --as NAME"
    assert due["tests", "tls", "overdue"]["command"] == "troth verify tls"
    assert [one["room"] for one in found["due"] if one["about"].startswith("ep_")] == ["deliveries"]
    assert not [one for one in found["due"] if one["about"] == desk.refused]
    levels = [one["level"] for one in found["due"]]
    assert levels == sorted(levels, key=("overdue", "soon", "open").index)
    assert found["counts"] == {level: levels.count(level) for level in ("overdue", "soon", "open")}
    page = client.get("/desk").text
    for one in found["due"]:
        assert one["about"] in page
    assert "<var>NAME</var>" in page


def test_a_case_shows_who_signed_what(client: httpx.Client, desk: Desk) -> None:
    page = client.get(f"/desk/legal/{desk.released}").text
    for shown in (
        "District Court", "18 U.S.C. 2703(d)", "18 U.S.C. 2705(b)", "cara", "otto", "dora", "Nobody may be told",
        "dis_", "Released data of 1 person",
    ):  # fmt: skip
        assert shown in page, shown
    assert "ann@example.org" not in page
    late = client.get(f"/desk/legal/{desk.late}").text
    assert "0 of 2 approved it" in late
    assert "May sign it: cara, otto." in late  # not dora, who took it in
    assert "1 day ago" in late


def test_who_approved_is_not_named_for_the_second_approval(client: httpx.Client, desk: Desk) -> None:
    id, act = desk.take(), desk.court.desk.do
    act(desk.court.staff["cara"], id, Reviewing())
    act(desk.court.staff["cara"], id, Approved())
    page = client.get(f"/desk/legal/{id}").text
    assert "1 of 2 approved it" in page
    assert "Only this one may sign it: otto." in page
    act(desk.court.staff["otto"], id, Refused(why="Enough."))
    assert "Nothing is left to be done." in client.get(f"/desk/legal/{id}").text


def test_disclosures_are_found_by_recipient_and_time(client: httpx.Client, desk: Desk) -> None:
    at = desk.served.clock.now
    assert "dis_" in client.get("/desk/disclosures").text
    assert "dis_" in client.get("/desk/disclosures", params={"recipient": "court"}).text
    for asked in ({"recipient": "buyer"}, {"since": f"{at:%Y-%m-%d}"}, {"until": "2020-01-01"}):
        page = client.get("/desk/disclosures", params=asked).text
        assert "dis_" not in page
        assert "Nothing was disclosed that is like that." in page
    for asked in ({"since": "yesterday"}, {"recipient": "<b>"}, {"after": "dis_none"}):
        answer = client.get("/desk/disclosures", params=asked)
        assert answer.status_code == 400
        assert answer.headers["content-type"].startswith("text/plain")
    assert "ann@example.org" not in client.get("/desk/disclosures").text


def test_deliveries_claims_and_endpoints(client: httpx.Client) -> None:
    page = client.get("/desk/deliveries").text
    assert "hooks.cards.example" in page
    assert "secret-path" not in page
    assert "It answered 410." in page
    assert "msg_" in page
    assert "msg_" not in client.get("/desk/deliveries?state=failed").text
    assert client.get("/desk/deliveries?state=gone").status_code == 400
    claims = client.get("/desk/claims").text
    assert "1 of 1" in claims
    assert "/seals/" in claims


def test_nothing_public_leads_to_it_or_tells_of_a_request(client: httpx.Client, desk: Desk) -> None:
    pages = ["/", "/policy", "/policy/grid", "/policy/versions", "/recipients", "/recipients.json", "/recipients.atom",
             "/transparency", "/transparency.json", "/promises", "/promises.json", "/choices", "/log/"]  # fmt: skip
    for path in pages:
        text = client.get(path).text
        assert "/desk" not in text, path
        for id in (desk.gagged, desk.released):
            assert id not in text, path


def test_json_is_json(client: httpx.Client) -> None:
    answer = client.get("/desk.json")
    assert answer.headers["content-type"] == "application/json"
    assert set(json.loads(answer.content)) == {"at", "counts", "due"}


# --- in a browser -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (360, "light"), (360, "dark")])
def test_axe_finds_nothing(chromium, desk: Desk, width: int, scheme: str) -> None:
    options = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme, "bypass_csp": True}
    with page_of(chromium, desk.served, java_script_enabled=True, **options) as page:
        for path in desk.paths:
            page.goto(desk.served.url + path)
            assert violations(page) == [], path
            assert fits(page), path
            if SHOTS:
                name = path.strip("/").replace("/", "-")
                page.screenshot(path=f"{SHOTS}/{name}-{width}-{scheme}.png", full_page=True)


def test_it_is_walked_without_javascript(chromium, desk: Desk) -> None:
    with page_of(chromium, desk.served, java_script_enabled=False) as page:
        page.goto(f"{desk.served.url}/desk")
        page.get_by_role("link", name="Requests", exact=True).click()
        page.locator(f'a[href="/desk/legal/{desk.gagged}"]').click()
        assert page.get_by_role("heading", name="District Court").is_visible()
        page.get_by_role("navigation", name="The desk").get_by_role("link", name="Disclosures").click()
        page.get_by_label("Recipient").fill("court")
        page.get_by_label("From").fill("2026-01-01")
        page.get_by_role("button", name="Show them").click()
        assert page.locator("th", has_text="dis_").count() == 1
