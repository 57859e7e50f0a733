"""Subject search over HTTP: its pages, their tokens, and what is wrong with a request."""

import json
import re
from pathlib import Path

import httpx
import pytest
from keyed import EVERYTHING, FLAGSHIP, NEWS, SEARCHED, bearer, opened, served
from running import question, running

from troth.gates import search as searching
from troth.gates.services import ServiceKeys
from troth.people import Identifier
from troth.store import StoreUnavailableError
from troth.store.schema import items
from troth.web.app import make_app
from troth.web.authzen.routes import EVALUATION, METADATA, SEARCH
from troth.web.authzen.search import USUAL_LIMIT

COUNT = 25


@pytest.fixture
def log(tmp_path):
    with opened(tmp_path) as log:
        yield log


@pytest.fixture
def keys(log):
    return ServiceKeys(log.store)


@pytest.fixture
def client(log, tmp_path):
    with served(log, tmp_path) as client:
        yield client


@pytest.fixture
def readers(client):
    """The ids of those who get the newsletter: all but every fifth, who refused."""
    found = []
    for number in range(COUNT):
        who = Identifier("account", f"reader{number}")
        person = client.people.know(who)
        row = dict.fromkeys(column.name for column in items.columns)
        row |= {
            "leaf": number, "position": 0, "person": person, "sealed_for": person, "data": "contact.email",
            "statement": "registration", "policy": "citrix-online", "version": "2017-02-01", "collected_at": 0,
            "sealed": b"x",
        }  # fmt: skip
        client.people.store.write(lambda unit, row=row: unit.change(items.insert(), row))
        if number % 5 == 0:
            client.people.choose(who, {"marketing": "out"}, how="page")
        else:
            found.append(person)
    return sorted(found)


def look(client, page=None, secret=None, **more):
    body = {**SEARCHED, **more} | ({"page": page} if page is not None else {})
    return client.post(SEARCH, json=body, headers=bearer(secret) if secret else {})


def persons(response):
    assert response.status_code == 200, response.text
    assert {one["type"] for one in response.json()["results"]} <= {"person"}
    return [one["id"] for one in response.json()["results"]]


def test_all_pages_together_are_everybody_who_may_be_asked(client, readers):
    assert persons(look(client)) == readers
    for limit in (1, 7, COUNT):
        found, page = [], {"limit": limit}
        while True:
            response = look(client, page)
            found += persons(response)
            assert response.json()["page"]["count"] == len(persons(response)) <= limit
            token = response.json()["page"]["next_token"]
            if not token:
                break
            page = {"limit": limit, "token": token}
        assert found == readers
    # what drafts of the specification called the token
    token = look(client, {"limit": 7}).json()["page"]["next_token"]
    assert persons(look(client, {"limit": 7, "next_token": token})) == readers[7:14]
    assert persons(look(client, subject={"type": "person", "id": "ignored"})) == readers


def test_whoever_is_found_would_be_allowed_one_by_one(client, readers):
    for person in persons(look(client)):
        body = question(purpose="marketing.own", product="gototraining", person=person)
        assert client.post(EVALUATION, json=body).json()["decision"] is True


def test_a_page_may_be_short_and_then_is_not_the_last(client, readers, monkeypatch):
    monkeypatch.setattr(searching, "MOST_LOOKED_AT", 1)
    monkeypatch.setattr(searching, "_AT_ONCE", 3)
    found, page, sizes = [], {}, []
    while page is not None:
        response = look(client, page)
        found += persons(response)
        sizes.append(len(persons(response)))
        token = response.json()["page"]["next_token"]
        page = {"token": token} if token else None
    assert found == readers
    assert len(sizes) > 5


def test_a_token_belongs_to_one_question_of_one_caller(client, readers, keys):
    _, mary = keys.create("mary", EVERYTHING, by="mary")
    _, john = keys.create("john", EVERYTHING, by="mary")
    client.app.callers.refresh()
    token = look(client, {"limit": 3}, mary).json()["page"]["next_token"]
    assert persons(look(client, {"limit": 5, "token": token}, mary)) == readers[3:8]
    for response in (
        look(client, {"token": token}, john),
        look(client, {"token": token}, mary, context={"product": "gotomeeting"}),
        look(client, {"token": token}, mary, resource={"type": "contact"}),
        look(client, {"token": token}, mary, action={"name": "use", "properties": {"purpose": "service.register"}}),
        *(look(client, {"token": wrong}, mary) for wrong in (token[:-1], token + "A", "x", "é", token[::-1], "=" * 9)),
    ):
        assert (response.status_code, response.text) == (
            400, "`page.token` is not one of this question. Begin again without it.\n",
        )  # fmt: skip


