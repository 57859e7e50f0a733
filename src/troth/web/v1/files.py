"""`GET /v1/files/<token>`: a recipient fetches the file of a disclosure, once, and shows who it is.

Plain ASGI, since it has to know how far the bytes came: the entry of the download is made before the last piece is
sent. Whoever shows nothing, such as a program that previews links, is answered 401 and changes nothing, and neither
does HEAD. `GET /v1/files/<token>/manifest` says what the file is, as often as it is asked.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import re
from collections.abc import Mapping

import msgspec

from troth.gates.share.files.encrypting import SUFFIXES
from troth.gates.share.files.fetching import Fetch, FetchError
from troth.gates.share.files.files import Files
from troth.gates.share.files.links import PATH
from troth.gates.share.files.receipt import HEADER
from troth.gates.share.files.row import Manifest
from troth.gates.share.files.showing import Showing
from troth.people import PeopleError
from troth.store import StoreError
from troth.web.headers import DATA_HEADERS, Header, Receive, Scope, Send, security_headers
from troth.web.v1.bodies import BadRequestError, bad

MANIFEST = "/manifest"
CHALLENGE: Header = (b"www-authenticate", b'Bearer realm="troth-files"')
UNKNOWN = (
    "This takes the recipient's fetch secret, in `Authorization: Bearer troth_fetch_…`, or the signature of its "
    "endpoint. There was none, or none that counts."
)
_RANGE = re.compile(r"bytes=([0-9]{1,18})-", re.ASCII | re.IGNORECASE)  # RFC 9110, section 14.1.2

log = logging.getLogger("troth.web")


class _AnswerError(Exception):
    """Ends a request with a status, a code, a text and headers."""

    def __init__(self, status: int, code: str, text: str, *headers: Header) -> None:
        self.status, self.code, self.text, self.headers = status, code, text, headers
        super().__init__(text)


class FileRoutes:
    """An ASGI app for everything below `/v1/files/`."""

    def __init__(self, files: Files, showing: Showing) -> None:
        self._files = files
        self._showing = showing

    @staticmethod
    def takes(path: str) -> bool:
        """Whether a path is one of these."""
        return path.startswith(PATH)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        try:
            await self._answer(scope, receive, send)
        except _AnswerError as refusal:
            body = msgspec.json.encode(bad(BadRequestError(refusal.text, code=refusal.code)))
            await _send(scope, send, refusal.status, body, *refusal.headers)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in ("GET", "HEAD"):
            raise _AnswerError(405, "bad-method", "A file is fetched with GET.", (b"allow", b"GET, HEAD"))
        path = str(scope["path"]).removeprefix(PATH)
        token, wants_manifest = path.removesuffix(MANIFEST), path.endswith(MANIFEST)
        headers = _headers(scope)
        try:
            who = await asyncio.to_thread(self._showing.who, token, headers)
            if who is None:
                raise _AnswerError(401, "unknown-recipient", UNKNOWN, CHALLENGE)
            if wants_manifest or scope["method"] == "HEAD":
                _, row = await asyncio.to_thread(self._files.fetching.look, token, who)
                about = row.about
                assert about is not None  # noqa: S101 - a file that is ready has one
                if wants_manifest:
                    await _send(scope, send, 200, msgspec.json.encode(about))
                    return
                await _start(send, scope, 200, [*_described(about), (b"content-length", b"%d" % about.size)])
                await send({"type": "http.response.body", "body": b""})
                return
            fetch = await asyncio.to_thread(self._files.fetching.open, token, who, _start_of(headers))
        except FetchError as refusal:
            raise _refusal(refusal) from None
        except (StoreError, PeopleError) as problem:
            text = "This cannot be done at this moment; nothing was given. Please try again."
            raise _AnswerError(503, "unavailable", text, (b"retry-after", b"1")) from problem
        except OSError as problem:
            log.exception("The file of a disclosure cannot be read.")
            text = "The file cannot be read at this moment; nothing was given. Please try again."
            raise _AnswerError(503, "unavailable", text, (b"retry-after", b"60")) from problem
        try:
            await _stream(fetch, scope, receive, send)
        finally:
            await asyncio.shield(asyncio.to_thread(fetch.close))


async def _stream(fetch: Fetch, scope: Scope, receive: Receive, send: Send) -> None:
    """Send what is left of a file. One that breaks off ends the connection, so that nobody takes it for whole."""
    headers = [*_described(fetch.about), (b"content-length", b"%d" % (fetch.size - fetch.start))]
    if fetch.ranged:
        headers.append((b"content-range", b"bytes %d-%d/%d" % (fetch.start, fetch.size - 1, fetch.size)))
    if fetch.delivery is not None:
        headers.append((HEADER.encode(), fetch.delivery.encode()))
    gone = asyncio.ensure_future(_gone(receive))
    try:
        await _start(send, scope, 206 if fetch.ranged else 200, headers)
        pieces = fetch.pieces()
        while not gone.done():
            piece = await asyncio.to_thread(next, pieces, b"")
            if not piece:
                await send({"type": "http.response.body", "body": b""})
                return
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            await asyncio.sleep(0)  # so that a recipient that has gone is noticed before the next piece
    finally:
        gone.cancel()


async def _gone(receive: Receive) -> None:
    """Until the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _start_of(headers: Mapping[str, str]) -> int | None:
    """From which byte a file is wanted, None for whole. FetchError: that is no range that it can be had by."""
    wanted = headers.get("range")
    if wanted is None:
        return None
    match = _RANGE.fullmatch(wanted.strip())
    if match is None:
        raise FetchError("bad-range")
    return int(match[1])


def _described(about: Manifest) -> list[Header]:
    """What the headers say of a file. Its digest is that of RFC 9530: of the whole file, also with a part of it."""
    name = f"{about.disclosure}.{about.format}{SUFFIXES[about.encryption]}"
    digest = base64.b64encode(bytes.fromhex(about.sha256))
    return [
        (b"content-type", b"application/octet-stream"),
        (b"content-disposition", f'attachment; filename="{name}"'.encode()),
        (b"accept-ranges", b"bytes"),
        (b"etag", f'"{about.sha256}"'.encode()),
        (b"repr-digest", b"sha-256=:" + digest + b":"),
    ]


def _refusal(refusal: FetchError) -> _AnswerError:
    headers: list[Header] = []
    if refusal.retry_after is not None:
        headers.append((b"retry-after", b"%d" % refusal.retry_after))
    if refusal.size is not None:
        headers.append((b"content-range", b"bytes */%d" % refusal.size))
    return _AnswerError(refusal.status, refusal.code, refusal.text, *headers)


def _headers(scope: Scope) -> dict[str, str]:
    """The headers of a request, those that came twice as none that could count."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        key = name.decode("latin-1").lower()
        found[key] = "" if key in found else value.decode("latin-1")
    return found


async def _start(send: Send, scope: Scope, status: int, headers: list[Header]) -> None:
    common: list[Header] = [(b"cache-control", b"no-store"), (b"referrer-policy", b"no-referrer")]
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [*headers, *common, *security_headers(scope, DATA_HEADERS)],
        }
    )


async def _send(scope: Scope, send: Send, status: int, body: bytes, *headers: Header) -> None:
    described: list[Header] = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await _start(send, scope, status, [*described, *headers])
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
