"""Reading the suppression files of other services: Mailchimp, SendGrid, Amazon SES, Postmark, Mailgun, listmonk, Troth.

A file is read whole before anything of it counts. Which service it is from is told by its columns; a line that cannot
be read is reported with its number, and then nothing is taken. What a file says of people whom it does not suppress, as
an export of a whole list does, is passed over: an import never lets mail through.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from troth.gates.mail.suppression import New
from troth.people.errors import IdentifierError
from troth.people.identifiers import Identifier, normalise
from troth.people.suppressions import EVERYTHING, REASONS, Reason, Suppressed

MOST_BYTES = 512 * 1024 * 1024
SHOWN = 20  # broken lines of which an error tells

# What services call the columns, in small letters without spaces, dashes and underscores.
ADDRESS = ("emailaddress", "email", "address", "subscriberemail", "recipient")
REASON = ("reason", "suppressionreason", "type", "status", "bounceclass", "category", "event")
SINCE = (
    "createdat", "created", "lastupdatetime", "unsubtime", "cleantime", "unsubscribedat", "updatedat", "optouttime",
    "timestamp", "date", "lastchanged",
)  # fmt: skip

# What services call the reasons, in small letters without spaces, dashes and underscores. None: it suppresses nobody.
WORDS: Mapping[str, Reason | None] = {
    "bounce": "bounce", "bounced": "bounce", "hardbounce": "bounce", "hard": "bounce", "cleaned": "bounce",
    "invalid": "bounce", "invalidemail": "bounce", "badmailbox": "bounce", "permanent": "bounce",
    "complaint": "complaint", "spamcomplaint": "complaint", "spam": "complaint", "spamreport": "complaint",
    "abuse": "complaint", "complained": "complaint", "spamreports": "complaint",
    "unsubscribe": "opt-out", "unsubscribed": "opt-out", "optout": "opt-out", "manualsuppression": "opt-out",
    "manual": "opt-out", "blocklisted": "opt-out", "blacklisted": "opt-out", "groupunsubscribe": "opt-out",
    "import": "import", "archived": "opt-out", "suppressed": "opt-out",
    "subscribed": None, "enabled": None, "active": None, "confirmed": None, "unconfirmed": None, "disabled": None,
    "pending": None, "nonsubscribed": None, "transactional": None, "softbounce": None, "soft": None, "blocked": None,
    "delivered": None, "transient": None, "block": None,
}  # fmt: skip


class Service(msgspec.Struct, frozen=True):
    """A service: how its files are known by their columns, and what they suppress for where a line does not say."""

    name: str
    columns: frozenset[str]
    reason: Reason | None


# In the order in which they are tried: what needs more columns comes first.
SERVICES: tuple[Service, ...] = (
    Service("listmonk", frozenset({"uuid", "email", "status"}), None),
    Service("mailchimp", frozenset({"emailaddress", "cleantime"}), "bounce"),
    Service("mailchimp", frozenset({"emailaddress", "unsubtime"}), "opt-out"),
    Service("mailchimp", frozenset({"emailaddress", "memberrating"}), None),
    Service("postmark", frozenset({"emailaddress", "suppressionreason"}), None),
    Service("ses", frozenset({"emailaddress", "reason"}), None),
    Service("mailgun", frozenset({"address", "code"}), "bounce"),
    Service("mailgun", frozenset({"address", "error"}), "bounce"),
    Service("mailgun", frozenset({"address", "tags"}), "opt-out"),
    Service("mailgun", frozenset({"address", "tag"}), "opt-out"),
    Service("mailgun", frozenset({"address", "createdat"}), None),
    Service("sendgrid", frozenset({"email", "created", "status"}), "bounce"),
    Service("sendgrid", frozenset({"email", "created", "ip"}), "complaint"),
    Service("sendgrid", frozenset({"email", "created"}), None),
)


class Broken(msgspec.Struct, frozen=True):
    """A line that cannot be read: its number, from 1 on, and why. It repeats nothing of the line."""

    line: int
    why: str


class ImportedFile(msgspec.Struct, frozen=True):
    """What a file says: the service it is from, what to suppress, how many lines suppress nobody, and broken lines."""

    service: str
    entries: tuple[New, ...]
    passed: int
    broken: tuple[Broken, ...]


class UnreadableFileError(ValueError):
    """A file that cannot be taken; the text says why and what to do."""


def read_file(data: bytes, scope: str, reason: Reason | None = None, service: str | None = None) -> ImportedFile:
    """What a suppression file says. `scope` is what its opt-outs and complaints are for; bounces are for all mail.

    `reason` is why its addresses are suppressed where neither the lines nor the columns say it, and `service` names the
    service where the columns do not. UnreadableFileError: it is too large, of no known form, or lacks a reason.
    """
    if len(data) > MOST_BYTES:
        raise UnreadableFileError(f"The file has {len(data)} bytes; at most {MOST_BYTES} are read. Split it.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = data.count(b"\n", 0, problem.start) + 1
        raise UnreadableFileError(f"Line {line} is not UTF-8. Save the file as UTF-8.") from None
    rows = _rows(text)
    first = next(rows, None)
    if first is None:
        raise UnreadableFileError("There is nothing in the file.")
    names = frozenset(first[1])
    if {"address", "scope", "since"} <= names:
        return _own(_again(first, rows))
    known = next((one for one in SERVICES if one.columns <= names and service in (None, one.name)), None)
    if not names & set(ADDRESS):
        found = ", ".join(sorted(names))[:200]
        raise UnreadableFileError(f"No column is an e-mail address. There are: {found}. Call it email, or address.")
    usual = reason or (None if known is None else known.reason)
    return _read(_again(first, rows), scope, usual, service or ("file" if known is None else known.name))


def exported(row: Suppressed) -> dict[str, str]:
    """A row of the list as a line of JSON has it that can be imported again where the same `people.key` is."""
    since = row.since.isoformat(timespec="microseconds")
    return {"address": row.address.hex(), "scope": row.scope, "reason": row.reason, "since": since}


def _read(rows: Iterable[tuple[int, Any]], scope: str, usual: Reason | None, service: str) -> ImportedFile:
    entries: list[New] = []
    broken: list[Broken] = []
    passed = 0
    for line, row in rows:
        if isinstance(row, str):
            broken.append(Broken(line, row))
            continue
        try:
            found = _entry(row, scope, usual)
        except (IdentifierError, ValueError) as problem:
            broken.append(Broken(line, str(problem)))
            continue
        if found is None:
            passed += 1
        else:
            entries.append(found)
    return ImportedFile(service, tuple(entries), passed, tuple(broken))


def _entry(row: Mapping[str, str], scope: str, usual: Reason | None) -> New | None:
    address = next((row[name] for name in ADDRESS if row.get(name)), "")
    if not address:
        raise ValueError("there is no e-mail address in it")
    normalise(Identifier("email", address))
    reason: Reason | None = usual
    said = [_plain(row[name]) for name in REASON if row.get(name)]
    words = [word for word in said if word in WORDS]
    if words:
        reason = WORDS[words[0]]
        if reason is None:
            return None
    elif re.fullmatch(r"4\.\d+\.\d+", row.get("status", "")):
        return None  # a failure that may pass
    if reason is None:
        raise ValueError("it does not say why the address is suppressed; name the reason of the file")
    since = next((row[name] for name in SINCE if row.get(name)), "")
    return New(address, EVERYTHING if reason == "bounce" else scope, reason, _moment(since))


def _own(rows: Iterable[tuple[int, Any]]) -> ImportedFile:
    """An export of Troth itself, which has no addresses but what the rows hold."""
    entries: list[New] = []
    broken: list[Broken] = []
    for line, row in rows:
        try:
            if isinstance(row, str):
                raise ValueError(row)
            address, reason, scope = bytes.fromhex(row["address"]), row["reason"], row["scope"]
            reasons = {one: one for one in REASONS}
            if len(address) != 32 or reason not in reasons or not scope:
                raise ValueError("it is no line of an export of Troth")
            entries.append(New(address, scope, reasons[reason], _moment(row["since"])))
        except (KeyError, ValueError) as problem:
            broken.append(Broken(line, str(problem)))
    return ImportedFile("troth", tuple(entries), 0, tuple(broken))


# --- lines and columns ------------------------------------------------------------------------------------------------


def _rows(text: str) -> Iterator[tuple[int, Any]]:
    """The lines with their numbers: columns by their plain names, or why a line cannot be read."""
    start = text.lstrip()[:1]
    if start == "[":
        yield from _of_array(text)
    elif start == "{":
        yield from _of_objects(text)
    else:
        yield from _of_csv(text)


def _of_csv(text: str) -> Iterator[tuple[int, Any]]:
    head = text.lstrip().partition("\n")[0]
    delimiter = max(",;\t", key=head.count) if any(one in head for one in ",;\t") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    columns: list[str] | None = None
    while True:
        line = reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as problem:
            yield line, f"it is no line of a CSV file: {problem}"
            continue
        if not any(field.strip() for field in fields):
            continue
        if columns is None:
            if "@" in fields[0]:  # as Amazon SES takes them: an address and a reason, and no head
                columns = ["emailaddress", "reason", "since"][: max(2, len(fields))]
            else:
                columns = [_plain(field) for field in fields]
                continue
        if len(fields) > len(columns):
            yield line, f"it has {len(fields)} fields, and the head {len(columns)}"
            continue
        yield line, {name: field.strip() for name, field in zip(columns, fields, strict=False)}


def _of_array(text: str) -> Iterator[tuple[int, Any]]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise UnreadableFileError(f"It is no JSON: {problem}.") from None
    for number, one in enumerate(found, 1):
        yield number, _of_object(one)


def _of_objects(text: str) -> Iterator[tuple[int, Any]]:
    """One object with a list in it, as an answer of an API is, or an object a line."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if isinstance(found, dict):
        lists = [value for value in found.values() if isinstance(value, list)]
        yield from enumerate(map(_of_object, lists[0] if lists else [found]), 1)
        return
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                yield number, _of_object(json.loads(line))
            except (ValueError, RecursionError) as problem:
                yield number, f"it is no JSON: {problem}"


