"""The gate of mail over HTTP: who may receive a message, and what comes back."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from choosing import ANN, Choosing, choosing

from troth.gates.scope import Scope
from troth.gates.services import ServiceKeys
from troth.people import Identifier
from troth.store import StoreUnavailableError

BOB = Identifier("email", "bob@example.org")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Choosing]:
    with choosing(tmp_path) as served:
        yield served


@pytest.fixture
def client(served: Choosing) -> Iterator[httpx.Client]:
    with served.client() as client:
        yield client


def check(client: httpx.Client, stream: str = "newsletter", *recipients: str, **more: object) -> list[dict]:
    asked = {"stream": stream, "recipients": list(recipients or ("ann@example.org",)), **more}
    answer = client.post("/v1/mail/check", json=asked)
    assert answer.status_code == 200, answer.text
    assert answer.json()["stream"] == stream
    return answer.json()["verdicts"]


def test_a_check_says_who_and_what_to_add(served: Choosing, client: httpx.Client) -> None:
    served.people.choose(BOB, {"marketing": "out"}, how="page")
    ann, bob, nobody = check(client, "newsletter", "ann@example.org", "bob@example.org", "nobody")
    assert (ann["outcome"], bob["outcome"], nobody["outcome"]) == ("send", "suppressed", "refused")
    assert (bob["reason"], bob["statement"], bob["headers"], bob["footer"]) == ("opted-out", "news", [], None)
    assert [one["name"] for one in ann["headers"]][:2] == ["List-Unsubscribe", "List-Unsubscribe-Post"]
    assert re.fullmatch(r"b-[a-z2-7]{61}@news\.gototraining\.example", ann["sender"])
    link = re.search(r"<(http://[^>]+)>", ann["headers"][0]["value"])
    assert link is not None
    assert link[1] in ann["footer"]["text"]
    assert link[1] in ann["footer"]["html"]
    path = "/unsubscribe/" + link[1].partition("/unsubscribe/")[2]
    assert client.post(path, data={"List-Unsubscribe": "One-Click"}).status_code == 200
    assert check(client)[0]["reason"] == "opted-out"
    (notice,) = check(client, "account")
    assert (notice["outcome"], notice["headers"], notice["footer"]) == ("send", [], None)


@pytest.mark.parametrize(("body", "status", "code"), [
    ({"stream": "newsleter", "recipients": ["a@b.c"]}, 404, "unknown-stream"),
    ({"recipients": ["a@b.c"]}, 400, "bad-request"),
    ({"stream": "newsletter"}, 400, "bad-request"),
    ({"stream": "newsletter", "recipients": []}, 400, "too-many"),
    ({"stream": "newsletter", "recipients": [7]}, 400, "bad-request"),
    ({"stream": "newsletter", "recipients": ["a@b.c"], "language": "no language"}, 400, "bad-request"),
    ({"stream": "newsletter", "recipients": ["a@b.c"], "more": 1}, 400, "bad-request"),
    ({"stream": "newsletter", "recipients": ["a@b.c"] * 10_001}, 400, "too-many"),
])  # fmt: skip
def test_a_question_that_cannot_be_asked(client: httpx.Client, body: dict, status: int, code: str) -> None:
    answer = client.post("/v1/mail/check", json=body)
    assert (answer.status_code, answer.json()["error"]) == (status, code)


def test_a_key_must_be_for_the_purpose_and_the_product(served: Choosing, client: httpx.Client) -> None:
    keys = ServiceKeys(served.people.store)
    scope = Scope(actions=("use",), purposes=("marketing.own",), data=("contact.email",), products=("*",))
    _, secret = keys.create("sender", scope, by="mary")
    served.app.callers.refresh()
    asked = {"stream": "newsletter", "recipients": ["ann@example.org"]}
    assert client.post("/v1/mail/check", json=asked).status_code == 401
    assert client.post("/v1/mail/returns", json={}).status_code == 401
    client.headers["authorization"] = f"Bearer {secret}"
    assert client.post("/v1/mail/check", json=asked).status_code == 200
    refused = client.post("/v1/mail/check", json={**asked, "stream": "invitations"})
    assert (refused.status_code, refused.json()["error"]) == (403, "scope")


def test_what_came_back_as_a_message(served: Choosing, client: httpx.Client) -> None:
    sender = check(client)[0]["sender"]
    message = b"From: Ann <ann@example.org>\r\nSubject: unsubscribe\r\n\r\n"
    headers = {"content-type": "message/rfc822"}
    answer = client.post("/v1/mail/returns", params={"recipient": sender}, content=message, headers=headers)
    assert answer.json() == {"what": "opt-out", "did": "opted-out", "status": "", "stream": "newsletter"}
    assert served.people.current(ANN)["marketing"].how == "mail"
    for recipient, code in (("ann@example.org", "no-proof"), (sender[:-30] + "@x.example", "unknown-address")):
        answer = client.post("/v1/mail/returns", params={"recipient": recipient}, content=message, headers=headers)
        assert (answer.status_code, answer.json()["error"]) == (422, code)
    assert client.post("/v1/mail/returns", content=message, headers=headers).status_code == 400
    assert client.post("/v1/mail/returns", content=b"x").status_code == 415


def test_what_came_back_as_a_service_tells_it(served: Choosing, client: httpx.Client) -> None:
    ann, bob = (one["sender"] for one in check(client, "newsletter", "ann@example.org", "bob@example.org"))
    told = client.post("/v1/mail/returns", json={"recipient": ann, "what": "bounce", "status": "5.1.1"}).json()
    assert told == {"what": "bounce", "did": "suppressed", "status": "5.1.1", "stream": "newsletter"}
    assert client.post("/v1/mail/returns", json={"recipient": bob, "what": "complaint"}).json()["did"] == "opted-out"
    assert [one["reason"] for one in check(client, "account", "ann@example.org", "bob@example.org")] == [
        "bounced", "stated",
    ]  # fmt: skip
    for body in ({"recipient": bob, "what": "other"}, {"what": "bounce"}, {"recipient": bob}):
        assert client.post("/v1/mail/returns", json=body).status_code == 400
    made_up = {"recipient": "b-" + "a" * 61 + "@news.gototraining.example", "what": "complaint"}
    assert client.post("/v1/mail/returns", json=made_up).status_code == 422


def test_with_the_store_away_it_may_be_tried_again(served: Choosing, client: httpx.Client, monkeypatch) -> None:
    sender = check(client)[0]["sender"]

    def away(*_):
        raise StoreUnavailableError("away")

    with monkeypatch.context() as patched:
        patched.setattr(served.people.store, "write", away)
        answer = client.post("/v1/mail/returns", json={"recipient": sender, "what": "complaint"})
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    with monkeypatch.context() as patched:
        patched.setattr(served.people.store, "read", away)
        patched.setattr(served.people.store, "glance", away)
        answer = client.post("/v1/mail/check", json={"stream": "account", "recipients": ["a@b.cd"]})
        assert answer.status_code == 503
    assert check(client)[0]["outcome"] == "send"
