"""Verify a record and its receipts without trusting whoever keeps them.

This one file needs Python 3.11, and nothing else of Troth or anybody: copy it, read it, run it. Where the package
`cryptography` is installed it verifies signatures, faster; without it, the few lines under "Ed25519" do.

    python verifier.py receipt.tlog-proof --key "example.org/log+1a2b3c4d+AX…" --document policy.yaml
    python verifier.py choice.json --key "example.org/log+1a2b3c4d+AX…"
    python verifier.py --log https://example.org/log --key "example.org/log+1a2b3c4d+AX…" --since yesterday.checkpoint

It implements, literally:
  RFC 6962, section 2.1     Merkle tree hash, inclusion and consistency proofs (https://www.rfc-editor.org/rfc/rfc6962)
  c2sp.org/signed-note      notes signed with Ed25519, keys written `name+id+key`
  c2sp.org/tlog-checkpoint  the signed head of a log: origin, size, root
  c2sp.org/tlog-cosignature what witnesses add to a checkpoint (Ed25519)
  c2sp.org/tlog-tiles       where a log's hashes and entries are found
  c2sp.org/tlog-proof       a receipt that can be verified offline
  RFC 8032, section 5.1     Ed25519 (https://www.rfc-editor.org/rfc/rfc8032)
  RFC 8785, RFC 2104        canonical JSON and HMAC-SHA-256: the commitments of an entry about a person

What a passed verification means: this entry, to the bit, is in the log whose head was signed with that key; and where
the receipt is that of a choice, that the entry is about this person and this choice. It does not mean that the entry
tells the truth. Every problem raises VerifyError; nothing is ever half accepted.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import hashlib
import hmac
import json
import re
import sys
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:
    FAST = False
else:
    FAST = True

ED25519 = 0x01  # signature type of a log
COSIGNATURE = 0x04  # signature type of a witness
TILE = 256  # hashes in a full tile: tlog-tiles fixes a tile's height at 8
MAX_NOTE = 1_000_000  # bytes; a limit is recommended by signed-note, sixteen signatures need a small part of it
MAX_SIZE = 2**63  # leaves
EMPTY_ROOT = hashlib.sha256(b"").digest()

_DECIMAL = re.compile(r"(0|[1-9][0-9]{0,18})\Z")
_sha256 = hashlib.sha256


class VerifyError(Exception):
    """What was checked does not hold; the text says what and where."""


# --- RFC 6962: the tree -----------------------------------------------------------------------------------------------


def hash_leaf(entry: bytes) -> bytes:
    """The SHA-256 leaf hash of an entry (RFC 6962, section 2.1)."""
    return _sha256(b"\x00" + entry).digest()


def hash_children(left: bytes, right: bytes) -> bytes:
    """The SHA-256 hash of an inner node (RFC 6962, section 2.1)."""
    return _sha256(b"\x01" + left + right).digest()


def root_of_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes]) -> bytes:
    """The root that `proof` leads to from the leaf hash at `index` of a tree of `size` (RFC 9162, section 2.1.3.2)."""
    if not 0 <= index < size:
        raise VerifyError(f"Index {index} is outside a tree of {size} leaves.")
    node, last, root = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise VerifyError("The inclusion proof is too long.")
        if node & 1 or node == last:
            root = hash_children(sibling, root)
            while not node & 1 and node:
                node >>= 1
                last >>= 1
        else:
            root = hash_children(root, sibling)
        node >>= 1
        last >>= 1
    if last != 0:
        raise VerifyError("The inclusion proof is too short.")
    return root


def verify_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """Raise VerifyError unless the leaf hash is at `index` of the tree of `size` leaves with that root."""
    if root_of_inclusion(index, size, leaf, proof) != root:
        raise VerifyError("The inclusion proof does not lead to the root of the checkpoint.")


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Raise VerifyError unless the tree of `new` leaves extends that of `old` leaves (RFC 9162, section 2.1.4.2)."""
    if not 0 <= old <= new:
        raise VerifyError(f"A tree of {new} leaves cannot extend one of {old}.")
    if old in (0, new):
        if proof:
            raise VerifyError("The consistency proof should be empty.")
        if old == new and old_root != new_root:
            raise VerifyError("Two trees of one size have different roots.")
        if old == 0 and old_root != EMPTY_ROOT:
            raise VerifyError("The old tree is empty and its root is not that of an empty tree.")
        return
    path = list(proof)
    if old & (old - 1) == 0:  # the old tree is one perfect subtree, so its root is the first hash of the proof
        path.insert(0, old_root)
    if not path:
        raise VerifyError("The consistency proof is empty.")
    node, last = old - 1, new - 1
    while node & 1:
        node >>= 1
        last >>= 1
    seen_old = seen_new = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise VerifyError("The consistency proof is too long.")
        if node & 1 or node == last:
            seen_old = hash_children(sibling, seen_old)
            seen_new = hash_children(sibling, seen_new)
            while not node & 1 and node:
                node >>= 1
                last >>= 1
        else:
            seen_new = hash_children(seen_new, sibling)
        node >>= 1
        last >>= 1
    if last != 0:
        raise VerifyError("The consistency proof is too short.")
    if seen_old != old_root or seen_new != new_root:
        raise VerifyError("The log does not extend the older checkpoint: its history was changed.")


