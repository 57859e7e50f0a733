"""What a browser remembers: one cookie with the version, the choices, and the id that they were recorded under.

    2017-02-01~00210000~MzR1Y2…~c2lnbmF0…        version ~ choices ~ id ~ signature

One digit stands for each choice of the policy, in the order in which its versions first declared them, so a later
version only adds digits: `0` nothing said, `1` out, `2` in, `3` in, said after a signal of the browser had counted as
out. The digits say what counts, with what is inherited from ancestors. The id is 128 random bits; without it the choice
could neither be proven nor be changed. The signature is an HMAC-SHA-256 of the rest under a key derived from
`people.key`, cut to 128 bits (RFC 2104, section 5): the page cannot check it, the server does.

A refusal that the server has not recorded yet stands before what was signed, so that it is known
later whose it is: version ~ choices ~ id ~ signature ~ signed version ~ signed choices.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Mapping, Sequence

import msgspec

from troth.people.changes import Current, stated
from troth.people.identifiers import Identifier
from troth.people.keys import IndexKey
from troth.people.strictness import State, effective_with_source
from troth.policy.history import Policy

COOKIE = "troth"
_SAYS = r"([0-9TZ:.-]{10,40})~([0-3]{0,999})"
_VALUE = re.compile(rf"{_SAYS}~([A-Za-z0-9_-]{{22}})~([A-Za-z0-9_-]{{22}})(?:~{_SAYS})?\Z")
DIGITS: Mapping[str, State] = {"0": "unset", "1": "out", "2": "in", "3": "in"}


class Browser(msgspec.Struct, frozen=True):
    """A browser that chose: the id that its choices are recorded under, and what its cookie says about them."""

    id: str
    version: str
    digits: str

    @property
    def identifier(self) -> Identifier:
        """The browser as an identifier of a person."""
        return Identifier("cookie", self.id)


def choice_order(policy: Policy) -> tuple[str, ...]:
    """The choices of all versions in the order in which they were first declared: the order of the digits."""
    return tuple(dict.fromkeys(choice.id for version in policy.versions for choice in version.choices))


def write_digits(current: Mapping[str, Current], order: Sequence[str]) -> str:
    """The digits for the choices of a person."""
    states, digits = stated(dict(current)), []
    for name in order:
        state, source = effective_with_source(states, name)
        digit = {"unset": "0", "out": "1", "in": "2"}[state]
        if state == "in" and source is not None:
            row = current[source]
            own = current.get(name)
            counted = [one.signal_leaf for one in (row, own) if one is not None and one.signal_leaf is not None]
            if counted and row.actor == "person" and row.leaf > max(counted):
                digit = "3"
        digits.append(digit)
    return "".join(digits)


def read_digits(digits: str, order: Sequence[str]) -> dict[str, State]:
    """What the digits say of each choice; choices that are younger than the cookie are unset."""
    return {name: DIGITS[digits[place]] if place < len(digits) else "unset" for place, name in enumerate(order)}


def new_browser_id(random: bytes) -> str:
    """The id for 16 random bytes."""
    return _base64(random)


class Cookies:
    """Writes and reads the value of the cookie."""

    __slots__ = ("_key", "_policy")

    def __init__(self, key: IndexKey, policy: Policy) -> None:
        self._key = key.browsers
        self._policy = policy

    def write(self, browser: Browser) -> str:
        """The signed value."""
        plain = f"{browser.version}~{browser.digits}~{browser.id}"
        return f"{plain}~{self._sign(plain)}"

    def read(self, value: str | None) -> Browser | None:
        """The browser of a value that this Troth signed under a version of the policy; None for anything else.

        Of a value with a refusal that is not recorded yet, what was signed.
        """
        match = _VALUE.match(value or "")
        if match is None:
            return None
        version, digits, id, signature, signed_version, signed_digits = match.groups()
        if signed_version is not None:
            version, digits = signed_version, signed_digits
        if not hmac.compare_digest(signature, self._sign(f"{version}~{digits}~{id}")):
            return None
        if not any(known.id == version for known in self._policy.versions):
            return None
        return Browser(id, version, digits)

    def _sign(self, plain: str) -> str:
        return _base64(hmac.digest(self._key, f"{self._policy.id}~{plain}".encode(), "sha256")[:16])


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
