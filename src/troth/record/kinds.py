"""The kinds of entries in the record, and the fields of each. This is the one place where a kind is declared.

Every entry is a JSON object with `kind`, `event` (a random id) and `at` (when, UTC, to the second) besides the fields
below. A field is stated in the clear only if it can never be about a person; everything else is a commitment.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal

import msgspec

from troth.record import canonical
from troth.record.commitment import SALT, Opening, commit

MAX_ENTRY = 65_535  # bytes: an entry's length is written in two bytes (tlog-tiles, "Log entries")

_EVENT = re.compile(r"[0-9a-f]{32}\Z")
_PATTERNS = {
    "sha256": re.compile(r"[0-9a-f]{64}\Z"),
    "date": re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}(\.\d{1,6})?Z)?\Z"),
    "id": re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+-]{0,199}\Z"),
}


class Field(msgspec.Struct, frozen=True):
    """A field of a kind. `type`: `id`, `date`, `text`, `integer`, `sha256`, `counts`, or `commitment`.

    `counts` are integers by ids. Only a commitment may be about a person, since it is never in the clear.
    """

    name: str
    type: Literal["id", "date", "text", "integer", "sha256", "counts", "commitment"]
    about: str


class Kind(msgspec.Struct, frozen=True):
    """A kind of entry: its name, what it says, its fields. All fields are required; kinds never change, they follow."""

    name: str
    about: str
    fields: tuple[Field, ...]


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "published",
            "A version of the policy was published; it is in force from its effective date.",
            (
                Field("policy", "id", "the id of the policy"),
                Field("version", "id", "the version: its effective date as it is written in the policy"),
                Field("effective", "date", "when the version comes into force, UTC"),
                Field("title", "text", "the title of the policy"),
                Field("sha256", "sha256", "SHA-256 of the bytes of the policy file"),
            ),
        ),
        Kind(
            "choice",
            "Somebody made a choice, or it was made for them; it is in force from this entry on.",
            (
                Field("policy", "id", "the id of the policy whose choice it is"),
                Field("person", "commitment", "the pseudonymous id of the person"),
                Field("change", "commitment", "the choice, its state, who acted, how, on which version and product"),
            ),
        ),
        Kind(
            "linked",
            "An identifier was linked to a person.",
            (
                Field("person", "commitment", "the pseudonymous id of the person"),
                Field("identifier", "commitment", "the kind of the identifier and its blind index"),
            ),
        ),
        Kind(
            "unlinked",
            "An identifier was taken from a person, and is that of a person of its own from now on.",
            (
                Field("person", "commitment", "the pseudonymous id of the person"),
                Field("identifier", "commitment", "the kind of the identifier and its blind index"),
                Field("other", "commitment", "the pseudonymous id of the person that it is of now"),
            ),
        ),
        Kind(
            "merged",
            "Two persons turned out to be one; the choices of both were merged, the stricter one each time.",
            (
                Field("person", "commitment", "the pseudonymous id that stays"),
                Field("other", "commitment", "the pseudonymous id that means the same person from now on"),
            ),
        ),
        Kind(
            "collected",
            "Data was collected from or about a person, as a statement of the policy says.",
            (
                Field("policy", "id", "the id of the policy"),
                Field("version", "id", "the version under which it was collected"),
                Field("statement", "id", "the statement that it was collected by"),
                Field("person", "commitment", "the pseudonymous id of the person"),
                Field("collection", "commitment", "the data terms in the order of the items, the product, the moment"),
            ),
        ),
        Kind(
            "expired",
            "Data was deleted since the time was over for which the policy lets it be kept.",
            (
                Field("policy", "id", "the id of the policy"),
                Field("items", "counts", "how many items were deleted, by the statement that they were collected by"),
            ),
        ),
        Kind(
            "erased",
            "Persons were erased: their keys were destroyed, and what was kept of them was deleted.",
            (
                Field("persons", "integer", "how many"),
                Field("erasure", "commitment", "their pseudonymous ids, who did it, and why"),
            ),
        ),
        Kind(
            "rotated",
            "Something was done to the keys that wrap the keys of persons.",
            (
                Field("epoch", "integer", "the number of the key"),
                Field("act", "id", "created, rewrapped (keys of persons moved to it), or retired (and destroyed)"),
                Field("keys", "integer", "how many keys of persons were moved; 0 for the other acts"),
            ),
        ),
        Kind(
            "service",
            "The key of a service was made, got a new secret, or was revoked.",
            (
                Field("change", "id", "created, rotated or revoked"),
                Field("key", "id", "the id of the key"),
                Field("name", "id", "the name of the service"),
                Field("scope", "text", "what the service may ask for, as JSON"),
            ),
        ),
        Kind(
            "recipient",
            "Something was registered about a recipient: who it is, a contract, the basis of a transfer, an end.",
            (
                Field("recipient", "id", "the id of the recipient"),
                Field("change", "id", "what was registered, such as contract or terminated"),
                Field("said", "text", "what it says, as JSON, without what might be about a person"),
            ),
        ),
        Kind(
            "staff",
            "Somebody of the staff was given a key to sign with, another one, other roles, or may sign no longer.",
            (
                Field("change", "id", "added, rotated, changed or retired"),
                Field("staff", "id", "the random id of the one who signs"),
                Field("key", "sha256", "SHA-256 of the public key"),
                Field("roles", "text", "the roles, separated by commas"),
                Field("act", "text", "SHA-256 of the signed statement by which it was done, or nothing"),
            ),
        ),
        Kind(
            "case",
            "Something happened in a case. All of it is committed to, since even that there is one may be secret.",
            (
                Field("said", "commitment", "what kind of case it is, which one, and what happened"),
                Field("act", "commitment", "SHA-256 of the signed statement by which it was done, or nothing"),
            ),
        ),
        Kind(
            "endpoint",
            "The endpoint of a recipient was added, changed, enabled or disabled.",
            (
                Field("endpoint", "id", "the id of the endpoint"),
                Field("recipient", "id", "the id of the recipient"),
                Field("change", "id", "added, rotated, keyed, enabled or disabled"),
                Field("address", "sha256", "SHA-256 of its URL, which may hold a secret"),
                Field("keys", "text", "the method of its signatures and the public keys, as JSON"),
            ),
        ),
        Kind(
            "delivered",
            "A recipient took a delivery: it answered that it has it.",
            (
                Field("delivery", "id", "the id of the delivery"),
                Field("what", "id", "disclosure, or what follows one: opt-out, correction, erasure, notice"),
                Field("recipient", "id", "the id of the recipient"),
                Field("endpoint", "id", "the id of the endpoint"),
                Field("disclosure", "text", "the id of the disclosure, or nothing"),
                Field("batch", "integer", "the number of its batch; 0 without a disclosure"),
                Field("attempts", "integer", "how many attempts it took"),
                Field("digest", "sha256", "SHA-256 of the body, which holds a random number that nobody else knows"),
            ),
        ),
        Kind(
            "acknowledged",
            "A recipient signed that it received a delivery.",
            (
                Field("delivery", "id", "the id of the delivery"),
                Field("recipient", "id", "the id of the recipient"),
                Field("endpoint", "id", "the id of the endpoint"),
                Field("digest", "sha256", "SHA-256 of the body that it received"),
                Field("signature", "text", "its signature, which the key of the endpoint verifies"),
            ),
        ),
        Kind(
            "undelivered",
            "A delivery was given up, since all attempts failed, or stopped, since nothing of it may leave any more.",
            (
                Field("delivery", "id", "the id of the delivery"),
                Field("what", "id", "disclosure, or what follows one: opt-out, correction, erasure, notice"),
                Field("recipient", "id", "the id of the recipient"),
                Field("disclosure", "text", "the id of the disclosure, or nothing"),
                Field("batch", "integer", "the number of its batch; 0 without a disclosure"),
                Field("attempts", "integer", "how many attempts were made"),
                Field("outcome", "id", "failed or stopped"),
                Field("reason", "id", "why, as a code"),
            ),
        ),
        Kind(
            "disclosed",
            "Data of persons was given to a recipient for a purpose, as statements of the policy say.",
            (
                Field("disclosure", "id", "the random id of the disclosure"),
                Field("batch", "integer", "which part of the disclosure it is, from 1 on"),
                Field("recipient", "id", "who received it"),
                Field("purpose", "text", "what for"),
                Field("policy", "id", "the id of the policy"),
                Field("version", "id", "the version that was in force"),
                Field("product", "text", "the covered site or product, if one was named"),
                Field("channel", "id", "webhook, file or answer"),
                Field("statements", "counts", "how many values, by the statement that allowed them"),
                Field("persons", "integer", "of how many persons"),
                Field("values", "integer", "how many values"),
                Field("root", "sha256", "the root of a tree (RFC 6962) with a commitment for each of the persons"),
            ),
        ),
        Kind(
            "withheld",
            "Data was to go to a recipient, and when it left, some of it was not allowed any more and stayed.",
            (
                Field("disclosure", "id", "the random id of the disclosure"),
                Field("batch", "integer", "which part of it"),
                Field("persons", "integer", "of how many persons something stayed"),
                Field("why", "counts", "how many values stayed, by the reason"),
            ),
        ),
        Kind(
            "late",
            "What a recipient had to be told about a person was not acknowledged in time.",
            (
                Field("recipient", "id", "who had to be told"),
                Field("what", "id", "opt-out, correction or erasure"),
                Field("follow_up", "id", "the random id under which it is kept"),
                Field("since", "date", "since when it was to be passed on"),
            ),
        ),
        Kind(
            "handed-over",
            "What a recipient had to be told about a person was told by staff, by other means than a delivery.",
            (
                Field("recipient", "id", "who was told"),
                Field("what", "id", "opt-out, correction or erasure"),
                Field("follow_up", "id", "the random id under which it is kept"),
            ),
        ),
        Kind(
            "recipient-key",
            "A key of a recipient was registered or ended: one that files are encrypted to, or one to fetch them with.",
            (
                Field("recipient", "id", "the id of the recipient"),
                Field("change", "id", "registered or ended"),
                Field("key", "id", "the id of the key"),
                Field("sort", "id", "age, openpgp, or fetch: a secret of which only the hash is kept"),
                Field("fingerprint", "text", "the fingerprint of a public key; nothing for a secret"),
            ),
        ),
        Kind(
            "file-made",
            "The file of a disclosure was made, and encrypted to the recipient.",
            (
                Field("disclosure", "id", "the random id of the disclosure"),
                Field("recipient", "id", "who may fetch it"),
                Field("format", "id", "csv, jsonl or parquet"),
                Field("encryption", "id", "age or openpgp"),
                Field("key", "id", "the id of the recipient's key that it is encrypted to"),
                Field("size", "integer", "how many bytes it has, encrypted"),
                Field("sha256", "sha256", "SHA-256 of these bytes"),
                Field("persons", "integer", "of how many persons something is in it"),
                Field("values", "integer", "how many values"),
            ),
        ),
        Kind(
            "file-fetched",
            "The recipient fetched the file of a disclosure; its link opens nothing any more.",
            (
                Field("disclosure", "id", "the random id of the disclosure"),
                Field("recipient", "id", "who fetched it"),
                Field("size", "integer", "how many bytes it has"),
                Field("sha256", "sha256", "SHA-256 of these bytes"),
            ),
        ),
        Kind(
            "file-ended",
            "The file of a disclosure can be fetched no longer, and nobody had fetched it, or it was not made at all.",
            (
                Field("disclosure", "id", "the random id of the disclosure"),
                Field("recipient", "id", "whose it was to be"),
                Field("why", "id", "the reason, such as expired, or that of the gate that stopped it"),
            ),
        ),
        Kind(
            "mailed",
            "A message to a person was taken to be sent, or withheld, as the policy and the person's choices say.",
            (
                Field("policy", "id", "the id of the policy"),
                Field("version", "text", "the version that was in force"),
                Field("statement", "text", "the statement that decided it, or nothing"),
                Field("stream", "id", "the stream that it was submitted to"),
                Field("purpose", "id", "the purpose of the stream"),
                Field("outcome", "id", "taken, suppressed or refused"),
                Field("person", "commitment", "the pseudonymous id of the person, or nothing for somebody unknown"),
                Field("mail", "commitment", "the id of the message, and why it was withheld"),
            ),
        ),
        Kind(
            "unsent",
            "A message that was taken was not sent after all.",
            (
                Field("stream", "id", "the stream that it was submitted to"),
                Field(
                    "outcome", "id", "suppressed, since the person refused it meanwhile, failed, or dropped by staff"
                ),
                Field("person", "commitment", "the pseudonymous id of the person, or nothing for somebody unknown"),
                Field("mail", "commitment", "the id of the message, the entry that took it, and why"),
            ),
        ),
        Kind(
            "claim",
            "Something was entered about a claim to a programme or framework: a draft, an assessment, a signature.",
            (
                Field("claim", "id", "the id of the claim"),
                Field("change", "id", "what was entered, such as assessed or signed"),
                Field("said", "text", "what it says, as JSON, without what might be about a person"),
                Field("act", "text", "SHA-256 of the signed act of staff for it, as hex digits; empty without one"),
            ),
        ),
        Kind(
            "credential",
            "A credential to submit mail with was made or revoked.",
            (
                Field("change", "id", "created or revoked"),
                Field("credential", "id", "the id of the credential"),
                Field("stream", "id", "the stream whose mail it submits"),
            ),
        ),
        Kind(
            "suppressed",
            "Addresses get no mail of some kind from now on, or one may get it again.",
            (
                Field("change", "id", "added or lifted"),
                Field("scope", "text", "the choice or purpose that it is about, or all mail"),
                Field("reason", "id", "opt-out, bounce, complaint or import; of what was lifted, why"),
                Field("source", "id", "where it comes from, such as staff, erasure, or the service of an import"),
                Field("addresses", "integer", "how many"),
                Field("about", "commitment", "the blind forms of the addresses, and who of the staff did it"),
            ),
        ),
        Kind(
            "returned",
            "Something came back from mail: a bounce, a complaint, or a wish to get no more.",
            (
                Field("what", "id", "bounce, complaint or opt-out"),
                Field("source", "id", "how it came: a report, a message, the relay, or a webhook"),
                Field("stream", "text", "the stream of the mail, where that is known"),
                Field("status", "text", "the status code of a bounce (RFC 3463)"),
                Field("did", "id", "suppressed or opted-out"),
                Field("person", "commitment", "the pseudonymous id of the person, if the address is anybody's"),
                Field("about", "commitment", "the blind form of the address, and the choice"),
            ),
        ),
        Kind(
            "verified",
            "Something that promises rest on was tested: the record, the registers, a safeguard.",
            (
                Field("name", "id", "what was tested, such as record or tls"),
                Field("result", "id", "passed, failed, or unknown where nothing could tell"),
                Field("sentence", "text", "what was found"),
            ),
        ),
        Kind(
            "used",
            "Values were released for a purpose within a minute that is over.",
            (
                Field("minute", "date", "when the minute began"),
                Field("service", "text", "the service that asked, or anybody"),
                Field("statement", "id", "the statement that allowed it"),
                Field("version", "text", "the version of the policy that was in force"),
                Field("purpose", "text", "what the values were for"),
                Field("product", "text", "the covered site or product, if one was named"),
                Field("persons", "integer", "of how many persons, counted once for each request"),
                Field("values", "integer", "how many values"),
            ),
        ),
    )
}


def make_entry(kind: str, event: str, at: datetime, values: Mapping[str, object], salt: bytes | None = None) -> bytes:
    """The bytes of an entry. Values of fields that are commitments are committed to under `salt` and not kept.

    ValueError: an unknown kind, a missing or unknown field, a value of the wrong form, or more than 65,535 bytes.
    """
    body: dict[str, object] = {"kind": kind, "event": event, "at": write_time(at)}
    fields = _fields(kind)
    if values.keys() != fields.keys():
        wrong = sorted(values.keys() ^ fields.keys())
        raise ValueError(f"An entry '{kind}' has the fields {', '.join(fields)}. Wrong here: {', '.join(wrong)}")
    for name, value in values.items():
        if fields[name].type == "commitment":
            if salt is None:
                raise ValueError(f"The field '{name}' of '{kind}' is a commitment and needs a salt of {SALT} bytes.")
            body[name] = commit(salt, name, value)
        else:
            body[name] = value
    check_entry(body)
    entry = canonical.encode(body)
    if len(entry) > MAX_ENTRY:
        raise ValueError(f"The entry has {len(entry)} bytes; the record takes at most {MAX_ENTRY}.")
    return entry


def make_opening(kind: str, event: str, salt: bytes, values: Mapping[str, object]) -> Opening:
    """What has to be kept, sealed, to open the commitments of an entry made from the same arguments."""
    fields = _fields(kind)
    return Opening(event, salt, {n: v for n, v in values.items() if fields[n].type == "commitment"})


def read_entry(data: bytes) -> dict[str, object]:
    """The body of an entry. ValueError: not canonical JSON, or not of a declared kind with its fields."""
    body = canonical.decode(data)
    if not isinstance(body, dict):
        raise ValueError("An entry is a JSON object.")
    check_entry(body)
    return body


def check_entry(body: Mapping[str, object]) -> None:
    """Raise ValueError unless `body` is an entry of a declared kind with exactly its fields in their form."""
    fields = _fields(body.get("kind"))
    if body.keys() != {"kind", "event", "at", *fields}:
        raise ValueError(f"An entry '{body.get('kind')}' has other fields than it should.")
    if not isinstance(body["event"], str) or not _EVENT.match(body["event"]):
        raise ValueError("The event id of an entry is 32 hex digits.")
    if not _matches("date", body["at"]):
        raise ValueError("The time of an entry is written 2015-12-31T00:00:00Z.")
    for name, field in fields.items():
        if not _fits(field, body[name]):
            raise ValueError(f"The field '{name}' of an entry '{body['kind']}' does not have the form '{field.type}'.")


def write_time(at: datetime) -> str:
    """A time as entries state it: UTC, to the second, with Z (RFC 3339)."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _fields(kind: object) -> dict[str, Field]:
    declared = KINDS.get(kind) if isinstance(kind, str) else None
    if declared is None:
        raise ValueError(f"There is no kind of entry '{kind}'. Declared: {', '.join(KINDS)}.")
    return {field.name: field for field in declared.fields}


def _fits(field: Field, value: object) -> bool:
    if field.type == "integer":
        return _is_integer(value)
    if field.type == "counts":
        return isinstance(value, dict) and all(_matches("id", id) and _is_integer(n) for id, n in value.items())
    if field.type == "text":
        return isinstance(value, str)
    return _matches("sha256" if field.type == "commitment" else field.type, value)


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _matches(form: str, value: object) -> bool:
    return isinstance(value, str) and _PATTERNS[form].match(value) is not None