class GrowingRoot:
    """The root of a tree that grows at its right edge, kept as the roots of its perfect subtrees."""

    def __init__(self) -> None:
        self.size = 0
        self._subtrees: list[tuple[int, bytes]] = []

    def add(self, subtree: bytes, leaves: int = 1) -> None:
        """Append a perfect subtree of `leaves` (a power of two that divides the present size)."""
        self.size += leaves
        while self._subtrees and self._subtrees[-1][0] == leaves:
            subtree = hash_children(self._subtrees.pop()[1], subtree)
            leaves *= 2
        self._subtrees.append((leaves, subtree))

    def root(self, more: Iterable[bytes] = ()) -> bytes:
        """The root now, or as it would be after the leaf hashes `more`, which are not kept."""
        grown = GrowingRoot()
        grown._subtrees = list(self._subtrees)
        for leaf in more:
            grown.add(leaf)
        subtrees = [subtree for _, subtree in grown._subtrees]
        if not subtrees:
            return EMPTY_ROOT
        root = subtrees.pop()
        while subtrees:
            root = hash_children(subtrees.pop(), root)
        return root


# --- signed-note ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Key:
    """A public key that is trusted: its name, its four-byte id, the type of its signatures, 32 bytes of Ed25519."""

    name: str
    id: bytes
    type: int
    public: bytes

    def __str__(self) -> str:
        encoded = base64.b64encode(bytes([self.type]) + self.public).decode()
        return f"{self.name}+{self.id.hex()}+{encoded}"


def key_id(name: str, kind: int, public: bytes) -> bytes:
    """The four bytes by which a note names its key (signed-note, "Signatures")."""
    return _sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]


def read_key(text: str) -> Key:
    """Read a key written `name+id+base64` (signed-note, "Verifier keys"); the id must be that of the key."""
    parts = text.strip().split("+", 2)
    if len(parts) != 3 or not _is_name(parts[0]):
        raise VerifyError(f"'{text.strip()}' is not a key. A key is written name+id+base64, for instance in /log/keys.")
    name, shown, encoded = parts
    data = _base64(encoded, "the key")
    if len(data) != 33 or data[0] not in (ED25519, COSIGNATURE):
        raise VerifyError(f"The key of {name} is not an Ed25519 key of a log (type 1) or a witness (type 4).")
    key = Key(name, key_id(name, data[0], data[1:]), data[0], data[1:])
    if key.id.hex() != shown.lower():
        raise VerifyError(f"The key of {name} says that its id is {shown}, but its id is {key.id.hex()}.")
    return key


def _is_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(c.isspace() for c in name)


