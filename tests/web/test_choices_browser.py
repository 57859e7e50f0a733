"""Choosing in a browser: by keyboard, without a script, with a signal, and with a server that is away or wrong."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from choosing import ANN, FLAGSHIP, Choosing, choosing

import troth
from troth.people import Identifier
from troth.people.browsers import Cookies
from troth.policy.reading import parse_version
from troth.web.choices.centre import VISIT

WIDE = {"width": 1280, "height": 900}
GPC = "Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', {get: () => true})"
RAN, WAITS = "The visit counter ran", "The visit counter did not run"
ARABIC = """
policy: tongues
title: {ar: سياسة الخصوصية, en: Privacy policy}
language: ar
effective: 2015-01-01
says: {ar: نحن نعدك بما يلي., en: We promise.}
publisher: {name: Example, address: 1 Street, email: privacy@example.org}
covers: {shop: {name: Shop, site: "https://shop.localhost"}}
collects:
  counting: {says: {ar: نعد الزيارات ما لم ترفض., en: We count visits.}, data: usage.clickstream, from: device,
    when: visit, for: improve.analytics, unless: counted}
  remembering: {says: {ar: ملف تعريف الارتباط يتذكر اختيارك., en: A cookie remembers.}, data: account.choices,
    when: visit, for: legal.rights, trackers: {c: {name: troth, party: first, lifetime: 6 months, necessary: true}}}
uses:
  codes: {says: {ar: نرسل رمزا., en: We send a code.}, data: contact.email, for: legal.rights}
