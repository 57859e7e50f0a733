"""The pages over HTTP: forms, languages, caching, what is missing, and the static site that equals what is served."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

import troth
from troth.notice import pages
from troth.notice.site import file_name, write_site
from troth.policy.reading import parse_version
from troth.web.app import make_app
from troth.web.negotiation import best_language, best_media_type

EXAMPLE = Path(__file__).parents[2] / "examples" / "citrix-online"
FLAGSHIP = troth.Policy.read(EXAMPLE)
IN_2016 = datetime(2016, 1, 1, tzinfo=UTC)
TONGUES = troth.Policy(
    [
        parse_version(
            """
policy: tongues
title: {en: Privacy, de: Datenschutz, ar: الخصوصية}
effective: 2015-01-01
publisher: {name: Example, address: 1 Street}
covers: {shop: {name: Shop}}
never: {sale: {says: {en: We never sell., de: Wir verkaufen nie., ar: نحن لا نبيع أبدا.}, do: sell}}
""".encode(),
            "tongues.yaml",
        )
    ]
)


def ask(*requests, policy=FLAGSHIP, at=IN_2016):
    """The responses to requests, each a tuple of method, path and headers."""

    async def run():
        transport = httpx.ASGITransport(app=make_app(policy, clock=lambda: at))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return [await client.request(method, path, headers=headers) for method, path, headers in requests]

    return asyncio.run(run())


def get(path, policy=FLAGSHIP, at=IN_2016, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return ask(("GET", path, named), policy=policy, at=at)[0]


def test_the_overview_is_served_with_its_headers():
    response = get("/")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["content-language"] == "en"
    assert response.headers["cache-control"] == "public, no-cache"
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert "set-cookie" not in response.headers
    assert "Privacy policy overview" in response.text


def test_a_page_that_did_not_change_is_not_sent_again():
    etag = get("/").headers["etag"]
    response = get("/", If_None_Match=f'"other", W/{etag}')
    assert response.status_code == 304
    assert response.content == b""
    assert response.headers["etag"] == etag
    assert get("/", If_None_Match='"other"').status_code == 200


@pytest.mark.parametrize("path", ["/", "/policy", "/policy.json", "/policy/s/sale", "/policy/versions/2015-12-31"])
def test_no_page_is_shown_again_before_it_was_asked_for(path):
    """A claim may be suspended at any moment, which takes its sentence with it: no time is short enough to keep it."""
    headers = get(path).headers
    assert headers["cache-control"] == "public, no-cache"
    assert headers["etag"]
    assert get(path, If_None_Match=headers["etag"]).headers["cache-control"] == "public, no-cache"


def test_what_says_nothing_may_be_kept():
    assert get("/static/troth.css").headers["cache-control"] == "public, max-age=300, must-revalidate"


def test_head_sends_what_get_would_without_the_body():
    head, whole = ask(("HEAD", "/policy", {}), ("GET", "/policy", {}))
    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["etag"] == whole.headers["etag"]
    assert head.headers["content-length"] == whole.headers["content-length"]


@pytest.mark.parametrize(
    ("accept", "media_type", "location"),
    [
        ("*/*", "text/html", None),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html", None),
        ("application/json", "application/json", "/policy.json"),
        ("text/markdown, text/html;q=0.5", "text/markdown", "/policy.md"),
        ("application/ld+json", "application/ld+json", "/policy.jsonld"),
    ],
)
def test_the_form_of_the_policy_is_negotiated(accept, media_type, location):
    response = get("/policy", Accept=accept)
    assert response.headers["content-type"].startswith(media_type)
    assert response.headers.get("content-location") == location
    assert "Accept" in response.headers["vary"]


def test_a_form_that_there_is_not_is_refused():
    response = get("/policy", Accept="image/png")
    assert response.status_code == 406
    assert "application/ld+json" in response.text


def test_the_language_is_negotiated():
    german = get("/", TONGUES, Accept_Language="fr, de-AT;q=0.8, en;q=0.5")
    assert german.headers["content-language"] == "de"
    assert "Accept-Language" in german.headers["vary"]
    assert "Wir verkaufen nie." in german.text
    arabic = get("/policy?lang=ar", TONGUES, Accept_Language="de")
    assert arabic.headers["content-language"] == "ar"
    assert '<html lang="ar" dir="rtl">' in arabic.text
    assert get("/de/policy", TONGUES, Accept_Language="ar").headers["content-language"] == "de"
    assert get("/de", TONGUES).headers["location"] == "/de/"
    assert get("/", TONGUES).headers["content-language"] == "en"


def test_a_missing_page_helps_and_is_not_kept():
    response = get("/policy/s/newz")
    assert response.status_code == 404
    assert response.headers["cache-control"] == "no-store"
    assert 'href="../../policy/s/news"' in response.text
    assert get("/policy/s/safe-harbor-eu").status_code == 410


@pytest.mark.parametrize("path", ["/policy/", "/policy//", "/policy/s/news/"])
def test_a_page_has_one_address(path):
    response = get(path)
    assert response.status_code == 308
    assert response.headers["location"] == path.rstrip("/")


def test_pages_are_only_read():
    post, options, lost = ask(("POST", "/policy", {}), ("OPTIONS", "/policy", {}), ("POST", "/nowhere", {}))
    assert post.status_code == 405
    assert post.headers["allow"] == "GET, HEAD, OPTIONS"
    assert "takes no POST" in post.text
    assert options.status_code == 204
    assert options.headers["allow"] == "GET, HEAD, OPTIONS"
    assert lost.status_code == 404


@pytest.mark.parametrize(
    "path", ["/%00", "/..%2f..%2fetc%2fpasswd", "/policy/s/%F0%9F%98%80", "/static/../pages.py", "/nowhere//"]
)
def test_odd_paths_are_missing_pages(path):
    assert get(path).status_code == 404


@pytest.mark.parametrize("policy", [FLAGSHIP, TONGUES], ids=["flagship", "tongues"])
def test_the_static_site_is_what_is_served(policy, tmp_path):
    written = write_site(policy, tmp_path, IN_2016)
    addresses = list(pages.addresses(policy, IN_2016))
    responses = ask(*(("GET", f"/{address}", {}) for address in addresses), policy=policy)
    for address, response in zip(addresses, responses, strict=True):
        assert response.status_code == 200, address
        media_type = pages.HTML if response.headers["content-type"] == pages.HTML else ""
        assert (tmp_path / file_name(address, media_type)).read_bytes() == response.content, address
    assert len(written) == len(addresses) + 1
    assert 'href="/policy"' in (tmp_path / "404.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("accept", "best"),
    [
        (None, "a/x"),
        ("b/*", "b/y"),
        ("a/x;q=0, */*;q=0.1", "b/y"),
        ("a/*;q=0.2, b/y;q=0.3", "b/y"),
        ("c/z", None),
        (";;,q=", None),
    ],
)
def test_best_media_type(accept, best):
    assert best_media_type(accept, ("a/x", "b/y")) == best


@pytest.mark.parametrize(
    ("asked", "header", "best"),
    [
        (None, None, "en"),
        ("de", "ar", "de"),
        ("xx", "ar", "ar"),
        (None, "de-CH-1996, ar;q=0.9", "de"),
        (None, "ar;q=0, de;q=0.1", "de"),
        (None, "zz", "en"),
    ],
)
def test_best_language(asked, header, best):
    assert best_language(asked, header, ("en", "de", "ar")) == best