def _base64(text: str, what: str) -> bytes:
    """Strict base64: the one spelling of those bytes, so that no bit can change unseen."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise VerifyError(f"The base64 of {what} is broken.") from None
    if base64.b64encode(data).decode() != text:
        raise VerifyError(f"The base64 of {what} is not in its canonical form.")
    return data


def open_note(note: bytes, keys: Iterable[Key]) -> tuple[str, list[Key]]:
    """The text of a signed note and the keys whose signatures hold, at least one.

    Signatures by keys that are not in `keys` are ignored, as signed-note demands; one by a known key that does not
    verify refuses the whole note.
    """
    if len(note) > MAX_NOTE:
        raise VerifyError("The note is too long.")
    try:
        text = note.decode()
    except UnicodeDecodeError:
        raise VerifyError("The note is not UTF-8.") from None
    if any(c < " " and c != "\n" for c in text):
        raise VerifyError("The note contains a control character.")
    body, blank, signatures = text.rpartition("\n\n")
    if not blank or not signatures.endswith("\n"):
        raise VerifyError("The note has no signatures, or does not end in a newline.")
    body += "\n"
    known = {(key.name, key.id): key for key in keys}
    signers: list[Key] = []
    for line in signatures[:-1].split("\n"):
        name, space, encoded = line.removeprefix("— ").partition(" ")
        if not line.startswith("— ") or not space or not _is_name(name):
            raise VerifyError("The note has a line among its signatures that is none.")
        signature = _base64(encoded, f"the signature of {name}")
        if len(signature) < 5:
            raise VerifyError(f"The signature of {name} is too short.")
        key = known.get((name, signature[:4]))
        if key is not None and key not in signers:
            _check_signature(key, body.encode(), signature[4:])
            signers.append(key)
    if not signers:
        raise VerifyError("The note is not signed by any key that you trust.")
    return body, signers


def _check_signature(key: Key, text: bytes, signature: bytes) -> None:
    if key.type == COSIGNATURE:  # a u64 time in seconds, then the signature over a text that states it
        seconds = int.from_bytes(signature[:8], "big")
        if len(signature) != 72 or seconds >= 2**63:
            raise VerifyError(f"The cosignature of {key.name} is not in its format.")
        text, signature = f"cosignature/v1\ntime {seconds}\n".encode() + text, signature[8:]
    if not (_holds if FAST else ed25519_holds)(key.public, signature, text):
        raise VerifyError(f"The signature of {key.name} ({key.id.hex()}) does not hold.")


def _holds(public: bytes, signature: bytes, text: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, text)
    except (InvalidSignature, ValueError):
        return False
    return True


# --- Ed25519 ----------------------------------------------------------------------------------------------------------
#
# RFC 8032, section 5.1.7, with what it uses of sections 5.1.3 and 5.1.4. All that goes in is public, so that it does
# not matter that the time it takes depends on it. A point is (X, Y, Z, T): x = X/Z, y = Y/Z, x*y = T/Z.

_P = 2**255 - 19
_ORDER = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
_Point = tuple[int, int, int, int]


def ed25519_holds(public: bytes, signature: bytes, text: bytes) -> bool:
    """Whether an Ed25519 signature of a text holds under a public key."""
    if len(public) != 32 or len(signature) != 64:
        return False
    key, base = _point(public), _point((4 * pow(5, -1, _P) % _P).to_bytes(32, "little"))
    first, scalar = signature[:32], int.from_bytes(signature[32:], "little")
    if key is None or base is None or scalar >= _ORDER:
        return False
    challenge = int.from_bytes(hashlib.sha512(first + public + text).digest(), "little") % _ORDER
    negative = (_P - key[0], key[1], key[2], _P - key[3])
    x, y, z, _ = _add(_times(scalar, base), _times(challenge, negative))
    x, y = x * pow(z, -1, _P) % _P, y * pow(z, -1, _P) % _P
    return (y | (x & 1) << 255).to_bytes(32, "little") == first


def _add(one: _Point, other: _Point) -> _Point:
    a = (one[1] - one[0]) * (other[1] - other[0]) % _P
    b = (one[1] + one[0]) * (other[1] + other[0]) % _P
    c, d = 2 * one[3] * other[3] * _D % _P, 2 * one[2] * other[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _times(scalar: int, point: _Point) -> _Point:
    product = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            product = _add(product, point)
        point = _add(point, point)
        scalar >>= 1
    return product


def _point(encoded: bytes) -> _Point | None:
    """The point of 32 bytes (section 5.1.3), or None."""
    y = int.from_bytes(encoded, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * pow(2, (_P - 1) // 4, _P) % _P
    if y >= _P or (x * x - square) % _P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = _P - x
    return x, y, 1, x * y % _P


# --- tlog-checkpoint --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Checkpoint:
    """The head of a log: whose it is, how many leaves it has, and the root of their tree."""

    origin: str
    size: int
    root: bytes


def parse_checkpoint(text: str) -> Checkpoint:
    """Read the text of a checkpoint (tlog-checkpoint, "Note text"); signatures are open_note's matter."""
    lines = text.split("\n")
    if len(lines) < 4 or lines.pop() != "" or not all(lines):
        raise VerifyError("The checkpoint does not have its three lines: origin, size, root.")
    root = _base64(lines[2], "the root")
    size = _decimal(lines[1], "size of the checkpoint")
    if len(root) != 32:
        raise VerifyError("The root of the checkpoint is not a SHA-256 hash.")
    if size == 0 and root != EMPTY_ROOT:
        raise VerifyError("The checkpoint is of an empty tree and has another root.")
    return Checkpoint(lines[0], size, root)