def test_a_key_searches_for_what_it_is_for(client, readers, keys):
    _, secret = keys.create("newsletter", NEWS, by="mary")
    client.app.callers.refresh()
    assert look(client).status_code == 401
    assert persons(look(client, secret=secret)) == readers
    response = look(client, secret=secret, context={})
    assert (response.status_code, "names no product" in response.text) == (403, True)
    assert look(client, secret=secret, resource={"type": "payment.card"}).status_code == 403
    keys.revoke("newsletter")
    assert look(client, secret=secret).status_code == 401


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"subject": {"type": "service"}}, "`subject.type` is `person`"),
        ({"subject": {}}, "not a subject search request"),
        ({"action": {"name": "share", "properties": {"purpose": "marketing.own"}}}, "`action.name` is `use`"),
        ({"action": {"name": "uses"}}, "action.name: 'uses' is not an action. Did you mean 'use'? [unknown-action]"),
        ({"action": {"name": "use"}}, "action.properties.purpose: To use data takes a purpose. [missing]"),
        ({"resource": {"type": "contact.emial"}}, "Did you mean 'contact.email'? [unknown-data]"),
        ({"context": {"product": "gototrainin"}}, "context.product: 'gototrainin' is not a covered site or product."),
        ({"context": {"choices": {"marketing": "out"}}}, "context.choices: A search goes by the choices that people"),
        ({"context": {"recipient": "carrier"}}, "context.recipient: To use data takes no recipient. [not-taken]"),
        ({"context": {"moment": "visit"}}, "context.moment: To use data takes no moment. [not-taken]"),
        ({"context": {"given": ["contrct"]}}, "context.given: 'contrct' is not a condition. Did you mean 'contract'?"),
        ({"context": {"at": "2018-01-01T00:00:00"}}, "[bad-time]"),
        ({"page": {"limit": 0}}, "`page.limit` is a number from 1 to 10000."),
        ({"page": {"limit": 10_001}}, "`page.limit` is a number from 1 to 10000."),
        ({"page": {"limit": "7"}}, "not a subject search request"),
        ({"page": []}, "not a subject search request"),
    ],
)
def test_what_is_wrong_with_a_search_is_told(client, more, says):
    response = look(client, **more)
    assert response.status_code == 400
    assert says in response.text


def test_a_body_that_can_be_read_in_two_ways_is_refused(client):
    for body in (b"{", b'{"subject": {"type": "person"}, "subject": {"type": "person"}}', b"[]", b"\xff"):
        response = client.post(SEARCH, content=body, headers={"Content-Type": "application/json"})
        assert response.status_code == 400
    assert client.get(SEARCH).status_code == 405


def test_another_time_and_ignored_members_are_told(client, readers):
    context = {"product": "gototraining", "at": "2009-01-01T00:00:00Z", "choises": {}}
    response = look(client, context=context, pages={"limit": 3})
    assert persons(response) == []
    assert response.json()["context"] == {"at": "2009-01-01T00:00:00Z", "ignored": ["context.choises", "pages"]}


def test_a_store_that_cannot_be_read_finds_nobody(client, readers, monkeypatch):
    def down():
        raise StoreUnavailableError("disk full at /secret/place")

    monkeypatch.setattr(client.people.store, "read", down)
    response = look(client)
    assert (response.status_code, response.headers["retry-after"]) == (503, "1")
    assert "secret" not in response.text


def test_the_metadata_lists_the_search_where_there_are_people(client):
    base = f"{client.base_url}".rstrip("/")
    assert client.get(METADATA).json()["search_subject_endpoint"] == base + SEARCH
    with running(make_app(FLAGSHIP)) as url, httpx.Client(base_url=url, trust_env=False) as alone:
        assert "search_subject_endpoint" not in alone.get(METADATA).json()
        assert alone.post(SEARCH, json=SEARCHED).status_code == 404


def test_what_the_reference_says_of_a_search(client, readers):
    page = (Path(__file__).parents[2] / "docs/reference/authzen.md").read_text("utf-8")
    asked, answered = map(json.loads, re.findall(r"^```json\n(.*?)^```$", page, re.M | re.S)[1:])
    response = client.post(SEARCH, json=asked)
    assert persons(response) == readers[: asked["page"]["limit"]]
    assert response.json().keys() == answered.keys()
    assert response.json()["page"].keys() == answered["page"].keys()
    assert response.json()["results"][0].keys() == answered["results"][0].keys()
    assert f"from 1 to {searching.MOST_PERSONS:,}; {USUAL_LIMIT:,} without it" in page
    assert f"looks at {searching.MOST_LOOKED_AT:,} holders at most" in page
