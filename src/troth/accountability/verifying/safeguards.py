"""Tests of safeguards, each a real one: a handshake with a site, a look at what lies in the database, a call at a door.

A test that cannot tell says `unknown`, which is never shown as kept.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import warnings
from collections.abc import Callable, Collection, Iterable
from contextlib import closing
from datetime import datetime, timedelta
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import select

from troth.accountability.verifying.results import Found
from troth.policy.model import Version
from troth.store import Store
from troth.store.schema import items, persons
from troth.vault import Vault

PATIENCE = 5.0  # seconds for a site to answer
OLDEST_KEY = timedelta(days=400)  # a year and what a rotation may be late
LEAST_CERTIFICATE = timedelta(days=7)  # that a certificate has to be valid for
LEAST_HSTS = 180 * 86_400  # seconds
SAMPLE = 100  # items that are looked at
LEAST_BYTES = 6  # a shorter value may lie anywhere by chance

SOME = select(items.c.person, items.c.data).order_by(items.c.leaf.desc()).limit(SAMPLE)
BARE_KEYS = select(persons.c.sealing_key).where(persons.c.sealing_key.is_not(None)).limit(SAMPLE)


def tls(version: Version, at: datetime, port: int = 443) -> Found:
    """Whether the covered sites speak TLS 1.2 or later alone, with a valid certificate and HSTS (RFC 6797).

    Sites on names that mean this machine or nobody (RFC 2606, RFC 6761) are examples, and say nothing.
    """
    hosts = sorted({host for one in version.covers if one.site and (host := urlsplit(one.site).hostname)})
    real = [host for host in hosts if not _is_example(host)]
    if not real:
        return Found("tls", "unknown", "The covered sites are examples, so there is nothing to shake hands with.")
    faults = [fault for host in real if (fault := site_fault(host, port, at)) is not None]
    if faults:
        return Found("tls", "failed", " ".join(faults))
    return Found("tls", "passed", f"{len(real)} sites speak TLS 1.2 or later, with a valid certificate and HSTS.")


def site_fault(host: str, port: int, at: datetime, context: ssl.SSLContext | None = None) -> str | None:
    """What is wrong with the TLS of a site, in a sentence; None if nothing is."""
    context = context or ssl.create_default_context()
    connection = HTTPSConnection(host, port, timeout=PATIENCE, context=context)
    try:
        with closing(connection):
            connection.connect()
            wire = connection.sock
            assert isinstance(wire, ssl.SSLSocket)  # noqa: S101 - a connection over TLS has one
            spoken, certificate = wire.version(), wire.getpeercert()
            connection.request("HEAD", "/", headers={"User-Agent": "troth verify"})
            hsts = connection.getresponse().getheader("Strict-Transport-Security", "")
    except (OSError, HTTPException) as error:
        return f"{host}: {error}."
    if spoken not in ("TLSv1.2", "TLSv1.3"):
        return f"{host} speaks {spoken}."
    ends = ssl.cert_time_to_seconds(str((certificate or {}).get("notAfter")))
    if ends - at.timestamp() < LEAST_CERTIFICATE.total_seconds():
        return f"The certificate of {host} ends within {LEAST_CERTIFICATE.days} days."
    if _max_age(hsts) < LEAST_HSTS:
        return f"{host} does not tell browsers to come over TLS only (HSTS of at least {LEAST_HSTS // 86_400} days)."
    return _speaks_old(host, port)


def _speaks_old(host: str, port: int) -> str | None:
    """Whether a site still takes TLS 1.1, which RFC 8996 ended; None if not, or if this machine cannot ask."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # nothing is sent or believed
    try:
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():  # that these versions are no good is what is asked about
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1_1
    except (ValueError, ssl.SSLError):
        return None
    try:
        with (
            socket.create_connection((host, port), PATIENCE) as plain,
            context.wrap_socket(plain, server_hostname=host),
        ):
            return f"{host} still speaks TLS 1.1 or older (RFC 8996)."
    except OSError:
        return None


def encryption_at_rest(vault: Vault) -> Found:
    """Whether values that are held lie nowhere in the clear: in their rows, and in the file of an embedded database."""
    store = vault.store
    with store.read() as connection:
        wanted = [(str(row.person), str(row.data)) for row in connection.execute(SOME)]
        wrapped = [bytes(row.sealing_key) for row in connection.execute(BARE_KEYS)]
    if not wanted:
        return Found("encryption_at_rest", "unknown", "Nothing is held, so there is nothing to look for.")
    values: set[bytes] = set()
    inside = 0
    opener = vault.opener()
    for item in vault.read({person for person, _ in wanted}, {data for _, data in wanted}):
        for value in _texts(opener.open(item)):
            values.add(value)
            inside += value in item.sealed
    if inside:
        return Found("encryption_at_rest", "failed", f"{inside} values lie in the clear in their rows.")
    if any(len(key) <= 32 for key in wrapped):
        return Found("encryption_at_rest", "failed", "Keys of persons lie unwrapped in the database.")
    files = _files(store)
    if files and (found := sum(any(value in content for content in files) for value in values)):
        return Found("encryption_at_rest", "failed", f"{found} values lie in the clear in the file of the database.")
    where = "rows and files" if files else "rows"
    return Found(
        "encryption_at_rest", "passed", f"{len(values)} values were looked for in {where}, and none was found."
    )


