"""The pages in a browser: widths, colours, print, right to left, keyboard, no script, and axe."""

from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from running import EXAMPLE, running

import troth
from troth.notice import pages
from troth.policy.reading import parse_version
from troth.web.app import make_app

FLAGSHIP = troth.Policy.read(EXAMPLE)
IN_2016 = datetime(2016, 1, 1, tzinfo=UTC)
ARABIC = """
policy: tongues
title: {ar: سياسة الخصوصية, en: Privacy policy}
language: ar
effective: 2015-01-01
says: {ar: نحن نعدك بما يلي., en: We promise.}
publisher: {name: Example, address: 1 Street, email: privacy@example.org}
covers: {shop: {name: Shop, site: "https://shop.example"}}
collects:
  order: {says: {ar: نطلب اسمك عند الشراء., en: We ask for your name.}, data: identity.name, from: person,
    when: purchase, for: service.provide, unless: news}
never: {sale: {says: {ar: نحن لا نبيع بياناتك أبدا., en: We never sell.}, do: [sell, trade, rent]}}
choices: {news: {says: {ar: يمكنك الرفض., en: You can refuse.}, model: opt-out}}
"""
TONGUES = troth.Policy([parse_version(ARABIC.encode(), "arabic.yaml")])
# One page of each kind; what every page has is tested without a browser.
KINDS = (
    "/",
    "/policy",
    "/policy/grid",
    "/policy/s/news",
    "/policy/s/truste",
    "/policy/versions",
    "/policy/versions/2010-04-26",
    "/policy/versions/2015-12-31..2017-02-01",
    "/products/workshifting",
    "/nowhere/newz",
)


def serving(policy):
    """The address of a server of a policy, as it is on 1 January 2016."""
    return running(make_app(policy, clock=lambda: IN_2016))


@pytest.fixture(scope="module")
def site():
    with serving(FLAGSHIP) as address:
        yield address


@pytest.fixture(scope="module")
def arabic():
    with serving(TONGUES) as address:
        yield address


@contextmanager
def page_of(chromium, **options):
    """A page in a context of its own; at the end no request may have left the origin, nor an error been logged."""
    context = chromium.new_context(**options)
    page = context.new_page()
    asked, errors = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    yield page
    # The status of a page that is meant to be missing is logged as an error, too.
    assert [error for error in errors if "404" not in error] == []
    assert [url for url in asked if not url.startswith("http://127.0.0.1:")] == []
    assert context.cookies() == []
    context.close()


def fits(page):
    return page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 360, 1280])
def test_nothing_scrolls_sideways(chromium, site, width, scheme):
    with page_of(chromium, viewport={"width": width, "height": 800}, color_scheme=scheme) as page:
        for path in KINDS:
            page.goto(site + path)
            assert fits(page), path
            page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
            assert fits(page), f"{path}, all opened"


# Colours are judged at each width in each scheme, everything else at each width: no other rule looks at colours. The
# pages left out of the pairs that are judged by their colours alone are made of the parts of the overview.
COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
LIKE_THE_OVERVIEW = {"/policy/versions/2010-04-26", "/products/workshifting"}


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (360, "light"), (360, "dark")])
def test_axe_finds_nothing(chromium, site, arabic, width, scheme):
    from axe_playwright_python.sync_playwright import Axe

    whole = (width, scheme) in ((1280, "light"), (360, "dark"))
    rules = {"resultTypes": ["violations"]} | ({} if whole else COLOURS)
    kinds = [path for path in KINDS if whole or path not in LIKE_THE_OVERVIEW]
    assert set(KINDS) > LIKE_THE_OVERVIEW
    options = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme, "bypass_csp": True}
    with page_of(chromium, **options) as page:
        for url in (*(site + path for path in kinds), arabic + "/ar/", arabic + "/ar/policy"):
            page.goto(url)
            page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
            found = Axe().run(page, options=rules).response["violations"]
            assert [(one["id"], [node["target"] for node in one["nodes"]][:5]) for one in found] == [], url


