"""`POST /v1/acknowledgements`: a signature that comes later than the answer, without a service key."""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from choosing import Choosing, choosing

from troth.gates.delivery.deliverer import Deliverer
from troth.gates.delivery.deliveries import Deliveries
from troth.gates.delivery.endpoints import Endpoints
from troth.gates.delivery.queue import Queue
from troth.gates.delivery.sending import Answer, Sender
from troth.gates.scope import Scope
from troth.gates.services import ServiceKeys


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Choosing]:
    with choosing(tmp_path) as served:
        yield served


class Taking(Sender):
    """Takes everything, and keeps it."""

    bodies: list[bytes]

    async def post(self, url, headers, body) -> Answer:
        self.bodies.append(body)
        return Answer("delivered")


def test_an_acknowledgement_comes_later(served: Choosing) -> None:
    store, people = served.vault.store, served.people
    ServiceKeys(store).create("newsletter", Scope(), by="mary")
    assert served.app.callers is not None
    served.app.callers.refresh()  # from now on callers need a key
    _, secret = Endpoints(store, people).add("card-processor", "https://hooks.example.com/", by="mary")
    queue = Queue(store, people)
    id = store.write(lambda unit: queue.add(unit, kind="notice", recipient="card-processor", body='{"about": "x"}'))
    sender = Taking()
    sender.bodies = []

    async def deliver() -> None:
        deliverer = Deliverer(store, people, lambda disclosure, batch: pytest.fail("no batch"), sender=sender)
        await deliverer.turn()
        await deliverer.stop()

    asyncio.run(deliver())
    digest = hashlib.sha256(sender.bodies[0]).hexdigest()
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = hmac.digest(key, f"troth-acknowledgement\n{id}\n{digest}".encode(), "sha256")
    right = {"acknowledged": id, "digest": digest, "signature": f"v1,{base64.b64encode(signed).decode()}"}
    with served.client() as client:
        assert client.get("/v1/share/dis_0").status_code == 401  # other routes want a key
        wrong = client.post("/v1/acknowledgements", json=right | {"signature": "v1,AAAA"})
        unknown = client.post("/v1/acknowledgements", json=right | {"acknowledged": "msg_" + "0" * 32})
        assert (wrong.status_code, wrong.json()["error"]) == (403, "bad-signature")
        assert (unknown.status_code, unknown.content) == (403, wrong.content)  # nobody learns what there is
        assert Deliveries(store).one(id).state == "delivered"
        taken = [client.post("/v1/acknowledgements", json=right) for _ in range(2)]
        assert [one.status_code for one in taken] == [200, 200]
        assert [one.json()["recorded"] for one in taken] == ["now", "before"]
        assert Deliveries(store).one(id).state == "acknowledged"
        broken(client, right)


def broken(client: httpx.Client, right: dict) -> None:
    for sent in ([], {}, {"acknowledged": 1}, right | {"digest": None}, "x"):
        assert client.post("/v1/acknowledgements", json=sent).status_code == 400
    assert client.post("/v1/acknowledgements", content=b"{").status_code == 400
    assert client.post("/v1/acknowledgements", content=b'{"a": "' + b"x" * 5000 + b'"}').status_code == 413
    assert client.get("/v1/acknowledgements").status_code == 405
