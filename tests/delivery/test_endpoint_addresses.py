"""Nothing is delivered to an address that is not public, whatever its spelling, or that changes once it was checked."""

import asyncio
import ipaddress
import socket

import dns.asyncresolver
import dns.flags
import dns.message
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from troth.gates.delivery.addresses import AddressError, check_ip, is_public, read_address
from troth.gates.delivery.resolving import CheckedResolver
from troth.gates.delivery.sending import Sender

ALLOWED = [
    ("https://hooks.example.com/troth", "hooks.example.com", 443),
    ("https://hooks.example.com", "hooks.example.com", 443),
    ("https://hooks.example.com:8443/a/b?key=x%20y&z=1", "hooks.example.com", 8443),
    ("https://xn--bcher-kva.example/", "xn--bcher-kva.example", 443),
    ("https://93.184.215.14/x", "93.184.215.14", 443),
    ("https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/x", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", 443),
    ("https://1password.example/", "1password.example", 443),
]


@pytest.mark.parametrize(("url", "host", "port"), ALLOWED)
def test_public_addresses(url: str, host: str, port: int) -> None:
    found = read_address(url)
    assert (found.url, found.host, found.port) == (url, host, port)


# Loopback, metadata services and private hosts, as they have been written to get past a check.
HOSTS = [
    *("127.0.0.1", "127.1", "127.0.1", "0", "0.0.0.0", "2130706433", "017700000001", "0x7f000001", "0x7f.0.0.1"),
    *("0177.0.0.1", "0x7f.1", "127.0.0.1.", "127.000.000.001", "1.2.3.4.5", "999.1.1.1", "127.0.0.0x1", "0x", "1."),
    *("localhost", "localhost.", "LOCALHOST", "ip6-localhost", "a.localhost.", "foo", "foo.", ".foo.com", "foo..com"),
    *("10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "169.254.169.254", "2852039166"),
    *("0xA9FEA9FE", "0xa9.0xfe.0xa9.0xfe", "169.254.43518", "192.0.0.192", "168.63.129.16", "100.100.100.200"),
    *("198.18.0.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "192.88.99.1", "203.0.113.5"),
    *("[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[fe80::1]"),
    *("[fe80::1%25eth0]", "[fe80::1%eth0]", "[2606:4700::1%25eth0]", "[fc00::1]", "[fd00:ec2::254]", "[ff02::1]"),
    *("[2002:7f00:1::]", "[2002:a9fe:a9fe::]", "[64:ff9b::7f00:1]", "[64:ff9b::169.254.169.254]", "[64:ff9b:1::1]"),
    *("[2001:0:4136:e378:8000:63bf:80ff:fffe]", "[2001:db8::1]", "[3fff::1]", "[fec0::1]", "[5f00::1]", "[100::1]"),
    *(
        "[::ffff:0:127.0.0.1]",
        "[2606:2800:021f::1]",
        "[2606:2800:21F::1]",
        "[v1.x]",
        "[a.example]",
        "[127.0.0.1]",
        "[]",
        "[::1",
        "::1",
        "[::1]]",
    ),
    *("127。0。0。1", "１２７.0.0.1", "⑯⑨.254.169.254", "ⓛocalhost", "lоcalhost.com", "127.0.0.1\t", "a b.com"),
    *("127.0.0.1%00.example.com", "example.com%2f@127.0.0.1", "exa mple.com", "example.com\\@127.0.0.1", "-a.com"),
    *("a-.com", "a_b.com", "exam%70le.com", f"{'a' * 64}.com", ".".join(["a" * 60] * 5), "example.com.", ""),
]


@pytest.mark.parametrize("host", HOSTS)
def test_odd_spellings_and_private_hosts_are_refused(host: str) -> None:
    with pytest.raises(AddressError):
        read_address(f"https://{host}/x")


URLS = [
    *("", "https", "https:", "https:/", "https://", "https:///x", "//hooks.example.com", "hooks.example.com/x"),
    *("http://hooks.example.com/", "ftp://hooks.example.com/", "file:///etc/passwd", "HTTPS://hooks.example.com"),
    *("https://user@hooks.example.com/", "https://user:password@hooks.example.com/", "https://@hooks.example.com/"),
    *("https://hooks.example.com@127.0.0.1/", "https://hooks.example.com#@127.0.0.1/", "https://a.example/x#y"),
    *("https://hooks.example.com:0/", "https://hooks.example.com:22/", "https://hooks.example.com:80/"),
    *("https://hooks.example.com:65536/", "https://hooks.example.com:0443/", "https://hooks.example.com:/"),
    *("https://hooks.example.com:443:443/", "https://hooks.example.com:+443/", "https://hooks.example.com:４４３/"),
    *("https://hooks.example.com/a b", "https://hooks.example.com/a\nb", "https://hooks.example.com\\x"),
    *("https://hooks.example.com/é", "https://hooks.example.com/<x>", "https://hooks.example.com/" + "a" * 2000),
    *("https:\\\\hooks.example.com", " https://hooks.example.com", "https://hooks.example.com?x@127.0.0.1#"),
]


@pytest.mark.parametrize("url", URLS)
def test_urls_that_are_no_endpoints(url: str) -> None:
    with pytest.raises(AddressError):
        read_address(url)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9000/x", "https://[::1]/", "http://localhost:8000/", "http://127.0.0.1/"]
)
def test_this_machine_where_that_is_allowed(url: str) -> None:
    read_address(url, loopback=True)
    with pytest.raises(AddressError, match="deliver_to_loopback"):
        read_address(url)


@pytest.mark.parametrize("host", [host for host in HOSTS if host not in ("127.0.0.1", "localhost", "[::1]")])
def test_even_then_nothing_else_is(host: str) -> None:
    for scheme in ("http", "https"):
        with pytest.raises(AddressError):
            read_address(f"{scheme}://{host}:8000/", loopback=True)


@given(st.ip_addresses(v=4))
def test_what_python_holds_for_private_is_not_public(ip: ipaddress.IPv4Address) -> None:
    if is_public(ip):
        assert ip.is_global
        assert not ip.is_multicast


@given(st.ip_addresses(v=6))
def test_the_same_of_version_6(ip: ipaddress.IPv6Address) -> None:
    if is_public(ip):
        assert ip.is_global
        assert not any((ip.is_multicast, ip.is_site_local, ip.ipv4_mapped, ip.sixtofour, ip.teredo))


@given(st.ip_addresses(v=4))
def test_an_address_within_another_is_never_reached(inner: ipaddress.IPv4Address) -> None:
    """Whatever IPv4 address it carries: what would be reached is for a gateway to say, and not for us to know."""
    raw = int(inner)
    for outer in (0xFFFF << 32 | raw, raw, 0x2002 << 112 | raw << 80, 0x64FF9B << 96 | raw, 0x64FF9B0001 << 80 | raw):
        with pytest.raises(AddressError):
            check_ip(ipaddress.IPv6Address(outer), loopback=outer != 1)


# --- names ------------------------------------------------------------------------------------------------------------


class Names(asyncio.DatagramProtocol):
    """A name server on loopback that answers from a list, the next answer each time it is asked."""

    def __init__(self, answers: list[list[str]]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def connection_made(self, transport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr) -> None:
        query = dns.message.from_wire(data)
        (question,) = query.question
        answer = dns.message.make_response(query)
        kind = dns.rdatatype.to_text(question.rdtype)
        if kind == "A":
            self.asked.append(str(question.name))
        addresses = self.answers[min(len(self.asked), len(self.answers)) - 1] if self.asked else self.answers[0]
        fitting = [text for text in addresses if (":" in text) == (kind == "AAAA")]
        if fitting:
            answer.answer.append(dns.rrset.from_text(question.name, 1, "IN", kind, *fitting))
        self.transport.sendto(answer.to_wire(), addr)


def with_names(answers: list[list[str]], work):
    """Run `work(resolver, names)` with a resolver that asks such a name server."""

    async def run():
        loop = asyncio.get_running_loop()
        transport, names = await loop.create_datagram_endpoint(lambda: Names(answers), local_addr=("127.0.0.1", 0))
        asking = dns.asyncresolver.Resolver(configure=False)
        asking.nameservers, asking.port = ["127.0.0.1"], transport.get_extra_info("sockname")[1]
        try:
            return await work(CheckedResolver(loopback=True, resolver=asking), names)
        finally:
            transport.close()

    return asyncio.run(run())


def test_a_name_leads_to_its_public_addresses() -> None:
    async def work(resolver, names):
        return await resolver.resolve("hooks.example.com", 443), names.asked

    found, asked = with_names([["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"]], work)
    assert {(one["host"], one["port"], one["flags"]) for one in found} == {
        ("93.184.215.14", 443, socket.AI_NUMERICHOST),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", 443, socket.AI_NUMERICHOST),
    }
    assert asked == ["hooks.example.com."]  # no search domain of this machine is tried


PRIVATE = [
    ["127.0.0.1"],
    ["169.254.169.254"],
    ["93.184.215.14", "10.0.0.1"],
    ["::1"],
    ["::ffff:127.0.0.1"],
    ["fd00::1"],
]


@pytest.mark.parametrize("addresses", PRIVATE)
def test_a_name_with_a_private_address_is_refused_though_this_machine_is_allowed(addresses: list[str]) -> None:
    with pytest.raises(AddressError):
        with_names([addresses], lambda resolver, _: resolver.resolve("hooks.example.com", 443))


def test_a_name_without_an_address() -> None:
    with pytest.raises(OSError, match="cannot be resolved"):
        with_names([[]], lambda resolver, _: resolver.resolve("hooks.example.com", 443))


def test_a_name_that_is_public_first_and_private_then_gets_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each attempt connects to what it checked itself; the second one is refused, and nothing is connected to."""
    connected: list[str] = []

    async def work(resolver, names):
        sender = Sender(resolver=resolver, limit=5)
        loop = asyncio.get_running_loop()

        async def connect(sock, address):
            connected.append(address[0])
            raise ConnectionRefusedError

        monkeypatch.setattr(loop, "sock_connect", connect)
        # The name server's own sockets are datagrams and do not come through here.
        codes = [(await sender.post("https://hooks.example.com/", {}, b"{}")).code for _ in range(2)]
        await sender.close()
        return codes

    assert with_names([["93.184.215.14"], ["127.0.0.1"]], work) == ["connection", "address"]
    assert set(connected) == {"93.184.215.14"}
