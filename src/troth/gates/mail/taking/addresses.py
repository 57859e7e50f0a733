"""The addresses of an SMTP command, read by RFC 5321, section 4.1.2, and no more generously.

What passes can be said to the next server as it is: ASCII, no control characters, no spaces outside of nothing, no
angle brackets. Source routes and address literals are refused, since nothing here is sent to them.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_QUOTED = r'"(?:[ !#-\[\]-~]|\\[ -~])*"'
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_LOCAL = rf"(?:{_ATOM}(?:\.{_ATOM})*|{_QUOTED})"
_ADDRESS = re.compile(rf"({_LOCAL})@({_LABEL}(?:\.{_LABEL})*)\.?\Z")
_PATH = re.compile(r"<((?:[^<>\"]|\"(?:[^\"\\]|\\.)*\")*)>(.*)\Z", re.DOTALL)
_PARAMETER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([!-<>-~]+))?\Z")
LONGEST_LOCAL, LONGEST_DOMAIN = 64, 255  # octets (RFC 5321, sections 4.5.3.1.1 and 4.5.3.1.2)


class Path(NamedTuple):
    """What a command names: the address (empty for nobody), and the parameters, in upper case."""

    address: str
    parameters: dict[str, str]


def is_address(text: str) -> bool:
    """Whether it is an address that can be mailed to."""
    found = _ADDRESS.match(text)
    return found is not None and len(found[1]) <= LONGEST_LOCAL and len(found[2]) <= LONGEST_DOMAIN


def read_path(text: str, keyword: str) -> Path | None:
    """What follows `MAIL FROM:` or `RCPT TO:`, of which `keyword` is `FROM:` or `TO:`. None: it cannot be read.

    The spaces that some clients put after the colon are let pass.
    """
    if text[: len(keyword)].upper() != keyword:
        return None
    found = _PATH.match(text[len(keyword) :].lstrip(" "))
    if found is None:
        return None
    address, rest = found[1], found[2]
    if (address and not is_address(address)) or (rest and not rest.startswith(" ")):
        return None
    parameters = {}
    for word in rest.split():
        parameter = _PARAMETER.match(word)
        if parameter is None:
            return None
        parameters[parameter[1].upper()] = parameter[2] or ""
    return Path(address.removesuffix("."), parameters)
