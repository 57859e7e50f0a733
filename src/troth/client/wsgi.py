"""Middleware for WSGI applications: what a form collects goes through Troth before the application sees it."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any

from troth.client.bodies import BadFormError
from troth.client.client import Client
from troth.client.collecting import HEADERS, AnswerTo, Collecting, too_large
from troth.client.forms import Form

Environ = dict[str, Any]
App = Callable[[Environ, Any], Iterable[bytes]]
_PART = 64 * 1024


class CollectWSGI:
    """`CollectWSGI(app, client, {"/register": Form(…)})`: the outcome is in `environ["troth"]`, the body is intact.

    A form that is not taken is answered here, and `app` does not see it: 422 refused, 503 without an answer of Troth.
    An `optional` one goes on with the error in the outcome. `answer(form, error)` gives another `Answer`, or None to
    let the application go on.
    """

    def __init__(self, app: App, client: Client, forms: Mapping[str, Form], answer: AnswerTo | None = None) -> None:
        self._app = app
        self._collecting = Collecting(client, forms, answer)

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Answer a request."""
        path = f"{environ.get('SCRIPT_NAME', '')}{environ.get('PATH_INFO', '')}"  # bytes as latin-1 (PEP 3333)
        form = self._collecting.form(environ["REQUEST_METHOD"], path.encode("latin-1").decode("utf-8", "replace"))
        if form is None:
            return self._app(environ, start_response)
        headers = _headers(environ)
        body = _read(environ, form)
        outcome = self._collecting.collect(form, body, headers, environ)
        answer = self._collecting.answer(form, outcome, headers)
        if answer is None:
            environ["troth"] = outcome
            return self._app(environ, start_response)
        content, lines = answer.whole()
        start_response(f"{answer.status} {HTTPStatus(answer.status).phrase}", lines)
        return [content]


def _read(environ: Environ, form: Form) -> bytes | BadFormError:
    """The body of a request, which can be read again afterwards, or why it is not read (PEP 3333)."""
    stream, text = environ["wsgi.input"], environ.get("CONTENT_LENGTH") or ""
    if text and not (text.isascii() and text.isdigit()):
        return BadFormError(400, "bad-form", "The length of the body is no number.")
    if not text and not environ.get("wsgi.input_terminated"):
        return b""
    if text and int(text) > form.most_bytes:
        return too_large(form)
    wanted = int(text) if text else form.most_bytes + 1
    parts: list[bytes] = []
    size = 0
    while size < wanted and (part := stream.read(min(_PART, wanted - size))):
        parts.append(part)
        size += len(part)
    body = b"".join(parts)
    environ["wsgi.input"] = io.BytesIO(body)
    if text and size < wanted:
        return BadFormError(400, "bad-form", "The body broke off.")
    if size > form.most_bytes:
        environ["wsgi.input"] = io.BufferedReader(_Chained(body, stream))
        return too_large(form)
    return body


class _Chained(io.RawIOBase):
    """What was read already, and then the rest."""

    def __init__(self, read: bytes, rest: Any) -> None:
        super().__init__()
        self._read, self._rest = io.BytesIO(read), rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        found: bytes = self._read.read(len(buffer)) or self._rest.read(len(buffer))
        buffer[: len(found)] = found
        return len(found)


def _headers(environ: Environ) -> dict[str, str]:
    found = {name: environ.get("HTTP_" + name.upper().replace("-", "_")) for name in HEADERS}
    found["content-type"] = environ.get("CONTENT_TYPE")
    return {name: str(value) for name, value in found.items() if value is not None}
