"""Endpoints: secrets are sealed and shown once, keys rotate with an overlap, and each change is in the record."""

import base64
import hashlib
import json
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from delivery_clock import Clock
from sqlalchemy import select

from troth.gates.delivery.addresses import AddressError
from troth.gates.delivery.endpoints import ENABLED_OF, EndpointError, Endpoints
from troth.gates.delivery.queue import Queue
from troth.gates.delivery.signing import KeyTextError
from troth.people import People, open_people
from troth.policy.history import Policy
from troth.record.kinds import read_entry
from troth.store import Store
from troth.store.schema import leaves

URL = "https://hooks.example.com/troth?key=s3cret"
ACK = (
    "whpk_" + base64.b64encode(Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key().public_bytes_raw()).decode()
)


@pytest.fixture
def endpoints(store: Store, people: People) -> Endpoints:
    return Endpoints(store, people)


def entries(store: Store) -> list[dict]:
    with store.read() as connection:
        return [read_entry(bytes(entry)) for (entry,) in connection.execute(select(leaves.c.entry))]


def signing(endpoints: Endpoints, store: Store, recipient: str = "cards") -> list[str]:
    """What the keys that sign now are known by."""
    keyed = store.write(lambda unit: endpoints.keyed(unit.rows(ENABLED_OF, {"of_recipient": recipient}), unit.at))
    return [] if keyed is None else [key.text() if hasattr(key, "text") else key.public() for key in keyed.keys]


def test_a_secret_is_shown_once_and_lies_sealed(endpoints: Endpoints, store: Store, people: People) -> None:
    added, secret = endpoints.add("cards", URL, by="mary")
    assert secret.startswith("whsec_")
    raw = base64.b64decode(secret.removeprefix("whsec_"))
    assert len(raw) == 32
    assert endpoints.one(added.id) == added == endpoints.list("cards")[0]
    assert signing(endpoints, store) == [secret]
    with store.read() as connection:
        everything = repr([connection.exec_driver_sql(f'SELECT * FROM "{t}"').all() for t in ("endpoints", "leaves")])
    for form in (raw, secret, base64.b64encode(raw), raw.hex(), added.public_key or secret):
        assert (form if isinstance(form, str) else repr(form)[2:-1]) not in everything
    assert Queue(store, people).reachable("cards")
    assert not Queue(store, people).reachable("other")


def test_with_another_key_of_the_people_nothing_is_signed(
    endpoints: Endpoints, store: Store, policy: Policy, tmp_path: Path
) -> None:
    from troth.people.keys import IndexKey

    added, _ = endpoints.add("cards", URL, by="mary")
    other = open_people(store, tmp_path / "keys", policy)
    other.key = IndexKey(b"x" * 32)
    with pytest.raises(EndpointError, match="Rotate it"):
        signing(Endpoints(store, other), store)
    _, secret = Endpoints(store, other).rotate(added.id, timedelta(0))
    assert signing(Endpoints(store, other), store) == [secret]


@pytest.mark.parametrize("method", ["v1", "v1a"])
def test_a_rotation_has_an_overlap(endpoints: Endpoints, store: Store, clock: Clock, method) -> None:
    added, first = endpoints.add("cards", URL, by="mary", method=method, ack_key=ACK)
    assert added.public_key == (first if method == "v1a" else None)
    clock.move(hours=1)
    rotated, second = endpoints.rotate(added.id, timedelta(hours=5))
    assert rotated.overlap_until == clock() + timedelta(hours=5)
    assert signing(endpoints, store) == [second, first]
    clock.move(hours=1)
    _, third = endpoints.rotate(added.id)
    assert signing(endpoints, store) == [third, second]
    clock.move(days=1, seconds=-1)
    assert signing(endpoints, store) == [third, second]
    clock.move(seconds=1)
    assert signing(endpoints, store) == [third]


def test_each_change_is_in_the_record_and_no_secret(endpoints: Endpoints, store: Store) -> None:
    added, public = endpoints.add("cards", URL, by="mary", method="v1a", ack_key=ACK)
    _, secret = endpoints.add("letters", URL, by="mary")
    _, rotated = endpoints.rotate(added.id)
    endpoints.disable(added.id, "Mary said so")
    endpoints.disable(added.id)  # is so already
    endpoints.enable(added.id)
    endpoints.set_ack_key(added.id, ACK)
    found = entries(store)
    assert [one["change"] for one in found] == ["added", "added", "rotated", "disabled", "enabled", "keyed"]
    assert {one["address"] for one in found} == {hashlib.sha256(URL.encode()).hexdigest()}
    assert json.loads(found[0]["keys"]) == {"method": "v1a", "verifies": public, "acknowledges": ACK}
    assert json.loads(found[1]["keys"]) == {"method": "v1"}
    assert json.loads(found[2]["keys"])["verifies"] == rotated
    text = json.dumps(found)
    for hidden in (secret, "s3cret", "Mary said so"):
        assert hidden not in text


def test_disabled_is_not_reachable_and_the_last_added_counts(
    endpoints: Endpoints, store: Store, people: People, clock: Clock
) -> None:
    first, old = endpoints.add("cards", URL, by="mary")
    clock.move(hours=1)
    second, new = endpoints.add("cards", "https://other.example.com/", by="mary")
    assert signing(endpoints, store) == [new]
    assert endpoints.disable(second.id, "moved").why == "moved"
    assert signing(endpoints, store) == [old]
    endpoints.disable(first.id)
    assert not Queue(store, people).reachable("cards")
    assert endpoints.enable(second.id).why is None
    assert signing(endpoints, store) == [new]


def test_what_cannot_be(endpoints: Endpoints, store: Store) -> None:
    for recipient in ("", "Cards", "a b", "x" * 200):
        with pytest.raises(EndpointError, match="is not the id of a recipient"):
            endpoints.add(recipient, URL, by="mary")
    with pytest.raises(AddressError, match="https only"):
        endpoints.add("cards", "http://hooks.example.com/", by="mary")
    with pytest.raises(AddressError, match="deliver_to_loopback"):
        endpoints.add("cards", "http://127.0.0.1:8000/", by="mary")
    with pytest.raises(KeyTextError):
        endpoints.add("cards", URL, by="mary", ack_key="whsec_x")
    with pytest.raises(EndpointError, match="--ack-key"):
        endpoints.add("cards", URL, by="mary", method="v1a")
    with pytest.raises(EndpointError, match="who added"):
        endpoints.add("cards", URL, by="")
    for change in (endpoints.rotate, endpoints.enable, endpoints.disable, endpoints.one):
        with pytest.raises(EndpointError, match="There is no endpoint 'ep_0'"):
            change("ep_0")
    assert endpoints.list() == []
    assert entries(store) == []
    added, _ = endpoints.add("cards", URL, by="mary", method="v1a", ack_key=ACK)
    with pytest.raises(EndpointError, match="not negative"):
        endpoints.rotate(added.id, timedelta(-1))
    with pytest.raises(EndpointError, match="--ack-key"):
        endpoints.set_ack_key(added.id, None)


def test_an_endpoint_on_this_machine_needs_the_setting_to_be_enabled_again(store: Store, people: People) -> None:
    allowing = Endpoints(store, people, loopback=True)
    added, _ = allowing.add("cards", "http://127.0.0.1:8000/", by="mary")
    allowing.disable(added.id)
    with pytest.raises(AddressError):
        Endpoints(store, people).enable(added.id)
    assert allowing.enable(added.id).state == "enabled"
