"""An acknowledgement counts if its signature is the recipient's, once, at any time; any other changes nothing."""

import base64
import hashlib
import json

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from delivering import Delivering
from delivery_clock import Clock
from hypothesis import given
from hypothesis import strategies as st
from receiving import Receiver, Said, Seen, acknowledgement

from troth.gates.delivery.acknowledging import (
    Acknowledgement,
    AcknowledgementError,
    Acknowledging,
    read_acknowledgement,
)
from troth.gates.delivery.signing import acknowledged_content

OWN = Ed25519PrivateKey.from_private_bytes(b"r" * 32)
ACK = "whpk_" + base64.b64encode(OWN.public_key().public_bytes_raw()).decode()


def said(body: bytes) -> Acknowledgement:
    found = read_acknowledgement(body)
    assert found is not None
    return found


def own(seen: Seen) -> Acknowledgement:
    """Signed with the recipient's own key."""
    digest = hashlib.sha256(seen.body).hexdigest()
    signature = base64.b64encode(OWN.sign(acknowledged_content(seen.id, digest))).decode()
    return Acknowledgement(seen.id, digest, f"v1a,{signature}")


@pytest.fixture
def acknowledging(delivering: Delivering) -> Acknowledging:
    return Acknowledging(delivering.store, delivering.endpoints)


def test_a_late_one_counts_once(
    delivering: Delivering, acknowledging: Acknowledging, receiver: Receiver, clock: Clock
) -> None:
    _, secret = delivering.endpoints.add("cards", receiver.url, by="mary")
    (id,) = delivering.disclose()
    delivering.turn()
    clock.move(days=100)
    assert [one.id for one in delivering.deliveries.overdue()] == [id]
    right = said(acknowledgement(receiver.seen[0], secret))
    assert acknowledging.take(right)
    assert not acknowledging.take(right)
    one = delivering.one(id)
    assert (one.state, one.acknowledged_at) == ("acknowledged", clock())
    assert delivering.deliveries.overdue() == []
    assert len(delivering.entries("delivered")) == len(delivering.entries("acknowledged")) == 1


def test_a_wrong_one_changes_nothing(delivering: Delivering, acknowledging: Acknowledging, receiver: Receiver) -> None:
    _, secret = delivering.endpoints.add("cards", receiver.url, by="mary")
    _, other = delivering.endpoints.add("letters", receiver.url, by="mary")
    (id,) = delivering.disclose()
    (theirs,) = delivering.disclose("letters")
    delivering.turn()
    seen = {one.id: one for one in receiver.seen}
    right = said(acknowledgement(seen[id], secret))
    before = [delivering.one(one) for one in (id, theirs)]
    wrong = [
        said(acknowledgement(seen[id], other)),
        said(acknowledgement(seen[id], secret, digest="0" * 64)),
        own(seen[id]),
        msgspec.structs.replace(right, acknowledged=theirs),
        msgspec.structs.replace(right, acknowledged="msg_" + "0" * 32),
        msgspec.structs.replace(right, digest=before[1].digest or ""),
        msgspec.structs.replace(right, signature=right.signature.replace("v1,", "v1a,")),
        msgspec.structs.replace(right, signature=""),
        # A signature of a message of ours is none of an acknowledgement, though the secret is the same.
        msgspec.structs.replace(right, signature=seen[id].headers["webhook-signature"]),
        msgspec.structs.replace(right, acknowledged="' OR 1=1 --"),
    ]
    for one in wrong:
        with pytest.raises(AcknowledgementError, match="This is not the signature of the recipient"):
            acknowledging.take(one)
    assert [delivering.one(one) for one in (id, theirs)] == before
    assert delivering.entries("acknowledged") == []
    assert acknowledging.take(msgspec.structs.replace(right, signature=f"v1,AAAA {right.signature}"))
    assert delivering.entries("acknowledged")[0]["signature"] == right.signature


@pytest.mark.parametrize("method", ["v1", "v1a"])
def test_a_recipient_with_a_key_of_its_own_signs_with_that_alone(
    delivering: Delivering, acknowledging: Acknowledging, receiver: Receiver, method
) -> None:
    endpoint, shown = delivering.endpoints.add("cards", receiver.url, by="mary", method=method, ack_key=ACK)
    (id,) = delivering.disclose()
    delivering.turn()
    (seen,) = receiver.seen
    if method == "v1":
        with pytest.raises(AcknowledgementError):  # we know that secret ourselves
            acknowledging.take(said(acknowledgement(seen, shown)))
    else:
        assert seen.headers["webhook-signature"].startswith("v1a,")
    assert acknowledging.take(own(seen))
    # With the public key in the record, anybody can verify what it says the recipient signed.
    keys = json.loads(delivering.entries("endpoint")[0]["keys"])
    (entry,) = delivering.entries("acknowledged")
    raw = base64.b64decode(entry["signature"].removeprefix("v1a,"))
    public = base64.b64decode(keys["acknowledges"].removeprefix("whpk_"))
    assert public == OWN.public_key().public_bytes_raw()
    OWN.public_key().verify(raw, acknowledged_content(entry["delivery"], entry["digest"]))
    assert delivering.one(id).sent_to == endpoint.id


def test_what_was_thought_lost_and_is_signed_for_arrived(
    delivering: Delivering, acknowledging: Acknowledging, receiver: Receiver, clock: Clock
) -> None:
    """The recipient took it and its answer got lost, so it was tried again, or stopped: its signature says it all."""
    _, secret = delivering.endpoints.add("cards", receiver.url, by="mary")
    receiver.behave = lambda seen: Said(500)
    waiting, stopped = delivering.disclose(count=2)
    delivering.turn()
    seen = {one.id: one for one in receiver.seen}
    delivering.batches["dis_cards_1", 0] = delivering.batches["dis_cards_1", 0]._replace(persons=())
    assert acknowledging.take(said(acknowledgement(seen[waiting], secret)))
    clock.move(minutes=1)
    assert delivering.turn() == 1  # the one that was acknowledged is not sent again
    assert delivering.one(stopped).state == "stopped"
    assert acknowledging.take(said(acknowledgement(seen[stopped], secret)))
    assert [delivering.one(id).state for id in (waiting, stopped)] == ["acknowledged"] * 2
    assert [entry["delivery"] for entry in delivering.entries("delivered")] == [waiting, stopped]


def test_one_that_overtakes_the_answer_is_recorded_once(
    delivering: Delivering, acknowledging: Acknowledging, receiver: Receiver
) -> None:
    _, secret = delivering.endpoints.add("cards", receiver.url, by="mary")

    def overtake(seen: Seen) -> Said:
        assert acknowledging.take(said(acknowledgement(seen, secret)))
        return Said(200, acknowledgement(seen, secret))

    receiver.behave = overtake
    (id,) = delivering.disclose()
    delivering.turn()
    assert delivering.one(id).state == "acknowledged"
    assert len(delivering.entries("delivered")) == len(delivering.entries("acknowledged")) == 1


@given(st.binary(max_size=200) | st.text().map(str.encode))
def test_whatever_is_sent_is_read_or_is_none(body: bytes) -> None:
    read_acknowledgement(body)


def test_what_is_too_large_is_none() -> None:
    assert (
        read_acknowledgement(json.dumps({"acknowledged": "m", "digest": "d", "signature": "s" * 5000}).encode()) is None
    )
    assert read_acknowledgement(b'{"a":' * 700) is None
