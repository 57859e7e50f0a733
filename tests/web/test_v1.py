"""The gates over HTTP: what comes in and goes out, in each form in which it is sent, and what is refused and how."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from choosing import ANN, Choosing, choosing

from troth.people import Identifier
from troth.people.browsers import Browser, new_browser_id, write_digits

ACCOUNT = {
    "identity.name": "Ann", "contact.email": ANN.value, "account.id": "ann",
    "account.password": "$scrypt$ln=14,r=8,p=1$c2FsdHNhbHQ$ZGlnZXN0ZGlnZXN0",
}  # fmt: skip
SURVEY = {"demographic": "40 to 50"}
ORIGIN = {"Origin": "https://gotomeeting.localhost"}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Choosing]:
    with choosing(tmp_path) as served:
        yield served


@pytest.fixture
def client(served: Choosing) -> Iterator[httpx.Client]:
    with served.client() as client:
        yield client


def held(served: Choosing) -> list[tuple[str, object]]:
    opener = served.vault.opener()
    terms = dict.fromkeys(t for v in served.people.policy.versions for t in v.vocabulary.slugs("data"))
    return [(item.data, opener.open(item)) for item in served.vault.read(None, terms)]


def browser_of(served: Choosing, **states: str) -> tuple[Identifier, str]:
    """A browser that chose, and its cookie."""
    desk = served.app._choices.desk
    id = new_browser_id(b"b" * 16)
    who = Identifier("cookie", id)
    served.people.choose(who, states or {"settings": "out"}, how="banner", product="gotomeeting")
    digits = write_digits(served.people.current(who), desk.order)
    return who, desk.cookies.write(Browser(id, "2017-02-01", digits))


# --- collect ----------------------------------------------------------------------------------------------------------


def test_collect_json(served: Choosing, client: httpx.Client) -> None:
    answer = client.post(
        "/v1/collect/registration", json={"fields": ACCOUNT, "product": "gototraining", "moment": "trial"}
    )
    assert answer.status_code == 201
    body = answer.json()
    assert body["stored"] == list(ACCOUNT)
    assert body["sentence"].startswith("When you register")
    assert body["person"] == served.people.find(ANN)
    assert answer.headers["cache-control"] == "no-store"
    assert dict(held(served)) == ACCOUNT


def test_collect_a_form_and_go_back(served: Choosing, client: httpx.Client) -> None:
    for more in (
        {"data": ACCOUNT | {"product": "gotomeeting"}},
        {"files": {name: (None, value) for name, value in ACCOUNT.items()}},
    ):
        assert client.post("/v1/collect/registration", **more).status_code == 201
    answer = client.post("/v1/collect/registration", data=ACCOUNT | {"return": "/thanks"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/thanks")
    before = len(held(served))
    answer = client.post("/v1/collect/registration", data=ACCOUNT | {"return": "https://evil.example/"})
    assert answer.status_code == 400
    assert len(held(served)) == before, "it was stored although the answer was an error"


def test_collect_lines(served: Choosing, client: httpx.Client) -> None:
    lines = [
        {"fields": SURVEY, "person": "account:1"},
        {"fields": {"nonsense": 1}, "person": "account:2"},
        {"fields": SURVEY, "person": "nobody in particular"},
        {"field": SURVEY},
        {"fields": SURVEY, "person": "account:5"},
    ]
    body = "\n".join(json.dumps(line) for line in lines) + "\nno json\n"
    answer = client.post("/v1/collect/surveys", content=body, headers={"Content-Type": "application/x-ndjson"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/x-ndjson"
    outcomes = [json.loads(line) for line in answer.text.splitlines()]
    assert [outcome.get("error", "stored") for outcome in outcomes] == [
        "stored", "bad-field", "bad-person", "bad-request", "stored", "bad-request",
    ]  # fmt: skip
    assert len(held(served)) == 2


def test_collect_what_send_beacon_sends(served: Choosing, client: httpx.Client) -> None:
    body = json.dumps({"fields": SURVEY, "person": "account:1"})
    answer = client.post("/v1/collect/surveys", content=body, headers={"Content-Type": "text/plain;charset=UTF-8"})
    assert answer.status_code == 201


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("nothing", {"fields": SURVEY}, 404, "unknown-statement"),
        ("surveys", {"fields": SURVEY}, 422, "whose"),
        ("surveys", {"fields": {}, "person": "account:1"}, 422, "no-fields"),
        ("surveys", {"fields": {"contact.email": "a@b.c"}, "person": "account:1"}, 422, "undeclared"),
        ("surveys", {"fields": SURVEY, "person": "account:1", "product": "gotomars"}, 422, "unknown-product"),
        ("surveys", {"fields": SURVEY, "persons": "account:1"}, 400, "bad-request"),
        ("surveys", {"fields": [1]}, 400, "bad-request"),
        ("surveys", [], 400, "bad-request"),
        ("surveys", {"fields": SURVEY, "person": "ann@example.org"}, 400, "bad-person"),
        ("surveys", {"fields": SURVEY, "person": 7}, 400, "bad-request"),
        ("surveys", {"fields": {"demographic": "4111 1111 1111 1111"}, "person": "account:1"}, 422, "card-number"),
        ("surveys", {"fields": SURVEY, "person": "0" * 32}, 400, "bad-person"),
    ],
)
def test_what_cannot_be_collected_is_told_with_a_code(served, client, path, body, status, code) -> None:
    answer = client.post(f"/v1/collect/{path}", json=body)
    assert (answer.status_code, answer.json()["error"]) == (status, code)
    assert answer.json()["message"]
    assert held(served) == []


def test_a_refused_choice_is_told_with_its_sentence(served: Choosing, client: httpx.Client) -> None:
    served.people.choose(ANN, {"optional-data": "out"}, how="page")
    answer = client.post("/v1/collect/surveys", json={"fields": SURVEY, "person": f"email:{ANN.value}"})
    assert answer.status_code == 422
    assert answer.json()["error"] == "opted-out"
    assert answer.json()["sentence"] == "Surveys are up to you, and we use the answers only as totals."


def test_bodies_are_bounded_and_strict(served: Choosing, client: httpx.Client) -> None:
    kind = {"Content-Type": "application/json"}
    deep = '{"fields": {"demographic": ' + "[" * 5000 + "]" * 5000 + '}, "person": "account:1"}'
    for content, headers, status in (
        ("{" + " " * (9 * 1024 * 1024) + "}", kind, 413),
        (deep, kind, 400),
        ('{"fields": {"demographic": "a", "demographic": "b"}}', kind, 400),
        (b'{"fields": {"demographic": "\xff"}}', kind, 400),
        ('{"fields": {"demographic": "\\ud800"}, "person": "account:1"}', kind, 400),
        ('{"fields": {"demographic": NaN}, "person": "account:1"}', kind, 400),
        ("<x/>", {"Content-Type": "application/xml"}, 415),
        ("", {}, 415),
        ("", kind, 400),
        ("--b\r\nx", {"Content-Type": "multipart/form-data; boundary=b"}, 400),
        ("--b\r\nx", {"Content-Type": "multipart/form-data"}, 400),
        ("\n\n", {"Content-Type": "application/x-ndjson"}, 400),
        ("{}\n" * 10_001, {"Content-Type": "application/x-ndjson"}, 400),
    ):
        answer = client.post("/v1/collect/surveys", content=content, headers=headers)
        assert answer.status_code == status, (content[:50], answer.text)
        assert answer.json()["error"]
    assert client.put("/v1/use").status_code == 405
    assert client.get("/v1/collect/surveys").status_code == 405
    assert client.get("/v1/nothing").json()["error"] == "not-found"
    assert held(served) == []


# --- from browsers ----------------------------------------------------------------------------------------------------


def test_a_form_of_a_covered_site(served: Choosing, client: httpx.Client) -> None:
    form = {"content.feedback": "It works.", "contact.email": ANN.value, "product": "gotomeeting"}
    answer = client.post("/v1/collect/feedback", data=form, headers=ORIGIN)
    assert answer.status_code == 201
    assert "person" not in answer.json()
    assert dict(held(served))["content.feedback"] == "It works."


@pytest.mark.parametrize(
    ("fields", "headers"),
    [
        ({"product": "gotomeeting"}, {"Origin": "https://evil.example"}),
        ({"product": "gotowebinar"}, ORIGIN),
        ({}, ORIGIN),
        ({"product": "gotomeeting", "person": "account:1"}, ORIGIN),
        ({"product": "gotomeeting"}, {"Origin": "null"}),
    ],
)
def test_no_other_site_sends_and_no_browser_speaks_for_others(served, client, fields, headers) -> None:
    form = {"content.feedback": "x", "contact.email": ANN.value} | fields
    assert client.post("/v1/collect/feedback", data=form, headers=headers).status_code == 403
    assert held(served) == []


def test_what_a_device_gives_away_waits_for_a_yes(served: Choosing, client: httpx.Client) -> None:
    form = {"usage.clickstream": "/pricing", "product": "gotomeeting", "moment": "visit"}

    def send(cookie: str | None = None) -> httpx.Response:
        headers = ORIGIN | ({"Cookie": f"troth={cookie}"} if cookie else {})
        return client.post("/v1/collect/analytics-cookies", data=form, headers=headers)

    assert send().json()["error"] == "whose"
    who, cookie = browser_of(served)
    assert send(cookie).json()["error"] == "undecided"
    served.people.choose(who, {"analytics": "in"}, how="banner")
    assert send(cookie).status_code == 201
    assert send(cookie[:-3] + "AAA").json()["error"] == "whose"
    served.people.choose(who, {"analytics": "out"}, how="banner")
    assert send(cookie).json()["error"] == "opted-out"
    assert held(served) == [("usage.clickstream", "/pricing")]


def test_a_web_beacon_is_a_picture_and_no_more(served: Choosing, client: httpx.Client) -> None:
    path = "/v1/collect/analytics-cookies.gif?product=gotomeeting&moment=visit&usage.clickstream=/pricing"
    page = {"Referer": "https://gotomeeting.localhost/"}
    who, cookie = browser_of(served, analytics="in")

    def picture(path: str = path, **headers: str) -> None:
        answer = client.get(path, headers=headers)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/gif")
        assert answer.content.startswith(b"GIF89a")
        assert len(answer.content) <= 43
        assert "set-cookie" not in answer.headers

    picture(**page)
    picture(Cookie=f"troth={cookie}")
    picture(Cookie=f"troth={cookie}", Referer="https://evil.example/")
    picture(path.replace("usage.clickstream", "identity.name"), Cookie=f"troth={cookie}", **page)
    picture("/v1/collect/no-such.gif", **page)
    assert held(served) == []
    picture(Cookie=f"troth={cookie}", **page)
    picture(f"{path}&cookie={cookie}", **page)
    assert held(served) == [("usage.clickstream", "/pricing")] * 2
    served.people.choose(who, {"analytics": "out"}, how="banner")
    picture(Cookie=f"troth={cookie}", **page)
    assert len(held(served)) == 2


def test_no_address_of_a_machine_is_kept(served: Choosing, client: httpx.Client) -> None:
    """Neither the address that a request comes from nor one that a proxy says is anywhere in what is stored."""
    _, cookie = browser_of(served, analytics="in")
    headers = {
        "Referer": "https://gotomeeting.localhost/", "Cookie": f"troth={cookie}", "X-Forwarded-For": "203.0.113.77",
        "Forwarded": "for=203.0.113.77",
    }  # fmt: skip
    path = "/v1/collect/analytics-cookies.gif?product=gotomeeting&moment=visit&usage.clickstream=/pricing"
    assert client.get(path, headers=headers).status_code == 200
    assert held(served) == [("usage.clickstream", "/pricing")]
    for file in served.folder.rglob("*"):
        if file.is_file():
            assert b"203.0.113.77" not in file.read_bytes(), file


# --- use --------------------------------------------------------------------------------------------------------------


def test_use(served: Choosing, client: httpx.Client) -> None:
    client.post("/v1/collect/registration", json={"fields": ACCOUNT})
    question = {
        "purpose": "marketing.own", "data": ["contact.email"], "product": "gototraining",
        "persons": [f"email:{ANN.value}", "email:nobody@example.org"],
    }  # fmt: skip
    body = client.post("/v1/use", json=question).json()
    assert body["persons"][0]["values"] == {"contact.email": ANN.value}
    assert body["persons"][0]["asked"] == f"email:{ANN.value}"
    assert body["persons"][1] == {
        "person": None, "asked": "email:nobody@example.org", "values": {},
        "refused": [{"data": "contact.email", "reason": "nothing-held", "sentence": "", "statement": None}],
    }  # fmt: skip
    assert "offer-opt-out" in body["duties"]
    served.people.choose(ANN, {"marketing": "out"}, how="one-click")
    (one, _) = client.post("/v1/use", json=question).json()["persons"]
    assert one["values"] == {}
    assert one["refused"][0]["reason"] == "opted-out"
    assert one["refused"][0]["sentence"].startswith("We e-mail you news")


def test_use_of_a_segment(served: Choosing, client: httpx.Client) -> None:
    for number in range(7):
        client.post(
            "/v1/collect/surveys", json={"fields": SURVEY, "person": f"account:{number}", "product": "gotomeeting"}
        )
    question = {
        "purpose": "improve.research",
        "data": ["demographic"],
        "segment": {"product": "gotomeeting", "limit": 3},
    }
    got, after = [], None
    while True:
        question["segment"]["after"] = after
        body = client.post("/v1/use", json=question).json()
        got += [one["person"] for one in body["persons"]]
        after = body["next"]
        if after is None:
            break
    assert got == sorted(got)
    assert len(set(got)) == 7


@pytest.mark.parametrize(
    ("question", "code"),
    [
        ({"purpose": "marketing.onw"}, "unknown-purpose"),
        ({"data": ["contact.emial"]}, "unknown-data"),
        ({"product": "gotomars"}, "unknown-product"),
        ({"data": []}, "bad-request"),
        ({"data": "contact.email"}, "bad-request"),
        ({"persons": []}, "bad-request"),
        ({"persons": ["ann@example.org"]}, "bad-person"),
        ({"segment": {}}, "bad-request"),
        ({"purpose": None}, "bad-request"),
        ({"nonsense": 1}, "bad-request"),
        ({"persons": ["account:1"] * 10_001}, "too-many"),
    ],
)
def test_questions_that_cannot_be_asked(client: httpx.Client, question: dict, code: str) -> None:
    asked = {"purpose": "marketing.own", "data": ["contact.email"], "persons": ["account:1"]} | question
    answer = client.post("/v1/use", json=asked)
    assert answer.status_code in (400, 422)
    assert answer.json()["error"] == code


def test_one_person_never_sees_another(served: Choosing, client: httpx.Client) -> None:
    """Whatever route is asked for one person, nothing of another is in the answer."""
    secret = "Bob's secret"
    client.post("/v1/collect/surveys", json={"fields": {"demographic": secret}, "person": "account:bob"})
    client.post("/v1/collect/surveys", json={"fields": SURVEY, "person": "account:ann"})
    ann = served.people.find(Identifier("account", "ann"))
    bob = served.people.find(Identifier("account", "bob"))
    assert ann is not None
    assert bob is not None
    from datetime import timedelta

    entry = served.passes.choices(ann, served.clock.now + timedelta(hours=1))
    answers = [
        client.post(
            "/v1/use", json={"purpose": "improve.research", "data": ["demographic"], "persons": ["account:ann", ann]}
        ),
        client.get(f"/choices/{entry}"),
        client.get(f"/unsubscribe/{served.passes.unsubscribe(ann, 'marketing')}"),
        client.post("/v1/collect/surveys", json={"fields": SURVEY, "person": "account:ann"}),
    ]
    for answer in answers:
        assert answer.status_code in (200, 201)
        assert secret not in answer.text
        assert bob not in answer.text


# --- why, and the description -----------------------------------------------------------------------------------------


def test_why_a_form_asks(client: httpx.Client) -> None:
    told = client.get("/v1/why/registration").json()
    assert told["sentence"].startswith("When you register")
    assert told["required"] is True
    assert "E-mail address" in told["data"]
    assert told["kept"] == "As long as the account exists, and 24 months more"
    html = client.get("/v1/why/registration", headers={"Accept": "text/html"})
    assert html.headers["content-type"].startswith("text/html")
    assert "<summary>Why we ask</summary><p>When you register" in html.text
    assert client.get("/v1/why/nothing").status_code == 404


def test_the_description_is_one(client: httpx.Client) -> None:
    described = client.get("/v1/openapi.json").json()
    assert described["openapi"] == "3.1.0"
    assert set(described["paths"]) == {
        "/v1/acknowledgements", "/v1/collect/{statement}", "/v1/collect/{statement}.gif", "/v1/files/{token}",
        "/v1/files/{token}/manifest", "/v1/mail/check", "/v1/mail/returns", "/v1/share",
        "/v1/share/{disclosure}", "/v1/use", "/v1/why/{statement}",
    }  # fmt: skip


def test_a_store_that_is_away(served: Choosing, client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    from troth.store import StoreUnavailableError

    client.post("/v1/collect/registration", json={"fields": ACCOUNT})

    def away(work):
        raise StoreUnavailableError("the disk is full")

    monkeypatch.setattr(served.people.store, "write", away)
    question = {"purpose": "service.payment", "data": ["contact.email"], "persons": [f"email:{ANN.value}"]}
    for answer in (
        client.post("/v1/collect/registration", json={"fields": ACCOUNT}),
        client.post("/v1/use", json=question),
    ):
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert ANN.value not in answer.text