def test_the_drawing_and_the_grid_change_their_shape_with_the_width(chromium, site):
    with page_of(chromium, viewport={"width": 1280, "height": 800}) as page:
        page.goto(site)
        assert page.locator("svg.drawing").is_visible()
        assert page.locator("table.grid thead").is_visible()
        page.set_viewport_size({"width": 360, "height": 800})
        assert not page.locator("svg.drawing").is_visible()
        assert page.locator(".in-words dl").is_visible()
        cell = page.locator("table.grid tbody tr").first.locator("td.c-refuse").first
        assert cell.inner_text().split("\n") == ["Marketing", "you can refuse"]


def test_the_keyboard_reaches_everything_and_shows_where_it_is(chromium, site):
    with page_of(chromium, viewport={"width": 1280, "height": 800}) as page:
        page.goto(site)
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"
        reached = set()
        for _ in range(200):
            page.keyboard.press("Tab")
            focused = page.evaluate(
                """() => {
                    const at = document.activeElement;
                    return [at.tagName, at.closest('details')?.id ?? '', getComputedStyle(at).outlineStyle];
                }"""
            )
            if focused[0] == "BODY":
                break
            assert focused[2] == "solid", focused
            reached.add(focused[1])
        promises = page.locator("details.promise").evaluate_all("all => all.map(one => one.id)")
        assert set(promises) <= reached
        news = page.locator("details#news")
        news.locator("summary").focus()
        page.keyboard.press("Enter")
        assert news.locator("dl.rule").is_visible()
        assert "Unless you are out of ‘marketing’" in news.inner_text()


def test_what_can_be_clicked_is_large_enough(chromium, site):
    """WCAG 2.2, success criterion 2.5.8: 24 pixels, links within a line of text excepted."""
    with page_of(chromium, viewport={"width": 360, "height": 800}) as page:
        page.goto(site)
        heights = page.locator(".top a, .lead-on a, .names a, summary:visible").evaluate_all(
            "all => all.filter(one => one.offsetParent).map(one => [one.textContent, one.offsetHeight])"
        )
        assert [one for one in heights if one[1] < 24] == []


def test_everything_is_there_without_javascript(chromium, site):
    with page_of(chromium, java_script_enabled=False, viewport={"width": 1280, "height": 800}) as page:
        page.goto(site)
        page.locator("details#news summary").click()
        page.get_by_role("link", name="The page of this promise").locator("visible=true").click()
        assert page.url == f"{site}/policy/s/news"
        assert (
            page.locator("h1").inner_text() == "We e-mail you news of our products and promotions, unless you opt out."
        )
        page.get_by_role("link", name="3 · How it is used").click()
        assert page.url == f"{site}/policy#part-used"
        page.goto(f"{site}/policy/s/newz")
        page.get_by_role("link", name="We e-mail you news").click()
        assert page.url == f"{site}/policy/s/news"


def test_right_to_left(chromium, arabic):
    with page_of(chromium, viewport={"width": 1280, "height": 800}) as page:
        for width in (1280, 360):
            page.set_viewport_size({"width": width, "height": 800})
            page.goto(f"{arabic}/ar/")
            assert page.evaluate("getComputedStyle(document.documentElement).direction") == "rtl"
            assert fits(page)
        page.set_viewport_size({"width": 1280, "height": 800})
        heading, text = page.locator(".side").first.bounding_box(), page.locator(".text").first.bounding_box()
        assert heading["x"] > text["x"]


def test_print(chromium, site):
    with page_of(chromium, viewport={"width": 1280, "height": 800}, color_scheme="dark") as page:
        page.goto(site)
        page.emulate_media(media="print", color_scheme="light")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert not page.locator("nav[aria-label=Pages]").is_visible()
        assert page.locator("svg.drawing").is_visible()
        assert page.pdf(format="A4").count(b"/Type /Page\n") <= 6


def test_the_pages_of_the_server_are_those_of_the_notice(chromium, site):
    with page_of(chromium) as page:
        response = page.goto(site)
        assert response.body() == pages.find(FLAGSHIP, "", IN_2016).body