def _decimal(text: str, what: str) -> int:
    if not _DECIMAL.match(text) or int(text) >= MAX_SIZE:
        raise VerifyError(f"The {what} is not a decimal number: '{text}'.")
    return int(text)


def open_checkpoint(note: bytes, keys: Sequence[Key], witnesses: int = 0) -> Checkpoint:
    """The checkpoint in a signed note; it must be signed by a key of the log it names, and cosigned by `witnesses`."""
    text, signers = open_note(note, keys)
    checkpoint = parse_checkpoint(text)
    if not any(key.type == ED25519 and key.name == checkpoint.origin for key in signers):
        raise VerifyError(f"The checkpoint of {checkpoint.origin} is not signed by a key of that log that you trust.")
    cosigned = sum(key.type == COSIGNATURE for key in signers)
    if cosigned < witnesses:
        raise VerifyError(f"{witnesses} witnesses are wanted, and {cosigned} of those you trust cosigned.")
    return checkpoint


# --- tlog-proof -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Proof:
    """A receipt as read: `extra` (in Troth: the entry), the index, the inclusion proof, and the signed checkpoint."""

    extra: bytes | None
    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes


def parse_proof(data: bytes) -> Proof:
    """Read a `.tlog-proof` file; nothing in it is verified yet."""
    head, blank, checkpoint = data.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise VerifyError("The receipt is not text.") from None
    if lines.pop(0) != "c2sp.org/tlog-proof@v1" or not blank:
        raise VerifyError("This is not a receipt of the form c2sp.org/tlog-proof@v1.")
    extra = None
    if lines and lines[0].startswith("extra "):
        extra = _base64(lines.pop(0)[6:], "the extra data")
    if not lines or not lines[0].startswith("index "):
        raise VerifyError("The receipt does not say the index of its entry.")
    index = _decimal(lines.pop(0)[6:], "index")
    hashes = tuple(_base64(line, "a hash of the proof") for line in lines)
    if len(hashes) > 63 or any(len(h) != 32 for h in hashes):
        raise VerifyError("The inclusion proof is not a list of SHA-256 hashes.")
    return Proof(extra, index, hashes, checkpoint)


