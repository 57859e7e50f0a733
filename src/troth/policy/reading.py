"""From a policy file to a `Version`, or to every mistake in it.

The reading is driven by the model: for each struct of `model.py` a reader is made once from its types, so a key exists
in the language exactly when it exists in the model. Reading happens in three steps, and problems of all three are
reported together: the text becomes a tree (`source.py`), the tree becomes values (here), and the names that the values
use are looked up in the vocabulary and in the policy itself (`names.py`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from msgspec import inspect

from troth.policy import source
from troth.policy.model import RIGHTS, Claim, Rights, Statement, Version
from troth.policy.names import Use, check_names, extend_vocabulary
from troth.policy.problems import Place, PolicyError, Problems
from troth.policy.source import Node
from troth.policy.values import ANCHORS, LANGUAGE, UNITS, Period, Text, read_moment, read_period, write_moment


class _Missing:
    """The mark of a value that could not be read; its problem is noted already."""


_MISSING = _Missing()


class _Reading:
    """What one file's reading gathers on its way."""

    def __init__(self, file: str, problems: Problems, language: str) -> None:
        self.file = file
        self.problems = problems
        self.language = language
        self.uses: list[Use] = []
        self.places: dict[str, Place] = {}
        # Ids by the key they stand under, also those whose entry could not be read: what uses them is no mistake.
        self.declared: dict[str, list[str]] = {}
        self.orders = 0

    def place(self, node: Node) -> Place:
        return Place(self.file, node.line, node.column)


_Reader = Callable[[_Reading, Node, str], Any]


def read_version(path: Path) -> Version:
    """The version that a file holds. Raises PolicyError with every problem of the file."""
    problems = Problems()
    data = source.read_bytes(path, problems)
    problems.raise_if_any()
    assert data is not None  # noqa: S101 - a file that gave no bytes gave a problem
    return parse_version(data, str(path))


def parse_version(data: bytes, file: str) -> Version:
    """The version that the bytes of a file hold; `file` is its name in errors. Raises PolicyError."""
    problems = Problems()
    text = source.decode(data, file, problems)
    root = None if text is None else source.compose(text, file, problems)
    if root is None or root.empty:
        if not problems.found:
            problems.add("empty", Place(file), "The file is empty; `troth schema` says what a policy holds.")
        raise PolicyError(problems.found)
    reading = _Reading(file, problems, _language(root))
    values = _struct_values(Version, reading, root, "")
    if not isinstance(values, dict):
        raise PolicyError(problems.found)
    vocabulary = extend_vocabulary(values.get("own_terms"), problems)
    check_names(reading.uses, values, reading.declared, vocabulary, problems)
    statements = _statements(values)
    _check_ids(statements, problems)
    _check_claims(values.get("claims", ()), problems)
    _check_rights(values.get("rights", ()), problems)
    problems.raise_if_any()
    return Version(
        **values,
        id=write_moment(values["effective"]),
        file=file,
        sha256=hashlib.sha256(data).hexdigest(),
        vocabulary=vocabulary,
        statements=statements,
        places=reading.places,
    )


def _language(root: Node) -> str:
    """The policy's language, needed before the texts that are read in it."""
    for key, value in root.items:
        if key is not None and key.text == "language" and value.kind == "text" and LANGUAGE.match(value.text):
            return value.text
    return "en"


def _statements(values: dict[str, Any]) -> tuple[Statement, ...]:
    found = [
        entry
        for value in values.values()
        if isinstance(value, tuple)
        for entry in value
        if isinstance(entry, Statement)
    ]
    return tuple(sorted(found, key=lambda statement: statement.order))


def _check_ids(statements: tuple[Statement, ...], problems: Problems) -> None:
    first: dict[str, Place] = {}
    for statement in statements:
        if statement.id in first:
            message = f"The id '{statement.id}' is taken: line {first[statement.id].line} has a statement of that id."
            problems.add("duplicate-id", statement.place, message, found=statement.id)
        first.setdefault(statement.id, statement.place)


