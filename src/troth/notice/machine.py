"""The policy for machines: JSON, Markdown and JSON-LD, each from the same statements as the pages."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache

import msgspec

from troth.notice import parts, words
from troth.notice.jsonld import jsonld
from troth.notice.view import View
from troth.policy.model import Claim, verb_of
from troth.policy.problems import Place
from troth.policy.values import Period, Text, write_moment

_LEFT_OUT = frozenset({"place", "order", "file", "_vocabulary", "statements", "places"})
_fields = cache(msgspec.structs.fields)


def as_json(view: View) -> bytes:
    """The version in the keys of the policy file; of each statement also its `part` and whether it is `stated` now."""
    version = view.version
    value = _plain(version)
    assert isinstance(value, dict)  # noqa: S101 - a version is a mapping
    stated = {statement.id for statement in version.stated_on(view.at)}
    for verb in ("collects", "uses", "shares", "never", "protects", "choices", "rights", "claims", "answers"):
        for id, entry in value.get(verb, {}).items():
            entry["part"] = parts.part_of(version.statement(id)).number
            if verb == "claims":
                entry["current"] = id in stated
    end = view.end(version)
    value["version"] = {
        "id": version.id,
        "number": view.number(),
        "until": write_moment(end) if end else None,
        "sha256": version.sha256,
    }
    value.pop("id", None)
    value.pop("sha256", None)
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode()


def _plain(value: object) -> object:
    """A value of the model as JSON: texts by language, periods and moments as in the file, statements by their id."""
    if isinstance(value, Text):
        return dict(value.languages)
    if isinstance(value, Period):
        return str(value)
    if isinstance(value, datetime):
        return write_moment(value)
    if isinstance(value, msgspec.Struct) and not isinstance(value, Place):
        found = {}
        for field in _fields(type(value)):
            inner = getattr(value, field.name)
            if field.encode_name in _LEFT_OUT or inner is None or inner == () or inner is msgspec.UNSET:
                continue
            if (plain := _plain(inner)) != {}:
                found[field.encode_name] = plain
        return found
    if isinstance(value, tuple):
        if value and hasattr(value[0], "id"):
            entries = {entry.id: _plain(entry) for entry in value}
            for entry in entries.values():
                if isinstance(entry, dict):
                    entry.pop("id", None)
            return entries
        return [_plain(inner) for inner in value]
    return value


def as_markdown(view: View) -> bytes:
    """The complete policy as Markdown: each sentence, its details, and its rule in plain words."""
    version = view.version
    lines = [f"# {view.plain(version.title)}", ""]
    lines += [f"In force since {words.day(version.effective)}. Promised by {version.publisher.name}.", ""]
    intro = version.details or version.says
    if intro:
        lines += [view.plain(intro), ""]
    lines += [f"Covers: {words.listed(covered.name for covered in version.covers)}.", ""]
    for part in parts.complete(version, view.at):
        if part.heading.number == 1:
            continue
        lines += [f"## {part.heading.number}. {part.heading.title}", ""]
        for statement in part.statements:
            lines += [f"### {view.plain(statement.says)}", ""]
            lines += [f'<a id="{statement.id}"></a>`{verb_of(statement)}.{statement.id}`', ""]
            if statement.details:
                lines += [view.plain(statement.details), ""]
            lines += [f"- **{line.label}:** {line}" for line in view.rule(statement)]
            if isinstance(statement, Claim) and statement.seal:
                lines.append(f"- **Seal:** {statement.site or 'yes'}")
            lines.append("")
    publisher = version.publisher
    contact = [publisher.name, publisher.address, publisher.email, publisher.phone]
    lines += ["---", "", ", ".join(text for text in contact if text)]
    return ("\n".join(lines) + "\n").encode()


def as_jsonld(view: View) -> bytes:
    """The complete policy as JSON-LD in the terms of the W3C Data Privacy Vocabulary."""
    return (json.dumps(jsonld(view), ensure_ascii=False, indent=1) + "\n").encode()


# By the ending of the address: the media type and how it is written.
FORMS: Mapping[str, tuple[str, Callable[[View], bytes]]] = {
    "json": ("application/json", as_json),
    "md": ("text/markdown; charset=utf-8", as_markdown),
    "jsonld": ("application/ld+json", as_jsonld),
}