def verify_receipt(
    data: bytes, keys: Sequence[Key], entry: bytes | None = None, witnesses: int = 0
) -> tuple[bytes, int, Checkpoint]:
    """Verify a receipt for `entry`, or for the entry that it carries; returns the entry, its index, the checkpoint."""
    proof = parse_proof(data)
    checkpoint = open_checkpoint(proof.checkpoint, keys, witnesses)
    if entry is None:
        if proof.extra is None:
            raise VerifyError("The receipt does not carry its entry; give the entry beside it.")
        entry = proof.extra
    verify_inclusion(proof.index, checkpoint.size, hash_leaf(entry), proof.hashes, checkpoint.root)
    return entry, proof.index, checkpoint


def verify_document(entry: bytes, document: bytes) -> None:
    """Raise VerifyError unless `document` is the file whose SHA-256 the entry states."""
    stated = json.loads(entry).get("sha256")
    if stated is None:
        raise VerifyError("The entry does not state the hash of a document.")
    if stated != _sha256(document).hexdigest():
        raise VerifyError("The document is not the one that was recorded: its SHA-256 differs.")


# --- receipts of choices ----------------------------------------------------------------------------------------------
#
# An entry about a choice says nobody's name: it holds a commitment to the person and one to the change. The receipt is
# JSON. Under `troth:proof` it has the .tlog-proof and what opens the commitments; the rest of it says in the words of
# the W3C Data Privacy Vocabulary what was chosen (https://w3id.org/dpv/guides/consent-27560).

CONTEXT = {
    "dpv": "https://w3id.org/dpv#",
    "pd": "https://w3id.org/dpv/pd#",
    "tech": "https://w3id.org/dpv/tech#",
    "dct": "http://purl.org/dc/terms/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "schema": "https://schema.org/",
    "troth": "urn:troth:receipt:",
}
SHAPE = "https://w3id.org/dpv/schema/dpv-27560#"
STATUS = {"in": "dpv:ConsentGiven", "out": "dpv:ConsentRefused", "unset": "dpv:ConsentWithdrawn"}


@dataclass(frozen=True)
class ProvenChoice:
    """What a receipt of a choice proves: its entry and the place of it, and the person and the change committed to."""

    entry: dict[str, Any]
    index: int
    checkpoint: Checkpoint
    person: str
    change: dict[str, Any]


def canonical_json(value: object) -> bytes:
    """The one spelling of a value (RFC 8785): of strings, whole numbers, true, false, null, and names in ASCII."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))
    return text.encode()


def commitment(salt: bytes, field: str, value: object) -> str:
    """What an entry holds instead of the value of a field: HMAC-SHA-256 under the salt, in hex digits."""
    return hmac.new(salt, canonical_json([field, value]), "sha256").hexdigest()


def read_json(data: bytes) -> Any:
    """JSON that everybody reads alike: no name comes twice, and numbers are whole. ValueError otherwise."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("A name comes twice.")
        return found

    def refuse(number: str) -> NoReturn:
        raise ValueError(f"{number} is not a whole number.")

    return json.loads(data.decode("utf-8"), object_pairs_hook=once, parse_float=refuse, parse_constant=refuse)


