"""One attempt to deliver: a POST to a checked address, and what came back, within limits of size and time.

Whatever a recipient answers, only the status counts. Redirects are failures and never followed; the answer is read as
bytes, up to a limit, and not unpacked; cookies are not kept; proxies and passwords of the environment are not used.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping

import aiohttp
import msgspec
from yarl import URL

from troth import __version__
from troth.gates.delivery.addresses import AddressError, read_address
from troth.gates.delivery.resolving import CheckedResolver

LIMIT = 15.0  # seconds for an attempt as a whole, as Standard Webhooks recommends
MOST_BYTES = 16_384  # of an answer that are read; an acknowledgement has some hundred
_HEADERS = {
    "Content-Type": "application/json",
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "User-Agent": f"Troth/{__version__}",
}


class Answer(msgspec.Struct, frozen=True):
    """What came of an attempt. `code` is `delivered`, or why not: `status-503`, `timeout`, `connection`, `address`.

    `why` is a sentence about that, without anything that the recipient said. `body` is the answer to what was
    delivered, if it could be read; `retry_after` the header as it came.
    """

    code: str
    why: str = ""
    body: bytes | None = None
    retry_after: str | None = None

    @property
    def delivered(self) -> bool:
        """Whether the recipient answered that it has it: any status from 200 to 299."""
        return self.code == "delivered"

    @property
    def gone(self) -> bool:
        """Whether the recipient wants nothing any more (410)."""
        return self.code == "status-410"


class Sender:
    """Sends to endpoints. To be used on one event loop, and closed.

    `loopback`: this machine is allowed. `limit` is in seconds. `trust` are the certificates to trust, those of this
    machine by default.
    """

    def __init__(
        self,
        *,
        loopback: bool = False,
        limit: float = LIMIT,
        resolver: CheckedResolver | None = None,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self.loopback = loopback
        self.limit = limit
        self._resolver = resolver or CheckedResolver(loopback=loopback)
        self._trust = trust
        self._session: aiohttp.ClientSession | None = None

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send a message; what came of it. Does not raise for anything that a recipient or the network does."""
        try:
            read_address(url, loopback=self.loopback)
        except AddressError as problem:
            return Answer("address", str(problem))
        try:
            return await self._post(url, headers, body)
        except TimeoutError:
            return Answer("timeout", f"It did not answer within {self.limit:g} seconds.")
        except AddressError as problem:  # of one of the addresses of its name
            return Answer("address", str(problem))
        except aiohttp.ClientConnectorDNSError:
            return Answer("connection", "Its name cannot be resolved.")
        except (aiohttp.ClientSSLError, ssl.SSLError):
            return Answer("connection", "Its certificate is not one that is trusted for its name.")
        except (aiohttp.ClientConnectorError, OSError):
            return Answer("connection", "No connection to it could be made.")
        except (aiohttp.ClientError, ValueError):
            return Answer("connection", "It broke the connection off, or did not answer with HTTP.")

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        session, until = self._opened(), asyncio.get_running_loop().time() + self.limit
        async with asyncio.timeout_at(until):
            got = await session.post(
                URL(url, encoded=True), data=body, headers={**_HEADERS, **headers}, allow_redirects=False
            )
        async with got:
            if not 200 <= got.status <= 299:
                got.close()
                redirects = " Redirects are not followed." if 300 <= got.status <= 399 else ""
                return Answer(
                    f"status-{got.status}",
                    f"It answered with the status {got.status}.{redirects}",
                    retry_after=got.headers.get("Retry-After"),
                )
            return Answer("delivered", body=await _read(got, until))

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(
                resolver=self._resolver,
                use_dns_cache=False,  # each connection goes to an address that was checked for it
                ssl=True if self._trust is None else self._trust,
                limit=0,  # the deliverer limits what is under way, for each recipient by itself
                keepalive_timeout=5,
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                timeout=aiohttp.ClientTimeout(total=None),  # `post` has one
            )
        return self._session


async def _read(response: aiohttp.ClientResponse, until: float) -> bytes | None:
    """The answer; None if it is too large, or does not come to its end. That it was delivered stands all the same."""
    found = bytearray()
    try:
        async with asyncio.timeout_at(until):
            async for chunk in response.content.iter_any():
                found += chunk
                if len(found) > MOST_BYTES:
                    response.close()
                    return None
    except (aiohttp.ClientError, OSError, TimeoutError):
        response.close()
        return None
    return bytes(found)
