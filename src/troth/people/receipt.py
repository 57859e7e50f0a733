"""The receipt of a choice: what was chosen, on which sentence, when and how, with the proof that it is in the record.

Its shape is that of a consent receipt of ISO/IEC TS 27560:2023 as the W3C guide "Consent Records and Receipts as per
ISO/IEC TS 27560:2023 using DPV" (final community group report, 1 August 2024) writes it: JSON-LD with the terms of the
Data Privacy Vocabulary. What that shape has no place for stands under `troth:proof`: the index of the entry, the salt
and values that open its commitments, and the `.tlog-proof`. With them the holder needs nobody's word for it: see
`verify_choice_receipt`. The JSON Schema is `data/choice-receipt.schema.json`.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from importlib import resources
from typing import Any

import msgspec
from sqlalchemy import bindparam, select

from troth.people.changes import CHANGE_AT, Change, read_change
from troth.people.errors import NotProvableYetError, UnknownPersonError
from troth.people.identifiers import Identifier
from troth.people.people import People
from troth.people.sealing import open_opening
from troth.policy.model import Choice, Gated, Version
from troth.record.commitment import Opening, opens
from troth.record.kinds import read_entry, write_time
from troth.record.reader import RecordReader
from troth.record.verifier import Key, VerifyError, verify_receipt
from troth.store.schema import openings, persons

DPV = "https://w3id.org/dpv#"
CONTEXT = {
    "dpv": DPV,
    "dct": "http://purl.org/dc/terms/",
    "schema": "https://schema.org/",
    "troth": "urn:troth:receipt:",
}
PROFILE = "https://w3id.org/dpv/schema/dpv-27560#receipt-record"
RECORD = "https://w3id.org/dpv/schema/dpv-27560#record"
# What was said, in DPV's words. Taking back what one agreed to is withdrawing; what was never given is refused.
STATUS = {"in": "dpv:ConsentGiven", "out": "dpv:ConsentRefused", "unset": "dpv:ConsentWithdrawn"}

SEALED = (
    select(openings.c.event, openings.c.person, openings.c.sealed, persons.c.sealing_key)
    .join(persons, persons.c.id == openings.c.person)
    .where(openings.c.leaf == bindparam("at_leaf"))
)


def opening_of(people: People, leaf: int) -> Opening:
    """What opens the commitments of an entry about a person. UnknownPersonError: no such entry, or erased."""
    with people.store.read() as connection:
        row = connection.execute(SEALED, {"at_leaf": leaf}).first()
    if row is None:
        raise UnknownPersonError(f"Entry {leaf} is not about a person.")
    key = None if row.sealing_key is None else bytes(row.sealing_key)
    return open_opening(people.key.wrapping, row.person, key, row.event, bytes(row.sealed))


def choice_receipt(
    people: People, record: RecordReader, leaf: int, *, identifier: Identifier | None = None, language: str = "en"
) -> dict[str, Any]:
    """The receipt of the change at that index of the record, as a JSON value.

    `identifier` is put into it if it is that person's: Troth does not know it. UnknownPersonError: there is no such
    change, the identifier is somebody else's, or the person was erased. NotProvableYetError: not signed for yet.
    """
    with people.store.read() as connection:
        row = connection.execute(CHANGE_AT, {"at_leaf": leaf}).first()
    if row is None:
        raise UnknownPersonError(f"Entry {leaf} is not a change of a choice.")
    change = read_change(tuple(row))
    if identifier is not None and change not in people.history(identifier, change.choice):
        raise UnknownPersonError("The identifier is not that of the person who made this choice.")
    opening = opening_of(people, leaf)
    proof = record.receipt(leaf)
    if proof is None:
        raise NotProvableYetError("No signed checkpoint covers this choice yet. It is in force; ask again later.")
    version = people.policy.version(change.version)
    subject: dict[str, Any] = {"@type": "dpv:DataSubject", "dct:identifier": change.person}
    if identifier is not None:
        subject["schema:identifier"] = {"schema:propertyID": identifier.kind, "schema:value": identifier.value}
    return {
        "@context": CONTEXT,
        "@id": f"urn:troth:receipt:{change.event}",
        "@type": "dpv:ConsentReceipt",
        "dct:identifier": change.event,
        "dct:conformsTo": PROFILE,
        "dct:created": write_time(change.recorded_at),
        "dct:language": language,
        "dct:publisher": version.publisher.name,
        "dpv:hasRecordOfActivity": {
            "@type": "dpv:ConsentRecord",
            "dct:identifier": change.event,
            "dct:conformsTo": RECORD,
            "dct:created": write_time(change.recorded_at),
            "dpv:hasDataSubject": subject,
            "dpv:hasDataController": _controller(version),
            "dpv:hasNotice": {
                "@type": "dpv:ConsentNotice",
                "dct:identifier": change.policy,
                "dct:hasVersion": change.version,
                "dct:title": version.title.in_(language),
                "troth:sha256": version.sha256,
            },
            "dpv:hasProcess": _process(version, change, language),
            "dpv:hasConsentStatus": _status(change),
        },
        "troth:proof": {
            "troth:index": leaf,
            "troth:opening": {"event": opening.event, "salt": opening.salt.hex(), "values": opening.values},
            "troth:tlogProof": base64.b64encode(proof).decode("ascii"),
        },
    }


def verify_choice_receipt(receipt: dict[str, Any], keys: Sequence[Key]) -> dict[str, Any]:
    """Verify a receipt offline; what the entry commits to: `person`, and `change` with choice, state, how, made, ….

    VerifyError: the proof does not hold under these keys, or the receipt says something else than what is proven.
    """
    try:
        proof, record = receipt["troth:proof"], receipt["dpv:hasRecordOfActivity"]
        data = base64.b64decode(proof["troth:tlogProof"], validate=True)
        said = proof["troth:opening"]
        opening = Opening(said["event"], bytes.fromhex(said["salt"]), said["values"])
        status, process, notice = record["dpv:hasConsentStatus"], record["dpv:hasProcess"], record["dpv:hasNotice"]
        entry, index, _ = verify_receipt(data, keys)
        body = read_entry(entry)
        person, change = opening.values["person"], msgspec.convert(opening.values["change"], dict[str, Any])
        holds = opens(opening, body) and body["kind"] == "choice"
        pairs = [
            (index, proof["troth:index"]),
            (body["event"], receipt["dct:identifier"]),
            (body["event"], record["dct:identifier"]),
            (body["at"], record["dct:created"]),
            (body["policy"], notice["dct:identifier"]),
            (person, record["dpv:hasDataSubject"]["dct:identifier"]),
            (change["choice"], process["dct:identifier"]),
            (change["version"], notice["dct:hasVersion"]),
            (change["product"], process.get("dct:isPartOf")),
            (change["state"], status["troth:state"]),
            (STATUS[change["state"]], status["@type"]),
            (change["made"], status["dct:date"]),
            (change["how"], status["troth:how"]),
            (change["actor"], status["troth:actor"]),
        ]
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        raise VerifyError(f"This is not a receipt of a choice: {problem!r}") from None
    if not holds:
        raise VerifyError("The opening is not that of the entry that is proven.")
    for proven, stated in pairs:
        if proven != stated:
            raise VerifyError(f"The receipt says {stated!r}, but the record proves {proven!r}.")
    return opening.values


def receipt_schema() -> dict[str, Any]:
    """The JSON Schema of a receipt (draft 2020-12)."""
    text = resources.files(__package__).joinpath("data/choice-receipt.schema.json").read_bytes()
    schema: dict[str, Any] = msgspec.json.decode(text)
    return schema


def _controller(version: Version) -> dict[str, Any]:
    publisher = version.publisher
    contact = {"schema:email": publisher.email, "schema:telephone": publisher.phone, "schema:url": publisher.site}
    return {
        "@type": "dpv:DataController",
        "schema:name": publisher.name,
        "schema:address": publisher.address,
        **{name: str(value) for name, value in contact.items() if value is not None},
    }


def _process(version: Version, change: Change, language: str) -> dict[str, Any]:
    """What the choice is about: its sentence, and the purposes and data of the statements that depend on it."""
    process: dict[str, Any] = {"@type": "dpv:Process", "dct:identifier": change.choice}
    choice = next((entry for entry in version.choices if entry.id == change.choice), None)
    if isinstance(choice, Choice):
        process["dct:description"] = choice.says.in_(language)
    if change.product is not None:
        process["dct:isPartOf"] = change.product
    gated = [
        statement
        for statement in version.statements
        if isinstance(statement, Gated)
        and any(name == change.choice or name.startswith(f"{change.choice}.") for name in _gates(statement))
    ]
    for key, kind, field in (("dpv:hasPurpose", "purpose", "purposes"), ("dpv:hasPersonalData", "data", "data")):
        terms = dict.fromkeys(term for statement in gated for term in getattr(statement, field, ()))
        if terms:
            process[key] = [{"dct:identifier": term, "troth:kind": kind} for term in terms]
    return process


def _gates(statement: Gated) -> tuple[str, ...]:
    return (*statement.unless, *statement.only_if)


def _status(change: Change) -> dict[str, Any]:
    return {
        "@type": STATUS[change.state],
        "dct:date": write_time(change.made_at),
        "dpv:isIndicatedBy": "dpv:DataSubject" if change.actor != "staff" else "dpv:DataController",
        "troth:state": change.state,
        "troth:how": change.how,
        "troth:actor": change.actor,
    }
