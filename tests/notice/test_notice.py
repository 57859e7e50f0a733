"""What the pages hold: six parts, current claims only, an address for every promise, links that lead somewhere."""

import gzip
import json
import re
from datetime import UTC, datetime
from html import unescape
from html.parser import HTMLParser
from urllib.parse import urldefrag, urljoin, urlsplit

import pytest
from notice_policies import FLAGSHIP, IN_2016, IN_2020, TONGUES

from troth.notice import pages
from troth.notice.parts import HEADINGS, overview

FIRST, SECOND, THIRD = FLAGSHIP.versions
POLICIES = {"flagship": (FLAGSHIP, IN_2016), "tongues": (TONGUES, IN_2020)}


def text(address, at=IN_2016, policy=FLAGSHIP, language=None):
    page = pages.find(policy, address, at, language)
    assert page is not None, address
    return page.body.decode()


class Reader(HTMLParser):
    """Gathers the ids, links and headings of a page."""

    def __init__(self, html):
        super().__init__()
        self.ids, self.links, self.loads, self.headings, self.attributes, self.tags = [], [], [], [], set(), set()
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.add(tag)
        self.attributes |= set(found)
        if "id" in found:
            self.ids.append(found["id"])
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        if tag == "link" or "src" in found:
            self.loads.append(found.get("href") or found.get("src"))
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))


def every_page():
    for name, (policy, at) in POLICIES.items():
        for address in pages.addresses(policy, at):
            yield pytest.param(policy, at, address, id=f"{name}/{address}")


@pytest.mark.parametrize(("policy", "at", "address"), list(every_page()))
def test_every_page_is_sound(policy, at, address):
    """Links lead to pages and anchors that are there; nothing of others is loaded; no script, no inline style."""
    page = pages.find(policy, address, at)
    assert page is not None
    if page.media_type != pages.HTML:
        return
    html = page.body.decode()
    reader = Reader(html)
    assert len(reader.ids) == len(set(reader.ids))
    assert reader.tags.isdisjoint({"script", "style", "iframe", "form"})
    assert not {name for name in reader.attributes if name == "style" or name.startswith("on")}
    assert all(not urlsplit(link).netloc for link in reader.loads)
    assert reader.headings[0] == 1
    assert reader.headings.count(1) == 1
    assert all(later - earlier <= 1 for earlier, later in zip(reader.headings, reader.headings[1:], strict=False))
    for link in [*reader.links, *reader.loads]:
        target, fragment = urldefrag(urljoin(f"https://here.example/{address}", link))
        if urlsplit(target).netloc != "here.example":
            continue
        found = pages.find(policy, urlsplit(target).path.removeprefix("/"), at)
        assert found is not None, link
        if fragment and found.media_type == pages.HTML:
            assert f'id="{fragment}"' in found.body.decode(), link


def test_the_overview_has_six_parts_that_lead_on():
    html = text("")
    for heading in HEADINGS:
        assert f'id="{heading.id}"' in html
        assert f'href="./policy#{heading.id}"' in html
        assert f'id="{heading.id}"' in text("policy")
    assert [part.heading.number for part in overview(SECOND, IN_2016)] == [1, 2, 3, 4, 5, 6]


def test_the_overview_tells_its_promises_and_the_complete_policy_all():
    short, full = text(""), text("policy")
    for statement in SECOND.stated_on(IN_2016):
        assert (f'id="{statement.id}"' in short) is statement.overview
        assert f'id="{statement.id}"' in full
        assert str(statement.says) in unescape(text(f"policy/s/{statement.id}"))


def test_a_claim_that_has_ended_is_no_part_of_the_notice():
    for address in ("", "policy", "policy.md"):
        assert "Safe Harbor" not in text(address)
    assert pages.find(FLAGSHIP, "policy/s/safe-harbor-eu", IN_2016) is None
    entry = json.loads(text("policy.json"))["claims"]["safe-harbor-eu"]
    assert entry["current"] is False
    assert pages.missing(FLAGSHIP, "policy/s/safe-harbor-eu", IN_2016).status == 410


def test_a_claim_goes_on_the_day_by_itself():
    before = text("", datetime(2015, 10, 5, 23, 59, tzinfo=UTC))
    after = text("", datetime(2015, 10, 6, tzinfo=UTC))
    assert "Safe Harbor" in before
    assert "Safe Harbor" not in after


def test_a_seal_stands_where_its_claim_is_current():
    assert "Check the seal" in text("")
    assert 'href="https://truste.example/validation/citrix-online"' in text("")


def test_a_page_is_the_same_between_two_changes():
    assert text("") == text("", datetime(2016, 11, 30, 12, 34, 56, tzinfo=UTC))


