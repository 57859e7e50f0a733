"""`troth mail dns --check` over the wire: a name server on this machine that has a zone, and answers by RFC 1035."""

import contextlib
import socketserver
import struct
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import dns.rdata
import dns.rdataset
import dns.resolver
import dns.rrset
import dns.zone
import pytest
from terminal import troth

from troth.gates.mail.signing import dns as gate
from troth.gates.mail.signing.dkim_keys import dns_record, make_keys

DOMAIN = "news.acme.example"
SMALL = 512  # octets of an answer over UDP (RFC 1035, section 4.2.1)


class NameServer:
    """Answers over UDP, and over TCP what has no room there. `mood` is `well`, `failing` or `silent`."""

    def __init__(self, zone: str) -> None:
        self.zone = dns.zone.from_text(zone, "acme.example.", relativize=False)
        self.mood = "well"
        self.by_tcp = 0
        server = self

        class Datagram(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                data, connection = self.request
                if server.mood != "silent":
                    connection.sendto(server.answer(data, SMALL), self.client_address)

        class Stream(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                server.by_tcp += 1
                (length,) = struct.unpack("!H", self.rfile.read(2))
                answer = server.answer(self.rfile.read(length), 65535)
                self.wfile.write(struct.pack("!H", len(answer)) + answer)

        self._tcp, self._udp = _both(Stream, Datagram)
        self.port = self._udp.server_address[1]

    def answer(self, data: bytes, most: int) -> bytes:
        query = dns.message.from_wire(data)
        response = dns.message.make_response(query)
        response.flags |= dns.flags.AA | dns.flags.RA
        (question,) = query.question
        if self.mood == "failing":
            response.set_rcode(dns.rcode.SERVFAIL)
        elif not question.name.is_subdomain(self.zone.origin) or question.name not in self.zone:
            response.set_rcode(dns.rcode.NXDOMAIN)
        elif (found := self.zone.get_rdataset(question.name, question.rdtype)) is not None:
            response.answer.append(dns.rrset.from_rdata_list(question.name, found.ttl, list(found)))
        if len(whole := response.to_wire()) <= most:
            return whole
        response.answer.clear()
        response.flags |= dns.flags.TC
        return response.to_wire()

    @contextlib.contextmanager
    def running(self) -> Iterator["NameServer"]:
        servers = (self._udp, self._tcp)
        for server in servers:
            threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield self
        finally:
            for server in servers:
                server.shutdown()
                server.server_close()


def _both(
    stream: type[socketserver.BaseRequestHandler], datagram: type[socketserver.BaseRequestHandler]
) -> tuple[socketserver.TCPServer, socketserver.UDPServer]:
    """Servers of both kinds at one port, which must be free for both."""
    while True:
        tcp = socketserver.TCPServer(("127.0.0.1", 0), stream)
        try:
            return tcp, socketserver.UDPServer(tcp.server_address, datagram)
        except OSError:
            tcp.server_close()


def quoted(value: str) -> str:
    """A TXT as a zone has it: in strings of at most 255 octets, of which a long key takes two."""
    return " ".join(f'"{value[start : start + 255]}"' for start in range(0, len(value), 255))


@pytest.fixture
def names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[NameServer]:
    """The name server that this machine asks, with all that a domain needs, and the place of a user beside it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "troth.toml").write_text('relay = "smtp://mail.acme.example:587"\n')
    lines = ["$TTL 60", "@ SOA ns hostmaster 1 60 60 60 60", "@ NS ns", "ns A 127.0.0.1"]
    for key in make_keys(tmp_path / "var/keys", DOMAIN, datetime(2026, 5, 1, tzinfo=UTC)):
        name, value = dns_record(key)
        lines.append(f"{name}. TXT {quoted(value)}")
    lines += [
        'news TXT "some-verification=1"', 'news TXT "v=spf1 a:mail.acme.example -all"', "news MX 10 mail",
        '_dmarc.news TXT "v=DMARC1; p=reject; rua=mailto:dmarc@news.acme.example"',
    ]  # fmt: skip
    resolver = dns.resolver.Resolver(configure=False)
    with NameServer("\n".join(lines) + "\n").running() as server:
        resolver.nameservers, resolver.port = ["127.0.0.1"], server.port
        monkeypatch.setattr(dns.resolver, "default_resolver", resolver)
        yield server


def found(domain: str = DOMAIN) -> tuple[int, list[str]]:
    """How the command ends, and what it says of each record."""
    code, told, _ = troth("mail", "dns", domain, "--check")
    heads = [line.split() for line in told.splitlines() if not line.startswith(" ")]
    return code, [" ".join(one) for one in heads if one[0] in ("DKIM", "SPF", "DMARC", "CFBL")]


def test_all_is_there_and_a_long_key_comes_whole(names: NameServer) -> None:
    assert found() == (0, ["DKIM there", "DKIM there", "SPF there", "DMARC there", "CFBL there"])
    padding = " ".join(f'"{"x" * 200}"' for _ in range(4))
    names.zone.find_rdataset(f"{DOMAIN}.", "TXT").add(dns.rdata.from_text("IN", "TXT", padding))
    before = names.by_tcp
    assert found()[0] == 0
    assert names.by_tcp > before  # what has no room in a datagram is asked for again


def test_what_is_missing_or_says_something_else(names: NameServer) -> None:
    names.zone.delete_rdataset(f"{DOMAIN}.", "MX")  # there is no such record
    names.zone.delete_node(f"_dmarc.{DOMAIN}.")  # there is no such name
    spf = dns.rdataset.from_text("IN", "TXT", 60, '"v=spf1 a:elsewhere.example -all"')
    names.zone.replace_rdataset(f"{DOMAIN}.", spf)
    assert found() == (1, ["DKIM there", "DKIM there", "SPF other", "DMARC missing", "CFBL missing"])
    assert "DNS says: v=spf1 a:elsewhere.example -all" in troth("mail", "dns", DOMAIN, "--check")[1]


@pytest.mark.parametrize("mood", ["failing", "silent"])
def test_a_name_server_that_does_not_answer_says_nothing(
    names: NameServer, monkeypatch: pytest.MonkeyPatch, mood: str
) -> None:
    monkeypatch.setattr(gate, "SECONDS", 0.1)
    names.mood = mood
    assert found() == (1, ["DKIM unknown", "DKIM unknown", "SPF unknown", "DMARC unknown", "CFBL unknown"])
