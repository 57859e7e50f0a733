"""The footer in a browser: wherever the splicer puts it, a reader of HTML that is not ours shows it."""

from __future__ import annotations

import pytest
from generated_mails import TAGS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mails import MARKETING, OPT_OUT, body_of, crlf, simple, spliced
from test_mail_splicing import DOCUMENTS

from troth.gates.mail.content.message import read_message
from troth.gates.mail.content.splicing import splice
from troth.gates.mail.errors import MailError

pytestmark = pytest.mark.browser
LINK = f'a[href="{OPT_OUT}"]'
HAZARDS = (
    *(
        "x ",
        "<table><tr><td>",
        "</table>",
        "<svg>",
        "</svg>",
        "<noscript>",
        "--!>",
        "<p hidden>",
        "<p>",
        "<math>",
        "</math>",
    ),
    *(
        '<div style="display:none">',
        "<div>",
        "</div>",
        "<span hidden>",
        "</span>",
        "<details>",
        "</details>",
        "<select>",
    ),
    *("</select>", "<video>", "</video>", "<object>", "</object>", "<dialog>", "</dialog>", "<button>", "<a href=x>"),
)


@pytest.fixture(scope="module")
def page(chromium):
    # As in a mail program: no script, and nothing is loaded.
    context = chromium.new_context(java_script_enabled=False, viewport={"width": 360, "height": 640}, offline=True)
    yield context.new_page()
    context.close()


def mail(document: str) -> bytes:
    return simple(document + "\n", "Content-Type: text/html; charset=utf-8", "Content-Transfer-Encoding: 8bit")


def show(page, raw: bytes) -> None:
    page.set_content(body_of(raw).decode("utf-8"), wait_until="domcontentloaded")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_browser_shows_the_footer(page, document: str) -> None:
    show(page, spliced(mail(document.replace("|", ""))))
    assert page.locator(LINK).is_visible()
    assert page.locator(LINK).inner_text() == "Unsubscribe"


SOUP = st.lists(st.sampled_from((*TAGS, *HAZARDS)), max_size=12)


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(SOUP)
def test_whatever_the_html_the_browser_shows_it_or_the_mail_is_refused(page, pieces: list[str]) -> None:
    check_seen(page, pieces)


@pytest.mark.soak
@settings(max_examples=20_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(SOUP)
def test_much_html_and_the_browser_shows_it_or_the_mail_is_refused(page, pieces: list[str]) -> None:
    check_seen(page, pieces)


def check_seen(page, pieces: list[str]) -> None:
    raw = mail("".join(pieces))
    try:
        out = splice(read_message(raw), MARKETING)
    except MailError:
        return
    show(page, out)
    assert page.locator(LINK).count() == 1
    assert page.locator(LINK).is_visible()


@pytest.mark.parametrize(
    "style", ["background:#111111;color:#eeeeee", "background:#ffffff;color:#000000", "color:#ffffff"]
)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_the_footer_can_be_read_on_any_background(chromium, style: str, scheme: str, width: int) -> None:
    from axe_playwright_python.sync_playwright import Axe

    document = f'<html lang="en"><head><title>x</title></head><body style="{style}"><main>Hello</main></body></html>'
    out = spliced(mail(document))
    context = chromium.new_context(viewport={"width": width, "height": 640}, color_scheme=scheme)
    page = context.new_page()
    page.set_content(crlf(body_of(out)).decode())
    found = Axe().run(page, context="body > div").response
    assert [one["id"] for one in found["violations"] if one["id"] != "region"] == []
    assert "color-contrast" in {one["id"] for one in found["passes"]}
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()
