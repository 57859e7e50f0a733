"""Seals: valid on the day and on the sites that an officer signed for, grey on every other, whoever embeds them."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from choosing import Clock
from running import EXAMPLE, running

import troth
from troth.accountability.claims.desk import ClaimDesk
from troth.accountability.signing import sign
from troth.conditions.claims.facts import Assessed, Drafted, Evidence, Requirement, Said, Signed, Suspended
from troth.policy.reading import read_version
from troth.record.keys import create_keys
from troth.record.log import open_log
from troth.record.published import publish_version, published_policy
from troth.store import open_store
from troth.web.app import make_app
from troth.web.live import LiveApp

DAY = timedelta(days=1)


ASKED = (Requirement(id="sites", says="The sites are as the policy says.", source="Review", how="person"),)
MET = (Evidence(requirement="sites", verdict="met", how="person", text="I went through all of them."),)


class Sealing:
    """The flagship served in 2016, with an officer who signs for the claim `truste`."""

    def __init__(self, folder: Path) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        self.clock = Clock(datetime(2016, 5, 1, tzinfo=UTC))
        self.store = open_store(f"sqlite:///{folder / 'troth.db'}", create=True, clock=self.clock)
        create_keys(folder / "keys", "acme.example/log")
        self.log = open_log(self.store, folder / "keys")
        file = EXAMPLE / "2015-12-31.yaml"
        publish_version(self.log, read_version(file), file.read_bytes())
        policy = published_policy(self.store)
        assert policy is not None
        self.desk = ClaimDesk(self.store, policy)
        self.key = Ed25519PrivateKey.generate()
        public = self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.officer = self.desk.staff.add("olga", ["officer"], public).id

        def make(policy: troth.Policy) -> object:
            return make_app(policy, clock=self.clock, log=self.log, hosts=["localhost"])

        self.live = LiveApp(self.log, policy, make, every=3600)  # type: ignore[arg-type]

    def enter(self, said: Said) -> int:
        act = self.desk.act("truste", said, self.clock.now)
        return self.desk.enter("truste", said, sign(act, self.officer, self.key)).leaf

    def sign(self, days: float = 100) -> str:
        self.enter(Drafted(holder="Citrix Online", requirements=ASKED, covers=("gotomeeting", "gototraining")))
        assessed = self.enter(Assessed(version="2015-12-31", evidence=MET))
        now, seal = self.clock.now, self.desk.seal()
        self.enter(Signed(officer=self.officer, assessment=assessed, begins=now, ends=now + DAY * days, seal=seal))
        self.live.look()
        return seal

    def get(self, path: str, **headers: str) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.live)  # type: ignore[arg-type]
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                named = {name.replace("_", "-"): value for name, value in headers.items()}
                return await client.get(path, headers=named)

        with ThreadPoolExecutor(1) as pool:  # a loop of its own: the browser's has the thread of the test
            return pool.submit(asyncio.run, ask()).result()


@pytest.fixture
def sealing(tmp_path: Path) -> Sealing:
    return Sealing(tmp_path)


def test_the_sentence_and_the_seal_appear_when_it_is_signed_and_are_gone_on_the_day(sealing: Sealing) -> None:
    sentence = "TRUSTe checks our web sites"
    assert sentence in sealing.get("/").text  # nothing was entered yet: the policy's own dates count
    assert '<a class="seal" href="https://' in sealing.get("/").text  # and the programme's own page validates
    sealing.enter(Drafted(holder="Citrix Online", requirements=ASKED, covers=("gotomeeting",)))
    assert sealing.live.look()
    assert sentence not in sealing.get("/").text
    seal = sealing.sign()
    assert sentence in sealing.get("/").text
    page = sealing.get(f"/seals/{seal}").text
    for said in ("This seal is valid", "Citrix Online", "GoToTraining", "downloaded", "entry 5 of"):
        assert said in page
    overview = sealing.get("/").text
    assert f'<a class="seal" href="./seals/{seal}">' in overview  # the seal of the notice leads to its page
    assert f'href="../../seals/{seal}"' in sealing.get("/policy/s/truste").text
    picture = sealing.get(f"/seals/{seal}.svg")
    assert picture.headers["content-type"] == "image/svg+xml"
    assert "Checked 1 May 2016, 00:00 UTC" in picture.text
    sealing.clock.now += 100 * DAY
    ended = sealing.get(f"/seals/{seal}").text
    assert "not valid</strong>: ended" in ended
    assert sentence not in ended
    assert "This line shows it" not in ended
    assert "Checked" not in sealing.get(f"/seals/{seal}.svg").text
    assert sealing.live.look()
    assert not sealing.live.look()
    assert sentence not in sealing.get("/").text
    assert f"seals/{seal}" not in sealing.get("/").text
    assert sealing.desk.contradictions() == []


def test_a_suspension_counts_at_once_in_the_picture_and_the_page(sealing: Sealing) -> None:
    seal = sealing.sign()
    sealing.enter(Suspended(on=sealing.clock.now, why="The fee was not paid."))
    assert "suspended" in sealing.get(f"/seals/{seal}").text  # before anybody looked for new facts
    assert "Suspended" in sealing.get(f"/seals/{seal}.svg").text
    assert sealing.live.look()
    assert "TRUSTe checks our web sites" not in sealing.get("/").text


@pytest.mark.parametrize("path", ["/seals/" + "0" * 32, "/seals/x", "/seals/" + "0" * 32 + ".svg", "/seals/"])
def test_what_is_no_seal_of_ours_is_said_to_be_none(sealing: Sealing, path: str) -> None:
    sealing.sign()
    answer = sealing.get(path)
    assert (answer.status_code, "no seal of ours" in answer.text) == (404, True)
    assert "no-store" in answer.headers["cache-control"]


def test_it_is_grey_on_other_sites_and_kept_by_nobody(sealing: Sealing) -> None:
    seal = sealing.sign()
    look: Callable[[str], str] = lambda referer: sealing.get(f"/seals/{seal}.svg", Referer=referer).text  # noqa: E731
    assert "Checked" in look("https://gotomeeting.localhost/")
    assert "Checked" in look("http://localhost/seals/x")
    for other in (
        "https://gotomeeting.localhost.evil.example/",
        "https://gotoassist.localhost/",
        "https://evil.example/",
    ):
        assert "Not valid on this site" in look(other)
        assert "Checked" not in look(other)
    for site in ("cross-site", "same-site"):  # a page can keep the browser from saying which site it is, not from this
        hidden = sealing.get(f"/seals/{seal}.svg", Sec_Fetch_Site=site).text
        assert "Click to check it" in hidden
        assert "Checked" not in hidden
    told = {"Sec_Fetch_Site": "cross-site", "Referer": "https://gotomeeting.localhost/"}
    assert "Checked" in sealing.get(f"/seals/{seal}.svg", **told).text
    assert "Checked" in sealing.get(f"/seals/{seal}.svg", Sec_Fetch_Site="none").text  # by its address, or no browser
    for path in (f"/seals/{seal}", f"/seals/{seal}.svg"):
        headers = sealing.get(path).headers
        assert headers["cache-control"] == "no-store, max-age=0"
        assert "etag" not in headers
        assert "last-modified" not in headers
    embedded = sealing.get(f"/seals/{seal}.svg").headers
    assert embedded["cross-origin-resource-policy"] == "cross-origin"
    assert "sandbox" in embedded["content-security-policy"]
    assert "frame-ancestors 'none'" in embedded["content-security-policy"]
    page = sealing.get(f"/seals/{seal}").headers
    assert "frame-ancestors 'none'" in page["content-security-policy"]


def test_a_picture_that_is_left_open_turns_grey_when_the_claim_ends(sealing: Sealing, chromium, tmp_path: Path) -> None:
    """The page is closed to everything but the file, as a cache or a copy of it would be."""
    seal = sealing.sign(days=1)
    sealing.clock.now += DAY - timedelta(seconds=1.5)
    page = chromium.new_page()
    (tmp_path / "seal.svg").write_bytes(sealing.get(f"/seals/{seal}.svg").content)
    (tmp_path / "site.html").write_text('<img id="seal" src="seal.svg">')
    page.goto(f"file://{tmp_path}/site.html")
    picture = page.locator("#seal")
    fresh = picture.screenshot()
    page.wait_for_timeout(2500)
    stale = picture.screenshot()
    page.close()
    assert fresh != stale
    (tmp_path / "grey.svg").write_bytes(sealing.get(f"/seals/{seal}.svg", Referer="https://evil.example/").content)
    colours = [set(re.findall(rb"#[0-9a-f]{6}", (tmp_path / f"{name}.svg").read_bytes())) for name in ("seal", "grey")]
    assert b"#9b2d1f" in colours[0] - colours[1]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_fits_and_axe_finds_nothing(sealing: Sealing, chromium, width: int, scheme: str) -> None:
    seal = sealing.sign()
    context = chromium.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme, bypass_csp=True)
    page = context.new_page()
    with running(sealing.live) as url:
        page.goto(f"{url}/seals/{seal}")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        if place := os.environ.get("TROTH_PICTURES"):
            page.screenshot(path=f"{place}/seal-{width}-{scheme}.png", full_page=True)
    context.close()
