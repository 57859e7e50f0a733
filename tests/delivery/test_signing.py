"""Signatures are those of Standard Webhooks: its own library and a library of ciphers verify them."""

import base64
import json
import time

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from troth.gates.delivery.signing import (
    KeyTextError,
    PrivateKey,
    PublicKey,
    SharedSecret,
    acknowledged_content,
    signed_headers,
    verified,
)

IDS = st.from_regex(r"msg_[0-9a-f]{32}", fullmatch=True)
SECRETS = st.binary(min_size=32, max_size=32)
BODIES = st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=3).map(
    lambda one: json.dumps(one).encode()
)
DIGESTS = st.from_regex(r"[0-9a-f]{64}", fullmatch=True)


@given(IDS, SECRETS, SECRETS, BODIES)
def test_v1_is_what_the_library_of_standard_webhooks_verifies(id: str, secret: bytes, old: bytes, body: bytes) -> None:
    keys = [SharedSecret(secret), SharedSecret(old)]
    headers = signed_headers(id, int(time.time()), body, keys)
    assert len(headers["webhook-signature"].split(" ")) == 2
    for key in keys:
        assert key.text().startswith("whsec_")
        assert Webhook(key.text()).verify(body, headers) == json.loads(body)
    with pytest.raises(WebhookVerificationError):
        Webhook(keys[0].text()).verify(body + b" ", headers)
    if old != secret:
        with pytest.raises(WebhookVerificationError):
            Webhook(keys[1].text()).verify(body, signed_headers(id, int(time.time()), body, keys[:1]))


def test_the_example_of_the_specification() -> None:
    # https://github.com/standard-webhooks/standard-webhooks, the vector of its libraries.
    secret = SharedSecret(base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
    headers = signed_headers("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}', [secret])
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@given(IDS, SECRETS, BODIES)
def test_v1a_is_ed25519_over_the_same(id: str, seed: bytes, body: bytes) -> None:
    key = PrivateKey(seed)
    signature = signed_headers(id, 1674087231, body, [key])["webhook-signature"]
    method, _, text = signature.partition(",")
    raw = base64.b64decode(key.public().removeprefix("whpk_"), validate=True)
    assert method == "v1a"
    content = b"%s.1674087231.%s" % (id.encode(), body)
    Ed25519PublicKey.from_public_bytes(raw).verify(base64.b64decode(text, validate=True), content)
    with pytest.raises(InvalidSignature):
        Ed25519PublicKey.from_public_bytes(raw).verify(base64.b64decode(text), content + b"x")


@given(IDS, DIGESTS, SECRETS, SECRETS, st.integers(min_value=0, max_value=40))
def test_an_acknowledgement_counts_under_its_own_key_alone(
    id: str, digest: str, one: bytes, other: bytes, flipped: int
) -> None:
    content, shared = acknowledged_content(id, digest), SharedSecret(one)
    own = Ed25519PrivateKey.from_private_bytes(one)
    public = PublicKey("whpk_" + base64.b64encode(own.public_key().public_bytes_raw()).decode())
    right = shared.sign(content)
    signed = f"v1a,{base64.b64encode(own.sign(content)).decode()}"
    assert verified(right, content, secrets=[SharedSecret(other), shared]) == right
    assert verified(f"v1,AAAA {signed} v2,x", content, publics=[public]) == signed
    # A signature does not count for the other method, another key, or another content.
    assert verified(right, content, publics=[public]) is None
    assert verified(signed, content, secrets=[shared]) is None
    assert verified(right.replace("v1,", "v1a,"), content, secrets=[shared], publics=[public]) is None
    assert verified(right, acknowledged_content(id, digest[::-1] + "0"), secrets=[shared]) is None
    if one != other:
        assert verified(right, content, secrets=[SharedSecret(other)]) is None
    broken = right[: 3 + flipped] + ("A" if right[3 + flipped] != "A" else "B") + right[4 + flipped :]
    assert verified(broken, content, secrets=[shared]) in (None, broken if same(broken, right) else None)


def same(one: str, other: str) -> bool:
    """Whether two texts are the same bytes: the last letter of base64 has bits that say nothing."""
    return base64.b64decode(one[3:]) == base64.b64decode(other[3:])


@pytest.mark.parametrize("nonsense", ["", ",", "v1", "v1,", "v1,é", "v1,=", " " * 100, "v1a,AA==", "x" * 4000])
def test_nonsense_is_no_signature(nonsense: str) -> None:
    public = PublicKey(PrivateKey(bytes(32)).public())
    assert verified(nonsense, b"content", secrets=[SharedSecret(bytes(32))], publics=[public]) is None


@pytest.mark.parametrize("text", ["", "whpk_", "whpk_AAAA", "whsec_" + "A" * 43 + "=", "A" * 43 + "=", "whpk_é"])
def test_a_public_key_has_one_form(text: str) -> None:
    with pytest.raises(KeyTextError, match="whpk_"):
        PublicKey(text)