def _check_claims(claims: tuple[Claim, ...], problems: Problems) -> None:
    for claim in claims:
        if claim.framework is None and claim.programme is None:
            message = f"The claim '{claim.id}' names neither a framework nor a programme."
            problems.add("missing-key", claim.place, message, allowed=("framework", "programme"))
        if claim.until is not None and claim.until <= claim.since:
            message = f"The claim '{claim.id}' ends before it begins: `until` must be later than `since`."
            problems.add("claim-dates", claim.place, message)
        if claim.void is not None and claim.void.on < claim.since:
            message = f"The claim '{claim.id}' is void before it begins: `void.on` must not be before `since`."
            problems.add("claim-dates", claim.place, message)


def _check_rights(rights: tuple[Rights, ...], problems: Problems) -> None:
    for right in rights:
        if right.id not in RIGHTS:
            message = f"'{right.id}' is not a right; the id of a right says which one it is."
            problems.add("bad-id", right.place, message, found=right.id, allowed=RIGHTS)


# --- structs ---------------------------------------------------------------------------------------------------------


def not_in_the_file(struct: type[msgspec.Struct]) -> set[str]:
    """The fields of a struct that are not written in the file: the reading itself fills them in."""
    if struct is Version:
        return {"id", "file", "sha256", "vocabulary", "statements", "places"}
    return {"id", "place", "order"}


@cache
def fields_of(struct: type[msgspec.Struct]) -> dict[str, tuple[str, bool, _Reader]]:
    """The keys of a mapping that the struct describes: key → (name of the field, required, reader)."""
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType)  # noqa: S101 - only structs are asked for
    left_out = not_in_the_file(struct)
    return {
        field.encode_name: (field.name, field.required, _reader(field.type))
        for field in info.fields
        if field.name not in left_out
    }


def _struct_values(struct: type[msgspec.Struct], reading: _Reading, node: Node, path: str) -> dict[str, Any] | _Missing:
    """The values of a mapping by field name; unreadable ones are left out, their problems noted."""
    fields = fields_of(struct)
    problems = reading.problems
    if node.kind != "mapping":
        what = f"'{path}'" if path else "A policy"
        found = "nothing" if node.empty else f"a {node.kind}"
        message = f"{what} is a mapping of keys to values; {found} stands here."
        problems.add("wrong-type", reading.place(node), message, allowed=fields)
        return _MISSING
    values: dict[str, Any] = {}
    written: set[str] = set()
    for key, value in node.items:
        assert key is not None  # noqa: S101 - mappings have keys
        name = key.text
        if name not in fields:
            if problems.full:
                break
            where = f"in '{path}'" if path else "at the top of a policy"
            problems.add(
                "unknown-key", reading.place(key), f"There is no key '{name}' {where}.", found=name, allowed=fields
            )
            continue
        written.add(name)
        field, _, reader = fields[name]
        inner = f"{path}.{name}" if path else name
        reading.places[inner] = reading.place(key)
        if value.empty:
            message = f"'{inner}' is empty. Give it a value or leave the key out."
            problems.add("empty", reading.place(key), message)
            continue
        read = reader(reading, value, inner)
        if read is not _MISSING:
            values.setdefault(field, read)
    for name, (_, required, _) in fields.items():
        if required and name not in written:
            what = f"'{path}' lacks" if path else "The policy lacks"
            problems.add("missing-key", reading.place(node), f"{what} the key '{name}'.")
    return values


def _complete(struct: type[msgspec.Struct], values: dict[str, Any]) -> bool:
    return all(field in values for field, required, _ in fields_of(struct).values() if required)


def _struct_reader(struct: type[msgspec.Struct]) -> _Reader:
    def read(reading: _Reading, node: Node, path: str) -> Any:
        values = _struct_values(struct, reading, node, path)
        if isinstance(values, _Missing) or not _complete(struct, values):
            return _MISSING
        return struct(**values)

    return read


# Ids may nest by dots, as choices do.
ID = re.compile(r"[a-z0-9][a-z0-9_-]*(\.[a-z0-9][a-z0-9_-]*)*\Z")


