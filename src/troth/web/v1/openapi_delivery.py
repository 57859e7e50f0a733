"""The part of the gates' description that is about deliveries; see `openapi`."""

from __future__ import annotations

from typing import Any

_TEXT = {"type": "string"}
ACKNOWLEDGEMENT: dict[str, Any] = {
    "type": "object",
    "required": ["acknowledged", "digest", "signature"],
    "properties": {
        "acknowledged": {"type": "string", "description": "The id of the delivery"},
        "digest": {"type": "string", "description": "The SHA-256 of its body, in hex"},
        "signature": {"type": "string", "description": "v1 or v1a, as Standard Webhooks writes them"},
    },
}
RECORDED: dict[str, Any] = {
    "type": "object",
    "required": ["acknowledged", "recorded"],
    "properties": {"acknowledged": _TEXT, "recorded": {"type": "string", "enum": ["now", "before"]}},
}


def delivery_paths(failures: dict[str, Any]) -> dict[str, Any]:
    """The paths; `failures` are the answers to requests that fail."""
    return {
        "/v1/acknowledgements": {
            "post": {
                "operationId": "acknowledge",
                "summary": "Sign that a delivery was received",
                "security": [{}],
                "requestBody": {"required": True, "content": {"application/json": {"schema": ACKNOWLEDGEMENT}}},
                "responses": {
                    "200": {"description": "Recorded", "content": {"application/json": {"schema": RECORDED}}},
                    **failures,
                },
            },
        },
    }
