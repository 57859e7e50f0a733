"""Resolving the names of endpoints: each connection goes to an address that was checked, and to no other.

A name is resolved once for a connection, every address that it has is checked, and the connection is opened to one of
these: a name that is public when it is checked and private when it is used (DNS rebinding) gets nowhere. The resolver
waits on the event loop and not in a thread, so that a name server that does not answer holds up one recipient alone.
"""

from __future__ import annotations

import ipaddress
import socket

import dns.asyncresolver
import dns.exception
import dns.name
import dns.resolver
from aiohttp.abc import AbstractResolver, ResolveResult

from troth.gates.delivery.addresses import check_ip

LONGEST = 10.0  # seconds that resolving a name may take
MOST = 20  # addresses of a name that are looked at; nobody has more


class CheckedResolver(AbstractResolver):
    """Resolves names for aiohttp. `loopback`: `localhost` is this machine; otherwise it is nothing.

    `resolver` asks name servers, those of this machine if there is none.
    """

    def __init__(self, *, loopback: bool = False, resolver: dns.asyncresolver.Resolver | None = None) -> None:
        self.loopback = loopback
        self._resolver = resolver

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of a name, each of them public. OSError: it has none. AddressError: one of them is not."""
        if host == "localhost" and self.loopback:
            return [_result(host, port, "127.0.0.1")]
        texts = await self._ask(host)
        if not texts:
            raise OSError(None, "The name has no address")
        for text in texts:
            # One private address among public ones is no accident: nothing is sent to any of them.
            check_ip(ipaddress.ip_address(text))
        return [_result(host, port, text) for text in texts]

    async def close(self) -> None:
        """Nothing is held."""

    async def _ask(self, host: str) -> list[str]:
        if self._resolver is None:
            self._resolver = _configured()
        name = dns.name.from_text(host)  # with the root at its end, so that no search domain is added
        try:
            answers = await self._resolver.resolve_name(name, lifetime=LONGEST)
        except (dns.exception.DNSException, OSError) as problem:
            raise OSError(None, f"The name cannot be resolved: {type(problem).__name__}") from None
        return list(answers.addresses())[:MOST]


def _configured() -> dns.asyncresolver.Resolver:
    try:
        return dns.asyncresolver.Resolver()
    except dns.resolver.NoResolverConfiguration:
        raise OSError(None, "This machine has no name server") from None


def _result(host: str, port: int, text: str) -> ResolveResult:
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    return ResolveResult(hostname=host, host=text, port=port, family=family, proto=0, flags=socket.AI_NUMERICHOST)
