"""The evidence of a promise over HTTP: `/promises/<id>/evidence.zip`, made at the moment it is asked for.

It is made in a file that has no name, one at a time, and sent from there: a caller who reads slowly keeps nobody else
waiting, and the memory of the server does not grow with the record.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import BinaryIO, cast

from troth.accountability.promises.evidence import EvidenceError, EvidenceTooLargeError, file_name, write_pack
from troth.accountability.promises.status import Complaints
from troth.policy.history import Policy
from troth.record.log import Log
from troth.store import StoreError
from troth.web.headers import Header, Scope, Send, send_text

MOST = 200_000  # entries; the evidence of a larger record is made by command
CHUNK = 65_536  # bytes
_PATH = re.compile(r"/promises/(?P<id>[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?)/evidence\.zip", re.ASCII)


class EvidenceRoute:
    """Sends the evidence of promises."""

    def __init__(
        self,
        log: Log,
        policy: Policy,
        clock: Callable[[], datetime],
        complaints: Callable[[], Mapping[str, Complaints]],
        most: int = MOST,
    ) -> None:
        self._log = log
        self._policy = policy
        self._clock = clock
        self._complaints = complaints
        self._most = most
        self._one_at_a_time = asyncio.Semaphore(1)

    @staticmethod
    def statement(path: str) -> str | None:
        """The promise whose evidence lies at a path; None if it is another path."""
        match = _PATH.fullmatch(path)
        return match["id"] if match is not None else None

    async def send(self, scope: Scope, send: Send, id: str) -> None:
        """Answer a request for the evidence of a promise."""
        retry: list[Header] = [(b"retry-after", b"5")]
        with tempfile.TemporaryFile() as file:
            try:
                async with self._one_at_a_time:
                    await asyncio.to_thread(self._make, id, cast("BinaryIO", file))
            except LookupError:
                await send_text(scope, send, 404, "The policy in force has no such promise. /promises has all of them.")
                return
            except EvidenceTooLargeError as error:
                said = f"{error} That is too much to be made here: ask us for it. Our command: troth evidence {id}"
                await send_text(scope, send, 403, said)
                return
            except (EvidenceError, StoreError):
                await send_text(
                    scope, send, 503, "The evidence cannot be made at this moment. Please try again.", retry
                )
                return
            name = file_name(self._policy, id)
            headers: list[Header] = [
                (b"content-type", b"application/zip"),
                (b"content-length", b"%d" % file.tell()),
                (b"content-disposition", f'attachment; filename="{name}"'.encode()),
                (b"cache-control", b"no-store"),
            ]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            file.seek(0)
            while scope["method"] != "HEAD" and (chunk := await asyncio.to_thread(file.read, CHUNK)):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})

    def _make(self, id: str, file: BinaryIO) -> None:
        complaints = self._complaints()
        write_pack(self._log, self._policy, id, self._clock(), file, complaints=complaints, most=self._most)
        file.seek(0, 2)
