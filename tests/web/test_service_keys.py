"""Service keys over HTTP: when one is needed, what is said to whom has none, and what a key may ask for."""

import asyncio
import re
import threading
import time
from datetime import timedelta

import pytest
from keyed import EVERYTHING, FLAGSHIP, NEWS, SEARCHED, bearer, opened, served
from msgspec.structs import replace
from running import question

from troth.gates.services import ServiceKeys
from troth.people import Identifier
from troth.store import StoreUnavailableError
from troth.web import services
from troth.web.authzen.routes import EVALUATION, EVALUATIONS, METADATA, SEARCH
from troth.web.server import ServerError, serve

ASKED = {"purpose": "marketing.own", "product": "gototraining", "choices": {}}
SITE = "privacy.acme.example"


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


def ask(client, secret=None, subject="newsletter", headers=None, **more):
    body = question(**ASKED | more)
    body["subject"]["id"] = subject
    return client.post(EVALUATION, json=body, headers=(headers or {}) | (bearer(secret) if secret else {}))


def seen(client):
    """Let the server learn now what it would learn within a second."""
    client.app.callers.refresh()


# --- when a key is needed ---------------------------------------------------------------------------------------------


def test_without_any_key_this_machine_is_open(client):
    assert ask(client).json()["decision"] is True
    assert client.post(SEARCH, json=SEARCHED).json()["results"] == []
    # a key that is sent is looked at all the same
    assert ask(client, "troth_" + "0" * 12 + "_" + "A" * 43).status_code == 401


def test_as_soon_as_there_is_a_key_every_call_needs_one(client, keys):
    _, secret = keys.create("newsletter", NEWS, by="mary")
    deadline = time.monotonic() + 10
    while ask(client).status_code == 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    for path in (EVALUATION, EVALUATIONS, SEARCH):
        response = client.post(path, json=question(**ASKED))
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == 'Bearer realm="troth"'
    assert ask(client, secret).json()["decision"] is True
    assert client.get("/").status_code == client.get(METADATA).status_code == client.get("/log/").status_code == 200
    keys.revoke("newsletter")
    assert ask(client, secret).status_code == 401
    seen(client)
    assert ask(client).status_code == 200  # there is none again, and this machine is open


def test_whatever_is_wrong_with_a_key_the_answer_is_the_same(client, keys):
    made, secret = keys.create("newsletter", NEWS, by="mary")
    _, revoked = keys.create("billing", NEWS, by="mary")
    keys.revoke("billing")
    old = secret
    secret = keys.rotate("newsletter", timedelta(0))[1]
    seen(client)
    answers = {
        (response.status_code, response.text, response.headers["www-authenticate"])
        for response in (
            ask(client),
            *(ask(client, wrong) for wrong in (old, revoked, secret[:-1], secret + "A", made.id, "x", "troth_")),
            *(
                ask(client, headers={"Authorization": value})
                for value in (
                    secret,
                    f"Basic {secret}",
                    f"Bearer{secret}",
                    "Bearer",
                    f"Bearer {secret}, Bearer x",
                    "",
                    b"Bearer \xe9",
                )
            ),
            client.post(
                EVALUATION,
                json=question(**ASKED),
                headers=[("Authorization", f"Bearer {secret}"), ("Authorization", f"Bearer {secret}")],
            ),
        )
    }
    assert answers == {(401, services.UNKNOWN + "\n", 'Bearer realm="troth"')}
    assert ask(client, headers={"authorization": f"bearer  {secret}"}).status_code == 200


def test_a_revoked_key_is_refused_at_once(client, keys):
    for number in range(5):
        name = f"service-{number}"
        _, secret = keys.create(name, NEWS, by="mary")
        assert ask(client, secret, subject=name).status_code == 200
        keys.revoke(name)
        assert ask(client, secret, subject=name).status_code == 401


