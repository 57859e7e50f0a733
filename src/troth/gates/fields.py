"""The fields of a submission, held against the statement that they come under: which may come in, and in which form."""

from __future__ import annotations

import contextlib
import ipaddress
import math
import re
from collections.abc import Mapping

import msgspec

from troth.gates.cards import has_card, is_token, mask_cards
from troth.gates.errors import GateError
from troth.people import Identifier
from troth.people.errors import IdentifierError
from troth.people.identifiers import normalise
from troth.policy.model import Collects, Version
from troth.policy.problems import nearest

MOST_FIELDS = 100
MOST_BYTES = 64 * 1024  # of one value as JSON
DEEPEST = 8
FREE_TEXT = "content"  # under this term people write what they like, so a card number is masked and not refused
CARD, PASSWORD, ADDRESS = "payment.card", "account.password", "device.ip"
_HASH = re.compile(r"\$[a-z0-9-]+\$\S{10,}\Z|\$2[abxy]\$\d\d\$\S{53}\Z")  # PHC string format; bcrypt's own


class Field(msgspec.Struct, frozen=True):
    """A field that may be stored: the data term, the value, and whether a card number in it was masked."""

    data: str
    value: object
    masked: bool = False


class Dropped(msgspec.Struct, frozen=True):
    """A field of which nothing was stored, and why: a reason of a decision, or `empty`."""

    field: str
    reason: str
    sentence: str = ""


def read_fields(
    version: Version, statement: Collects, given: Mapping[str, object]
) -> tuple[list[Field], list[Dropped]]:
    """The fields that a statement takes, in their form, and those that are empty.

    GateError: one is undeclared, required data is missing, or a value cannot be kept.
    """
    if not given:
        raise _error("no-fields", "There are no fields in it.", statement)
    if len(given) > MOST_FIELDS:
        raise _error("too-large", f"There are {len(given)} fields; a gate takes {MOST_FIELDS}.", statement)
    fields: list[Field] = []
    dropped: list[Dropped] = []
    for data, value in given.items():
        _check_declared(version, statement, data)
        if value is None or value in ("", [], {}):
            dropped.append(Dropped(data, "empty"))
        else:
            fields.append(_field(version, statement, data, value))
    _check_required(version, statement, fields)
    if not fields:
        raise _error("no-fields", "All its fields are empty.", statement)
    return fields, dropped


def _check_declared(version: Version, statement: Collects, data: str) -> None:
    if not version.vocabulary.knows("data", data):
        near = nearest(data, version.vocabulary.slugs("data"))
        hint = f" Did you mean '{near}'?" if near else ""
        raise _error("bad-field", f"'{data[:100]}' is not a data term of the policy.{hint}", statement, data)
    if not set(version.vocabulary.path("data", data)) & set(statement.data):
        text = f"'{statement.id}' does not name '{data}'. It collects: {', '.join(statement.data)}."
        raise _error("undeclared", text, statement, data)


def _check_required(version: Version, statement: Collects, fields: list[Field]) -> None:
    if not statement.required:
        return
    there = {term for field in fields for term in version.vocabulary.path("data", field.data)}
    missing = [term for term in statement.data if term not in there]
    if missing:
        why = f" {statement.otherwise}" if statement.otherwise else ""
        text = f"{', '.join(missing)}: this is required.{why}"
        raise _error("required", text, statement, missing[0])


def _field(version: Version, statement: Collects, data: str, value: object) -> Field:
    """A field in the form in which it may be kept."""
    path = version.vocabulary.path("data", data)
    _check_size(statement, data, value)
    if CARD in path:
        if not is_token(value):
            text = "A card is kept as the token of a payment processor: letters and digits, and no card number."
            raise _error("card-number", text, statement, data)
        return Field(data, value)
    if PASSWORD in path and not (isinstance(value, str) and _HASH.match(value)):
        text = "A password is never kept as it is. Give its hash, as $argon2id$… or another PHC string."
        raise _error("password", text, statement, data)
    if path[0] == FREE_TEXT:
        try:
            masked, found = mask_cards(value)
        except ValueError as problem:
            text = f"There seems to be a card number in it ({problem}). It is not kept."
            raise _error("card-number", text, statement, data) from None
        return Field(data, masked, found)
    if has_card(value):
        text = "There seems to be a card number in it: 13 to 19 digits that pass the check of cards. It is not kept."
        raise _error("card-number", text, statement, data)
    if ADDRESS in path and "mask-ip" in statement.must:
        return Field(data, _short_address(statement, data, value))
    return Field(data, value)


def _short_address(statement: Collects, data: str, value: object) -> str:
    try:
        return short_address(value)
    except ValueError:
        raise _error("bad-field", f"{str(value)[:60]!r} is not an IP address.", statement, data) from None


def short_address(value: object) -> str:
    """An IP address without its last part: 24 bits of version 4, 48 of version 6, stay. ValueError: it is none."""
    address = ipaddress.ip_address(str(value))
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped or address
    bits = 24 if address.version == 4 else 48
    return str(ipaddress.ip_network((address, bits), strict=False).network_address)


def _check_size(statement: Collects, data: str, value: object) -> None:
    if _depth(value) > DEEPEST:
        raise _error("too-large", f"The value is nested more than {DEEPEST} deep.", statement, data)
    if not _finite(value):
        raise _error("bad-field", "The value holds a number that JSON cannot write.", statement, data)
    try:
        size = len(msgspec.json.encode(value))
    except (UnicodeEncodeError, msgspec.MsgspecError, TypeError, ValueError):
        raise _error("bad-field", "The value is none that JSON can write.", statement, data) from None
    if size > MOST_BYTES:
        raise _error("too-large", f"The value has {size} bytes; a gate takes {MOST_BYTES}.", statement, data)


def spelling(version: Version, field: Field) -> str | None:
    """The spelling of a value by which its holder can be looked for; None for data that nobody is looked for by."""
    if not isinstance(field.value, str):
        return None
    path = version.vocabulary.path("data", field.data)
    if "contact.email" in path:
        with contextlib.suppress(IdentifierError):
            return normalise(Identifier("email", field.value))
    return field.value.strip() if "account.id" in path or "contact.phone" in path else None


def _finite(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return all(map(_finite, members))


def _depth(value: object) -> int:
    deepest, waiting = 0, [(value, 1)]
    while waiting:
        one, depth = waiting.pop()
        deepest = max(deepest, depth)
        if depth > DEEPEST:
            break
        if isinstance(one, dict):
            waiting += [(member, depth + 1) for member in one.values()]
        elif isinstance(one, list):
            waiting += [(member, depth + 1) for member in one]
    return deepest


def _error(code: str, message: str, statement: Collects, field: str | None = None) -> GateError:
    return GateError(code, message, field=field, statement=statement.id, sentence=str(statement.says))
