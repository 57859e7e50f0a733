"""What people and the public see of legal requests: the notice, the report, and nothing while a gag forbids it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from choosing import FLAGSHIP, Choosing, choosing

sys.path.append(str(Path(__file__).parents[1] / "accountability"))
from house import employed

from troth.accountability.legal.desk import LegalDesk, Signer
from troth.accountability.legal.facts import Approved, Gag, Received, Refused, Reviewing, Scope
from troth.conditions import Register
from troth.conditions.facts import Profile
from troth.people import Identifier
from troth.vault import NewItem, Origin
from troth.web.choices.centre import VISIT
from troth.web.live import LiveApp

ANN = Identifier("email", "ann@example.org")
ROLES = {"otto": "officer", "cara": "counsel", "dora": "desk"}


class Court:
    """The flagship served, with a court that asks for data about Ann."""

    def __init__(self, served: Choosing) -> None:
        self.served = served
        self.desk = LegalDesk(served.vault, FLAGSHIP)
        self.staff: dict[str, Signer] = employed(served.log.store, ROLES)
        Register(served.log.store, FLAGSHIP).add("court", Profile(name="District Court", kind="authority"), by="m")
        self.ann = served.people.know(ANN)

        def work(unit: object) -> None:
            person = served.people.resolve(unit, self.ann)
            origin = Origin("registration", "citrix-online", "2017-02-01", "gotomeeting", "registration")
            items = [NewItem("contact.email", ANN.value, None), NewItem("identity.name", "Ann", None)]
            served.vault.put(unit, person, origin, items)

        served.people.write(work)

    def request(self, gag: Gag | None = None, process: str = "court-order") -> str:
        """A request about Ann that two approved."""
        scope = Scope(data=("identity.name",), persons=0)
        said = Received(authority="court", process=process, basis="18 U.S.C. 2703(d)", document="a" * 64,
                        purpose="legal.comply", scope=scope, gag=gag)  # fmt: skip
        one = self.desk.receive(self.staff["dora"], said, [ANN])
        self.desk.do(self.staff["cara"], one.id, Reviewing())
        self.desk.do(self.staff["cara"], one.id, Approved())
        return self.desk.do(self.staff["otto"], one.id, Approved()).id

    def centre(self) -> str:
        passes, clock = self.served.passes, self.served.clock
        with self.served.client() as client:
            return client.get(f"/choices/{passes.choices(self.ann, clock.now + VISIT)}").text

    def page(self, path: str = "/transparency") -> str:
        with self.served.client() as client:
            return client.get(path).text


@pytest.fixture
def court(tmp_path: Path) -> Iterator[Court]:
    with choosing(tmp_path) as served:
        yield Court(served)


def test_the_running_server_tells_people(court: Court) -> None:
    live = LiveApp(court.served.log, FLAGSHIP, lambda policy: court.served.app)
    live._vault = court.served.vault
    id = court.request()
    assert id not in court.centre()
    live.look()
    (mail,) = court.served.mails()
    assert "To: ann@example.org" in mail
    page = court.centre()
    assert "District Court asks for data about you: Name." in page
    assert id in page
    live.look()
    assert len(court.served.mails()) == 1


def test_nothing_shows_while_a_gag_forbids_it_and_then_it_does(court: Court) -> None:
    live = LiveApp(court.served.log, FLAGSHIP, lambda policy: court.served.app)
    live._vault = court.served.vault
    before = (court.centre(), court.page(), court.page("/transparency.json"))
    end = court.served.clock.now + timedelta(days=20)
    id = court.request(Gag(until=end, basis="18 U.S.C. 2705(b)"))
    court.desk.release(court.staff["dora"], id, court.served.app.sharing)
    live.look()
    assert (court.centre(), court.page(), court.page("/transparency.json")) == before
    assert court.served.mails() == []
    court.served.clock.now = end
    live.look()
    assert "forbade us to tell you before" in court.centre()
    assert "Court orders" in court.page()
    assert len(court.served.mails()) == 1


def test_the_report_for_people_and_machines(court: Court) -> None:
    id = court.request()
    court.desk.do(court.staff["cara"], id, Refused(why="no basis"))
    court.request(process="warrant")
    page = court.page()
    assert "Court orders" in page
    assert "1 request about 1 person." in page
    assert "Nothing was given: refused, or dismissed by a court." in page
    assert id not in page
    (half,) = json.loads(court.page("/transparency.json"))["half_years"]
    assert [(row["process"], row["outcomes"]) for row in half["rows"]] == [
        ("warrant", {"pending": 1}), ("court-order", {"refused": 1}),
    ]  # fmt: skip
    with court.served.client() as client:
        assert client.get("/transparency/").headers["location"] == "/transparency"
        assert client.post("/transparency").status_code == 405
        assert client.head("/transparency").status_code == 200
    assert 'href="./transparency"' in court.page("/")
    assert 'href="../../transparency"' in court.page("/policy/versions/2015-12-31")