def test_who_comes_while_a_key_is_looked_up_is_looked_up_after_it(keys, monkeypatch):
    """Many requests share a read of the store, and none shares one that began before it came."""
    _, secret = keys.create("newsletter", NEWS, by="mary")
    _, other = keys.create("billing", NEWS, by="mary")
    callers = services.Callers(keys)
    original, reads, looking, go_on = keys.find_all, [], threading.Event(), threading.Event()

    def slow(several):
        found = original(several)
        reads.append(sorted(several))
        looking.set()
        go_on.wait(10)
        return found

    monkeypatch.setattr(keys, "find_all", slow)

    def request(secret):
        return callers.caller({"headers": [(b"authorization", f"Bearer {secret}".encode())]})

    async def ask():
        first = asyncio.ensure_future(request(secret))
        await asyncio.to_thread(looking.wait, 10)
        keys.revoke("newsletter")
        rest = [asyncio.ensure_future(request(one)) for one in (secret, other, other, secret)]
        await asyncio.sleep(0)
        rest[2].cancel()
        go_on.set()
        return await first, await asyncio.gather(*rest, return_exceptions=True)

    first, rest = asyncio.run(ask())
    assert first.name == "newsletter"
    assert [getattr(one, "status", None) for one in rest] == [401, None, None, 401]
    assert rest[1].name == "billing"
    assert isinstance(rest[2], asyncio.CancelledError)
    assert reads == [[secret], sorted((secret, other))]


def test_a_store_that_cannot_be_read_lets_nobody_in(client, keys, monkeypatch):
    _, secret = keys.create("newsletter", NEWS, by="mary")

    def down():
        raise StoreUnavailableError("disk full at /secret/place")

    now = [time.monotonic()]
    callers = client.app.callers
    monkeypatch.setattr(callers.keys.store, "read", down)
    monkeypatch.setattr(callers, "_monotonic", lambda: now[0])
    response = ask(client, secret)
    assert (response.status_code, response.headers["retry-after"]) == (503, "1")
    assert response.text == services.UNAVAILABLE + "\n"
    now[0] += services.LIMIT + 2
    seen(client)
    assert ask(client).status_code == 503  # nobody can say any more that there are no keys


# --- the key is the subject -------------------------------------------------------------------------------------------


def test_a_service_asks_in_its_own_name(client, keys):
    made, secret = keys.create("newsletter", NEWS, by="mary")
    keys.create("billing", EVERYTHING, by="mary")
    assert ask(client, secret, subject="newsletter").status_code == 200
    assert ask(client, secret, subject=made.id).status_code == 200
    response = ask(client, secret, subject="billing")
    assert response.status_code == 403
    assert response.text == (
        "subject.id: the key is that of 'newsletter', which asks in its own name only, not as 'billing'.\n"
    )
    assert response.headers["www-authenticate"] == 'Bearer realm="troth", error="insufficient_scope"'


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ({"action": "share", "recipient": "card-processor"}, "not for the action 'share'. It is for use."),
        ({"data": "payment.card"}, "not for the data term 'payment.card'. It is for contact."),
        ({"data": "identity.name"}, "not for the data term 'identity.name'. It is for contact."),
        ({"purpose": "service.register"}, "not for the purpose 'service.register'. It is for marketing.own."),
        ({"purpose": "marketing"}, "not for the purpose 'marketing'. It is for marketing.own."),
        ({"product": "gotomeeting"}, "not for the product 'gotomeeting'. It is for gototraining."),
        ({"product": None}, "names no product, and so asks for all of them. It is for gototraining."),
    ],
)
def test_a_key_asks_for_what_it_is_for_and_nothing_else(client, keys, other, says):
    _, secret = keys.create("newsletter", NEWS, by="mary")
    response = ask(client, secret, **other)
    assert response.status_code == 403
    assert says in response.text
    _, everything = keys.create("auditor", EVERYTHING, by="mary")
    assert ask(client, everything, subject="auditor", **other).status_code == 200


def test_a_key_for_one_recipient_asks_about_that_one_only(client, keys):
    _, secret = keys.create("shop", replace(EVERYTHING, recipients=("card-processor",)), by="mary")
    asked = {"action": "share", "data": "payment.card", "purpose": "service.payment", "product": None}
    assert ask(client, secret, subject="shop", **asked, recipient="card-processor").status_code == 200
    for other in ("mail-firm", "processor", None):
        response = ask(client, secret, subject="shop", **asked, recipient=other)
        assert (response.status_code, "It is for card-processor." in response.text) == (403, True)