def _keyed_reader(struct: type[msgspec.Struct]) -> _Reader:
    is_statement = issubclass(struct, Statement)

    def read(reading: _Reading, node: Node, path: str) -> Any:
        if node.kind != "mapping":
            message = f"'{path}' is a mapping of ids to entries; a {node.kind} stands here."
            reading.problems.add("wrong-type", reading.place(node), message)
            return _MISSING
        entries = []
        ids = set()
        declared = reading.declared.setdefault(path, [])
        for key, value in node.items:
            assert key is not None  # noqa: S101 - mappings have keys
            place = reading.place(key)
            if not ID.match(key.text) or len(key.text) > 100:
                message = f"'{key.text[:100]}' cannot be an id: lower-case letters, digits, '-', '_' and dots between."
                reading.problems.add("bad-id", place, message, found=key.text)
            inner = f"{path}.{key.text}"
            reading.places[inner] = place
            declared.append(key.text)
            values = _struct_values(struct, reading, value, inner)
            order = reading.orders
            reading.orders += 1
            # A key that stands twice is a problem already, noted by the composer.
            if not isinstance(values, _Missing) and _complete(struct, values) and key.text not in ids:
                ids.add(key.text)
                given = {"id": key.text, "place": place, **({"order": order} if is_statement else {})}
                entries.append(struct(**given, **values))
        return tuple(entries)

    return read


# --- values ----------------------------------------------------------------------------------------------------------


def _reader(kind: inspect.Type) -> _Reader:
    """The reader of one field, from its type."""
    extra: dict[str, Any] = {}
    while isinstance(kind, inspect.Metadata | inspect.UnionType):
        if isinstance(kind, inspect.Metadata):
            extra = {**(kind.extra or {}), **extra}
            kind = kind.type
        else:
            (kind,) = (member for member in kind.types if not isinstance(member, inspect.NoneType))
    if isinstance(kind, inspect.VarTupleType):
        if extra.get("keyed"):
            assert isinstance(kind.item_type, inspect.StructType)  # noqa: S101 - so says `Keyed`
            return _keyed_reader(kind.item_type.cls)
        return _several_reader(_with_names(_reader(kind.item_type), extra))
    if isinstance(kind, inspect.StructType):
        if kind.cls is Text:
            return _read_text
        if kind.cls is Period:
            return _read_period
        return _struct_reader(kind.cls)
    if isinstance(kind, inspect.LiteralType):
        return _literal_reader(tuple(str(value) for value in kind.values))
    if isinstance(kind, inspect.BoolType):
        return _read_bool
    if isinstance(kind, inspect.DateTimeType):
        return _read_date
    assert isinstance(kind, inspect.StrType), kind  # noqa: S101 - the model has no other types
    return _with_names(_word_reader(extra.get("format")), extra)


def _with_names(reader: _Reader, extra: dict[str, Any]) -> _Reader:
    names = extra.get("names")
    if names is None:
        return reader

    def read(reading: _Reading, node: Node, path: str) -> Any:
        value = reader(reading, node, path)
        if value is not _MISSING:
            reading.uses.append(Use(kind=names, name=value, place=reading.place(node)))
        return value

    return read


def _several_reader(item: _Reader) -> _Reader:
    def read(reading: _Reading, node: Node, path: str) -> Any:
        nodes = [value for _, value in node.items] if node.kind == "list" else [node]
        if node.kind == "mapping" or not nodes:
            found = "a mapping" if node.kind == "mapping" else "an empty list"
            message = f"'{path}' is one value or a list of them; {found} stands here."
            reading.problems.add("wrong-type", reading.place(node), message)
            return _MISSING
        values: dict[Any, None] = {}  # in order, and quick to ask whether one is there
        for index, value in enumerate(nodes):
            read_value = item(reading, value, path)
            if read_value is _MISSING:
                continue
            if read_value in values:
                message = f"'{path}' names '{read_value}' twice."
                reading.problems.add("duplicate-value", reading.place(value), message, found=str(read_value))
                continue
            reading.places[f"{path}[{index}]"] = reading.place(value)
            values[read_value] = None
        return tuple(values) if values else _MISSING

    return read


def _word(reading: _Reading, node: Node, path: str, what: str) -> str | _Missing:
    if node.kind != "text" or node.empty:
        found = "nothing" if node.empty else f"a {node.kind}"
        reading.problems.add("wrong-type", reading.place(node), f"'{path}' is {what}; {found} stands here.")
        return _MISSING
    text = " ".join(node.text.split())
    if not text:
        reading.problems.add("empty", reading.place(node), f"'{path}' is empty. Give it a value or leave it out.")
        return _MISSING
    return text


