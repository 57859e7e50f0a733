"""The client against the real server: what comes in and goes out, who may ask, and what is refused and why."""

from collections.abc import Iterator

import pytest
from real import POLICY, Real, serving

from troth.client import (
    Browser,
    Client,
    Collected,
    NotAllowed,
    Reader,
    Refused,
    Submission,
    WrongRequest,
    hash_password,
    verify_password,
)
from troth.gates.scope import Scope
from troth.people import Identifier
from troth.people.browsers import Browser as SignedBrowser
from troth.people.browsers import Cookies, new_browser_id

ANN, BOB = "email:ann@example.org", "email:bob@example.org"


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    with serving(tmp_path_factory.mktemp("real")) as real:
        yield real


@pytest.fixture
def client(real: Real) -> Iterator[Client]:
    with Client(real.url, real.key, product="gototraining") as client:
        yield client


def registration(address: str, word: str = "swordfish") -> dict:
    return {
        "identity.name": "Ann", "contact.email": address, "account.id": address,
        "account.password": hash_password(word),
    }  # fmt: skip


def test_from_a_form_to_its_use(real: Real, client: Client) -> None:
    done = client.collect("registration", registration("ann@example.org"), moment="trial")
    assert done.person == real.people.find(Identifier("email", "ann@example.org"))
    assert (done.version, done.sentence) == (
        "2017-02-01", "When you register, we ask for your name, your e-mail address and a password.",
    )  # fmt: skip
    with client.purpose("service.sign_in") as data:
        assert verify_password("swordfish", data.get(ANN, "account.password"))
    assert client.decide("use", "contact.email", "marketing.own", ANN)
    with client.purpose("marketing.own") as data:
        assert data.get(ANN, "contact.email") == "ann@example.org"
        assert "offer-opt-out" in data.duties
        with pytest.raises(Refused) as caught:
            data.get(ANN, "account.password")
    assert caught.value.code == "not-stated"
    real.people.choose(Identifier("email", "ann@example.org"), {"marketing": "out"}, how="page")
    decision = client.decide("use", "contact.email", "marketing.own", ANN)
    assert not decision
    assert decision.reason == "opted-out"
    with client.purpose("marketing.own") as data, pytest.raises(Refused) as caught:
        data.get(ANN, "contact.email")
    assert (caught.value.code, caught.value.sentence) == ("opted-out", decision.sentence)


def test_what_is_refused_comes_with_its_sentence_and_nothing_is_kept(real: Real, client: Client) -> None:
    before = real.held()
    for fields, code, field in (
        ({"contact.email": "bob@example.org"}, "required", "identity.name"),
        (registration("bob@example.org") | {"device.ip": "192.0.2.1"}, "undeclared", "device.ip"),
        (registration("bob@example.org") | {"account.password": "swordfish"}, "password", "account.password"),
        (registration("bob@example.org") | {"identity.name": "4111 1111 1111 1111"}, "card-number", "identity.name"),
    ):
        with pytest.raises(Refused) as caught:
            client.collect("registration", fields)
        assert (caught.value.code, caught.value.field) == (code, field)
        assert caught.value.statement == "registration"
        assert caught.value.sentence.startswith("When you register")
    with pytest.raises(WrongRequest, match="It collects: registration"):
        client.collect("registrations", registration("bob@example.org"))
    with pytest.raises(WrongRequest):
        client.collect("registration", registration("bob@example.org"), product="gotohell")
    assert real.held() == before


def test_many_and_a_segment_of_them(client: Client) -> None:
    fields = [{"contact.email": f"p{number}@example.org", "content.feedback": f"no {number}"} for number in range(7)]
    sent = [Submission(statement="feedback", fields=one, moment="feedback") for one in fields]
    sent.insert(3, Submission(statement="feedback", fields={"contact.fax": "1"}))
    sent.insert(5, Submission(statement="feedback", fields=fields[0], person="nobody"))
    outcomes = client.collect_many(sent)
    assert [type(outcome) for place, outcome in enumerate(outcomes) if place not in (3, 5)] == [Collected] * 7
    assert isinstance(outcomes[3], Refused)
    assert isinstance(outcomes[5], WrongRequest)
    pages = list(client.use_segment("service.reply", ["content.feedback"], statement="feedback", limit=3))
    persons = [one for page in pages for one in page.persons]
    assert sorted(str(one.values["content.feedback"]) for one in persons) == [f"no {number}" for number in range(7)]
    assert [len(page.persons) for page in pages] == [3, 3, 1]


def test_nobody_here_has_nothing(client: Client) -> None:
    used = client.use("service.reply", ["content.feedback"], ["email:nobody@example.org", "account:none"])
    assert [(one.person, one.refused[0].reason) for one in used.persons] == [(None, "nothing-held")] * 2


def test_a_browser_sends_by_its_cookie_and_its_choices(real: Real, client: Client) -> None:
    origin, survey = "https://gototraining.localhost", {"demographic": "40 to 50"}
    id = new_browser_id(b"b" * 16)
    signed = Cookies(real.people.key, POLICY).write(SignedBrowser(id, "2017-02-01", ""))
    browser, who = Browser(origin, signed), Identifier("cookie", id)
    real.people.choose(who, {"optional-data": "out"}, how="banner", product="gototraining")
    with pytest.raises(Refused) as caught:
        client.collect("surveys", survey, browser=browser)
    assert caught.value.code == "opted-out"
    real.people.choose(who, {"optional-data": "in"}, how="banner", product="gototraining")
    assert client.collect("surveys", survey, browser=browser).person is None
    with pytest.raises(NotAllowed):
        client.collect("surveys", survey, browser=Browser("https://evil.example", signed))


def test_a_key_reaches_as_far_as_its_scope(real: Real) -> None:
    scope = Scope(
        actions=("use",), purposes=("service.payment",), data=("payment",), products=("gototraining",), statements=()
    )
    key, secret = real.keys.create("billing", scope, by="test")
    with Client(real.url, secret, product="gototraining") as billing:

        @billing.for_purpose("service.payment", data=["payment.card"])
        def card(data: Reader, person: str) -> object:
            return data.get(person, "payment.card")

        with pytest.raises(Refused) as caught:
            card(BOB)
        assert caught.value.code == "nothing-held"
        assert billing.decide("use", "payment.card", "service.payment", BOB)
        for ask in (
            lambda: billing.use("marketing.own", ["contact.email"], [BOB]),
            lambda: billing.use("service.payment", ["payment.card"], [BOB], product="gotomypc"),
            lambda: billing.collect("feedback", {"content.feedback": "x"}, person=BOB),
            lambda: billing.decide("use", "contact.email", "marketing.own", BOB),
        ):
            with pytest.raises(NotAllowed):
                ask()
        with pytest.raises(NotAllowed, match="not for the purpose 'marketing"):
            billing.decide("use", "payment.card", "marketing.own", BOB)
        real.keys.revoke(key.id)
        with pytest.raises(NotAllowed):
            card(BOB)
    with Client(real.url, product="gototraining") as stranger, pytest.raises(NotAllowed):
        stranger.use("service.payment", ["payment.card"], [BOB])


def test_why_is_the_sentence_of_the_policy(client: Client) -> None:
    why = client.why("registration")
    assert why.sentence == "When you register, we ask for your name, your e-mail address and a password."
    assert why.required
    assert "Without them we cannot open an account." in why.html()
    assert f'href="{client._site}/policy/s/registration"' in why.html()
    with pytest.raises(WrongRequest):
        client.why("registrations")
