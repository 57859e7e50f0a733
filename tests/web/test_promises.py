"""Is it kept? What nobody tested is not called kept; what failed comes first; the story of one promise is whole."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from choosing import Clock
from running import EXAMPLE, running

from troth.accountability.verifying.results import FRESH, Found, Results
from troth.accountability.verifying.run import Place, run
from troth.gates.tally import Tally
from troth.people import open_people
from troth.policy.reading import read_version
from troth.record.keys import create_keys
from troth.record.log import Log, open_log
from troth.record.published import publish_version, published_policy
from troth.store import open_store
from troth.vault import Vault, open_vault
from troth.web.app import make_app

NOW = datetime(2017, 5, 20, 12, tzinfo=UTC)


class Served:
    def __init__(self, url: str, log: Log, clock: Clock, place: Place) -> None:
        self.url, self.log, self.clock, self.place = url, log, clock, place

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.url + path, trust_env=False)

    def state(self, id: str) -> tuple[str, str]:
        found = self.get(f"/promises/{id}.json").json()
        return found["state"], found["why"]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder, clock = tmp_path_factory.mktemp("promises"), Clock(NOW)
    with open_store(f"sqlite:///{folder / 'troth.db'}", create=True, clock=clock) as store:
        create_keys(folder / "keys", "acme.example/log")
        log = open_log(store, folder / "keys")
        for file in sorted(EXAMPLE.glob("*.yaml")):
            publish_version(log, read_version(file), file.read_bytes())
        log.sign()
        policy = published_policy(store)
        assert policy is not None
        vault: Vault = open_vault(store, open_people(store, folder / "keys", policy))
        app = make_app(policy, clock=clock, log=log)
        with running(app) as url:
            yield Served(url, log, clock, Place(log, policy, vault))
        app.close()


def test_what_was_not_tested_is_not_called_kept(served: Served) -> None:
    for one in served.get("/promises.json").json():
        assert one["state"] == "not verified", one
    page = served.get("/promises").text
    assert "0 kept, 0 broken" in page
    assert "Nothing was tested yet" in page
    assert served.state("safeguards")[1] == "The test 'tls' was not done yet."
    assert served.state("session-encryption")[1] == "Nothing here tests it."  # and there is no such test


def test_what_passed_is_kept_until_the_result_is_too_old(served: Served) -> None:
    run(served.place, ["record", "entries", "registers", "choices"])
    assert served.state("sale") == ("kept", "Every test that it rests on has passed.")
    assert served.state("marketing")[0] == "kept"
    nobody = "Nobody has made such a request here yet, so nothing shows whether it is kept."
    assert served.state("access") == ("not verified", nobody)
    assert served.state("truste")[0] == "not verified"  # no officer signed for it here
    assert "no officer" in served.state("truste")[1]
    served.clock.now += FRESH + timedelta(seconds=1)
    assert served.state("sale") == ("not verified", "The test 'record' was done too long ago.")
    served.clock.now = NOW


def test_what_failed_is_broken_since_it_failed_first_and_comes_first(served: Served) -> None:
    run(served.place, ["record", "entries", "registers", "choices"])
    served.clock.now += timedelta(hours=1)
    since = served.clock.now
    results = Results(served.log.store)
    for _ in range(2):
        results.enter([Found("entries", "failed", "Entry 12, disclosed: it names no statement that allows it.")])
        served.clock.now += timedelta(hours=1)
    found = served.get("/promises.json").json()
    assert found[0]["state"] == "broken"
    assert datetime.fromisoformat(found[0]["since"]) == since
    assert served.state("sale") == ("broken", "Entry 12, disclosed: it names no statement that allows it.")
    assert "Broken" in served.get("/promises/sale").text
    run(served.place, ["entries"])
    assert served.state("sale")[0] == "kept"
    page = served.get("/promises/sale").text
    assert "Entry 12, disclosed" in page  # what was wrong stays in the story
    served.clock.now = NOW


def test_what_was_decided_is_drawn_and_in_numbers(served: Served) -> None:
    tally = Tally()
    for days, number in ((0, 40), (3, 12), (89, 5), (90, 1000)):
        tally.count("share", "card-payments", "2017-02-01", True, NOW - timedelta(days=days), number)
        tally.count("share", "card-payments", "2017-02-01", False, NOW - timedelta(days=days), 2)
    tally.write(served.log.store)
    tally.count("share", "card-payments", "2017-02-01", True, NOW, 1)
    tally.write(served.log.store)
    found = served.get("/promises/card-payments.json").json()
    assert (found["allowed"], found["refused"], len(found["days"])) == (58, 6, 3)
    page = served.get("/promises/card-payments").text
    assert 'aria-label="90 days: 58 allowed, 6 refused"' in page
    assert page.count('<rect class="allowed"') == 3
    assert "41" in page


@pytest.mark.parametrize("path", ["/promises/nobody", "/promises/", "/promises/SALE", "/promises/sale/x"])
def test_there_is_no_other_promise(served: Served, path: str) -> None:
    assert served.get(path).status_code == 404


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_the_pages_fit_and_axe_finds_nothing(served: Served, chromium, width: int, scheme: str) -> None:
    run(served.place, ["record", "entries", "registers", "choices"])
    Results(served.log.store).enter([Found("tls", "failed", "shop.example: certificate has expired.")])
    tally = Tally()
    for day in range(90):
        tally.count("use", "news", "2017-02-01", True, NOW - timedelta(days=day), 3 + day * 7 % 23)
        tally.count("use", "news", "2017-02-01", False, NOW - timedelta(days=day), day * 5 % 11)
    tally.write(served.log.store)
    context = chromium.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme, bypass_csp=True)
    page = context.new_page()
    for name, path in (("promises", "/promises"), ("promise", "/promises/news")):
        page.goto(served.url + path)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        if place := os.environ.get("TROTH_PICTURES"):
            page.screenshot(path=Path(place) / f"{name}-{width}-{scheme}.png", full_page=True)
    context.close()
