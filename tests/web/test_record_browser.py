"""The page of the record in a browser: it fits, it is accessible, and its links can be followed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from axe_playwright_python.sync_playwright import Axe
from running import EXAMPLE, running

from troth.policy.reading import read_version
from troth.record.keys import create_keys
from troth.record.log import open_log
from troth.record.published import publish_version, published_policy
from troth.store import open_store
from troth.web.app import make_app


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    place = tmp_path_factory.mktemp("record")
    with open_store(f"sqlite:///{place / 'troth.db'}", create=True) as store:
        create_keys(place / "keys", "acme.example/log")
        log = open_log(store, place / "keys")
        for file in sorted(EXAMPLE.glob("*.yaml")):
            publish_version(log, read_version(file), file.read_bytes())
        app = make_app(published_policy(store), clock=lambda: datetime(2016, 1, 15, tzinfo=UTC), log=log)
        with running(app) as url:
            yield url


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_the_record_fits_and_axe_finds_nothing(chromium, site, width, scheme):
    context = chromium.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme, bypass_csp=True)
    page = context.new_page()
    for path in ("/log/", "/policy/versions", "/policy/versions/2015-12-31"):
        page.goto(site + path)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
    context.close()


def test_a_reader_finds_the_proof_of_a_version(chromium, site):
    context = chromium.new_context(java_script_enabled=False, accept_downloads=True)
    page = context.new_page()
    page.goto(f"{site}/")
    page.get_by_role("link", name="Record").click()
    assert page.get_by_role("heading", level=1).inner_text() == "The record"
    with page.expect_download() as download:
        page.get_by_role("link", name="its receipt").nth(1).click()
    assert download.value.suggested_filename == "citrix-online-2015-12-31.tlog-proof"
    assert context.cookies() == []
    context.close()
