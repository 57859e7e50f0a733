"""The recipients over HTTP: the page, the JSON and the feed, and nothing in them that is nobody's business."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import httpx
import msgspec
import pytest
from choosing import Clock
from running import EXAMPLE, running

from troth.conditions import Register
from troth.conditions.facts import Contract, Engaged, Page, Profile, Terminated, Transfer
from troth.policy.reading import read_version
from troth.record.keys import create_keys
from troth.record.log import Log, open_log
from troth.record.published import publish_version, published_policy
from troth.store import open_store
from troth.web.app import make_app

NOW = datetime(2026, 5, 1, 10, tzinfo=UTC)
DAY = timedelta(days=1)
ATOM = "{http://www.w3.org/2005/Atom}"
TERMS = Contract(
    id="c1", begins=NOW, ends=NOW + 20 * DAY, accepts="2017-02-01", data=("payment.card", "identity.name"),
    purposes=("service.payment",), safeguards=("tls",), signed=NOW,
)  # fmt: skip
CARDS = Profile(
    name="Example Card Services", kind="processor", contact="jo@cards.example", site="https://cards.example",
    countries=("US",),
)  # fmt: skip


class Served(msgspec.Struct):
    url: str
    register: Register
    clock: Clock
    log: Log

    def get(self, path: str, **headers: str) -> httpx.Response:
        return httpx.get(self.url + path, headers=headers, trust_env=False)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    clock = Clock(NOW)
    with open_store(f"sqlite:///{tmp_path / 'troth.db'}", create=True, clock=clock) as store:
        create_keys(tmp_path / "keys", "acme.example/log")
        log = open_log(store, tmp_path / "keys")
        for file in sorted(EXAMPLE.glob("*.yaml")):
            publish_version(log, read_version(file), file.read_bytes())
        policy = published_policy(store)
        assert policy is not None
        app = make_app(policy, clock=clock, log=log)
        with running(app) as url:
            yield Served(url, Register(store, policy), clock, log)
        app.close()


def fill(register: Register) -> None:
    for id, said in (
        ("card-processor", CARDS),
        ("card-processor", TERMS),
        ("fraud-check", Profile(name="Fraud Check Ltd", kind="processor.sub", countries=("IE",))),
        ("card-processor", Engaged(subprocessor="fraud-check", on=NOW)),
        ("card-processor", Transfer(id="t1", country="US", by="standard-clauses", begins=NOW)),
        ("co-brand-partner", Profile(name="Example Co-brand Partner", kind="joint")),
        ("co-brand-partner", Page(url="https://gotomeeting.localhost/p", product="gotomeeting", begins=NOW)),
    ):
        register.add(id, said, by="mary")


def text(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def test_the_page_tells_who_receives_what_and_under_which_promise(served: Served) -> None:
    before = text(served.get("/recipients").text)
    assert "Receives nothing now: no contract is in force." in before
    assert "Nothing has been registered" in before
    fill(served.register)
    page = served.get("/recipients")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    told = text(page.text)
    assert "A contract is in force since 1 May 2026, 10:00 UTC, until 21 May 2026, 10:00 UTC." in told
    assert "A card firm takes your payments for us, under contract." in told
    assert "on the ground of standard contractual clauses" in told
    assert "Fraud Check Ltd" in told
    assert "It engages Fraud Check Ltd as a sub-processor" in told
    assert "gotomeeting.localhost/p" in told
    for word in ("jo@cards.example", "mary", "Jo left"):
        assert word not in page.text
    # A contract that ends takes its part away by itself, and that is told.
    served.clock.now += 20 * DAY
    told = text(served.get("/recipients").text)
    assert "A contract came to its end." in told
    assert "A contract is in force" not in told


def test_each_promise_on_the_page_leads_to_itself(served: Served) -> None:
    fill(served.register)
    for page in ("/recipients", "/recipients/2010-04-26"):
        for path in set(re.findall(r'href="([^"#:]+)(?:#[^"]*)?"', served.get(page).text)):
            assert served.get(str(httpx.URL(served.url + page).join(path).raw_path.decode())).status_code == 200, path


def test_the_list_for_machines(served: Served) -> None:
    fill(served.register)
    answer = served.get("/recipients.json")
    assert answer.headers["content-type"] == "application/json"
    listed = {one["id"]: one for one in answer.json()["recipients"]}
    assert listed["card-processor"]["data"] == ["payment.card", "identity.name"]
    assert listed["co-brand-partner"]["pages"] == ["https://gotomeeting.localhost/p"]
    old = served.get("/recipients/2010-04-26.json").json()
    assert (old["version"], old["at"]) == ("2010-04-26", "2015-12-30T23:59:59.999999Z")
    assert all(one["state"] is None for one in old["recipients"])
    assert "jo@" not in json.dumps(answer.json())


def test_an_old_version_is_shown_as_it_was_at_its_end(served: Served) -> None:
    fill(served.register)
    page = served.get("/recipients/2015-12-31")
    assert "This is an old version." in page.text
    assert "A contract is in force" not in text(page.text)
    moved = served.get("/recipients?version=2015-12-31")
    assert (moved.status_code, moved.headers["location"]) == (303, "/recipients/2015-12-31")


def test_the_feed_tells_each_change_once(served: Served) -> None:
    assert ElementTree.fromstring(served.get("/recipients.atom").content).findall(f"{ATOM}entry") == []
    fill(served.register)
    served.clock.now += DAY
    served.register.add("card-processor", msgspec.structs.replace(CARDS, contact="kim@cards.example"), by="mary")
    end = Terminated(contract="c1", on=served.clock.now, owed="delete", due=served.clock.now + DAY, why="Jo left")
    served.register.add("card-processor", end, by="mary")
    answer = served.get("/recipients.atom")
    assert answer.headers["content-type"].startswith("application/atom+xml")
    feed = ElementTree.fromstring(answer.content)
    assert feed.findtext(f"{ATOM}updated") == "2026-05-02T10:00:00Z"
    entries = feed.findall(f"{ATOM}entry")
    titles = [str(entry.findtext(f"{ATOM}title")) for entry in entries]
    assert len(titles) == 8  # that somebody else is written to now is nobody else's business
    assert "What was received is to be deleted by 3 May 2026" in titles[0]
    ids = [entry.findtext(f"{ATOM}id") for entry in entries]
    assert len(set(ids)) == len(ids)
    assert all(str(id).startswith("tag:acme.example,2026-05-0") for id in ids)
    assert feed.find(f"{ATOM}link[@rel='self']").attrib["href"] == f"{served.url}/recipients.atom"  # type: ignore[union-attr]
    for word in ("kim@", "Jo left", "mary"):
        assert word not in answer.text


def test_who_asked_under_the_law_is_in_no_list(served: Served) -> None:
    served.register.add("police", Profile(name="Police of Goleta", kind="authority"), by="mary")
    served.register.add("buyer", Profile(name="Buyer Inc.", kind="third_party.successor"), by="mary")
    for path in ("/recipients", "/recipients.json", "/recipients.atom"):
        assert "Goleta</" not in served.get(path).text.replace("Goleta, CA", "")
        assert "Police of" not in served.get(path).text
        assert "Buyer" not in served.get(path).text


def test_what_is_known_already_is_not_sent_again(served: Served) -> None:
    first = served.get("/recipients")
    same = served.get("/recipients", **{"If-None-Match": first.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")
    fill(served.register)
    assert served.get("/recipients", **{"If-None-Match": first.headers["etag"]}).status_code == 200


@pytest.mark.parametrize(
    ("path", "status"),
    [("/recipients/", 308), ("/recipients/2016-01-01", 404), ("/recipients.xml", 404), ("/recipientsx", 404),
     ("/recipients/2015-12-31.atom", 404), ("/recipients/../policy", 200)],
)  # fmt: skip
def test_what_is_not_there(served: Served, path: str, status: int) -> None:
    assert served.get(path).status_code == status
    assert httpx.post(f"{served.url}/recipients", trust_env=False).status_code == 405
