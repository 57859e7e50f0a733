"""The records that a domain needs in DNS so that its mail is believed, and whether they are there.

DKIM (RFC 6376), SPF (RFC 7208), DMARC (RFC 7489), and the address for complaint feedback (CFBL, RFC 9477), which stands
in a header and is authenticated by DKIM: its domain needs an MX, by which what comes back gets here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import dns.exception
import dns.resolver
import msgspec

from troth.gates.mail.signing.dkim import SigningKey
from troth.gates.mail.signing.dkim_keys import dns_record

SECONDS = 5.0  # of patience with DNS
Found = Literal["there", "missing", "other", "unknown"]
# The texts of a name and type; None when DNS does not answer.
Lookup = Callable[[str, str], Sequence[str] | None]


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A record: what it is for, its name and type, what it should say, and what `found` tells of DNS.

    `there`, `missing`, `other` (it says something else, in `says`), or `unknown` when DNS does not answer.
    """

    what: str
    name: str
    type: str
    value: str
    found: Found = "unknown"
    says: str = ""


def records(domain: str, keys: Sequence[SigningKey], relay: str | None, returns: str) -> list[Record]:
    """The records of a domain that mail is From. `relay` is the host upstream that sends; None for a sink."""
    wanted = []
    for key in keys:
        name, value = dns_record(key)
        wanted.append(Record(what="DKIM", name=name, type="TXT", value=value))
    senders = f"a:{relay} " if relay else ""
    wanted.append(Record(what="SPF", name=returns, type="TXT", value=f"v=spf1 {senders}-all"))
    wanted.append(
        Record(
            what="DMARC", name=f"_dmarc.{domain}", type="TXT", value=f"v=DMARC1; p=reject; rua=mailto:dmarc@{domain}"
        )
    )
    wanted.append(Record(what="CFBL", name=returns, type="MX", value="10 the host on which bounces reach Troth"))
    return wanted


def checked(record: Record, lookup: Lookup) -> Record:
    """The record with what DNS says of it. SPF and DMARC are there when there is one that means the same or less."""
    answers = lookup(record.name, record.type)
    if answers is None:
        return record
    found: Found = "missing"
    says = ""
    for answer in answers:
        if record.type == "MX":
            return msgspec.structs.replace(record, found="there", says=answer)
        if not answer.lower().startswith(_mark(record)):
            continue
        says = answer
        found = "there" if _same(record, answer) else "other"
        break
    return msgspec.structs.replace(record, found=found, says=says)


def resolve(name: str, type: str) -> list[str] | None:
    """What DNS says, by the resolver of this machine; None when it does not answer."""
    try:
        answer = dns.resolver.resolve(name, type, lifetime=SECONDS)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except (dns.exception.DNSException, OSError):
        return None
    if type == "TXT":
        return [b"".join(one.strings).decode("ascii", "replace") for one in answer]
    return [str(one) for one in answer]


def _mark(record: Record) -> str:
    return {"DKIM": "v=dkim1", "SPF": "v=spf1", "DMARC": "v=dmarc1"}[record.what]


def _same(record: Record, answer: str) -> bool:
    if record.what == "DKIM":
        return _tags(answer).get("p") == _tags(record.value).get("p")
    if record.what == "SPF":
        words = answer.lower().split()
        return all(word in words for word in record.value.lower().split()[1:-1]) and words[-1] in ("-all", "~all")
    return _tags(answer).get("p") in ("reject", "quarantine")


def _tags(text: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in text.split(";"))
    return {name.strip().lower(): "".join(value.split()) for name, _, value in pairs if name.strip()}
