"""Entries of the record: made from values, and read back, each of a kind that is declared in `declared`.

Every entry is a JSON object with `kind`, `event` (a random id) and `at` (when, UTC, to the second) besides the fields
of its kind. A field is stated in the clear only if it can never be about a person; everything else is a commitment.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from troth.record import canonical
from troth.record.commitment import SALT, Opening, commit
from troth.record.declared import KINDS, Field, Kind

MAX_ENTRY = 65_535  # bytes: an entry's length is written in two bytes (tlog-tiles, "Log entries")

_EVENT = re.compile(r"[0-9a-f]{32}\Z")
_PATTERNS = {
    "sha256": re.compile(r"[0-9a-f]{64}\Z"),
    "date": re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}(\.\d{1,6})?Z)?\Z"),
    "id": re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+-]{0,199}\Z"),
}

__all__ = [
    "KINDS", "MAX_ENTRY", "Field", "Kind", "check_entry", "make_entry", "make_opening", "read_entry", "write_time",
]  # fmt: skip


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
