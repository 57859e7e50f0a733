"""The client shares through the real server: at once, as a job, and with a refusal that says which sentence it is."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from real import POLICY, Real, serving

from troth.client import Client, NotAllowed, Refused, Unavailable, WrongRequest
from troth.conditions.facts import Contract, Profile
from troth.conditions.register import Register
from troth.gates.scope import Scope

ANN = "email:ann@example.org"
PAY = ("card-processor", "service.payment", ["payment.card"])


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    with serving(tmp_path_factory.mktemp("sharing")) as real:
        register, now = Register(real.people.store, POLICY), datetime.now(UTC) - timedelta(days=1)
        terms = Contract(id="c1", begins=now, accepts="2017-02-01", data=("payment.card",), signed=now,
                         purposes=("service.payment",))  # fmt: skip
        for said in (Profile(name="Cards", kind="processor", countries=("US",)), terms):
            register.add("card-processor", said, by="mary")
        yield real


@pytest.fixture
def client(real: Real) -> Iterator[Client]:
    with Client(real.url, real.key) as client:
        yield client


def card(client: Client, who: str = ANN, token: str = "tok_1_visa") -> None:
    client.collect("trial-card", {"payment.card": token}, person=who, moment="trial")


def test_a_card_for_the_processor(client: Client) -> None:
    card(client)
    shared = client.share(*PAY, [ANN, "account:nobody"], channel="answer")
    assert (shared.state, shared.asked, shared.persons, shared.values, shared.refused) == ("done", 2, 1, 1, 1)
    assert (shared.statements, shared.duties) == ({"card-payments": 1}, ("minimise",))
    (one,) = shared.contents[0].persons
    assert one.values == {"payment.card": "tok_1_visa"}
    assert "tok_1_visa" not in repr(shared)
    assert client.contents(shared.id) == shared.contents[0]
    assert [(no.data, no.reason, no.persons) for no in shared.refusals] == [("payment.card", "nothing-held", 1)]
    assert client.shared(shared.id).persons == 1


def test_the_same_key_is_done_once(client: Client) -> None:
    card(client)
    first, second = (client.share(*PAY, [ANN], channel="answer", key="order 9") for _ in range(2))
    assert first == second
    assert client.share(*PAY, [ANN], channel="answer").id != first.id
    with pytest.raises(WrongRequest) as caught:
        client.share(*PAY, ["account:other"], channel="answer", key="order 9")
    assert caught.value.code == "other-request"


def test_refusals(client: Client, real: Real) -> None:
    card(client)
    with pytest.raises(Refused) as caught:
        client.share(*PAY, [ANN], channel="answer", consideration="a fee")
    assert (caught.value.code, bool(caught.value.sentence)) == ("never", True)
    with pytest.raises(Refused) as caught:
        client.share(*PAY, [ANN])
    assert caught.value.code == "unreachable"
    with pytest.raises(WrongRequest) as wrong:
        client.share("authority", *PAY[1:], [ANN])
    assert wrong.value.code == "unknown-recipient"
    with pytest.raises(TypeError):
        client.share(*PAY, ANN)
    _, secret = real.keys.create("reader", Scope(("use",), ("*",), ("*",), ("*",)), by="test")
    with Client(real.url, secret) as reader, pytest.raises(NotAllowed):
        reader.share(*PAY, [ANN], channel="answer")
    with client.purpose("marketing.own"), pytest.raises(NotAllowed):
        client.share(*PAY, [ANN], channel="answer")


def test_a_segment_is_a_job(client: Client) -> None:
    for number in range(3):
        card(client, f"account:s{number}", f"tok_{number}_visa")
    shared = client.share_segment(*PAY, statement="trial-card", channel="answer")
    assert (shared.state, shared.persons) == ("running", 0)
    assert client.shared(shared.id).asked == shared.asked >= 3


def test_nonsense_is_no_answer(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    card(client)
    for told in ({}, {"id": "x", "statements": {}}, {"id": "x", "statements": [], "asked": True}):
        monkeypatch.setattr(client, "_post", lambda path, body, told=told: told)
        with pytest.raises(Unavailable):
            client.share(*PAY, [ANN])
