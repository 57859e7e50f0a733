"""Where a Troth is: its URL in parts, taken only in a form in which nothing can be read along on the way."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Address:
    """A server: host and port, whether TLS protects the way to it, and the path that all its routes are below."""

    host: str
    port: int
    tls: bool
    base: str


def read_address(url: str, *, plain_http: bool = False) -> Address:
    """The address of a URL.

    `http://` is for this machine alone, unless `plain_http`: a service key and what people wrote would go in the clear.
    ValueError: it is no such URL.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"The URL of a Troth begins with https:// and names a host; this is {parts.scheme or 'none'}.")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise ValueError("The URL of a Troth has no name, password, query or fragment. The service key is the `key`.")
    tls = parts.scheme == "https"
    if not tls and not plain_http and not _is_this_machine(parts.hostname):
        raise ValueError(
            f"http:// to {parts.hostname} would send keys and personal data in the clear. Use https://, or say "
            "`plain_http=True` where the network itself is protected."
        )
    return Address(parts.hostname, parts.port or (443 if tls else 80), tls, parts.path.rstrip("/"))


def _is_this_machine(host: str) -> bool:
    """Loopback (RFC 6761, section 6.3, for the names)."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
