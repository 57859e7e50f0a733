"""The part of the gates' description that is about files that recipients fetch; see `openapi`."""

from __future__ import annotations

from typing import Any, get_args

from troth.gates.share.files.encrypting import Encryption
from troth.gates.share.files.receipt import HEADER
from troth.gates.share.wanted import FORMATS

_TEXT: dict[str, Any] = {"type": "string"}
_TEXTS: dict[str, Any] = {"type": "array", "items": _TEXT}
_COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}

# A recipient shows itself by its fetch secret, or by the three headers of a signature together.
SCHEMES: dict[str, Any] = {
    "fetch": {"type": "http", "scheme": "bearer", "description": "The recipient's fetch secret, `troth_fetch_…`"},
    "signed-id": {"type": "apiKey", "in": "header", "name": "webhook-id"},
    "signed-at": {"type": "apiKey", "in": "header", "name": "webhook-timestamp"},
    "signature": {
        "type": "apiKey",
        "in": "header",
        "name": "webhook-signature",
        "description": "As Standard Webhooks writes it, over `id.timestamp.token`",
    },
}
SECURITY: list[dict[str, list[str]]] = [{"fetch": []}, {"signed-id": [], "signed-at": [], "signature": []}]

MANIFEST: dict[str, Any] = {
    "type": "object",
    "required": [
        "disclosure", "recipient", "purpose", "product", "policy", "version", "sentences", "duties", "format",
        "columns", "persons", "values", "encryption", "key", "made", "size", "sha256",
    ],
    "properties": {
        "disclosure": _TEXT,
        "recipient": _TEXT,
        "purpose": _TEXT,
        "product": {"type": ["string", "null"]},
        "policy": _TEXT,
        "version": _TEXT,
        "sentences": {**_TEXTS, "description": "What the policy says of it"},
        "duties": _TEXTS,
        "format": {"type": "string", "enum": [name for name in FORMATS if name != "json"]},
        "columns": {**_TEXTS, "description": "The data terms"},
        "persons": _COUNT,
        "values": _COUNT,
        "encryption": {"type": "string", "enum": list(get_args(Encryption))},
        "key": {"type": "string", "description": "The fingerprint of the key that it is encrypted to"},
        "made": {"type": "string", "format": "date-time"},
        "size": {**_COUNT, "description": "Bytes, encrypted"},
        "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$", "description": "Of the encrypted bytes"},
    },
}  # fmt: skip
_DESCRIBED: dict[str, Any] = {
    "ETag": {"schema": _TEXT},
    "Repr-Digest": {"schema": _TEXT, "description": "RFC 9530: the SHA-256 of the whole file, as it is encrypted"},
    "Content-Disposition": {"schema": _TEXT},
}
_GIVEN: dict[str, Any] = {
    **_DESCRIBED,
    HEADER: {"schema": _TEXT, "description": "The id to acknowledge, for a recipient with an endpoint"},
}
FAILURES = {
    "401": "It takes the fetch secret or the signature of the recipient; whether there is such a link is not said.",
    "404": "`unknown-link`: there is no such link for this recipient.",
    "409": "`being-fetched`: somebody fetches it at this moment; see `Retry-After`.",
    "410": "`used`, `expired`, `ended` or `stopped`: it opens nothing any more.",
    "416": "`bad-range`: a file is fetched whole, or from some byte to its end.",
    "503": "`being-made` or `unavailable`: not at this moment; see `Retry-After`.",
}
_LOOKING = ("401", "404", "410", "503")  # what changes nothing is never in the way of another


def file_paths(error: dict[str, Any]) -> dict[str, Any]:
    """The paths; `error` is the body of every answer that is a failure, but those to HEAD, which have none."""
    failures = {code: _json(text, error) for code, text in FAILURES.items()}
    looking = {code: failures[code] for code in _LOOKING}
    token = {
        "name": "token",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{43}$"},
    }
    first = {
        "name": "Range",
        "in": "header",
        "description": "From byte N to the end: `bytes=N-`",
        "schema": {"type": "string", "pattern": "^bytes=[0-9]{1,18}-$"},
    }
    content = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    ranged = {**_GIVEN, "Content-Range": {"schema": _TEXT}}
    return {
        "/v1/files/{token}": {
            "parameters": [token],
            "get": {
                "operationId": "fetch",
                "summary": "The file of a disclosure, for its recipient, once",
                "security": SECURITY,
                "parameters": [first],
                "responses": {
                    "200": {"description": "The file, encrypted", "headers": _GIVEN, "content": content},
                    "206": {"description": "The rest of it", "headers": ranged, "content": content},
                    **failures,
                },
            },
            "head": {
                "operationId": "fetchable",
                "summary": "Whether the file can be fetched, and what it is; nothing is changed",
                "security": SECURITY,
                "responses": {
                    "200": {"description": "It can be fetched", "headers": _DESCRIBED},
                    **{code: {"description": FAILURES[code]} for code in _LOOKING},
                },
            },
        },
        "/v1/files/{token}/manifest": {
            "parameters": [token],
            "get": {
                "operationId": "manifest",
                "summary": "What a file is, as often as it is asked",
                "security": SECURITY,
                "responses": {"200": _json("What it is", MANIFEST), **looking},
            },
        },
    }


def _json(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}
