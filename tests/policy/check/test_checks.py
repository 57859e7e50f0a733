"""Each check finds what it is for, in the place where it stands, and leaves alone what is like it and right."""

import pytest
from policies import case_at, case_older, load, policy

from troth.policy.check import CHECKS, check, check_pages

CASES = load("checks.yaml")

# The mistakes of the originals of the flagship example, each with the check that catches it.
MISTAKES = {
    "an overview that announces sharing which the part on sharing does not": "announced-not-stated",
    "sharing that only the complete policy tells": "hidden-sharing",
    "a framework claimed after it was void": "framework-ended",
    "a framework named after it was void": "lapsed-claim-named",
    "notice pages that load from third parties": "third-party-content",
    "a contact address that one version lost": "contact-lost",
    "never sold, next to beacons that nobody controls": "never-uncontrolled",
    "may, without saying when": "unqualified-may",
}


def test_every_check_has_its_cases():
    assert set(CASES) == set(CHECKS) - {"third-party-content", "seal-elsewhere"}
    assert all(set(case) == {"fails", "passes"} for case in CASES.values())


def test_the_mistakes_of_the_originals_are_caught_by_named_checks():
    assert set(MISTAKES.values()) <= set(CHECKS)


def test_nothing_is_found_in_the_base():
    report = check(policy({}), at=case_at({}))
    assert report.findings == ()
    assert report.exit_code == 0


@pytest.mark.parametrize("code", CASES)
def test_a_check_finds_what_it_is_for(code: str):
    change = CASES[code]["fails"]
    report = check(policy(change), at=case_at(change), older=case_older(change))
    found = report.found(code)
    assert found, [finding.code for finding in report.findings]
    for finding in found:
        assert finding.place.file == "policy.yaml"
        assert finding.place.line > 0
        assert finding.severity == CHECKS[code].severity
        assert finding.message.endswith((".", "”"))
        assert finding.remedy
    assert report.exit_code == int(any(finding.severity != "note" for finding in report.findings))


@pytest.mark.parametrize("code", CASES)
def test_a_check_leaves_alone_what_is_right(code: str):
    change = CASES[code]["passes"]
    report = check(policy(change), at=case_at(change), older=case_older(change))
    assert report.found(code) == ()


def test_places_are_those_of_the_key():
    version = policy(CASES["never-contradicted"]["fails"])
    (finding,) = check(version, at=case_at({})).found("never-contradicted")
    assert finding.place == version.places["shares.friends"]
    assert finding.statement == "friends"
    assert "'sharing'" in finding.message


def test_a_version_is_looked_at_no_earlier_than_it_begins():
    change = CASES["claim-renewal-due"]["fails"] | {"effective": "2026-06-01"}
    assert check(policy(change), at=case_at({})).at.isoformat().startswith("2026-06-01")


# --- pages ------------------------------------------------------------------------------------------------------------

OWN = """<!doctype html><link rel="stylesheet" href="/style.css"><img src="seal.svg">
<a href="https://elsewhere.example/">A link waits for a click.</a><link rel="canonical" href="https://a.example/">"""
FOREIGN = {
    "script": '<script src="https://www.example-analytics.example/a.js"></script>',
    "scheme-relative": '<script src="//cdn.example/a.js"></script>',
    "image": '<img src="https://tracker.example/p.gif">',
    "srcset": '<img src="a.png" srcset="a.png 1x, https://cdn.example/b.png 2x">',
    "font": "<style>@font-face { src: url('https://fonts.example/f.woff2') }</style>",
    "import": '<style>@import "https://fonts.example/f.css";</style>',
    "inline-style": '<p style="background: url(https://tracker.example/p.gif)">',
    "preconnect": '<link rel="preconnect" href="https://cdn.example">',
    "inline-script": "<script>fetch('https://tracker.example/x')</script>",
    "ping": '<a href="/" ping="https://tracker.example/">x</a>',
    "refresh": '<meta http-equiv="refresh" content="0; url=https://elsewhere.example/">',
    "frame": '<iframe src="https://ads.example/"></iframe>',
}


