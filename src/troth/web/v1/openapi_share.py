"""The part of the description that is about the gate `share`."""

from __future__ import annotations

from typing import Any

from troth.gates.share.wanted import CHANNELS, FORMATS
from troth.gates.use import MOST_DATA, MOST_PERSONS
from troth.people.requests import LONGEST

_TEXT: dict[str, Any] = {"type": "string"}
_TEXTS: dict[str, Any] = {"type": "array", "items": _TEXT}
_MAYBE: dict[str, Any] = {"type": ["string", "null"]}
_COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}
_WHO: dict[str, Any] = {
    "type": "string",
    "description": "email:name@domain, account:NAME, cookie:ID, or the id of a person",
}

SHARING: dict[str, Any] = {
    "type": "object",
    "required": ["recipient", "purpose", "data"],
    "additionalProperties": False,
    "properties": {
        "recipient": {"type": "string", "description": "The id of a recipient that is declared or registered"},
        "purpose": _TEXT,
        "data": {**_TEXTS, "minItems": 1, "maxItems": MOST_DATA},
        "persons": {"type": "array", "items": _WHO, "minItems": 1, "maxItems": MOST_PERSONS},
        "segment": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"statement": _TEXT, "product": _TEXT},
        },
        "product": _TEXT,
        "channel": {"type": "string", "enum": list(CHANNELS), "default": CHANNELS[0]},
        "format": {"type": "string", "enum": list(FORMATS), "default": FORMATS[0]},
        "consideration": {"type": "string", "description": "What of value is given in return: this makes it a sale"},
        "identified": {"type": "boolean", "default": False},
        "key": {"type": "string", "maxLength": LONGEST, "description": "The same key and request are done once"},
    },
}
CONTENTS: dict[str, Any] = {
    "type": "object",
    "required": ["batch", "duties", "sentences", "persons"],
    "properties": {
        "batch": {"type": "integer", "minimum": 1},
        "duties": _TEXTS,
        "sentences": _TEXTS,
        "persons": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["subject", "values"],
                "properties": {
                    "subject": {"type": "string", "description": "What this recipient knows the person by"},
                    "values": {"type": "object"},
                },
            },
        },
    },
}
SHARED: dict[str, Any] = {
    "type": "object",
    "required": [
        "id", "state", "recipient", "purpose", "version", "channel", "asked", "persons", "values", "refused", "batches",
        "statements", "duties", "refusals", "created", "ended", "why", "contents",
    ],
    "properties": {
        "id": _TEXT,
        "state": {"type": "string", "enum": ["running", "done", "stopped", "refused"]},
        "recipient": _TEXT,
        "purpose": _TEXT,
        "version": _TEXT,
        "channel": _TEXT,
        "asked": {"type": ["integer", "null"], "description": "How many persons it is about"},
        "persons": {**_COUNT, "description": "Of how many something is shared"},
        "values": {**_COUNT, "description": "How many values are shared"},
        "refused": {**_COUNT, "description": "Of how many persons nothing is shared"},
        "batches": _COUNT,
        "statements": {"type": "object", "additionalProperties": _COUNT},
        "duties": _TEXTS,
        "refusals": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["data", "reason", "sentence", "statement", "persons"],
                "properties": {
                    "data": _TEXT, "reason": _TEXT, "sentence": _TEXT, "statement": _MAYBE, "persons": _COUNT,
                },
            },
        },
        "created": _TEXT,
        "ended": _MAYBE,
        "why": _MAYBE,
        "contents": {"type": "array", "items": CONTENTS},
    },
}  # fmt: skip


def share_paths(failures: dict[str, Any], of_one: dict[str, Any]) -> dict[str, Any]:
    """The paths; `failures` are the answers to requests that fail, and `of_one` those about a disclosure."""
    disclosure = {"name": "disclosure", "in": "path", "required": True, "schema": _TEXT}
    batch = {
        "type": "object",
        "additionalProperties": False,
        "properties": {"batch": {"type": "integer", "minimum": 1, "default": 1}},
    }
    return {
        "/v1/share": {
            "post": {
                "operationId": "share",
                "summary": "Give data of persons to a recipient for a purpose",
                "requestBody": {"required": True, "content": {"application/json": {"schema": SHARING}}},
                "responses": {
                    "200": _json("What is shared, and why the rest is not", SHARED),
                    "202": _json("A job that goes on; its address is in `Location`", SHARED),
                    **failures,
                },
            },
        },
        "/v1/share/{disclosure}": {
            "parameters": [disclosure],
            "get": {
                "operationId": "shared",
                "summary": "How far a disclosure came",
                "responses": {"200": _json("How far it came", SHARED), **of_one},
            },
            "post": {
                "operationId": "contents",
                "summary": "The values of one batch, for the channel `answer`",
                "requestBody": {"required": True, "content": {"application/json": {"schema": batch}}},
                "responses": {"200": _json("What of it may leave now", CONTENTS), **failures, **of_one},
            },
        },
    }


def _json(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}
