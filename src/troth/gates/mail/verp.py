"""Addresses that mail comes back to, each made for one recipient, so that what comes back says itself who it is about.

The local part (variable envelope return path, VERP) holds whom the mail went to, as the first half of the blind index
of the address, which choice it depends on, and which stream it was of. It is sealed with AES-256-SIV (RFC 5297) under a
key derived from `people.key`: nobody who has not seen the address of somebody can make it, change it, or learn anything
from it. It is written in base32 in small letters, since servers on the way may change the case of a local part; with
its kind before it, it has 63 of the 64 octets that there are (RFC 5321, section 4.5.3.1.1). The same recipient and mail
give the same address, and none of them ends.

`b-…`  the envelope sender: what could not be delivered comes back to it, and what mailbox providers report.
`u-…`  the address in `List-Unsubscribe`: whatever comes to it is a wish to get no more (RFC 2369, section 3.2).
`r-…`  an address for replies, of which those count that say "unsubscribe".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import Literal, get_args

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from troth.gates.mail.streams import Stream, Streams
from troth.people.keys import IndexKey
from troth.people.suppressions import SHORT

TokenKind = Literal["b", "u", "r"]
KINDS: tuple[TokenKind, ...] = get_args(TokenKind)
LONGEST = 64  # octets of a local part

_NOTHING = bytes(4)  # in place of a choice, where the mail depends on none
_LOCAL = re.compile(r"([bur])-([a-z2-7]{61})", re.ASCII)
_ADDRESSES = re.compile(r"(?<![A-Za-z0-9._+-])([burBUR]-[A-Za-z2-7]{61})@([A-Za-z0-9.-]{1,253})", re.ASCII)


class VerpError(ValueError):
    """An address that was not made here, or was changed on its way. It says nothing of anybody."""


class Token(msgspec.Struct, frozen=True):
    """What an address stands for: its kind, half of the blind index of the recipient, the choice and the stream.

    `choice` is None for mail that depends on none, `stream` where the stream is no longer configured.
    """

    kind: TokenKind
    blind: bytes
    choice: str | None
    stream: str | None


class Verp:
    """Makes local parts, and reads them."""

    __slots__ = ("_choices", "_sealing", "_streams")

    def __init__(self, key: IndexKey, streams: Streams) -> None:
        self._sealing = AESSIV(key.returns)
        self._streams = streams
        self._choices = {_tag(one.id): one.id for version in streams.policy.versions for one in version.choices}

    def sender(self, stream: Stream, blind: bytes, choice: str | None = None) -> str:
        """The local part of the envelope sender of a message to one recipient."""
        return self._make("b", stream, blind, choice)

    def unsubscribe(self, stream: Stream, blind: bytes, choice: str) -> str:
        """The local part of the address in `List-Unsubscribe`."""
        return self._make("u", stream, blind, choice)

    def reply(self, stream: Stream, blind: bytes, choice: str) -> str:
        """The local part of an address for replies."""
        return self._make("r", stream, blind, choice)

    def read(self, local: str) -> Token:
        """What a local part stands for, in whatever case it came. VerpError: it was not made here."""
        match = _LOCAL.fullmatch(local.lower())
        if match is None:
            raise VerpError("This is no address that mail comes back to.")
        kind, text = match[1], match[2]
        try:
            sealed = base64.b32decode(text.upper() + "===")
            if base64.b32encode(sealed).rstrip(b"=").decode().lower() != text:
                raise VerpError("This address was not made here.")  # bits that nothing stands for
            opened = self._sealing.decrypt(sealed, [kind.encode()])
        except (InvalidTag, ValueError, binascii.Error):
            raise VerpError("This address was not made here.") from None
        blind, choice, stream = opened[:SHORT], opened[SHORT : SHORT + 4], opened[SHORT + 4 :]
        found = None if choice == _NOTHING else self._choices.get(choice)
        if choice != _NOTHING and found is None:
            raise VerpError("This address is about a choice that no version of the policy has.")
        of = self._streams.by_tag(stream)
        known: dict[str, TokenKind] = {one: one for one in KINDS}
        return Token(known[kind], blind, found, None if of is None else of.id)

    def find(self, texts: Iterable[str]) -> Iterator[Token]:
        """What was made here among the addresses in some texts, in their order."""
        for text in texts:
            for match in _ADDRESSES.finditer(text):
                try:
                    yield self.read(match[1])
                except VerpError:
                    continue

    def _make(self, kind: TokenKind, stream: Stream, blind: bytes, choice: str | None) -> str:
        content = blind[:SHORT] + (_NOTHING if choice is None else _tag(choice)) + stream.tag
        sealed = self._sealing.encrypt(content, [kind.encode()])
        return f"{kind}-{base64.b32encode(sealed).rstrip(b'=').decode().lower()}"


def _tag(choice: str) -> bytes:
    return hashlib.sha256(f"choice {choice}".encode()).digest()[:4]