def test_every_version_keeps_its_address():
    for at in (IN_2016, datetime(2030, 1, 1, tzinfo=UTC)):
        assert "29 April" not in text("policy/versions", at)
        assert "26 April 2010" in text(f"policy/versions/{FIRST.id}", at)
    assert "In force from 26 April 2010 until 31 December 2015" in text(f"policy/versions/{FIRST.id}")
    assert "Comes into force on 1 February 2017" in text(f"policy/versions/{THIRD.id}")


def test_differences_say_in_words_what_became_broader():
    html = unescape(text(f"policy/versions/{SECOND.id}..{THIRD.id}"))
    assert "Who must hear of it" in html
    assert "We never send marketing to people for joining a session." in html
    assert "Those who decide by the choice ‘attendee news’" in html
    assert "attendee-news" in html
    assert "Broader" in html


def test_a_product_shows_what_applies_there():
    blog, meeting = text("products/workshifting"), text("products/gotomeeting")
    assert 'id="blog-comments"' in blog
    assert 'id="blog-comments"' not in meeting
    assert 'id="chat"' in meeting
    assert 'id="chat"' not in blog
    assert 'id="sale"' in blog


def test_before_the_first_version_there_is_only_the_history():
    early = datetime(2000, 1, 1, tzinfo=UTC)
    assert pages.find(FLAGSHIP, "", early) is None
    assert "Comes into force" in text("policy/versions", early)
    assert pages.missing(FLAGSHIP, "", early).status == 404


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("policy/s/newz", "policy/s/news"),
        ("products/gotomeetings", "products/gotomeeting"),
        ("unsubscribe", "policy/s/marketing"),
        ("cookies.html", "policy/s/page-logs"),
    ],
)
def test_a_missing_page_helps(address, expected):
    page = pages.missing(FLAGSHIP, address, IN_2016)
    assert page.status == 404
    assert expected in page.body.decode()


def test_what_a_path_holds_is_never_code():
    page = pages.missing(FLAGSHIP, "<script>alert(1)</script>", IN_2016)
    assert b"<script" not in page.body


def test_the_overview_weighs_at_most_25_kilobytes():
    whole = b"".join(pages.find(FLAGSHIP, address, IN_2016).body for address in ("", *pages.STATIC))
    assert len(gzip.compress(whole)) <= 25_000


# --- languages --------------------------------------------------------------------------------------------------------


def test_a_language_has_its_own_addresses_and_direction():
    arabic = text("ar/", IN_2020, TONGUES)
    assert '<html lang="ar" dir="rtl">' in arabic
    assert '<span lang="ar" dir="rtl">نطلب اسمك.</span>' in arabic
    assert "We send you greetings" in arabic  # what is not translated stands in the policy's own language
    german = text("de/policy", IN_2020, TONGUES)
    assert '<html lang="de" dir="ltr">' in german
    assert "Wir fragen nach Ihrem Namen." in german
    assert text("", IN_2020, TONGUES, "de") != text("", IN_2020, TONGUES)


# --- for machines -----------------------------------------------------------------------------------------------------


def test_json_tells_the_policy_in_the_keys_of_its_file():
    value = json.loads(text("policy.json"))
    assert value["policy"] == "citrix-online"
    assert value["effective"] == "2015-12-31"
    news = value["uses"]["news"]
    assert news["for"] == ["marketing.own"]
    assert news["unless"] == ["marketing", "optional-data"]
    assert news["part"] == 3
    assert value["version"] == {"id": "2015-12-31", "number": 2, "until": "2017-02-01", "sha256": SECOND.sha256}
    assert json.loads(text(f"policy/versions/{FIRST.id}.json"))["effective"] == "2010-04-26"


def test_markdown_holds_every_promise():
    markdown = text("policy.md")
    for statement in SECOND.stated_on(IN_2016):
        assert f"### {statement.says}" in markdown


def test_jsonld_speaks_the_data_privacy_vocabulary():
    value = json.loads(text("policy.jsonld"))
    assert value["@type"] == "dpv:PrivacyNotice"
    assert value["@context"]["dpv"] == "https://w3id.org/dpv#"
    processes = {node["@id"].partition("#")[2]: node for node in value["dpv:hasProcess"]}
    assert processes["news"]["dpv:hasPurpose"][0]["@type"] == "dpv:DirectMarketing"
    assert processes["card-payments"]["dpv:hasRecipient"][0]["dpv:hasName"] == "Example Card Services"
    assert {node["@id"].partition("#")[2] for node in value["dpv:hasProhibition"]} >= {"sale", "session-content"}
    prefixes = set(value["@context"])

    def names(node):
        if isinstance(node, dict):
            for key, inner in node.items():
                if key == "@context":
                    continue
                if not key.startswith("@"):
                    yield key
                if key == "@type":
                    yield from ([inner] if isinstance(inner, str) else inner)
                yield from names(inner)
        elif isinstance(node, list):
            for inner in node:
                yield from names(inner)

    assert {name.partition(":")[0] for name in names(value)} <= prefixes
