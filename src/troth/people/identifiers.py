"""What a person can be recognised by, and the one spelling in which two of them are compared.

Two spellings become one only where they certainly mean the same; whatever might be two people stays two.

`email`    spaces around it go; Unicode NFC. The domain is mapped as RFC 5895 says (full-width forms, lower case, NFC),
           written in A-labels (RFC 5891), without a dot at its end. The local part keeps its case, dots and tags: only
           its own server knows what they mean (RFC 5321, section 2.4).
`account`  spaces around it go; Unicode NFC. Case counts.
`cookie`   spaces around it go; visible ASCII (RFC 6265, section 4.1.1). Case counts.

Where a person is named in one piece of text, in a request, in a command or in a file, `parse_who` reads it.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal, cast, get_args

import msgspec

from troth.people.errors import IdentifierError, UnknownFormError
from troth.policy.problems import nearest

IdentifierKind = Literal["email", "account", "cookie"]
KINDS: tuple[IdentifierKind, ...] = get_args(IdentifierKind)
LONGEST = {"email": 320, "account": 512, "cookie": 512}  # characters; of an address: 64 + "@" + 255 (RFC 5321, 4.5.3.1)

FORMS = "the id of a person (32 hex digits), email:name@domain, account:…, or cookie:…"

_ID = re.compile(r"[0-9a-f]{32}\Z")


class Identifier(msgspec.Struct, frozen=True):
    """An identifier as somebody gave it: its kind and its value. It never reaches the database."""

    kind: IdentifierKind
    value: str

    def __repr__(self) -> str:
        return f"Identifier({self.kind}, …)"  # never the value: representations end up in logs


def normalise(identifier: Identifier) -> str:
    """The spelling in which identifiers of one kind are compared. IdentifierError: it cannot be one of that kind."""
    kind = identifier.kind
    if kind not in KINDS:
        raise IdentifierError(f"'{kind}' is not a kind of identifier. There are: {', '.join(KINDS)}.")
    value = unicodedata.normalize("NFC", identifier.value.strip())
    if not value or len(value) > LONGEST[kind]:
        raise IdentifierError(f"An identifier of the kind {kind} has 1 to {LONGEST[kind]} characters.")
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in value):
        raise IdentifierError(f"An identifier of the kind {kind} has no control characters.")
    if kind == "cookie" and not all("!" <= character <= "~" for character in value):
        raise IdentifierError("A cookie id is visible ASCII without spaces.")
    return _email(value) if kind == "email" else value


def is_person_id(text: str) -> bool:
    """Whether a text has the form of a person's id, 32 hex digits in lower case; not whether there is such a person."""
    return _ID.match(text) is not None


def parse_who(text: str, *, bare: bool = False) -> Identifier | str:
    """Who is meant by a text: `email:…`, `account:…` or `cookie:…` as an Identifier, or the 32 hex digits of an id.

    With `bare` an address alone, `name@domain`, is an e-mail address: for commands, where a person types and reads the
    answer. Elsewhere it is not, since accounts are often called by an address, and a guess could mean somebody else.
    UnknownFormError: it has none of these forms. IdentifierError: it has one, and cannot be an identifier of that kind.
    Neither repeats the text, as errors end up in logs.
    """
    if is_person_id(text):
        return text
    kind, colon, value = text.partition(":")
    if not colon and "@" in text:
        if not bare:
            raise UnknownFormError(f"An e-mail address is written email:name@domain. There are: {FORMS}")
        kind, value = "email", text
    elif not colon or kind not in KINDS:
        near = nearest(kind, KINDS) if colon else None
        hint = f" Did you mean {near}:…?" if near else ""
        raise UnknownFormError(f"This names nobody.{hint} There are: {FORMS}")
    identifier = Identifier(cast("IdentifierKind", kind), value)
    normalise(identifier)
    return identifier


def _email(value: str) -> str:
    local, at, domain = value.rpartition("@")
    domain = unicodedata.normalize("NFKC", domain).replace("\u3002", ".").lower().removesuffix(".")
    domain = unicodedata.normalize("NFC", domain)
    if not at or not local or not domain or any(c.isspace() for c in domain) or "@" in domain:
        raise IdentifierError("An e-mail address has the form name@domain.")
    labels = [_a_label(label) for label in domain.split(".")]
    if not all(0 < len(label) <= 63 for label in labels):  # RFC 1035, section 2.3.4
        raise IdentifierError("The labels of the domain of an e-mail address have 1 to 63 characters.")
    return f"{local}@{'.'.join(labels)}"


def _a_label(label: str) -> str:
    # Not Python's codec `idna`: it is of 2003, in which ß is ss, and that made one domain of two.
    return label if label.isascii() else "xn--" + label.encode("punycode").decode("ascii")
