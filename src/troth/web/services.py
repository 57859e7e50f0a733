"""Who calls: the service key in `Authorization: Bearer …` (RFC 6750), held against the store.

A key is needed as soon as the store has one that is not revoked. As long as it has none, whoever reaches this machine's
own names may ask as before; under any other name, and on a server that listens beyond loopback, a key is needed always.
A key that is presented is looked up each time, in a thread, so that one that is revoked is refused at once; those that
come while one is being looked up are looked up together afterwards. Only whether there is any is remembered, for a
second, so that a request without a key costs nothing where none is needed.
"""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Callable

from troth.gates.services import ServiceKey, ServiceKeys
from troth.store import StoreError
from troth.web.headers import Header, Scope
from troth.web.hosts import Hosts

EVERY = 1.0  # seconds between two looks whether there are keys
LIMIT = 5.0  # seconds after which nobody can say any more that there are none

# RFC 6750, section 3: the challenge, and the one for a key that is good but not for this.
CHALLENGE: Header = (b"www-authenticate", b'Bearer realm="troth"')
INSUFFICIENT: Header = (b"www-authenticate", b'Bearer realm="troth", error="insufficient_scope"')
RETRY_AFTER: Header = (b"retry-after", b"1")

UNKNOWN = "This takes the key of a service, in `Authorization: Bearer troth_…`. There was none, or none that counts."
UNAVAILABLE = "The keys of services cannot be read now, so nobody is let in. Please try again."

# RFC 9110, section 11.1: the scheme in any case; RFC 6750, section 2.1: the token.
_BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/-]+=*) *", re.ASCII | re.IGNORECASE)


class CallerRefusedError(Exception):
    """A caller is refused: an HTTP status (401, 403 or 503), a line of text, and the headers that belong to it."""

    def __init__(self, status: int, text: str, *headers: Header) -> None:
        self.status, self.text, self.headers = status, text, headers
        super().__init__(text)


class Callers:
    """Tells who calls, by the keys of a store. Close it when it is no longer used.

    `required`: a key is needed whether or not there is one. `local` are the names under which none is needed as long as
    there is none; without them, any name.
    """

    def __init__(
        self,
        keys: ServiceKeys,
        required: bool = False,
        *,
        local: Hosts | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Look once whether there are keys. Raises StoreUnavailableError."""
        self.keys = keys
        self.required = required
        self.local = local
        self._monotonic = monotonic
        self._any: bool | None = None  # None: nobody knows
        self._at = monotonic()
        self._ending = threading.Event()
        self._follower: threading.Thread | None = None
        self._looking: _Lookups | None = None
        self.open = False  # whether somebody without a key may ask, under a local name
        self._learn(keys.any())

    async def caller(self, scope: Scope) -> ServiceKey | None:
        """The key of whoever sends a request; None where none is needed and none was sent.

        CallerRefusedError: 401 with the same text whatever is wrong with the key, 503 when the store cannot be read.
        """
        sent = [value for name, value in scope["headers"] if name == b"authorization"]
        if not sent:
            if self.open and self.is_local(scope):
                return None
            if self._any is None and not self.required:
                raise CallerRefusedError(503, UNAVAILABLE, RETRY_AFTER)
            raise CallerRefusedError(401, UNKNOWN, CHALLENGE)
        match = _BEARER.fullmatch(sent[0].decode("latin-1")) if len(sent) == 1 else None
        try:
            key = await self._lookups().find(match[1] if match else "")
        except StoreError:
            raise CallerRefusedError(503, UNAVAILABLE, RETRY_AFTER) from None
        if key is None:
            raise CallerRefusedError(401, UNKNOWN, CHALLENGE)
        return key

    def is_local(self, scope: Scope) -> bool:
        """Whether a request is sent to a local name."""
        return self.local is None or self.local.refusal(scope) is None

    def _lookups(self) -> _Lookups:
        loop = asyncio.get_running_loop()
        if self._looking is None or self._looking.loop is not loop:
            self._looking = _Lookups(self.keys, loop)
        return self._looking

    # --- whether there are keys ---------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Look again. Does not raise: when the store was out of reach for too long, nobody without a key is let in."""
        try:
            found = self.keys.any()
        except StoreError:
            if self._monotonic() - self._at > LIMIT:
                self._learn(None)
        else:
            self._learn(found)
            self._at = self._monotonic()

    def follow(self, every: float = EVERY) -> None:
        """Look again by itself every so many seconds, in a thread, until `close`."""
        if self._follower is None:
            self._follower = threading.Thread(target=self._follow, args=(every,), name="troth-keys", daemon=True)
            self._follower.start()

    def close(self) -> None:
        """Look no more. From then on nobody without a key is let in."""
        self._ending.set()
        if self._follower is not None:
            self._follower.join()
        self._learn(None)

    def _follow(self, every: float) -> None:
        while not self._ending.wait(every):
            self.refresh()

    def _learn(self, found: bool | None) -> None:
        self._any = found
        self.open = found is False and not self.required


class _Lookups:
    """Looks secrets up on one event loop: one read of the store at a time, for all who have come meanwhile.

    The read begins after the request came, so what was revoked before is refused.
    """

    def __init__(self, keys: ServiceKeys, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._keys = keys
        self._waiting: dict[str, asyncio.Future[ServiceKey | None]] = {}
        self._task: asyncio.Task[None] | None = None

    async def find(self, secret: str) -> ServiceKey | None:
        """As `ServiceKeys.find`."""
        future = self._waiting.get(secret)
        if future is None:
            future = self._waiting[secret] = self.loop.create_future()
        if self._task is None:
            self._task = self.loop.create_task(self._run())
        return await asyncio.shield(future)  # who hangs up takes the answer from nobody else

    async def _run(self) -> None:
        try:
            while self._waiting:
                waiting, self._waiting = self._waiting, {}
                try:
                    found = await asyncio.to_thread(self._keys.find_all, tuple(waiting))
                except Exception as problem:
                    for future in waiting.values():
                        future.set_exception(problem)
                else:
                    for secret, future in waiting.items():
                        future.set_result(found[secret])
        finally:
            self._task = None


def must_name_itself(key: ServiceKey, subject: str) -> None:
    """Raise CallerRefusedError (403) unless the subject of a question is the service whose key this is."""
    if subject not in (key.name, key.id):
        text = (
            f"subject.id: the key is that of '{key.name}', which asks in its own name only, not as '{subject[:100]}'."
        )
        raise CallerRefusedError(403, text, INSUFFICIENT)


def must_cover(why: str | None) -> None:
    """Raise CallerRefusedError (403) for what `Scope.refusal` found."""
    if why is not None:
        raise CallerRefusedError(403, why, INSUFFICIENT)
