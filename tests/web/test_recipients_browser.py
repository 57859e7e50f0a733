"""The page of recipients in a browser: it fits, it is accessible, and the way to it and from it can be followed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from choosing import Clock
from running import EXAMPLE, running
from test_recipients_http import NOW, fill

from troth.conditions import Register
from troth.policy.reading import read_version
from troth.record.keys import create_keys
from troth.record.log import open_log
from troth.record.published import publish_version, published_policy
from troth.store import open_store
from troth.web.app import make_app


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    place, clock = tmp_path_factory.mktemp("recipients"), Clock(NOW)
    with open_store(f"sqlite:///{place / 'troth.db'}", create=True, clock=clock) as store:
        create_keys(place / "keys", "acme.example/log")
        log = open_log(store, place / "keys")
        for file in sorted(EXAMPLE.glob("*.yaml")):
            publish_version(log, read_version(file), file.read_bytes())
        policy = published_policy(store)
        assert policy is not None
        fill(Register(store, policy))
        app = make_app(policy, clock=clock, log=log)
        with running(app) as url:
            yield url
        app.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 360, 1280])
def test_it_fits_and_axe_finds_nothing(chromium, site, width, scheme):
    context = chromium.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme, bypass_csp=True)
    page = context.new_page()
    for path in ("/recipients", "/recipients/2010-04-26"):
        page.goto(site + path)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
    context.close()


def test_from_the_notice_to_a_recipient_and_back_to_its_promise(chromium, site):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(site)
    page.get_by_role("link", name="Recipients").click()
    assert page.get_by_role("heading", level=1).inner_text() == "Who receives data"
    article = page.get_by_role("article", name="Example Card Services")
    assert "A contract is in force" in article.inner_text()
    article.get_by_role("link", name="A card firm takes your payments").click()
    assert "A card firm takes your payments" in page.get_by_role("heading", level=1).inner_text()
    assert context.cookies() == []
    context.close()