def words_of_choice(index: int, entry: Mapping[str, Any], person: object, change: Mapping[str, Any]) -> dict[str, Any]:
    """What a receipt has to say, word by word, if it is that of this entry and this opening; None: nothing.

    By the way to each word, with `/` between the names on it. All else that a receipt says is not in the entry.
    """
    event, actor = entry["event"], change["actor"]
    record = "dpv:hasRecordOfActivity"
    status = f"{record}/dpv:hasConsentStatus"
    return {
        "@context": dict(CONTEXT),
        "@id": f"urn:troth:receipt:{event}",
        "@type": "dpv:ConsentReceipt",
        "dct:identifier": event,
        "dct:conformsTo": f"{SHAPE}receipt-record",
        "dct:created": entry["at"],
        f"{record}/@type": "dpv:ConsentRecord",
        f"{record}/dct:identifier": event,
        f"{record}/dct:conformsTo": f"{SHAPE}record",
        f"{record}/dct:created": entry["at"],
        f"{record}/dpv:hasDataSubject/@type": "dpv:DataSubject",
        f"{record}/dpv:hasDataSubject/dct:identifier": person,
        f"{record}/dpv:hasNotice/@type": "dpv:ConsentNotice",
        f"{record}/dpv:hasNotice/dct:identifier": entry["policy"],
        f"{record}/dpv:hasNotice/dct:hasVersion": change["version"],
        f"{record}/dpv:hasProcess/@type": "dpv:Process",
        f"{record}/dpv:hasProcess/dct:identifier": change["choice"],
        f"{record}/dpv:hasProcess/dct:isPartOf": change["product"],
        f"{status}/@type": "dpv:ConsentExpired" if actor == "policy" else STATUS[change["state"]],
        f"{status}/dpv:isIndicatedAtTime": change["made"],
        f"{status}/dpv:isIndicatedBy": "dpv:DataSubject" if actor in ("person", "signal") else "dpv:DataController",
        f"{status}/dpv:hasIndicationMethod": change["how"],
        f"{status}/troth:state": change["state"],
        f"{status}/troth:actor": actor,
        f"{status}/troth:signal": change["signal"],
        f"{status}/troth:staff": change["staff"],
        f"{status}/dct:source": change.get("source"),
        "troth:proof/troth:index": index,
        "troth:proof/troth:opening/event": event,
    }


def verify_choice_receipt(receipt: object, keys: Sequence[Key], witnesses: int = 0) -> ProvenChoice:
    """Verify the receipt of a choice, given as a JSON value: the proof, the opening, and every word that it proves."""
    try:
        return _verify_choice_receipt(receipt, keys, witnesses)
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as problem:
        raise VerifyError(f"This is not a receipt of a choice: {problem!r}") from None


def _verify_choice_receipt(receipt: object, keys: Sequence[Key], witnesses: int) -> ProvenChoice:
    proof = _base64(_word(receipt, "troth:proof/troth:tlogProof"), "the proof")
    written, index, checkpoint = verify_receipt(proof, keys, None, witnesses)
    entry = read_json(written)
    if not isinstance(entry, dict) or canonical_json(entry) != written or entry.get("kind") != "choice":
        raise VerifyError("The entry that is proven is not that of a choice.")
    stated, values = (_word(receipt, f"troth:proof/troth:opening/{name}") for name in ("salt", "values"))
    person, change, salt = values["person"], values["change"], bytes.fromhex(stated)
    opens = all(entry.get(field) == commitment(salt, field, value) for field, value in values.items())
    if not opens or len(salt) != 32 or salt.hex() != stated:
        raise VerifyError("The opening is not that of the entry that is proven.")
    for path, proven in words_of_choice(index, entry, person, change).items():
        said = _word(receipt, path)
        if canonical_json(said) != canonical_json(proven):
            raise VerifyError(f"The receipt says {said!r} under {path}, but the record proves {proven!r}.")
    return ProvenChoice(entry, index, checkpoint, person, change)


def _word(receipt: Any, path: str) -> Any:
    """What the receipt says there; None: nothing."""
    for name in path.split("/"):
        if not isinstance(receipt, dict):
            raise VerifyError(f"This is not a receipt of a choice: it has no {path}.")
        receipt = receipt.get(name)
    return receipt


def describe_choice(proven: ProvenChoice) -> str:
    """What is proven, a line for each thing, for people."""
    change, at = proven.change, proven.entry["at"]
    actors = {"person": "by the person", "signal": "by a signal", "staff": "by staff", "policy": "by the policy itself"}
    said = {
        "who": f"person {proven.person}",
        "choice": f"{change['choice']}, of the policy {proven.entry['policy']}",
        "state": change["state"],
        "when": change["made"] if change["made"] == at else f"{change['made']}, recorded {at}",
        "how": f"{change['how']}, {actors.get(change['actor'], change['actor'])}",
        "signal": change["signal"],
        "staff": change["staff"],
        "product": change["product"],
        "version": change["version"],
        "from": None if change.get("source") is None else f"entry {change['source']}",
    }
    lines = [f"  {name:8} {value}" for name, value in said.items() if value is not None]
    return "\n".join("".join(c if c.isprintable() else "?" for c in line) for line in lines)


