"""The gate `share` over HTTP: done at once or as a job, with a key for it, and only for the service that asked."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from choosing import ANN, Choosing, choosing
from keyed import bearer
from msgspec import structs

from troth.conditions.facts import Contract, Profile, Terminated
from troth.conditions.register import Register
from troth.gates.collect import Submission
from troth.gates.delivery.endpoints import Endpoints
from troth.gates.scope import Scope
from troth.gates.services import ServiceKeys
from troth.people import Identifier

ASKED = {
    "recipient": "card-processor", "purpose": "service.payment", "data": ["payment.card"],
    "persons": ["email:ann@example.org"],
}  # fmt: skip


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Choosing]:
    with choosing(tmp_path) as served:
        yield served


@pytest.fixture
def client(served: Choosing) -> Iterator[httpx.Client]:
    with served.client() as client:
        yield client


def prepare(served: Choosing, persons: int = 0) -> Register:
    """Cards of Ann and of others, and the processor under contract, with an endpoint."""
    store = served.people.store
    whos = [ANN, *(Identifier("account", f"p{n}") for n in range(persons))]
    served.app.collecting.collect_many([
        Submission(statement="trial-card", fields={"payment.card": f"tok_{n}_visa"}, who=who, moment="trial")
        for n, who in enumerate(whos)
    ])  # fmt: skip
    register, now = Register(store, served.people.policy), served.clock.now
    terms = Contract(id="c1", begins=now, accepts="2017-02-01", data=("payment.card",), signed=now,
                     purposes=("service.payment",))  # fmt: skip
    for said in (Profile(name="Cards", kind="processor", countries=("US",)), terms):
        register.add("card-processor", said, by="mary")
    Endpoints(store, served.people).add("card-processor", "https://cards.example/troth", by="mary")
    return register


def test_a_card_is_shared_at_once(served: Choosing, client: httpx.Client) -> None:
    prepare(served)
    answer = client.post("/v1/share", json=ASKED)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["state"], body["persons"], body["values"], body["contents"]) == ("done", 1, 1, [])
    assert (body["statements"], body["duties"]) == ({"card-payments": 1}, ["minimise"])
    assert client.get(answer.headers["location"]).json() == body
    with served.people.store.read() as connection:
        from sqlalchemy import text

        (queued,) = connection.execute(text("SELECT disclosure, batch, recipient, body FROM deliveries")).all()
    assert tuple(queued) == (body["id"], 1, "card-processor", None)


def test_what_is_refused_says_the_sentence(served: Choosing, client: httpx.Client) -> None:
    register = prepare(served)
    refused = client.post("/v1/share", json=ASKED | {"consideration": "a fee"})
    assert (refused.status_code, refused.json()["error"]) == (422, "never")
    assert refused.json()["sentence"]
    refused = client.post("/v1/share", json=ASKED | {"recipient": "ad-network"})
    assert (refused.status_code, refused.json()["error"]) == (422, "not-stated")
    refused = client.post("/v1/share", json=ASKED | {"recipient": "authority"})
    assert (refused.status_code, refused.json()["error"]) == (422, "unknown-recipient")
    now = served.clock.now
    register.add("card-processor", Terminated(contract="c1", on=now, owed="delete", due=now), by="mary")
    refused = client.post("/v1/share", json=ASKED)
    assert (refused.status_code, refused.json()["error"]) == (422, "condition-not-met")
    assert "terminated" in refused.json()["message"]
    assert refused.json()["sentence"] == "A card firm takes your payments for us, under contract."


def test_the_answer_carries_the_values_and_the_same_key_the_same_answer(served: Choosing, client: httpx.Client) -> None:
    prepare(served)
    asked = ASKED | {"channel": "answer", "key": "order 1"}
    answers = [client.post("/v1/share", json=asked) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    (batch,) = answers[0].json()["contents"]
    assert [one["values"] for one in batch["persons"]] == [{"payment.card": "tok_0_visa"}]
    assert batch["persons"][0]["subject"] == served.people.key.pseudonym("card-processor", served.people.find(ANN))
    again = client.post(answers[0].headers["location"], json={"batch": 1})
    assert again.json() == batch
    other = client.post("/v1/share", json=asked | {"purpose": "service"})
    assert (other.status_code, other.json()["error"]) == (422, "other-request")


def test_a_segment_is_a_job(served: Choosing, client: httpx.Client) -> None:
    prepare(served, 600)
    asked = {name: value for name, value in ASKED.items() if name != "persons"}
    answer = client.post("/v1/share", json=asked | {"segment": {"statement": "trial-card"}, "channel": "answer"})
    assert (answer.status_code, answer.json()["state"], answer.json()["asked"]) == (202, "running", 601)
    where = answer.headers["location"]
    served.app.sharing.resume(500)
    assert (client.get(where).json()["persons"], client.get(where).json()["state"]) == (500, "running")
    while served.app.sharing.resume():
        pass
    body = client.get(where).json()
    assert (body["state"], body["persons"], body["batches"]) == ("done", 601, 2)
    assert [len(client.post(where, json={"batch": n}).json()["persons"]) for n in (1, 2)] == [500, 101]
    assert client.post(where, json={"batch": 3}).status_code == 400


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"recipient": None}, 400, "bad-request"), ({"purpose": None}, 400, "bad-request"),
        ({"data": "payment.card"}, 400, "bad-request"), ({"data": ["payment.crad"]}, 400, "unknown-data"),
        ({"purpose": "service.pay"}, 400, "unknown-purpose"), ({"product": "x"}, 400, "unknown-product"),
        ({"segment": {}}, 400, "bad-request"), ({"persons": ["nobody"]}, 400, "bad-person"),
        ({"channel": "pigeon"}, 400, "bad-request"), ({"format": "xls"}, 400, "bad-request"),
        ({"identified": 1}, 400, "bad-request"), ({"under": "case-1"}, 400, "bad-request"),
        ({"recipient": "card-procesor"}, 422, "unknown-recipient"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked(served: Choosing, client: httpx.Client, body: dict, status: int, code: str) -> None:
    answer = client.post("/v1/share", json=ASKED | body)
    assert (answer.status_code, answer.json()["error"]) == (status, code)
    form = client.post("/v1/share", data={"recipient": "x"})
    assert form.status_code == 415


def test_a_key_is_for_sharing_and_sees_its_own_only(served: Choosing, client: httpx.Client) -> None:
    prepare(served)
    keys = ServiceKeys(served.people.store)
    scope = Scope(("share",), ("service.payment",), ("payment.card",), ("*",))
    shop, other, reader = (
        bearer(keys.create(name, what, by="m")[1])
        for name, what in (
            ("shop", scope), ("other", scope), ("reader", Scope(("use",), ("*",), ("*",), ("*",))),
        )
    )  # fmt: skip
    asked = ASKED | {"channel": "answer"}
    served.app.callers.refresh()
    assert client.post("/v1/share", json=asked).status_code == 401
    assert client.post("/v1/share", json=asked, headers=reader).json()["error"] == "scope"
    wide = client.post("/v1/share", json=asked | {"data": ["payment"]}, headers=shop)
    assert (wide.status_code, wide.json()["field"]) == (403, "data")
    answer = client.post("/v1/share", json=asked, headers=shop)
    assert answer.status_code == 200, answer.text
    where = answer.headers["location"]
    assert client.get(where, headers=shop).status_code == 200
    assert (
        client.get(where, headers=other).status_code == client.get("/v1/share/dis_x", headers=shop).status_code == 404
    )
    assert client.post(where, json={"batch": 1}, headers=other).status_code == 404
    assert client.get(where, headers=reader).status_code == 403
    hooked = client.post("/v1/share", json=ASKED, headers=shop)
    values = client.post(hooked.headers["location"], json={"batch": 1}, headers=shop)
    assert (values.status_code, values.json()["error"]) == (403, "other-channel")


def test_a_key_for_one_recipient_shares_with_no_other(
    served: Choosing, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(served)
    keys = ServiceKeys(served.people.store)
    scope = Scope(("share",), ("*",), ("*",), ("*",))
    everybodys = keys.create("shop", scope, by="m")[1]
    asked = ASKED | {"channel": "answer"}
    served.app.callers.refresh()
    before = client.post("/v1/share", json=asked, headers=bearer(everybodys)).headers["location"]
    keys.revoke("shop")
    served.clock.now += timedelta(minutes=1)
    narrow = bearer(keys.create("shop", structs.replace(scope, recipients=("mail-firm",)), by="m")[1])
    sharing = served.app.sharing
    monkeypatch.setattr(sharing._deciding, "decide", lambda *asked: pytest.fail("something was decided"))
    refused = client.post("/v1/share", json=asked, headers=narrow)
    assert (refused.status_code, refused.json()["error"], refused.json()["field"]) == (403, "scope", "recipients")
    assert refused.json()["message"] == "The key is not for the recipient 'card-processor'. It is for mail-firm."
    kept, _ = sharing.register().list()
    assert (kept.state, kept.service, kept.recipient, kept.persons) == ("refused", "shop", "card-processor", 0)
    assert kept.why == refused.json()["message"]
    # what the same service shared by a wider key before opens no more
    assert client.get(before, headers=narrow).status_code == 403
    assert client.post(before, json={"batch": 1}, headers=narrow).json()["error"] == "scope"
    # of whom nobody knows, nothing is kept
    assert client.post("/v1/share", json=asked | {"recipient": "x"}, headers=narrow).status_code == 403
    assert len(sharing.register().list()) == 2


def test_a_key_shares_with_the_recipient_that_it_is_for(served: Choosing, client: httpx.Client) -> None:
    prepare(served)
    scope = Scope(("share",), ("*",), ("*",), ("*",), recipients=("card-processor",))
    key = bearer(ServiceKeys(served.people.store).create("shop", scope, by="m")[1])
    answer = client.post("/v1/share", json=ASKED, headers=key)
    assert answer.status_code == 200, answer.text
    assert client.get(answer.headers["location"], headers=key).json()["recipient"] == "card-processor"


def test_jobs_go_on_while_the_server_runs(served: Choosing) -> None:
    """The look of every second goes on with a job, and a job that fails keeps nothing else from being done."""
    from troth.gates.share.wanted import Segment, Wanted
    from troth.web.live import LiveApp

    prepare(served, 20)
    wanted = Wanted(recipient="card-processor", purpose="service.payment", data=("payment.card",))
    live = LiveApp(served.log, served.people.policy, lambda policy: served.app, people=served.people,
                   vault=served.vault)  # fmt: skip
    shared = served.app.sharing.share(wanted, Segment())
    resume = served.app.sharing.resume
    served.app.sharing.resume = lambda: (_ for _ in ()).throw(RuntimeError("not now"))
    live.look()
    served.app.sharing.resume = resume
    assert served.app.sharing.look(shared.id).state == "running"
    served.clock.now += timedelta(seconds=1)
    live.look()
    assert served.app.sharing.look(shared.id).state == "done"