def _of_object(value: object) -> Any:
    if isinstance(value, str):
        return {"email": value}
    if not isinstance(value, dict):
        return "it is no JSON object"
    return {
        _plain(str(name)): "" if one is None else str(one)
        for name, one in value.items()
        if not isinstance(one, dict | list)
    }


def _again(first: tuple[int, Any], rest: Iterator[tuple[int, Any]]) -> Iterator[tuple[int, Any]]:
    yield first
    yield from rest


def _plain(text: str) -> str:
    return re.sub(r"[\s_-]", "", text.strip().lower())


def _moment(text: str) -> datetime | None:
    """When, as services write it: ISO 8601, RFC 2822, or seconds since 1970; None where it says nothing. ValueError."""
    text = text.strip()
    if not text:
        return None
    readings: tuple[Callable[[str], datetime], ...] = (_of_seconds, _of_iso, parsedate_to_datetime)
    for read in readings:
        try:
            moment = read(text)
        except (ValueError, TypeError, OverflowError, OSError):
            continue
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    raise ValueError(f"'{text[:40]}' is no date")


def _of_seconds(text: str) -> datetime:
    number = float(text)
    return datetime.fromtimestamp(number / 1000 if number > 1e11 else number, UTC)


def _of_iso(text: str) -> datetime:
    text = re.sub(r"\s*(UTC|Z)$", "+00:00", text.strip(), flags=re.IGNORECASE)
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))