def key_rotation(vault: Vault, at: datetime) -> Found:
    """Whether the key that wraps the keys of persons is young enough."""
    made = [epoch.made_at for epoch in vault.ring.epochs() if epoch.made_at is not None]
    if not made:
        return Found("key_rotation", "unknown", "Nobody's key has been wrapped yet.")
    age = at - max(made)
    state = "passed" if age <= OLDEST_KEY else "failed"
    remedy = "" if age <= OLDEST_KEY else " `troth vault rotate` makes a new one."
    return Found("key_rotation", state, f"The newest key is {age.days} days old.{remedy}")  # type: ignore[arg-type]


def firewall(
    declared: Collection[int] | None,
    addresses: Callable[[], Iterable[str]] | None = None,
    listening: Callable[[], Collection[int]] | None = None,
) -> Found:
    """Whether only the declared ports of this machine answer on addresses that others can reach.

    Every port on which something listens is called on every such address; what stands in between and lets nobody
    through counts as it should. A machine without such an address says nothing, and neither does one of which no ports
    were declared (None). Which ports they are is told in the detail alone: the sentence is on a public page.
    """
    if declared is None:
        return Found("firewall", "unknown", "Nobody declared which ports may answer: `ports` in troth.toml does.")
    outward = list((addresses or outward_addresses)())
    if not outward:
        return Found("firewall", "unknown", "This machine has no address that others could reach.")
    open_ = {port for port in (listening or listening_ports)() if any(_answers(one, port) for one in outward)}
    if undeclared := sorted(open_ - set(declared)):
        named = ", ".join(str(port) for port in undeclared)
        many = f"{len(undeclared)} ports" if len(undeclared) > 1 else "A port"
        sentence = f"{many} that nobody declared answer{'s' * (len(undeclared) == 1)} to other machines."
        detail = f"On {', '.join(outward)}: {named}. Close them, or declare them with `ports` in troth.toml."
        return Found("firewall", "failed", sentence, detail)
    return Found("firewall", "passed", "No port answers to other machines but those that were declared.")


def outward_addresses() -> list[str]:
    """The addresses of this machine that others could reach: no packet is sent to find out."""
    found = set()
    for family, far in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((far, 9))
                found.add(str(probe.getsockname()[0]))
        except OSError:
            continue
    return sorted(one for one in found if not ipaddress.ip_address(one.partition("%")[0]).is_loopback)


def listening_ports() -> set[int]:
    """The TCP ports on which something listens beyond loopback, as Linux tells (proc(5), /proc/net/tcp)."""
    found = set()
    for file in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(file).read_text("ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            _, local, _, state, *_ = line.split()
            address, _, port = local.rpartition(":")
            if state == "0A" and not _is_loopback(address):
                found.add(int(port, 16))
    return found


def _is_loopback(address: str) -> bool:
    """Whether an address of /proc/net/tcp, in words of the machine's own byte order, is one of loopback."""
    words = [bytes.fromhex(address[start : start + 8])[::-1] for start in range(0, len(address), 8)]
    parsed = ipaddress.ip_address(b"".join(words))
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return (mapped or parsed).is_loopback


def _answers(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), 1.0):
            return True
    except OSError:
        return False


def _is_example(host: str) -> bool:
    return host == "localhost" or host.endswith((".localhost", ".example", ".test", ".invalid", ".local"))


def _max_age(hsts: str) -> int:
    for part in hsts.split(";"):
        name, _, value = part.strip().partition("=")
        if name.lower() == "max-age" and value.strip('"').isdigit():
            return int(value.strip('"'))
    return 0


def _texts(value: object) -> set[bytes]:
    """The texts in a value that are long enough to be looked for."""
    if isinstance(value, str):
        return {value.encode()} if len(value.encode()) >= LEAST_BYTES else set()
    if isinstance(value, dict):
        return {text for one in value.values() for text in _texts(one)}
    if isinstance(value, list):
        return {text for one in value for text in _texts(one)}
    return set()


def _files(store: Store) -> list[bytes]:
    """The files of an embedded database that is small enough to be read as a whole."""
    if store.url.get_backend_name() != "sqlite" or not store.url.database:
        return []
    paths = [Path(store.url.database), Path(f"{store.url.database}-wal")]
    if sum(path.stat().st_size for path in paths if path.exists()) > 2**28:
        return []
    return [path.read_bytes() for path in paths if path.exists()]