# How a word of a format is written: pattern, code of the problem when it is not, and what to say then.
FORMATS: dict[str, tuple[re.Pattern[str], str, str]] = {
    "id": (re.compile(r"[a-z0-9][a-z0-9._-]*\Z"), "bad-id", "lower-case letters, digits, '.', '-' and '_'"),
    "country": (
        re.compile(r"[A-Z]{2}\Z"),
        "bad-value",
        "a country by its two capital letters (ISO 3166-1), such as US",
    ),
    "language": (LANGUAGE, "bad-language", "a BCP 47 language tag, such as en or pt-BR"),
    "email": (re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+\Z"), "bad-address", "an e-mail address"),
    "url": (re.compile(r"https?://[^\s/]+(/\S*)?\Z"), "bad-address", "a web address with http:// or https://"),
}


def _word_reader(format: str | None) -> _Reader:
    def read(reading: _Reading, node: Node, path: str) -> Any:
        text = _word(reading, node, path, "one piece of text")
        if format is None or isinstance(text, _Missing):
            return text
        pattern, code, what = FORMATS[format]
        if not pattern.match(text):
            reading.problems.add(code, reading.place(node), f"'{path}' is {what}; '{text}' is not.", found=text)
            return _MISSING
        return text

    return read


def _literal_reader(values: tuple[str, ...]) -> _Reader:
    def read(reading: _Reading, node: Node, path: str) -> Any:
        text = _word(reading, node, path, "one word")
        if isinstance(text, _Missing):
            return text
        if text not in values:
            message = f"'{path}' cannot be '{text}'."
            reading.problems.add("bad-value", reading.place(node), message, found=text, allowed=values)
            return _MISSING
        return text

    return read


_BOOLEANS = {"true": True, "yes": True, "false": False, "no": False}


def _read_bool(reading: _Reading, node: Node, path: str) -> Any:
    text = _word(reading, node, path, "yes or no")
    if isinstance(text, _Missing):
        return text
    if text.lower() not in _BOOLEANS:
        message = f"'{path}' is yes or no (or true or false); '{text}' is neither."
        reading.problems.add("bad-value", reading.place(node), message, found=text, allowed=_BOOLEANS)
        return _MISSING
    return _BOOLEANS[text.lower()]


def _read_date(reading: _Reading, node: Node, path: str) -> datetime | _Missing:
    text = _word(reading, node, path, "a date")
    if isinstance(text, _Missing):
        return text
    try:
        return read_moment(text)
    except (ValueError, OverflowError):
        message = f"'{path}' is a date (2015-12-31) or a time with zone (2015-12-31T09:00:00Z); '{text}' is neither."
        reading.problems.add("bad-date", reading.place(node), message, found=text)
        return _MISSING


def _read_period(reading: _Reading, node: Node, path: str) -> Period | _Missing:
    text = _word(reading, node, path, "a length of time")
    if isinstance(text, _Missing):
        return text
    try:
        return read_period(text)
    except ValueError as error:
        message = f"'{path}': {error} Write '30 days', 'account' or 'account + 24 months'."
        allowed = (*(f"{unit}s" for unit in UNITS), *ANCHORS)
        reading.problems.add("bad-period", reading.place(node), message, found=text, allowed=allowed)
        return _MISSING


def _read_text(reading: _Reading, node: Node, path: str) -> Text | _Missing:
    if node.kind != "mapping":
        text = _word(reading, node, path, "a text, or a mapping of languages to texts")
        return _MISSING if isinstance(text, _Missing) else Text(((reading.language, text),))
    found: list[tuple[str, str]] = []
    for key, value in node.items:
        assert key is not None  # noqa: S101 - mappings have keys
        if not LANGUAGE.match(key.text):
            message = f"'{path}' maps languages to texts; '{key.text}' is not a language tag (BCP 47)."
            reading.problems.add("bad-language", reading.place(key), message, found=key.text)
            continue
        text = _word(reading, value, f"{path}.{key.text}", "a text")
        if not isinstance(text, _Missing):
            found.append((key.text, text))
    return Text(tuple(found)) if found else _MISSING
