"""The decision over HTTP on the choices of people in the store: whose they are, how fresh, and who may narrow them."""

import asyncio
import json
import re
import threading
from contextlib import contextmanager

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from running import question, running

import troth
from troth.decision import reference
from troth.decision.question import Question
from troth.people import ChoiceIndex, Identifier, open_people
from troth.policy.reading import parse_version
from troth.store import StoreUnavailableError, open_store
from troth.web.authzen.people import PERSON_ERRORS
from troth.web.authzen.routes import EVALUATION, EVALUATIONS, DecisionRoutes

POLICY = troth.Policy(
    [
        parse_version(
            b"""
policy: small
title: Small
effective: 2016-01-01
publisher: {name: Example, address: 1 Street}
covers: {shop: {name: Shop}}
uses:
  news: {says: We send you news unless you say no., data: contact.email, for: marketing.own, unless: marketing.news}
  offers: {says: Partners mail you if you agree., data: contact.email, for: marketing.partner, only_if: partners.mail}
  study: {says: We study visits., data: usage, for: improve.analytics, unless: analytics, only_if: partners}
choices:
  marketing: {says: You can refuse marketing., model: opt-out}
  marketing.news: {says: You can refuse news., model: opt-out}
  analytics: {says: You can refuse to be counted., model: opt-out}
  partners: {says: You can agree to partners., model: opt-in}
  partners.mail: {says: You can agree to mail of partners., model: opt-in}
""",
            "2016-01-01.yaml",
        )
    ]
)
POINT = troth.DecisionPoint(POLICY)
CHOICES = tuple(choice.id for choice in POLICY.versions[0].choices)
ANN, COOKIE = Identifier("email", "ann@example.org"), Identifier("cookie", "c1")
NEWS = {"purpose": "marketing.own"}
OFFERS = {"purpose": "marketing.partner"}


@pytest.fixture
def store(tmp_path):
    # The disk is not waited for: nothing here is about power cuts.
    with open_store(f"sqlite:///{tmp_path / 'troth.db'}", create=True, pragmas={"synchronous": "OFF"}) as store:
        yield store


@pytest.fixture
def people(store, tmp_path):
    return open_people(store, tmp_path / "keys", POLICY)


@pytest.fixture
def index(people):
    return ChoiceIndex(people, POINT, limit=3600)


def alone(routes):
    """The routes as an app for a server, which also wants to tell it that it starts and stops."""

    async def app(scope, receive, send):
        if scope["type"] != "lifespan":
            await routes(scope, receive, send)
            return
        for _ in range(2):
            await send({"type": (await receive())["type"] + ".complete"})

    return app


@pytest.fixture
def client(index):
    with running(alone(DecisionRoutes(POINT, people=index))) as url, httpx.Client(base_url=url) as client:
        yield client


def ask(client, person, **asked):
    return client.post(EVALUATION, json=question(person=person, **asked))


def reason(client, person, **asked):
    response = ask(client, person, **asked)
    assert response.status_code == 200, response.text
    return response.json()["context"]["reason"]


def ask_several(client, *persons, **options):
    items = [question(person=person, **NEWS) for person in persons]
    return client.post(EVALUATIONS, json={"evaluations": items, **options})


