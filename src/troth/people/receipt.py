"""The receipt of a choice: what was chosen, on which sentence, when and how, with the proof that it is in the record.

Its shape is that of a consent receipt of ISO/IEC TS 27560:2023 as the W3C guide "Consent Records and Receipts as per
ISO/IEC TS 27560:2023 using DPV" (final community group report, 1 August 2024) writes it: JSON-LD with the terms of the
Data Privacy Vocabulary. What that shape has no place for stands under `troth:proof`: the index of the entry, the salt
and values that open its commitments, and the `.tlog-proof`. With them the holder needs nobody's word for it: the
stand-alone `record/verifier.py` holds the proof against the keys, and against it every word that `words_of_choice`
gives, here and there. The JSON Schema is `data/choice-receipt.schema.json`.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

import msgspec
from sqlalchemy import bindparam, select

from troth.people import dpv
from troth.people.changes import CHANGE_AT, read_change
from troth.people.errors import NotProvableYetError, UnknownPersonError
from troth.people.identifiers import Identifier
from troth.people.people import People
from troth.people.sealing import open_opening
from troth.record import verifier
from troth.record.commitment import Opening
from troth.record.kinds import read_entry
from troth.record.reader import RecordReader
from troth.record.verifier import Key, words_of_choice
from troth.store.schema import openings, persons

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
    return open_opening(people.wrapping, row.person, key, row.event, bytes(row.sealed))


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
    proof, entry = record.receipt(leaf), record.entry(leaf)
    if proof is None or entry is None:
        raise NotProvableYetError("No signed checkpoint covers this choice yet. It is in force; ask again later.")
    values: dict[str, Any] = opening.values
    receipt = _placed(words_of_choice(leaf, read_entry(entry), values["person"], values["change"]))
    version = people.policy.version(change.version)
    stated = dpv.declared(version, change.choice)
    told = receipt["dpv:hasRecordOfActivity"]
    receipt |= {"dct:language": language, "dct:publisher": version.publisher.name}
    if identifier is not None:
        named = {"schema:propertyID": identifier.kind, "schema:value": identifier.value}
        told["dpv:hasDataSubject"]["schema:identifier"] = named
    told["dpv:hasDataController"] = dpv.controller(version)
    told["dpv:hasNotice"] |= {
        "dct:title": version.title.in_(language), "dct:language": language, "troth:sha256": version.sha256,
    }  # fmt: skip
    told["dpv:hasProcess"] |= dpv.process(version, change.choice, language)
    control = dpv.control(version, change.choice)
    if control is not None:
        told["dpv:hasConsentControl"] = control
    lasts = stated.lasts if stated is not None and change.state == "in" else None
    told["dpv:hasConsentStatus"]["dpv:hasDuration"] = dpv.duration(lasts)
    receipt["troth:proof"]["troth:opening"] |= {"salt": opening.salt.hex(), "values": values}
    receipt["troth:proof"]["troth:tlogProof"] = base64.b64encode(proof).decode("ascii")
    return receipt


def verify_choice_receipt(receipt: dict[str, Any], keys: Sequence[Key]) -> dict[str, Any]:
    """Verify a receipt offline; what the entry commits to: `person`, and `change` with choice, state, how, made, ….

    The same as the stand-alone verifier does. VerifyError: the proof does not hold under these keys, or the receipt
    says something else than what is proven.
    """
    proven = verifier.verify_choice_receipt(receipt, keys)
    return {"person": proven.person, "change": proven.change}


def receipt_schema() -> dict[str, Any]:
    """The JSON Schema of a receipt (draft 2020-12)."""
    text = resources.files(__package__).joinpath("data/choice-receipt.schema.json").read_bytes()
    schema: dict[str, Any] = msgspec.json.decode(text)
    return schema


def _placed(words: Mapping[str, Any]) -> dict[str, Any]:
    """The words at their places in a new receipt; see `words_of_choice` for the ways."""
    receipt: dict[str, Any] = {}
    for path, word in words.items():
        if word is not None:
            *way, last = path.split("/")
            place = receipt
            for name in way:
                place = place.setdefault(name, {})
            place[last] = word
    return receipt
