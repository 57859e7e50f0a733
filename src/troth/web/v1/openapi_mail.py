"""The part of the gates' description that is about mail; see `openapi`."""

from __future__ import annotations

from typing import Any

from troth.gates.mail.deciding.mailing import AT_ONCE

_TEXT = {"type": "string"}
_NOTHING_OR_TEXT = {"type": ["string", "null"]}
CHECK: dict[str, Any] = {
    "type": "object",
    "required": ["stream", "recipients"],
    "additionalProperties": False,
    "properties": {
        "stream": {"type": "string", "description": "The id of a stream", "minLength": 1},
        "recipients": {"type": "array", "items": _TEXT, "minItems": 1, "maxItems": AT_ONCE},
        "language": {"type": "string", "description": "That of the message, such as en or pt-BR"},
    },
}
CHECKED: dict[str, Any] = {
    "type": "object",
    "required": ["stream", "marketing", "verdicts"],
    "properties": {
        "stream": _TEXT,
        "marketing": {"type": "boolean"},
        "verdicts": {
            "type": "array",
            "items": {
                "type": "object",
                "required": [
                    "address", "outcome", "reason", "sentence", "statement", "version", "sender", "headers", "footer",
                ],
                "properties": {
                    "address": _TEXT,
                    "outcome": {"enum": ["send", "suppressed", "refused"]},
                    "reason": _TEXT,
                    "sentence": _TEXT,
                    "statement": _NOTHING_OR_TEXT,
                    "version": _NOTHING_OR_TEXT,
                    "sender": {"type": ["string", "null"], "description": "The envelope sender, for what comes back"},
                    "headers": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["name", "value"],
                            "properties": {"name": _TEXT, "value": _TEXT},
                        },
                    },
                    "footer": {
                        "type": ["object", "null"],
                        "required": ["text", "html"],
                        "properties": {"text": _TEXT, "html": _TEXT},
                    },
                },
            },
        },
    },
}  # fmt: skip
TOLD: dict[str, Any] = {
    "type": "object",
    "required": ["recipient", "what"],
    "additionalProperties": False,
    "properties": {
        "recipient": {"type": "string", "description": "The address that it came back to"},
        "what": {"enum": ["bounce", "complaint", "opt-out"]},
        "status": {"type": "string", "description": "Of a bounce: RFC 3463, such as 5.1.1"},
    },
}
TAKEN: dict[str, Any] = {
    "type": "object",
    "required": ["what", "did", "status", "stream"],
    "properties": {
        "what": {"enum": ["bounce", "delay", "complaint", "opt-out", "reply", "nothing"]},
        "did": {"enum": ["suppressed", "opted-out", "done-before", "counted", "nothing"]},
        "status": _TEXT,
        "stream": _NOTHING_OR_TEXT,
    },
}


def mail_paths(failures: dict[str, Any]) -> dict[str, Any]:
    """The paths; `failures` are the answers to requests that fail."""
    recipient = {"name": "recipient", "in": "query", "schema": _TEXT}
    return {
        "/v1/mail/check": {
            "post": {
                "operationId": "check-mail",
                "summary": "Who may receive a message of a stream, and what it must bear",
                "requestBody": {"required": True, "content": {"application/json": {"schema": CHECK}}},
                "responses": {"200": _json("A verdict on each recipient, in their order", CHECKED), **failures},
            },
        },
        "/v1/mail/returns": {
            "post": {
                "operationId": "mail-returned",
                "summary": "Take a bounce, a complaint, or a wish to get no more mail",
                "parameters": [recipient],
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": TOLD}, "message/rfc822": {"schema": _TEXT}},
                },
                "responses": {"200": _json("What was understood, and what was done", TAKEN), **failures},
            },
        },
    }


def _json(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}