@contextmanager
def threads_counted(monkeypatch):
    """How often work is handed to another thread."""
    hops, original = [], asyncio.to_thread

    async def counted(function, *arguments):
        hops.append(function)
        return await original(function, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr("troth.web.authzen.people.asyncio.to_thread", counted)
        yield hops


def down():
    raise StoreUnavailableError("disk full at /secret/place")


# --- whose data -------------------------------------------------------------------------------------------------------


def test_a_choice_acknowledged_is_seen_by_the_next_decision(client, people):
    ann = people.choose(ANN, {"marketing": "in"}, how="page")[0].person
    for who in (ann, "email:ann@example.org", "email: ann@EXAMPLE.org."):
        assert reason(client, who, **NEWS) == "stated"
    people.choose(ANN, {"marketing": "out"}, how="one-click")
    for who in (ann, "email:ann@example.org"):
        assert reason(client, who, **NEWS) == "opted-out"
    people.choose(ann, {"partners": "in"}, how="page")
    assert reason(client, ann, **OFFERS) == "stated"


def test_while_people_choose_no_decision_after_an_acknowledgement_is_late(client, people):
    people.choose(ANN, {"marketing": "in"}, how="page")
    late, done = [], threading.Event()

    def choose():
        try:
            for state in ("out", "in") * 20:
                person = people.choose(ANN, {"marketing": state}, how="page")[0].person
                wanted = "opted-out" if state == "out" else "stated"
                late.extend(who for who in (person, "email:ann@example.org") if reason(client, who, **NEWS) != wanted)
        finally:
            done.set()

    chooser = threading.Thread(target=choose)
    chooser.start()
    with httpx.Client(base_url=client.base_url) as other:
        while not done.is_set():
            assert ask_several(other, "email:ann@example.org", "account:4711").status_code == 200
    chooser.join()
    assert late == []


def test_who_is_nobody_has_made_no_choice(client, people):
    for who in ("email:bob@example.org", "account:4711", "cookie:c9", "f" * 32):
        assert reason(client, who, **NEWS) == "stated"
        assert reason(client, who, **OFFERS) == "not-opted-in"
        assert reason(client, who, **NEWS, choices={"marketing": "out"}) == "opted-out"
        assert reason(client, who, **OFFERS, choices={"partners": "in"}) == "not-opted-in"
    assert people.find(Identifier("email", "bob@example.org")) is None


def test_persons_who_became_one(client, people, monkeypatch):
    ann = people.choose(ANN, {"marketing": "in", "partners": "in"}, how="page")[0].person
    before = people.choose(COOKIE, {"marketing.news": "out"}, how="banner")[0].person
    people.link(ANN, COOKIE)
    for who in (ann, before, "email:ann@example.org", "cookie:c1"):
        assert reason(client, who, **NEWS) == "opted-out"
    people.choose(ANN, {"marketing.news": "in"}, how="page")
    for who in (ann, before, "email:ann@example.org", "cookie:c1"):
        assert reason(client, who, **NEWS) == "stated"
    with threads_counted(monkeypatch) as hops:
        reason(client, ann, **NEWS)
        assert hops == []
        reason(client, before, **NEWS)
        assert len(hops) == 1


def test_what_names_nobody_is_an_error_that_says_which_forms_there_are(client, people):
    forms = "the id of a person (32 hex digits), email:name@domain, account:…, or cookie:…"
    for who in ("4711", "phone:1", "0" * 31, "A" * 32, "urn:uuid:1"):
        response = ask(client, who, **NEWS)
        assert response.status_code == 400
        assert response.text.startswith("resource.id: ")
        assert forms in response.text
        assert response.text.endswith("[unknown-form]\n")
        # Choices that are kept elsewhere: as without people.
        assert reason(client, who, **NEWS, choices={"marketing": "out"}) == "opted-out"
        assert reason(client, who, **OFFERS, choices={"partners": "in"}) == "stated"
        assert reason(client, who, **NEWS, choices={}) == "stated"
    assert "is written email:name@domain" in ask(client, "ann@example.org", **NEWS).text
    assert "Did you mean email:…?" in ask(client, "emial:ann@example.org", **NEWS).text
    for who in ("email:ann", "cookie:a b", "account:"):
        for choices in (None, {"marketing": "out"}):
            response = ask(client, who, **NEWS, choices=choices)
            assert (response.status_code, response.text.split()[-1]) == (400, "[bad-identifier]")
    assert people.find(ANN) is None


def test_a_stated_choice_is_checked_whoever_it_is_about(client, people):
    ann = people.choose(ANN, {"marketing": "in"}, how="page")[0].person
    for who in (ann, "email:ann@example.org", "4711"):
        response = ask(client, who, **NEWS, choices={"marketting": "out"})
        assert (response.status_code, response.text.split()[-1]) == (400, "[unknown-choice]")
        assert "context.choices: 'marketting'" in response.text
        assert ask(client, who, **NEWS, choices={"marketing": "off"}).text.split()[-1] == "[bad-state]"


def test_nothing_of_the_person_is_in_the_answer(client, people):
    ann = people.choose(ANN, {"marketing": "in", "analytics": "out"}, how="page")[0].person
    assert ask(client, ann, **NEWS).json() == ask(client, "email:ann@example.org", **NEWS).json()
    assert ask(client, ann, **NEWS).json() == ask(client, "account:nobody", **NEWS).json()


# --- several questions ------------------------------------------------------------------------------------------------


def test_the_store_is_asked_once_for_all_questions(client, people, monkeypatch):
    ann = people.choose(ANN, {"marketing": "out"}, how="page")[0].person
    looked_up, original = [], people.find_all
    monkeypatch.setattr(people, "find_all", lambda whos: looked_up.append(sorted(map(str, whos))) or original(whos))
    with threads_counted(monkeypatch) as hops:
        answers = ask_several(client, *(["email:ann@example.org", "account:4711", ann, "4711", "email:x"] * 5)).json()
        assert (len(hops), len(looked_up), len(looked_up[0])) == (1, 1, 2)
        assert ask_several(client, ann, ann).status_code == 200
        assert len(hops) == 1
    found = [item["context"].get("reason") or item["context"]["error"]["code"] for item in answers["evaluations"]]
    assert found == ["opted-out", "stated", "opted-out", "unknown-form", "bad-identifier"] * 5
    assert all(item["decision"] is (code == "stated") for item, code in zip(answers["evaluations"], found, strict=True))


def test_the_semantics_hold_and_one_question_without_a_list_is_one(client, people):
    people.choose(ANN, {"marketing": "out"}, how="page")
    options = {"options": {"evaluations_semantic": "deny_on_first_deny"}}
    answers = ask_several(client, "account:1", "email:ann@example.org", "account:2", **options).json()["evaluations"]
    assert [answer["decision"] for answer in answers] == [True, False]
    answers = ask_several(client, "account:1", "4711", "account:2", **options).json()["evaluations"]
    assert [answer["decision"] for answer in answers] == [True, False]
    response = client.post(EVALUATIONS, json=question(person="email:ann@example.org", **NEWS))
    assert response.json()["context"]["reason"] == "opted-out"
    # The person may be the default of all.
    several = {
        **question(person="email:ann@example.org", **NEWS),
        "evaluations": [{}, {"resource": {"id": "cookie:1"}}],
    }
    assert [answer["decision"] for answer in client.post(EVALUATIONS, json=several).json()["evaluations"]] == [
        False,
        True,
    ]


# --- when it cannot be said -------------------------------------------------------------------------------------------


def test_choices_that_are_too_old_are_not_decided_on(people):
    now = [0.0]
    index = ChoiceIndex(people, POINT, limit=5, monotonic=lambda: now[0])
    ann = people.choose(ANN, {"marketing": "in"}, how="page")[0].person
    with running(alone(DecisionRoutes(POINT, people=index))) as url, httpx.Client(base_url=url) as client:
        assert reason(client, ann, **NEWS) == "stated"
        now[0] = 6.0
        for response in (
            ask(client, ann, **NEWS),
            ask(client, "email:ann@example.org", **NEWS),
            ask(client, ann, **NEWS, choices={"marketing": "out"}),
            ask_several(client, "4711", ann),
            ask_several(client, "4711", "email:ann@example.org"),
        ):
            assert response.status_code == 503
            assert response.headers["retry-after"] == "1"
            assert "Nothing is decided on them; try again later." in response.text
        # What does not depend on them goes on.
        assert reason(client, "4711", **NEWS, choices={}) == "stated"
        index.refresh()
        assert reason(client, ann, **NEWS) == "stated"


def test_a_store_that_is_not_there_is_told_without_telling_where_it_is(client, people, monkeypatch):
    ann = people.choose(ANN, {"marketing": "out"}, how="page")[0].person
    monkeypatch.setattr(people.store, "read", down)
    for response in (ask(client, "email:ann@example.org", **NEWS), ask_several(client, ann, "account:4711")):
        assert response.status_code == 503
        assert response.headers["retry-after"] == "1"
        assert response.text == "The choices of people cannot be read now, so nothing is allowed. Please try again.\n"
    assert reason(client, ann, **NEWS) == "opted-out"  # memory is not too old yet


# --- the same as the reference ----------------------------------------------------------------------------------------

states = st.dictionaries(st.sampled_from(CHOICES), st.sampled_from(["in", "out"]))
asked = st.fixed_dictionaries(
    {"purpose": st.sampled_from(["marketing.own", "marketing.partner", "improve.analytics"])}
)  # fmt: skip
DATA = {"improve.analytics": "usage.clickstream"}


@pytest.fixture(scope="module")
def crowd(tmp_path_factory):
    """People, and the routes on them, without a server in between."""
    folder = tmp_path_factory.mktemp("crowd")
    with open_store(f"sqlite:///{folder / 'troth.db'}", create=True, pragmas={"synchronous": "OFF"}) as store:
        people = open_people(store, folder / "keys", POLICY)
        yield people, DecisionRoutes(POINT, people=ChoiceIndex(people, POINT, limit=3600))


def nearest(states, choice):
    """The state that counts for a choice, word by word as `docs/reference/decisions.md` has it."""
    parts = choice.split(".")
    while parts:
        if ".".join(parts) in states:
            return states[".".join(parts)]
        parts.pop()
    return None


def counting(stored, stated):
    """What counts, word by word as `docs/reference/authzen.md` has it."""
    heard = {choice: state for choice, state in stated.items() if state == "out" or nearest(stored, choice) == "in"}
    counts = {
        choice: "out" if "out" in (nearest(stored, choice), nearest(heard, choice)) else nearest(stored, choice)
        for choice in CHOICES
    }
    return {choice: state for choice, state in counts.items() if state}


def by_reference(choices, purpose, at):
    data = DATA.get(purpose, "contact.email")
    return reference.decide(POLICY, Question(action="use", data=data, purpose=purpose, choices=choices, at=at))


@given(st.lists(st.tuples(states, st.none() | states, asked, st.booleans()), min_size=1, max_size=4))
def test_a_decision_is_that_of_the_reference_on_what_counts(crowd, several):
    people, routes = crowd
    questions, wanted = [], []
    for stored, stated, fields, by_id in several:
        identifier = Identifier("account", people.store.clock().isoformat())
        people.choose(identifier, dict.fromkeys(CHOICES, "unset") | stored, how="page")
        person = people.find(identifier) if by_id else f"account:{identifier.value}"
        data = DATA.get(fields["purpose"], "contact.email")
        questions.append(question(person=person, data=data, choices=stated, **fields))
        at = people.store.clock()
        wanted.append(by_reference(counting(stored, stated or {}), fields["purpose"], at))
        if stated is None:
            assert wanted[-1] == by_reference(stored, fields["purpose"], at)
        # Whatever a caller states, nothing is allowed that is not allowed without it.
        if wanted[-1].allowed:
            assert by_reference(stored, fields["purpose"], at).allowed
            assert all(nearest(stated or {}, choice) != "out" for choice in choices_behind(wanted[-1]))

    async def post(client, path, value):
        return (await client.post(path, content=json.dumps(value), headers={"Content-Type": "application/json"})).json()

    async def all_of_them():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=routes), base_url="http://localhost") as client:
            together = await post(client, EVALUATIONS, {"evaluations": questions})
            return together["evaluations"], [await post(client, EVALUATION, one) for one in questions]

    together, one_by_one = asyncio.run(all_of_them())
    assert together == one_by_one
    for answer, decision in zip(together, wanted, strict=True):
        context = answer["context"]
        assert answer["decision"] is decision.allowed
        assert (context["reason"], tuple(context["statements"])) == (decision.reason, decision.statements)
        assert context.get("gate") == (decision.gate and {"kind": decision.gate.kind, "name": decision.gate.name})


