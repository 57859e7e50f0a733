"""The banner and the tag over HTTP: who may send a choice, what the cookie says, and what is kept from others."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from choosing import ANN, Choosing, Clock, choosing

from troth.people import Identifier
from troth.people.browsers import Cookies

ORIGIN = {"Origin": "https://gotomeeting.localhost", "Accept": "application/json"}
PATH = "/banner/gotomeeting"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Choosing]:
    with choosing(tmp_path) as served:
        yield served


def browser(served: Choosing, value: str):
    found = Cookies(served.people.key, served.people.policy).read(value)
    assert found is not None
    return found


def states(served: Choosing, value: str) -> dict[str, str]:
    return {name: row.state for name, row in served.people.current(browser(served, value).identifier).items()}


def choose(client, served: Choosing, **fields: str) -> str:
    answer = client.post(PATH, data=fields, headers=ORIGIN)
    assert answer.status_code == 200, answer.text
    return answer.json()["cookie"]


def test_refusing_and_accepting_ask_about_what_waits_on_this_site(served: Choosing) -> None:
    with served.client() as client:
        refused = choose(client, served, do="refuse")
        assert states(served, refused) == {"settings": "out", "analytics": "out", "advertising": "out"}
        accepted = choose(client, served, do="accept", cookie=refused)
        assert browser(served, accepted).id == browser(served, refused).id
        assert states(served, accepted) == {"settings": "in", "analytics": "in", "advertising": "in"}
        history = served.people.history(browser(served, accepted).identifier)
    assert {(change.how, change.product, change.version) for change in history} == {
        ("banner", "gotomeeting", "2017-02-01")
    }
    assert len(history) == 6


def test_one_by_one(served: Choosing) -> None:
    with served.client() as client:
        value = choose(client, served, **{"do": "save", "asked": "settings analytics", "choice.settings": "in"})
        assert states(served, value) == {"settings": "in", "analytics": "out"}
        # What is not asked about on this site is not chosen here.
        value = choose(
            client, served, **{"do": "save", "asked": "marketing", "choice.marketing": "in", "cookie": value}
        )
        assert "marketing" not in states(served, value)


def test_a_form_without_javascript_gets_the_cookie_and_goes_back(served: Choosing) -> None:
    with served.client() as client:
        answer = client.post(
            PATH, data={"do": "refuse", "return": "/a?b=c"}, headers={"Origin": "https://gotomeeting.localhost"}
        )
        assert (answer.status_code, answer.headers["location"]) == (303, "/a?b=c")
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("troth=2017-02-01~")
        assert "Path=/; SameSite=Lax; Max-Age=15778476; Secure" in cookie
        assert "Domain" not in cookie
        value = cookie.split(";")[0].removeprefix("troth=")
        folded = client.get(PATH, headers={"Cookie": f"troth={value}"})
        assert '<details class="troth-folded">' in folded.text
        assert "set-cookie" not in folded.headers
        assert "troth-folded" not in client.get(PATH).text


@pytest.mark.parametrize(
    "back", ["//evil.example/", "https://evil.example/", "/\\evil.example", "", "a", "/ x", "/\r\nX: y"]
)
def test_a_form_goes_back_to_the_same_site_only(served: Choosing, back: str) -> None:
    with served.client() as client:
        answer = client.post(
            PATH, data={"do": "refuse", "return": back}, headers={"Origin": "https://gotomeeting.localhost"}
        )
        assert answer.status_code == 400
        assert client.get(PATH, params={"return": back or "x"}).status_code == 400
        assert client.get(PATH, params={"base": back or "x"}).status_code == 400


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "https://gotomeeting.localhost.evil.example"},
        {"Origin": "https://gotowebinar.localhost"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_no_other_site_makes_a_choice(served: Choosing, headers: dict[str, str]) -> None:
    before = served.log.size()
    with served.client() as client:
        answer = client.post(PATH, data={"do": "accept"}, headers=headers)
    assert answer.status_code == 400
    assert "set-cookie" not in answer.headers
    assert "access-control-allow-origin" not in answer.headers
    assert served.log.size() == before


def test_a_cookie_of_another_hand_is_a_new_browser(served: Choosing) -> None:
    with served.client() as client:
        value = choose(client, served, do="refuse")
        forged = value.replace("~000", "~002")
        again = choose(client, served, do="accept", cookie=forged)
        assert browser(served, again).id != browser(served, value).id
        assert states(served, value)["analytics"] == "out"


def test_the_same_form_sent_twice_is_one_choice(served: Choosing) -> None:
    with served.client() as client:
        fields = {"do": "refuse", "key": "k" * 22}
        first, second = choose(client, served, **fields), choose(client, served, **fields)
    assert first == second
    assert len(served.people.history(browser(served, first).identifier)) == 3


def test_a_signal_and_accepting_everything(served: Choosing) -> None:
    """Accept is not the particular word that a signal gives way to; ticking one thing is."""
    with served.client() as client:
        value = choose(client, served, do="accept", gpc="1")
        assert states(served, value) == {"settings": "in", "analytics": "out", "advertising": "out"}
        value = choose(
            client,
            served,
            **{"do": "save", "asked": "analytics", "choice.analytics": "in", "gpc": "1", "cookie": value},
        )
        assert states(served, value)["analytics"] == "in"
        assert browser(served, value).digits == "00030021"
        # It comes at every visit, and the word holds.
        value = choose(client, served, do="signal", gpc="1", cookie=value)
        assert states(served, value)["analytics"] == "in"
        assert client.post(PATH, data={"do": "signal", "gpc": "1"}, headers=ORIGIN).status_code == 400


def test_the_signal_of_a_browser_counts_for_the_person_it_belongs_to(served: Choosing) -> None:
    with served.client() as client:
        value = choose(client, served, do="accept")
        served.people.choose(ANN, {"analytics": "in", "advertising": "in"}, how="page")
        served.people.link(ANN, browser(served, value).identifier)
        choose(client, served, do="signal", gpc="1", cookie=value)
        assert served.people.current(ANN)["analytics"].state == "out"
        assert served.people.current(ANN)["advertising"].actor == "signal"


def test_the_piece_for_the_tag_knows_nobody(served: Choosing) -> None:
    with served.client() as client:
        answer = client.get(f"{PATH}.json", params={"version": "2017-02-01", "digits": "00010022", "gpc": "0"})
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["cache-control"] == "public, max-age=300"
        html = answer.json()["html"]
        assert 'name="choice.settings" value="in" checked' in html
        assert 'name="choice.analytics" value="in">' in html
        assert "<script" not in html
        assert " style=" not in html
        for params in ({"version": "x", "digits": "0"}, {"version": "2017-02-01", "digits": "<b>"}, {}):
            assert "checked" not in client.get(f"{PATH}.json", params=params).json()["html"]


def test_asking_again_in_a_browser(tmp_path: Path) -> None:
    clock = Clock(datetime(2016, 6, 1, tzinfo=UTC))
    with choosing(tmp_path, clock=clock) as served, served.client() as client:
        value = choose(client, served, do="accept")
        assert browser(served, value).version == "2015-12-31"
        assert "troth-folded" in client.get(PATH, headers={"Cookie": f"troth={value}"}).text
        clock.now = datetime(2017, 6, 1, tzinfo=UTC)
        # The policy changed for analytics, so the yes of 2016 is asked for again, with what changed.
        html = client.get(PATH, headers={"Cookie": f"troth={value}"}).text
        assert "troth-folded" not in html
        assert "so we ask again" in html
        assert "/policy/versions/2015-12-31..2017-02-01" in html
        assert "An analytics firm counts visits" in html
        value = choose(client, served, do="refuse", cookie=value)
        assert "so we ask again" not in client.get(PATH, headers={"Cookie": f"troth={value}"}).text


def test_without_a_stated_cookie_none_is_set(tmp_path: Path) -> None:
    from running import SMALL

    with choosing(tmp_path, policy=SMALL) as served, served.client() as client:
        answer = client.post("/banner/shop", data={"do": "refuse"})
        assert answer.status_code == 400
        assert "states no strictly necessary tracker named 'troth'" in answer.text
        assert "set-cookie" not in answer.headers


def test_the_tag_is_small_and_kept_for_a_while(served: Choosing) -> None:
    import gzip

    with served.client() as client:
        answer = client.get("/tag/gotomeeting.js")
        assert answer.headers["content-type"].startswith("text/javascript")
        assert "stale-while-revalidate=86400" in answer.headers["cache-control"]
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
        assert len(gzip.compress(answer.content, 9)) <= 2500
        assert client.get("/tag/gotomeeting.js", headers={"If-None-Match": answer.headers["etag"]}).status_code == 304
        missing = client.get("/tag/nowhere.js")
        assert (missing.status_code, "It covers: gotomeeting" in missing.text) == (404, True)


def test_a_site_is_where_the_policy_says(served: Choosing) -> None:
    from troth.policy.model import Covered
    from troth.policy.problems import Place
    from troth.web.choices.sites import covered_origin

    def covered(site: str | None) -> Covered:
        return Covered(id="x", place=Place("x"), name="X", site=site)

    for site, origin, expected in (
        ("https://www.acme.example", "https://www.acme.example", True),
        ("https://www.acme.example/shop", "https://acme.example", True),
        ("https://acme.example", "https://www.acme.example", True),
        ("https://acme.example", "http://acme.example", False),
        ("https://acme.example", "https://acme.example:8443", False),
        ("https://acme.example", "https://evil.acme.example", False),
        ("https://acme.example", "https://acme.example.evil.example", False),
        ("https://acme.localhost", "http://acme.localhost:8768", True),
        (None, "https://acme.example", False),
    ):
        assert covered_origin(origin, covered(site)) == expected, (site, origin)


def test_two_browsers_are_two(served: Choosing) -> None:
    with served.client() as client:
        one, two = choose(client, served, do="refuse"), choose(client, served, do="refuse")
    assert browser(served, one).id != browser(served, two).id
    assert served.people.find(Identifier("cookie", browser(served, one).id)) is not None