def test_pages_that_load_from_their_own_origin_are_clean(tmp_path):
    (tmp_path / "index.html").write_text(OWN)
    (tmp_path / "style.css").write_text("body { background: url(paper.png) }")
    assert check_pages(tmp_path) == ()


@pytest.mark.parametrize("what", FOREIGN)
def test_pages_that_load_from_a_third_party_are_found(what: str, tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "index.html").write_text("<!doctype html>\n" + FOREIGN[what])
    (finding,) = check_pages(tmp_path)
    assert finding.code == "third-party-content"
    assert finding.severity == "error"
    assert finding.place.line == 2


def test_an_address_of_the_own_origin_is_no_third_party(tmp_path):
    (tmp_path / "index.html").write_text('<img src="https://privacy.example/seal.svg">')
    assert check_pages(tmp_path, origins=["https://privacy.example"]) == ()
    assert check_pages(tmp_path)


def test_style_sheets_and_scripts_are_looked_at(tmp_path):
    (tmp_path / "a.css").write_text("p {}\nb { background: url(https://tracker.example/p.gif) }")
    (tmp_path / "a.js").write_text("import('https://cdn.example/x.js')")
    assert [finding.place.line for finding in check_pages(tmp_path)] == [2, 1]


# --- seals ------------------------------------------------------------------------------------------------------------

OURS, OLD, NOBODYS = "1" * 32, "2" * 32, "3" * 32
SEALS = {OURS: frozenset({"meeting.example", "training.example"}), OLD: frozenset()}
AT = "https://privacy.example/seals/"
LINKED = f'<a href="{AT}{OURS}"><img src="{AT}{OURS}.svg" alt="Certified"></a>'


@pytest.mark.parametrize(
    ("page", "site", "says"),
    [
        (LINKED, "https://assist.example", f"{OURS} may stand on meeting.example, training.example, and this is"),
        (LINKED, "https://meeting.example.evil.example", "and this is meeting.example.evil.example"),
        (f'<img src="/seals/{OURS}.svg">', "http://other.example:8080/page", "and this is other.example"),
        (f'<a href="{AT}{OURS}">Certified</a>', "https://other.example", "may stand on"),
        (f'<p style="background: url({AT}{OURS}.svg)">', "https://other.example", "may stand on"),
        (f"<style>p {{ background: url({AT}{OURS}.svg) }}</style>", "https://other.example", "may stand on"),
        (LINKED.replace(OURS, OLD), "https://meeting.example", "is not valid now"),
        (LINKED.replace(OURS, NOBODYS), "https://meeting.example", "none that an officer signed for"),
        (f'<a href="/about"><img src="{AT}{OURS}.svg"></a>', "https://meeting.example", "leads to /about"),
        (f'<a href="{AT}{OLD}"><img src="{AT}{OURS}.svg"></a>', "https://meeting.example", f"leads to {AT}{OLD}"),
    ],
)  # fmt: skip
def test_a_seal_that_may_not_stand_there_is_found(page: str, site: str, says: str, tmp_path):
    (tmp_path / "index.html").write_text("<!doctype html>\n" + page)
    found = check_pages(tmp_path, origins=["https://privacy.example"], seals=SEALS, site=site)
    assert {(one.code, one.severity, one.place.line) for one in found} == {("seal-elsewhere", "error", 2)}
    assert any(says in one.message for one in found), found


def test_a_seal_where_it_may_stand_and_pages_without_a_register_have_no_finding(tmp_path):
    (tmp_path / "index.html").write_text(LINKED + f'<a href="/x">x</a><img src="{AT}{OURS}.svg">')
    own = ["https://privacy.example"]
    for site in ("https://meeting.example", "https://TRAINING.example/deep", None):
        assert check_pages(tmp_path, origins=own, seals=SEALS, site=site) == ()
    assert check_pages(tmp_path, origins=own, site="https://other.example") == ()