def choices_behind(decision):
    """The choices on which the statements that allow something depend."""
    statements = {statement.id: statement for statement in POLICY.versions[0].statements}
    return [name for id in decision.statements for name in (*statements[id].unless, *statements[id].only_if)]


# --- the page about it ------------------------------------------------------------------------------------------------


def test_what_the_reference_says_of_stored_choices(tmp_path):
    from test_authzen_docs import EXAMPLE, REFERENCE

    for code, meaning in PERSON_ERRORS.items():
        assert f"| `{code}` | {meaning} |" in REFERENCE
    shown, *_ = re.findall(r"^```json\n(.*?)^```$", REFERENCE, re.M | re.S)
    asked = json.loads(shown)
    rows = re.findall(r"^\| (nothing|`in`|`out`) \| (nothing|`in`|`out`) \| (nothing|`in`|`out`)", REFERENCE, re.M)
    assert len(rows) == 5
    policy = troth.Policy.read(EXAMPLE)
    point = troth.DecisionPoint(policy)
    with open_store(f"sqlite:///{tmp_path / 'troth.db'}", create=True) as store:
        people = open_people(store, tmp_path / "keys", policy)
        routes = alone(DecisionRoutes(point, people=ChoiceIndex(people, point)))
        with running(routes) as url, httpx.Client(base_url=url) as client:
            assert client.post(EVALUATION, json=asked).json()["decision"] is True
            for stored, stated, counts in ([cell.strip("`") for cell in row] for row in rows):
                people.choose(ANN, {"marketing": "unset" if stored == "nothing" else stored}, how="page")
                asked["context"]["choices"] = {} if stated == "nothing" else {"marketing": stated}
                assert client.post(EVALUATION, json=asked).json()["decision"] is (counts != "out")
            people.choose(ANN, {"marketing": "out"}, how="page")
            del asked["context"]["choices"]
            assert client.post(EVALUATION, json=asked).json()["decision"] is False
