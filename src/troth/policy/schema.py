"""The JSON Schema of a policy file, made from the model, so that editors complete and check what is written.

`data/policy.schema.json` is the shipped copy; a test holds it against `policy_schema()`. Terms, choices and products
are completed but not closed: a policy may add its own, which only the reading can check.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import inspect

from troth.policy.model import Version
from troth.policy.reading import FORMATS, ID, not_in_the_file
from troth.policy.values import ANCHORS, Period, Text
from troth.policy.vocabulary import KINDS, Vocabulary, built_in

_DATE = r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2}))?$"
_PERIOD = rf"^(({'|'.join(ANCHORS)})( *\+ *\d+ *[a-z]+)?|\d+ *[a-z]+)$"

Schema = dict[str, Any]


def policy_schema() -> Schema:
    """The schema of a policy file (JSON Schema 2020-12) as a dict."""
    definitions = _definitions(built_in())
    schema = _struct(Version, definitions)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Troth privacy policy",
        **schema,
        "$defs": dict(sorted(definitions.items())),
    }


def _definitions(vocabulary: Vocabulary) -> dict[str, Schema]:
    definitions: dict[str, Schema] = {
        "text": {
            "description": "A text, or a mapping of BCP 47 language tags to texts",
            "anyOf": [
                {"type": "string", "minLength": 1},
                {
                    "type": "object",
                    "minProperties": 1,
                    "propertyNames": {"pattern": _open(FORMATS["language"][0].pattern)},
                    "additionalProperties": {"type": "string", "minLength": 1},
                },
            ],
        },
        "date": {"type": "string", "pattern": _DATE, "description": "2015-12-31, or a time with its zone"},
        "period": {"type": "string", "pattern": _PERIOD, "description": "30 days, account, account + 24 months"},
        "choice": {"type": "string", "description": "A choice of this policy"},
        "product": {"type": "string", "description": "A site or product that this policy covers"},
    }
    for kind in KINDS:
        terms = vocabulary.terms(kind)
        definitions[kind] = {
            "anyOf": [{"const": term.slug, "description": term.label} for term in terms]
            + [{"type": "string", "minLength": 1}]
        }
    definitions["kind"] = {"$ref": "#/$defs/recipient"}
    return definitions


def _struct(struct: type[msgspec.Struct], definitions: dict[str, Schema]) -> Schema:
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType)  # noqa: S101 - only structs are asked for
    fields = [field for field in info.fields if field.name not in not_in_the_file(struct)]
    schema: Schema = {
        "type": "object",
        "description": " ".join((struct.__doc__ or "").split()),
        "properties": {field.encode_name: _type(field.type, definitions) for field in fields},
        "additionalProperties": False,
    }
    required = [field.encode_name for field in fields if field.required]
    return {**schema, "required": required} if required else schema


def _type(kind: inspect.Type, definitions: dict[str, Schema]) -> Schema:
    extra: dict[str, Any] = {}
    noted: Schema = {}
    while isinstance(kind, inspect.Metadata | inspect.UnionType):
        if isinstance(kind, inspect.Metadata):
            extra = {**(kind.extra or {}), **extra}
            noted = {**(kind.extra_json_schema or {}), **noted}
            kind = kind.type
        else:
            (kind,) = (member for member in kind.types if not isinstance(member, inspect.NoneType))
    return {**_bare(kind, extra, definitions), **noted}


def _bare(kind: inspect.Type, extra: dict[str, Any], definitions: dict[str, Schema]) -> Schema:
    if isinstance(kind, inspect.VarTupleType):
        item = {"$ref": f"#/$defs/{extra['names']}"} if "names" in extra else _type(kind.item_type, definitions)
        if extra.get("keyed"):
            return {
                "type": "object",
                "propertyNames": {"pattern": _open(ID.pattern), "maxLength": 100},
                "additionalProperties": item,
            }
        return {"anyOf": [item, {"type": "array", "items": item, "minItems": 1, "uniqueItems": True}]}
    if isinstance(kind, inspect.StructType):
        for value, name in ((Text, "text"), (Period, "period")):
            if kind.cls is value:
                return {"$ref": f"#/$defs/{name}"}
        name = kind.cls.__name__
        if name not in definitions:
            definitions[name] = {}  # its place, should it contain itself
            definitions[name] = _struct(kind.cls, definitions)
        return {"$ref": f"#/$defs/{name}"}
    if isinstance(kind, inspect.LiteralType):
        return {"enum": _words(kind.values)}
    if isinstance(kind, inspect.BoolType):
        # YAML 1.1 editors read yes and no as booleans, YAML 1.2 editors as text; both are accepted.
        return {"enum": [True, False, "yes", "no"]}
    if isinstance(kind, inspect.DateTimeType):
        return {"$ref": "#/$defs/date"}
    if "names" in extra:
        return {"$ref": f"#/$defs/{extra['names']}"}
    if "format" in extra:
        return {"type": "string", "pattern": _open(FORMATS[extra["format"]][0].pattern)}
    return {"type": "string", "minLength": 1}


def _words(values: Iterable[Any]) -> list[str]:
    return [str(value) for value in values]


def _open(pattern: str) -> str:
    r"""A Python pattern for `match` as a pattern of ECMA 262: anchored at both ends, without `\Z`."""
    return "^" + pattern.replace(r"\Z", "$")
