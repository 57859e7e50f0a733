"""Which addresses may be delivered to: public ones on the internet, over https, and nothing else.

Whoever names an endpoint must not be able to make Troth talk to what only this machine or its network can reach
(server-side request forgery, CWE-918). So a URL has one spelling, and every IP address is checked when a connection is
opened. Odd spellings of addresses are refused and never read: what one library takes for a name another takes for
127.0.0.1.

Source: the IANA registries of special-purpose addresses for IPv4 and IPv6 (RFC 6890), as of 2025; RFC 3056 (6to4),
RFC 4380 (Teredo), RFC 6052 and RFC 8215 (NAT64), which carry an IPv4 address within one of IPv6.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

import msgspec

IP = ipaddress.IPv4Address | ipaddress.IPv6Address

MOST = 2000  # characters of a URL
_NAME = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
# The last label of a name that a resolver could read as a number, and so the name as an address (WHATWG URL, 3.5).
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
_PATH = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*", re.ASCII)

_SPECIAL = [
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        # The hosts of a large cloud reach a service of its own here, though the network is a public one.
        "168.63.129.16/32",
    )
]  # fmt: skip
_LOOPBACK = ipaddress.ip_network("127.0.0.0/8")
_UNICAST = ipaddress.ip_network("2000::/3")  # all that is given out of IPv6 so far
_SPECIAL_6 = [
    ipaddress.ip_network(text)
    for text in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3ffe::/16", "3fff::/20")
]


class AddressError(ValueError):
    """A URL or an address may not be delivered to; the text says why, and what would do."""


class Address(msgspec.Struct, frozen=True):
    """Where to deliver: the URL as it is sent to, the host (a name, or an IP address without brackets), the port."""

    url: str
    host: str
    port: int

    @property
    def ip(self) -> IP | None:
        """The IP address, where the host is one."""
        return _ip(self.host)


def read_address(url: str, *, loopback: bool = False) -> Address:
    """The address in a URL. With `loopback`, this machine is allowed, too, and http to it.

    AddressError: it is not https, has a name or password, an odd host or port, or an address that is not public.
    """
    if len(url) > MOST or not url.isascii() or any(character <= " " or character == "\\" for character in url):
        raise AddressError(
            "A URL has printable ASCII characters, and at most 2000. Write a name in other letters as xn--…."
        )
    scheme, there, rest = url.partition("://")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if scheme not in ("https", "http") or not there:
        raise AddressError(f"'{_shown(url)}' is not the URL of an endpoint, such as https://hooks.example.com/troth.")
    if "@" in authority:
        raise AddressError("A URL has no name and no password before the host. Signatures show who sends.")
    if "#" in rest:
        raise AddressError("A URL of an endpoint has no part after #, which is never sent.")
    host, port = _split(authority, scheme)
    path = rest[len(authority) :]
    if not _PATH.fullmatch(path):
        raise AddressError("The path of a URL has letters, digits and signs; write others as %XX.")
    here = _check_host(host, loopback)
    if scheme == "http" and not here:
        raise AddressError(f"Data leaves over https only: https{url[4:]}")
    if port != 443 and port < 1024 and not (here and port == 80):
        raise AddressError(f"Port {port} belongs to another service. An endpoint is on port 443, or on 1024 and above.")
    if urlsplit(url).hostname != host:  # the two readings of one URL must not differ
        raise AddressError(f"'{_shown(url)}' can be read in more than one way.")
    return Address(url, host, port)


def check_ip(ip: IP, *, loopback: bool = False) -> None:
    """Raise AddressError unless an IP address is a public one; with `loopback`, that of this machine passes, too."""
    if loopback and _is_here(ip):
        return
    if not is_public(ip):
        remedy = " `deliver_to_loopback` in troth.toml allows it, for examples." if _is_here(ip) else ""
        raise AddressError(f"{ip} is no public address, and nothing is delivered to others.{remedy}")


def is_public(ip: IP) -> bool:
    """Whether an IP address is that of a host on the internet, and carries no other address within it."""
    if isinstance(ip, ipaddress.IPv4Address):
        return not any(ip in network for network in _SPECIAL)
    return ip.scope_id is None and ip in _UNICAST and not any(ip in network for network in _SPECIAL_6)


def _is_here(ip: IP) -> bool:
    """Whether an address is this machine's own, and not one that only carries such an address."""
    return ip in _LOOPBACK if ip.version == 4 else ip == ipaddress.IPv6Address("::1")


def _split(authority: str, scheme: str) -> tuple[str, int]:
    """Host and port of the authority of a URL."""
    match = re.fullmatch(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::([0-9]{1,5}))?", authority, re.ASCII)
    if match is None or not match[1]:
        raise AddressError(f"'{_shown(authority)}' is not a host, with a port or without.")
    if match[1].startswith("[") and not isinstance(_ip(match[1].strip("[]")), ipaddress.IPv6Address):
        raise AddressError(f"'{_shown(authority)}' is not a host: between brackets there is an address of IPv6.")
    if match[2] is not None and (match[2].startswith("0") or int(match[2]) > 65535):
        raise AddressError(f"'{match[2]}' is not a port.")
    return match[1].strip("[]"), int(match[2]) if match[2] else {"https": 443, "http": 80}[scheme]


def _check_host(host: str, loopback: bool) -> bool:
    """Whether a host is this machine. AddressError: it is no name and no address, or one that is not public."""
    ip = _ip(host)
    if ip is not None:
        if str(ip) != host:
            raise AddressError(f"'{host}' is another spelling of {ip}. Write it so.")
        check_ip(ip, loopback=loopback)
        return _is_here(ip)
    if host == "localhost":
        if not loopback:
            check_ip(ipaddress.ip_address("127.0.0.1"))
        return True
    if len(host) > 253 or not _NAME.fullmatch(host) or _NUMBER.fullmatch(host.rpartition(".")[2]):
        raise AddressError(
            f"'{_shown(host)}' is not the name of a host on the internet, such as hooks.example.com: small letters, "
            "digits and hyphens, with dots between, and none at the end."
        )
    return False


def _ip(host: str) -> IP | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _shown(text: str) -> str:
    return re.sub(r"//[^/@]*@", "//…@", text)[:100]