# --- tlog-tiles: the whole log ----------------------------------------------------------------------------------------


def tile_path(level: int | str, index: int, width: int = TILE) -> str:
    """Where a tile is found: `tile/<level>/<index>`, `.p/<width>` if partial; level `entries` for the entries."""
    digits = f"{index:03d}"
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    parts = [digits[i : i + 3] for i in range(0, len(digits), 3)]
    path = f"tile/{level}/" + "/".join([*("x" + part for part in parts[:-1]), parts[-1]])
    return path if width == TILE else f"{path}.p/{width}"


def split_bundle(data: bytes) -> list[bytes]:
    """The entries of an entry bundle, each of them after its length in two bytes, big-endian."""
    entries, position = [], 0
    while position < len(data):
        start = position + 2
        position = start + int.from_bytes(data[position:start], "big")
        if position > len(data):
            raise VerifyError("An entry bundle ends in the middle of an entry.")
        entries.append(data[start:position])
    return entries


def tile_root(hashes: Sequence[bytes]) -> bytes:
    """The root of the 256 hashes of a full tile."""
    row = list(hashes)
    while len(row) > 1:
        row = [_sha256(b"\x01" + row[i] + row[i + 1]).digest() for i in range(0, len(row), 2)]
    return row[0]


def verify_log(
    fetch: Callable[[str], bytes],
    keys: Sequence[Key],
    known: Iterable[Checkpoint] = (),
    on_entry: Callable[[int, bytes], None] | None = None,
    witnesses: int = 0,
) -> Checkpoint:
    """Verify all of a log: every entry against its leaf hash, every tile, the root, and the signature on it.

    `fetch` returns what the log serves under a path such as `checkpoint` or `tile/0/x001/067`. `known` are checkpoints
    that were seen earlier: the log must extend them. `on_entry` gets each index and entry. Returns the checkpoint.
    """
    checkpoint = open_checkpoint(fetch("checkpoint"), keys, witnesses)
    wanted = sorted(known, key=lambda seen: seen.size)
    if wanted and wanted[-1].size > checkpoint.size:
        raise VerifyError(f"The log has {checkpoint.size} leaves, but {wanted[-1].size} were signed for earlier.")
    if any(seen.origin != checkpoint.origin for seen in wanted):
        raise VerifyError("An earlier checkpoint is of another log.")
    tree = GrowingRoot()
    row: list[bytes] = []  # the roots of the full tiles: the hashes of the next level
    for number, width in _tiles(checkpoint.size):
        entries = split_bundle(fetch(tile_path("entries", number, width)))
        leaves = [_sha256(b"\x00" + entry).digest() for entry in entries]
        if len(leaves) != width:
            raise VerifyError(f"Entry bundle {number} has {len(leaves)} entries instead of {width}.")
        _compare_tile(fetch, 0, number, leaves)
        while wanted and wanted[0].size <= number * TILE + width:
            seen = wanted.pop(0)
            if tree.root(leaves[: seen.size - tree.size]) != seen.root:
                raise VerifyError(f"The log does not extend the checkpoint of {seen.size} leaves signed earlier.")
        if on_entry is not None:
            for offset, entry in enumerate(entries):
                on_entry(number * TILE + offset, entry)
        if width == TILE:
            row.append(tile_root(leaves))
            tree.add(row[-1], TILE)
        else:
            for leaf in leaves:
                tree.add(leaf)
    if tree.root() != checkpoint.root:
        raise VerifyError("The root of the entries is not the root of the checkpoint.")
    if any(seen.root != EMPTY_ROOT for seen in wanted):  # only checkpoints of an empty log can be left
        raise VerifyError("The log does not extend an earlier checkpoint of an empty tree.")
    level = 0
    while row:
        level += 1
        above: list[bytes] = []
        for number, width in _tiles(len(row)):
            hashes = row[number * TILE : number * TILE + width]
            _compare_tile(fetch, level, number, hashes)
            if width == TILE:
                above.append(tile_root(hashes))
        row = above
    return checkpoint