def test_one_question_that_a_key_does_not_cover_spoils_no_other(client, keys):
    _, secret = keys.create("newsletter", NEWS, by="mary")
    items = [question(**ASKED), question(**ASKED, data="payment.card"), question(**ASKED)]
    items[0]["subject"]["id"] = items[1]["subject"]["id"] = "newsletter"
    for person in ("4711", "email:ann@example.org"):
        for item in items:
            item["resource"]["id"] = person
        found = client.post(EVALUATIONS, json={"evaluations": items}, headers=bearer(secret)).json()["evaluations"]
        assert [one["decision"] for one in found] == [True, False, False]
        assert [one["context"].get("error", {}).get("status") for one in found] == [None, 403, 403]
    # without a list, and as the defaults of all
    assert client.post(EVALUATIONS, json=items[0], headers=bearer(secret)).json()["decision"] is True
    assert client.post(EVALUATIONS, json=items[1], headers=bearer(secret)).status_code == 403
    several = {**items[1], "evaluations": [{"resource": {"type": "contact.email"}}, {}]}
    found = client.post(EVALUATIONS, json=several, headers=bearer(secret)).json()["evaluations"]
    assert [one["decision"] for one in found] == [True, False]


def test_no_request_changes_a_key(client, keys):
    """There is no way over HTTP by which a holder could widen what a key is for."""
    _, secret = keys.create("newsletter", NEWS, by="mary")
    before = keys.list()
    body = question(**ASKED)
    body["subject"] = {"type": "service", "id": "newsletter", "properties": {"scope": {"data": ["*"]}}, "scope": "*"}
    assert client.post(EVALUATION, json=body, headers=bearer(secret)).status_code == 200
    for method in ("PUT", "PATCH", "DELETE", "POST"):
        for path in ("/access/v1/keys", f"/access/v1/keys/{before[0].id}", "/keys"):
            assert client.request(method, path, json={}, headers=bearer(secret)).status_code in (404, 405)
    assert keys.list() == before


# --- names and addresses ----------------------------------------------------------------------------------------------


def test_under_a_public_name_a_key_is_needed_always(log, keys, tmp_path):
    with served(log, tmp_path, site=f"https://{SITE}", names=["troth.internal"]) as client:
        assert ask(client).status_code == 200
        for host in (SITE, "troth.internal"):
            assert ask(client, headers={"Host": host}).status_code == 401
            assert client.get("/", headers={"Host": host}).status_code == 200
            assert client.get(METADATA, headers={"Host": host}).json()["policy_decision_point"] == f"https://{host}"
        assert ask(client, headers={"Host": "evil.example"}).status_code == 421
        _, secret = keys.create("newsletter", NEWS, by="mary")
        response = ask(client, secret, headers={"Host": SITE})
        assert response.json()["decision"] is True
        assert "strict-transport-security" in response.headers


def test_an_app_that_requires_keys_lets_nobody_in_without(log, keys, tmp_path):
    with served(log, tmp_path, require_keys=True) as client:
        assert ask(client).status_code == 401
        _, secret = keys.create("newsletter", NEWS, by="mary")
        assert ask(client, secret).status_code == 200
        keys.revoke("newsletter")
        seen(client)
        assert ask(client).status_code == 401


def test_beyond_loopback_takes_a_key_and_a_name(log, keys, monkeypatch):
    for more in ({}, {"names": ["troth.internal"]}):
        with pytest.raises(ServerError) as error:
            serve(FLAGSHIP, "0.0.0.0", 0, log=log, **more)
        assert error.value.code == "not-loopback"
    keys.create("newsletter", NEWS, by="mary")
    with pytest.raises(ServerError, match="set `names`") as error:
        serve(FLAGSHIP, "0.0.0.0", 0, log=log)
    assert error.value.code == "no-name"

    told, apps = [], []

    class StoppedError(Exception):
        pass

    def server(app, *, ready=None):
        apps.append(app)
        ready()
        raise StoppedError

    monkeypatch.setattr("troth.web.server.server", server)
    with pytest.raises(StoppedError):
        serve(FLAGSHIP, "0.0.0.0", 0, log=log, names=["troth.internal"], ready=told.append)
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", told[0])
    callers = apps[0]._app.callers
    apps[0]._app.close()
    assert callers.required
    keys.revoke("newsletter")
    with pytest.raises(ServerError) as error:
        serve(FLAGSHIP, "192.0.2.1", 0, log=log)
    assert error.value.code == "not-loopback"


# --- what a person chose ----------------------------------------------------------------------------------------------


def test_a_key_decides_on_the_choices_of_people(client, keys):
    _, secret = keys.create("newsletter", NEWS, by="mary")
    client.people.choose(Identifier("email", "ann@example.org"), {"marketing": "out"}, how="page")
    body = question(purpose="marketing.own", product="gototraining", person="email:ann@example.org")
    body["subject"]["id"] = "newsletter"
    assert client.post(EVALUATION, json=body, headers=bearer(secret)).json()["context"]["reason"] == "opted-out"