choices: {counted: {says: {ar: يمكنك الرفض., en: You can refuse.}, model: opt-out, signals: gpc}}
"""
TONGUES = troth.Policy([parse_version(ARABIC.encode(), "arabic.yaml")])


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[Choosing]:
    with choosing(tmp_path_factory.mktemp("choosing")) as served:
        yield served


@pytest.fixture(scope="module")
def arabic(tmp_path_factory) -> Iterator[Choosing]:
    with choosing(tmp_path_factory.mktemp("arabic"), policy=TONGUES) as served:
        yield served


@contextmanager
def page_of(chromium, served: Choosing, script: str | None = None, **options):
    """A page; at the end nothing may have been asked of anybody but the two servers, and nothing have failed."""
    context = chromium.new_context(viewport=options.pop("viewport", WIDE), **options)
    if script:
        context.add_init_script(script)
    page = context.new_page()
    page.failures = []
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: page.failures.append(str(error)))
    page.on("console", lambda message: page.failures.append(message.text) if message.type == "error" else None)
    # The status of a page that is meant to be missing is logged as an error, too.
    yield page
    assert [failure for failure in page.failures if not re.search(r"status of 4(04|10|22)", failure)] == []
    port = served.url.rpartition(":")[2]
    assert [url for url in asked if not re.match(rf"http://(127\.0\.0\.1|[a-z.]*localhost):{port}/", url)] == []
    context.close()


def settled(page):
    """Wait until nothing is loading, and what the browser remembers is what the server has signed."""
    page.wait_for_load_state("networkidle")
    page.wait_for_function(
        """() => {
            const value = document.cookie.match(/(?:^|; )troth=([^;]*)/);
            return !value || value[1].split('~').length == 4;
        }"""
    )


def cookie(page) -> str | None:
    return next((one["value"] for one in page.context.cookies() if one["name"] == "troth"), None)


def states(served: Choosing, page) -> dict[str, str]:
    browser = Cookies(served.people.key, served.people.policy).read(cookie(page))
    assert browser is not None, cookie(page)
    return {name: row.state for name, row in served.people.current(browser.identifier).items()}


def entry(served: Choosing, who: Identifier = ANN) -> str:
    return f"{served.url}/choices/{served.passes.choices(served.people.know(who), served.clock.now + VISIT)}"


def kinds(served: Choosing) -> list[str]:
    """One page of each kind, as it looks with something on it."""
    person = served.people.know(Identifier("email", "kinds@example.org"))
    served.people.signal(person)
    covered = served.people.policy.versions[-1].covers[0].id
    first = served.people.policy.versions[-1].choices[0].id
    served.people.choose(person, {first: "in"}, how="banner", product=covered)
    return [
        f"{served.url}/choices",
        f"{served.url}/choices/nonsense",
        f"{served.url}/choices/{served.passes.choices(person, served.clock.now + VISIT)}",
        f"{served.url}/unsubscribe/{served.passes.unsubscribe(person, first, covered)}",
        f"{served.url}/unsubscribe/nonsense",
    ]


def fits(page) -> bool:
    return page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def violations(page) -> list:
    from axe_playwright_python.sync_playwright import Axe

    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [(one["id"], [node["target"] for node in one["nodes"]][:5]) for one in found]


# --- how it looks and reads -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (360, "light"), (360, "dark")])
def test_axe_finds_nothing(chromium, served, arabic, width, scheme):
    options = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme, "bypass_csp": True}
    with page_of(chromium, served, **options) as page:
        for url in kinds(served):
            page.goto(url)
            assert violations(page) == [], url
            assert fits(page), url
        page.goto(f"{served.url}/choices")
        page.get_by_label("E-mail address").fill("nobody@example.org")
        with page.expect_navigation():
            page.get_by_role("button", name="Send a code").click()
        assert violations(page) == []
        for path in ("/", "/without-script"):
            page.goto(served.covered + path)
            page.locator("section.troth").wait_for()
            assert violations(page) == [], path
            assert fits(page), path
    with page_of(chromium, arabic, **options) as page:
        for url in kinds(arabic):
            page.goto(url)
            assert violations(page) == [], url


@pytest.mark.parametrize("width", [320, 360])
def test_nothing_scrolls_sideways(chromium, served, arabic, width):
    for of in (served, arabic):
        with page_of(chromium, of, viewport={"width": width, "height": 700}) as page:
            for url in kinds(of):
                page.goto(url)
                page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
                assert fits(page), url


def test_accept_and_refuse_weigh_the_same(chromium, served):
    for width in (1280, 320):
        with page_of(chromium, served, viewport={"width": width, "height": 700}) as page:
            page.goto(served.covered)
            both = [page.get_by_role("button", name=name, exact=True) for name in ("Refuse", "Accept")]
            both[0].wait_for()
            looks = [
                button.evaluate(
                    """one => {
                        const look = getComputedStyle(one), box = one.getBoundingClientRect();
                        return [Math.round(box.width), box.height, look.color, look.backgroundColor, look.border,
                                look.font, look.opacity];
                    }"""
                )
                for button in both
            ]
            assert looks[0] == looks[1]
            assert looks[0][1] >= 44
            assert all(button.is_visible() for button in both)


def test_the_page_behind_the_banner_can_be_used(chromium, served):
    """It is no dialogue: nothing is trapped, nothing gets the focus, and links of the page work."""
    with page_of(chromium, served) as page:
        page.goto(served.covered)
        page.locator("section.troth").wait_for()
        assert page.evaluate("document.activeElement === document.body")
        page.get_by_role("link", name="Without JavaScript").click()
        assert page.url.endswith("/without-script")


def test_right_to_left(chromium, arabic):
    with page_of(chromium, arabic) as page:
        page.goto(f"{arabic.url}/choices?lang=ar")
        assert page.evaluate("getComputedStyle(document.documentElement).direction") == "rtl"
        side, text = page.locator(".side").first.bounding_box(), page.locator(".text").first.bounding_box()
        assert side["x"] > text["x"]
        page.goto(f"{entry(arabic)}?lang=ar")
        label, heading = page.locator(".yes-no").first.bounding_box(), page.locator("h3").first.bounding_box()
        assert label["x"] < heading["x"]
        assert fits(page)
        answer = page.request.get(f"{arabic.url}/banner/shop.json?lang=ar").json()
        assert 'lang="ar" dir="rtl"' in answer["html"]
        assert "نعد الزيارات" in answer["html"]


def test_what_a_screen_reader_is_told(chromium, served):
    with page_of(chromium, served) as page:
        page.goto(served.covered)
        banner = page.get_by_role("region", name="Privacy choices")
        banner.wait_for()
        assert banner.get_by_role("heading", name="Your choice on GoToMeeting").count() == 1
        banner.get_by_text("Choose one by one").click()
        names = [
            one.evaluate("one => one.labels[0].textContent.trim()") for one in banner.get_by_role("checkbox").all()
        ]
        assert names[1].startswith("Analytics. An analytics firm counts visits")
        page.goto(entry(served))
        group = page.get_by_role("group", name="Marketing", exact=True)
        assert group.get_by_role("radio", name="Refuse").count() == 1
        group.get_by_role("radio", name="Refuse").check()
        page.get_by_role("button", name="Save", exact=True).click()
        assert "in force from now on" in page.get_by_role("status").inner_text()


# --- by keyboard, and without a script --------------------------------------------------------------------------------


def test_by_keyboard_alone(chromium, served):
    with page_of(chromium, served) as page:
        page.goto(served.covered)
        page.locator("section.troth").wait_for()
        focus = """() => {
            let at = document.activeElement;
            while (at.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
            return [at.textContent.trim(), getComputedStyle(at).outlineStyle];
        }"""
        reached = []
        for _ in range(12):
            page.keyboard.press("Tab")
            text, outline = page.evaluate(focus)
            reached.append(text)
            assert outline == "solid" or "section" not in text, text
            if text == "Refuse":
                break
        assert reached[0] == "Choose one by one"  # the banner comes first
        page.keyboard.press("Enter")
        settled(page)
        assert states(served, page)["analytics"] == "out"
        # The preference centre: arrows choose within a group.
        page.goto(entry(served, Identifier("email", "keys@example.org")))
        page.get_by_role("radio", name="Allow").first.focus()
        page.keyboard.press("ArrowRight")
        assert page.get_by_role("radio", name="Refuse").first.is_checked()
        page.get_by_role("button", name="Save", exact=True).focus()
        page.keyboard.press("Enter")
        assert "in force from now on" in page.get_by_role("status").inner_text()


def test_everything_without_javascript(chromium, served):
    with page_of(chromium, served, java_script_enabled=False) as page:
        # On a site that passes requests on: the banner is in the page, the cookie is the site's own.
        page.goto(f"{served.covered}/without-script")
        page.get_by_role("button", name="Refuse").click()
        assert page.url == f"{served.covered}/without-script"
        assert states(served, page) == {"settings": "out", "analytics": "out", "advertising": "out"}
        page.get_by_text("Privacy choices").click()
        page.get_by_text("Choose one by one").click()
        page.get_by_role("checkbox").nth(1).check()
        page.get_by_role("button", name="Save these").click()
        assert states(served, page) == {"settings": "out", "analytics": "in", "advertising": "out"}
        # The way in with a code, and all choices.
        who = Identifier("email", "plain@example.org")
        served.people.know(who)
        before = len(served.mails())
        page.goto(f"{served.url}/choices")
        page.get_by_label("E-mail address").fill(who.value)
        page.get_by_role("button", name="Send a code").click()
        for _ in range(100):
            if len(served.mails()) > before:
                break
            page.wait_for_timeout(20)
        page.get_by_label("Code").fill(served.code())
        page.get_by_role("button", name="Open my choices").click()
        page.get_by_role("button", name="Refuse everything optional").click()
        assert "Everything optional is refused" in page.get_by_role("status").inner_text()
        assert {row.state for row in served.people.current(who).values()} == {"out"}
        # Unsubscribing.
        page.goto(f"{served.url}/unsubscribe/{served.passes.unsubscribe(served.people.know(ANN), 'attendee-news')}")
        page.get_by_role("button", name="Unsubscribe", exact=True).click()
        assert page.get_by_role("heading", name="You are unsubscribed").count() == 1


# --- the tag ----------------------------------------------------------------------------------------------------------


def test_nothing_runs_before_a_yes_and_all_of_it_after(chromium, served):
    with page_of(chromium, served) as page:
        page.goto(served.covered)
        page.get_by_role("button", name="Accept").wait_for()
        assert WAITS in page.locator("#counter").inner_text()
        assert page.locator("iframe").get_attribute("src") is None
        assert cookie(page) is None
        page.get_by_role("button", name="Accept").click()
        page.get_by_text(RAN).wait_for()
        assert page.get_by_text("The advertising script ran").count() == 1
        assert page.frame_locator("iframe").get_by_text("The frame is here").count() == 1
        page.reload()
        page.get_by_text(RAN).wait_for()
        assert page.locator("section.troth").count() == 0
        # A site that loads something later is served too.
        page.evaluate(
            """() => {
                const late = document.createElement('script');
                late.type = 'text/plain'; late.dataset.purpose = 'improve.analytics';
                late.text = "document.title = 'late'";
                document.body.append(late);
            }"""
        )
        page.failures.clear()  # the example's own policy forbids text in the page: the script was released, and refused
        assert page.locator("script[data-purpose]").count() == 0


def test_refusing_is_in_force_in_the_page_and_stays(chromium, served):
    with page_of(chromium, served) as page:
        page.goto(served.covered)
        page.get_by_role("button", name="Refuse").click()
        settled(page)
        assert page.locator("section.troth").count() == 0
        page.reload()
        settled(page)
        assert page.locator("section.troth").count() == 0
        assert WAITS in page.locator("#counter").inner_text()
        assert states(served, page) == {"settings": "out", "analytics": "out", "advertising": "out"}


def test_taking_a_yes_back_starts_the_page_anew_without_it(chromium, served):
    with page_of(chromium, served) as page:
        page.goto(served.covered)
        page.get_by_role("button", name="Accept").click()
        page.get_by_text(RAN).wait_for()
        page.get_by_role("link", name="Privacy choices").click()
        page.get_by_text("Choose one by one").click()
        page.get_by_role("checkbox").nth(1).uncheck()
        page.get_by_role("button", name="Save these").click()
        page.get_by_text(WAITS).wait_for()
        page.get_by_text("The advertising script ran").wait_for()
        settled(page)
        assert states(served, page) == {"settings": "in", "analytics": "out", "advertising": "in"}


def test_google_is_told_before_anything_else(chromium, served):
    with page_of(chromium, served) as page:
        said = "JSON.stringify(dataLayer.map(one => [one[0], one[1], one[2].ad_storage, one[2].analytics_storage]))"
        page.goto(served.covered)
        page.get_by_role("button", name="Accept").wait_for()
        assert page.evaluate(said).startswith('[["consent","default","denied","denied"]')
        assert page.evaluate("dataLayer[0] instanceof Object && !Array.isArray(dataLayer[0])")  # arguments, as gtag has
        page.get_by_role("button", name="Accept").click()
        page.get_by_text(RAN).wait_for()
        assert page.evaluate(said).endswith('["consent","update","granted","granted"]]')
        page.reload()
        page.get_by_text(RAN).wait_for()
        assert '["consent","default","denied","denied"],["consent","update","granted","granted"]' in page.evaluate(said)


def test_a_signal_is_kept_without_a_choice_and_a_word_holds_against_it(chromium, served):
    header = {"Sec-GPC": "1"}
    with page_of(chromium, served, script=GPC, extra_http_headers=header) as page:
        page.goto(served.covered)
        banner = page.locator("section.troth")
        banner.wait_for()
        assert "Global Privacy Control. We keep to that: analytics, advertising stay refused" in banner.inner_text()
        assert cookie(page) is None  # nothing is stored for it
        page.get_by_role("button", name="Accept").click()
        page.frame_locator("iframe").get_by_text("The frame is here").wait_for()
        assert states(served, page) == {"settings": "in", "analytics": "out", "advertising": "out"}
        assert WAITS in page.locator("#counter").inner_text()
        page.get_by_role("link", name="Privacy choices").click()
        page.get_by_text("Choose one by one").click()
        page.get_by_role("checkbox").nth(1).check()
        page.get_by_role("button", name="Save these").click()
        page.get_by_text(RAN).wait_for()
        page.reload()
        page.get_by_text(RAN).wait_for()
        assert states(served, page)["advertising"] == "out"


def test_a_signal_that_comes_later_counts_for_browser_and_person(chromium, served):
    who = Identifier("email", "later@example.org")
    with page_of(chromium, served) as page:
        page.goto(served.covered)
        page.get_by_role("button", name="Accept").click()
        page.get_by_text(RAN).wait_for()
        served.people.choose(who, {"analytics": "in", "advertising": "in", "marketing": "in"}, how="page")
        page.get_by_label("E-mail address").fill(who.value)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_text(RAN).wait_for()
        page.context.add_init_script(GPC)
        page.reload()
        page.get_by_text(WAITS).wait_for()
        settled(page)
        assert states(served, page)["analytics"] == "out"
        states_of_person = {name: row.state for name, row in served.people.current(who).items()}
        assert states_of_person == {
            "settings": "in", "analytics": "out", "advertising": "out", "marketing": "in",
        }  # fmt: skip


def failing(page, how: str) -> None:
    """Let the server be away, wrong or silent, for what the tag asks of it."""

    def answer(route):
        if how == "away":
            route.abort()
        elif how == "error":
            route.fulfill(status=503, body="no")
        elif how == "html":
            route.fulfill(status=200, content_type="text/html", body="<h1>Log in to the hotel's network</h1>")
        elif how == "nonsense":
            route.fulfill(
                status=200, content_type="application/json", body='{"cookie": "2017-02-01~222~x;path=/~y", "html": 7}'
            )
        # silent: never answered

    page.route(re.compile(r"/banner/"), answer)


@pytest.mark.parametrize("how", ["away", "error", "html", "nonsense", "silent"])
def test_with_a_failing_server_nothing_runs_and_no_choice_is_lost(chromium, served, how):
    with page_of(chromium, served) as page:
        # Undecided: refused.
        failing(page, how)
        page.goto(served.covered)
        page.wait_for_timeout(100)
        assert WAITS in page.locator("#counter").inner_text()
        page.unroute_all(behavior="ignoreErrors")
        # A stored yes goes on to hold.
        page.goto(served.covered)
        page.get_by_role("button", name="Accept").click()
        page.get_by_text(RAN).wait_for()
        kept = cookie(page)
        failing(page, how)
        page.reload()
        page.get_by_text(RAN).wait_for()
        assert cookie(page) == kept
        page.unroute_all(behavior="ignoreErrors")
        # A refusal is in force at once, and recorded as soon as the server is there again.
        page.get_by_role("link", name="Privacy choices").click()
        page.get_by_role("button", name="Refuse").wait_for()
        failing(page, how)
        page.get_by_role("button", name="Refuse").click()
        page.get_by_text(WAITS).wait_for()
        assert states(served, page)["analytics"] == "in"
        page.unroute_all(behavior="ignoreErrors")
        page.reload()
        for _ in range(100):
            if states(served, page)["analytics"] == "out":
                break
            page.wait_for_timeout(30)
        settled(page)
        assert states(served, page) == {"settings": "out", "analytics": "out", "advertising": "out"}
        assert cookie(page).count("~") == 3
        page.failures.clear()


@pytest.mark.parametrize("how", ["away", "error", "html", "nonsense"])
def test_a_yes_that_is_not_recorded_is_none(chromium, served, how):
    with page_of(chromium, served) as page:
        page.goto(served.covered)
        page.get_by_role("button", name="Accept").wait_for()
        failing(page, how)
        page.get_by_role("button", name="Accept").click()
        page.get_by_role("alert").get_by_text("could not be saved").wait_for()
        assert WAITS in page.locator("#counter").inner_text()
        assert cookie(page) is None
        page.unroute_all(behavior="ignoreErrors")
        page.get_by_role("button", name="Accept").click()
        page.get_by_text(RAN).wait_for()
        page.failures.clear()


def test_a_banner_that_is_slow_delays_nothing_else(chromium, served):
    with page_of(chromium, served) as page:
        held = []

        def hold(route) -> None:
            held.append(route)

        page.route(re.compile(r"/banner/"), hold)
        page.goto(served.covered)  # until all of the page is loaded
        assert len(held) == 1
        assert page.locator("h1").is_visible()
        assert page.locator("section.troth").count() == 0
        held[0].continue_()
        page.get_by_role("button", name="Accept").wait_for()


STRICT = (
    "script-src 'nonce-abc' 'strict-dynamic'; object-src 'none'; base-uri 'none'; style-src 'none'; "
    "require-trusted-types-for 'script'; trusted-types troth"
)


def test_under_a_strict_policy_only_what_the_page_vouches_for_is_released(chromium, served):
    """Nonces and trusted types: the tag adds no style and no text to the page, and lends its nonce to nobody."""
    html = f"""<!doctype html><html lang="en"><head><title>Strict</title>
        <script nonce="abc" src="{served.url}/tag/gotomeeting.js"></script></head><body><h1>Strict</h1>
        <script nonce="abc" type="text/plain" data-purpose="improve.analytics">document.title += ' vouched'</script>
        <script nonce="abc" type="text/plain" data-purpose="improve.analytics" src="/counter.js"></script>
        <script type="text/plain" data-purpose="improve.analytics">document.title += ' injected'</script>
        <script type="text/plain" data-purpose="improve.analytics" src="/injected.js"></script>
        <p id="counter"></p></body></html>"""
    with page_of(chromium, served) as page:
        served.pages["/strict"] = (html, STRICT)
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{served.covered}/strict")
        banner = page.locator("section.troth")
        banner.wait_for()
        assert banner.evaluate("one => getComputedStyle(one).position") == "fixed"  # its style is there
        page.get_by_role("button", name="Accept").click()
        page.get_by_text(RAN).wait_for()
        assert page.title() == "Strict vouched"
        assert not any(url.endswith("injected.js") for url in asked)


def test_scripts_keep_their_order_their_attributes_and_their_type(chromium, served):
    html = f"""<!doctype html><html lang="en"><head><title>T</title>
        <script src="{served.url}/tag/gotomeeting.js"></script></head><body>
        <script type="text/plain" data-purpose="improve.analytics" id="one" data-own="7">
            window.order = ['one ' + document.getElementById('one').dataset.own]</script>
        <script type="text/plain" data-purpose="improve.analytics" data-type="module">
            window.order.push(import.meta.url ? 'module' : '')</script>
        <script type="text/plain" data-purpose="no.such.purpose">window.order.push('never')</script>
        <script type="text/plain" data-purpose="service.sign_in">window.needed = true</script>
        </body></html>"""
    with page_of(chromium, served) as page:
        served.pages["/order"] = (html, "")
        page.goto(f"{served.covered}/order")
        page.get_by_role("button", name="Accept").wait_for()
        assert page.evaluate("window.order") is None
        assert page.evaluate("window.needed") is True  # strictly necessary: it waits for nothing
        assert page.evaluate("troth.allows('improve.analytics')") is False
        page.get_by_role("button", name="Accept").click()
        page.wait_for_function("window.order && window.order.length === 2")
        assert page.evaluate("window.order") == ["one 7", "module"]
        assert page.evaluate("troth.allows('improve.analytics')") is True


def test_a_cookie_of_an_older_version_is_asked_about_again(chromium, served):
    browser_id = "A" * 22
    from troth.people.browsers import Browser, choice_order

    order = choice_order(FLAGSHIP)
    digits = "".join("2" if name in ("analytics", "marketing") else "0" for name in order)
    value = Cookies(served.people.key, FLAGSHIP).write(Browser(browser_id, "2015-12-31", digits))
    with page_of(chromium, served) as page:
        page.context.add_cookies([{"name": "troth", "value": value, "url": served.covered}])
        page.goto(served.covered)
        banner = page.locator("section.troth")
        banner.wait_for()
        assert WAITS in page.locator("#counter").inner_text()
        assert "so we ask again" in banner.inner_text()
        assert "An analytics firm counts visits" in banner.inner_text()
        assert cookie(page) == value


def test_the_tag_decides_as_the_table_does(chromium, served):
    """For every purpose and many cookies: what runs in the browser is what the server's table says."""
    import random

    from troth.people.browsers import Browser, choice_order, read_digits
    from troth.web.choices.sites import site_of

    order = choice_order(FLAGSHIP)
    desk = served.app._choices.desk
    site, rng = site_of(desk, "gotomeeting"), random.Random(3)
    purposes = site.version.vocabulary.slugs("purpose")
    with page_of(chromium, served) as page:
        page.goto(served.covered)
        for _ in range(60):
            digits = "".join(rng.choice("0123") for _ in order[: rng.randint(4, len(order))])
            value = desk.cookies.write(Browser("B" * 22, "2017-02-01", digits))
            page.evaluate("value => { document.cookie = 'troth=' + value + ';path=/' }", value)
            states = read_digits(digits, order)
            expected = [site.loading.loads(purpose, states) for purpose in purposes]
            assert page.evaluate("all => all.map(troth.allows)", list(purposes)) == expected, digits
