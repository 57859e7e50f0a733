"""Which names this server answers to.

A page on the web can give its own name the address 127.0.0.1 and so make a browser talk to a server on this machine
(DNS rebinding). The browser still sends that page's name in `Host`, so a server that answers only to its own names is
safe from it.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

from troth.web.headers import Scope

# What names the machine itself: RFC 6761, section 6.3, and the loopback addresses.
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")

_MOST_REMEMBERED = 1024
# RFC 3986, section 3.2.2: an IPv6 address in brackets, or a name or IPv4 address; then perhaps a port.
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9](?:[a-z0-9_.-]*[a-z0-9])?)\.?(?::[0-9]{0,5})?", re.ASCII | re.IGNORECASE)


class Hosts:
    """The names that a server answers to: those of loopback, all under `.localhost`, and those given."""

    def __init__(self, more: Iterable[str] = ()) -> None:
        """`more` are further host names, without a port."""
        self.names = frozenset(name.lower() for name in (*LOOPBACK_NAMES, *more))
        # `Host` values that were found to be ours
        self.known: set[bytes] = set()

    def refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Why a request is not answered, as status and text; None when its `Host` is one of ours.

        400 when there is not exactly one `Host` (RFC 9112, section 3.2), 421 for a name that is not ours (RFC 9110,
        section 15.5.20).
        """
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        if len(hosts) != 1:
            return 400, f"The request has {'more than one' if hosts else 'no'} Host header."
        host = hosts[0]
        if host in self.known:
            return None
        if self.answers_to(host.decode("latin-1")):
            if len(self.known) < _MOST_REMEMBERED:
                self.known.add(host)
            return None
        return 421, "This server does not answer to that host name. Ask it as localhost or 127.0.0.1."

    def answers_to(self, host: str) -> bool:
        """Whether a `Host` value (a name, perhaps with a port) is one of ours."""
        match = _HOST.fullmatch(host)
        if match is None:
            return False
        name = match[1].lower()
        return name in self.names or name.endswith(".localhost")


def is_here(scope: Scope) -> bool:
    """Whether a request comes from this machine. The address is looked at, and kept nowhere."""
    client = scope.get("client")
    try:
        return client is not None and ipaddress.ip_address(client[0]).is_loopback
    except ValueError:
        return False