def _tiles(size: int) -> Iterator[tuple[int, int]]:
    """Number and width of every tile of a level with `size` hashes."""
    for number in range(size // TILE):
        yield number, TILE
    if size % TILE:
        yield size // TILE, size % TILE


def _compare_tile(fetch: Callable[[str], bytes], level: int, number: int, hashes: Sequence[bytes]) -> None:
    path = tile_path(level, number, len(hashes))
    if fetch(path) != b"".join(hashes):
        raise VerifyError(f"{path} is not the hashes of what is below it.")


# --- the command ------------------------------------------------------------------------------------------------------


def reader(place: str) -> Callable[[str], bytes]:
    """A function that reads the paths of a log from a web address or from a folder with a copy of it."""
    if place.startswith(("https://", "http://")):

        def fetch(path: str) -> bytes:
            with urllib.request.urlopen(f"{place.rstrip('/')}/{path}", timeout=60) as answer:  # noqa: S310 - see above
                return bytes(answer.read())

        return fetch
    return lambda path: (Path(place) / path).read_bytes()


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: 0 when everything holds, 1 when something does not, 2 when it was called wrongly."""
    parser = argparse.ArgumentParser(
        prog="verifier.py", description="Verify a receipt or a whole log, without trusting its keeper."
    )
    parser.add_argument("receipt", nargs="?", type=Path, help="a .tlog-proof file, or the receipt of a choice (JSON)")
    parser.add_argument("--key", action="append", default=[], required=True, help="a key you trust, name+id+base64")
    parser.add_argument("--entry", type=Path, help="the entry, if the receipt does not carry it")
    parser.add_argument("--document", type=Path, help="the document whose hash the entry states, such as a policy file")
    parser.add_argument("--log", help="verify all of the log at this address or in this folder")
    parser.add_argument("--since", action="append", type=Path, default=[], help="a checkpoint you kept from earlier")
    parser.add_argument("--witnesses", type=int, default=0, help="how many of the witnesses given by --key must cosign")
    given = parser.parse_args(arguments)
    if (given.receipt is None) == (given.log is None):
        parser.error("give either a receipt or --log")
    try:
        keys = [read_key(text) for text in given.key]
        if given.log is not None:
            known = [open_checkpoint(path.read_bytes(), keys) for path in given.since]
            head = verify_log(reader(given.log), keys, known, witnesses=given.witnesses)
            print(f"The log holds: {head.size} entries of {head.origin}, root {head.root.hex()}.")
            return 0
        receipt = given.receipt.read_bytes()
        if receipt.lstrip().startswith(b"{"):
            if given.entry is not None or given.document is not None:
                raise VerifyError("The receipt of a choice carries its entry, and proves no document.")
            proven = verify_choice_receipt(read_json(receipt), keys, given.witnesses)
            head = proven.checkpoint
            print(f"The receipt holds: entry {proven.index} of {head.size} in the log {head.origin}.")
            print(describe_choice(proven))
            print("The rest of the receipt, such as the sentence, is that of the version; the entry does not prove it.")
            return 0
        entry, index, head = verify_receipt(
            receipt, keys, given.entry.read_bytes() if given.entry else None, given.witnesses
        )
        if given.document is not None:
            verify_document(entry, given.document.read_bytes())
            print(f"The document is the one that was recorded: {given.document}")
    except (VerifyError, OSError, ValueError, RecursionError) as problem:
        print(f"NOT verified: {problem}", file=sys.stderr)
        return 1
    print(f"The receipt holds: entry {index} of {head.size} in the log {head.origin}.")
    print(entry.decode(errors="replace"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
