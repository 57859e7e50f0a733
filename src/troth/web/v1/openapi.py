"""The description of the gates for machines, `/v1/openapi.json` (OpenAPI 3.1). A test sends what it says, and worse."""

from __future__ import annotations

from functools import cache
from typing import Any

from troth import __version__
from troth.gates.use import MOST_DATA, MOST_PERSONS
from troth.web.v1.bodies import LINES
from troth.web.v1.openapi_delivery import delivery_paths
from troth.web.v1.openapi_files import SCHEMES, file_paths
from troth.web.v1.openapi_mail import mail_paths
from troth.web.v1.openapi_share import share_paths

_TEXT = {"type": "string"}
_TEXTS = {"type": "array", "items": _TEXT}
_WHO = {"type": "string", "description": "email:name@domain, account:NAME, cookie:ID, or the id of a person"}

SUBMISSION: dict[str, Any] = {
    "type": "object",
    "required": ["fields"],
    "additionalProperties": False,
    "properties": {
        "fields": {"type": "object", "description": "Values by data term", "minProperties": 1, "maxProperties": 100},
        "person": _WHO,
        "product": {"type": "string", "description": "A covered site or product"},
        "moment": {"type": "string", "description": "A moment of collection"},
    },
}
COLLECTED: dict[str, Any] = {
    "type": "object",
    "required": ["entry", "statement", "version", "sentence", "stored", "dropped", "masked", "duties"],
    "properties": {
        "entry": {"type": "integer", "description": "The index of the entry in the record"},
        "person": {"type": "string", "description": "The id of the person; browsers do not learn it"},
        "statement": _TEXT,
        "version": _TEXT,
        "sentence": {"type": "string", "description": "What the policy says of it"},
        "stored": _TEXTS,
        "dropped": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "reason", "sentence"],
                "properties": {"field": _TEXT, "reason": _TEXT, "sentence": _TEXT},
            },
        },
        "masked": _TEXTS,
        "duties": _TEXTS,
    },
}
QUESTION: dict[str, Any] = {
    "type": "object",
    "required": ["purpose", "data"],
    "additionalProperties": False,
    "properties": {
        "purpose": _TEXT,
        "data": {**_TEXTS, "minItems": 1, "maxItems": MOST_DATA},
        "persons": {"type": "array", "items": _WHO, "minItems": 1, "maxItems": MOST_PERSONS},
        "segment": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "statement": _TEXT,
                "product": _TEXT,
                "after": _TEXT,
                "limit": {"type": "integer", "minimum": 1, "maximum": MOST_PERSONS},
            },
        },
        "product": _TEXT,
    },
}
USED: dict[str, Any] = {
    "type": "object",
    "required": ["persons", "duties", "next"],
    "properties": {
        "persons": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["person", "asked", "values", "refused"],
                "properties": {
                    "person": {"type": ["string", "null"]},
                    "asked": _TEXT,
                    "values": {"type": "object"},
                    "refused": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["data", "reason", "sentence", "statement"],
                            "properties": {
                                "data": _TEXT,
                                "reason": _TEXT,
                                "sentence": _TEXT,
                                "statement": {"type": ["string", "null"]},
                            },
                        },
                    },
                },
            },
        },
        "duties": _TEXTS,
        "next": {"type": ["string", "null"], "description": "Where the segment goes on"},
    },
}
ERROR: dict[str, Any] = {
    "type": "object",
    "required": ["error", "message", "field", "statement", "sentence"],
    "properties": {
        "error": {"type": "string", "description": "A code that never changes its meaning"},
        "message": _TEXT,
        "field": {"type": ["string", "null"]},
        "statement": {"type": ["string", "null"]},
        "sentence": _TEXT,
    },
}
FAILURES = {
    "400": "The request cannot be read.",
    "401": "Callers need a service key.",
    "403": "The key is not for that, or another site sent it.",
    "404": "The policy has no such statement, or there is no such disclosure.",
    "413": "The body is too large.",
    "415": "The content type is none that is taken.",
    "422": "The gate refuses, by the sentence that it names.",
    "503": "Not at this moment; nothing was stored or released.",
}


@cache
def openapi() -> dict[str, Any]:
    """The description."""
    statement = {"name": "statement", "in": "path", "required": True, "schema": _TEXT}
    product = {"name": "product", "in": "query", "schema": _TEXT}
    form = {"type": "object", "additionalProperties": _TEXT}
    lines = {"type": "string", "description": "One submission or outcome a line"}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Troth: the gates", "version": __version__, "license": {"name": "Apache-2.0"}},
        "security": [{}, {"key": []}],
        "paths": {
            "/v1/collect/{statement}": {
                "parameters": [statement],
                "post": {
                    "operationId": "collect",
                    "summary": "Store data that a statement of the policy collects",
                    "requestBody": {
                        "required": True,
                        "content": {
                            "application/json": {"schema": SUBMISSION},
                            "application/x-www-form-urlencoded": {"schema": form},
                            "multipart/form-data": {"schema": form},
                            LINES: {"schema": lines},
                        },
                    },
                    "responses": {
                        "200": {"description": "What became of each line", "content": {LINES: {"schema": lines}}},
                        "201": _json("What was stored, and what was not", COLLECTED),
                        "303": {"description": "Stored; a plain form goes back"},
                        **_failures(*FAILURES),
                    },
                },
            },
            "/v1/collect/{statement}.gif": {
                "parameters": [statement, product],
                "get": {
                    "operationId": "beacon",
                    "summary": "A picture of one point, which collects if the browser has agreed",
                    "responses": {"200": {"description": "The picture", "content": {"image/gif": {}}}},
                },
            },
            "/v1/use": {
                "post": {
                    "operationId": "use",
                    "summary": "Values of persons for a purpose",
                    "requestBody": {"required": True, "content": {"application/json": {"schema": QUESTION}}},
                    "responses": {
                        "200": _json("What is released, and why the rest is not", USED),
                        **_failures("400", "401", "403", "413", "415", "422", "503"),
                    },
                },
            },
            **delivery_paths(_failures("400", "403", "413", "503")),
            **share_paths(
                _failures("400", "401", "403", "413", "415", "422", "503"), _failures("401", "403", "404", "503")
            ),
            **file_paths(ERROR),
            **mail_paths(_failures("400", "401", "403", "404", "413", "415", "422", "503")),
            "/v1/why/{statement}": {
                "parameters": [statement],
                "get": {
                    "operationId": "why",
                    "summary": "The sentence that covers a collection",
                    "responses": {
                        "200": {
                            "description": "In words",
                            "content": {"application/json": {"schema": {"type": "object"}}, "text/html": {}},
                        },
                        **_failures("404"),
                    },
                },
            },
        },
        "components": {"securitySchemes": {"key": {"type": "http", "scheme": "bearer"}, **SCHEMES}},
    }


def _json(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _failures(*codes: str) -> dict[str, Any]:
    return {code: _json(FAILURES[code], ERROR) for code in codes}
