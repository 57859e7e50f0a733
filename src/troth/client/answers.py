"""What the middleware answers itself when a form is not taken: for people, in the form that they asked for."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from html import escape

from troth.client.bodies import BadFormError
from troth.client.errors import Refused, TrothError, Unavailable

# Codes of requests that are wrong because of what a person wrote, and not because of how the application was made.
WRITTEN = {"bad-field", "bad-person", "whose"}
HEADERS = (
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", "default-src 'none'"),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """A response: status, body as text or bytes, and what it is."""

    status: int
    body: str | bytes
    content_type: str = "text/plain; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = HEADERS

    def whole(self) -> tuple[bytes, list[tuple[str, str]]]:
        """The body, and all headers."""
        body = self.body.encode() if isinstance(self.body, str) else self.body
        return body, [("Content-Type", self.content_type), ("Content-Length", str(len(body))), *self.headers]


def status_of(error: TrothError) -> int:
    """The HTTP status for whoever sent the form.

    422 refused, 503 no answer of Troth, 500 the application's mistake; 400, 403, 413, 415 what cannot be taken.
    """
    if isinstance(error, BadFormError):
        return error.status
    if isinstance(error, Refused) or error.code in WRITTEN:
        return 422
    return 503 if isinstance(error, Unavailable) else 500


def answer_to(error: TrothError, accept: str) -> Answer:
    """The answer to a form that was not taken: HTML, JSON or plain text, by what the browser accepts."""
    status = status_of(error)
    text, sentence = _said(error, status)
    headers: tuple[tuple[str, str], ...] = HEADERS
    if isinstance(error, Unavailable):
        headers += (("Retry-After", str(max(1, math.ceil(error.retry_after or 1)))),)
    accept = accept.lower()
    if "text/html" in accept:
        said = f"<blockquote>{escape(sentence)}</blockquote>" if sentence else ""
        page = (
            '<!doctype html><html lang="en"><meta charset="utf-8"><title>Not taken</title>'
            f"<h1>The form was not taken</h1><p>{escape(text)}</p>{said}</html>\n"
        )
        return Answer(status, page, "text/html; charset=utf-8", headers)
    if "application/json" in accept:
        told = {"error": error.code if status != 500 else "failed", "message": text, "sentence": sentence}
        if status == 422:
            told["field"] = error.field or ""
        return Answer(status, json.dumps(told), "application/json", headers)
    return Answer(status, f"{text}\n" + (f"“{sentence}”\n" if sentence else ""), headers=headers)


def _said(error: TrothError, status: int) -> tuple[str, str]:
    """The text for people, and the sentence of the policy. What went wrong inside is nothing for them."""
    if status == 500:
        return "Something is wrong here, and nothing was stored. It is not your mistake.", ""
    if isinstance(error, Unavailable):
        if error.unknown:
            return "Something is wrong here at this moment. It may not have been stored. Please try again soon.", ""
        return "This cannot be stored at this moment, so nothing was. Please try again soon.", ""
    return error.message, error.sentence
