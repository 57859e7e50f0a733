"""What a delivery carries: a minimal JSON object, made at the moment of an attempt and kept nowhere.

Each body holds a random number of its delivery. The record has the SHA-256 of what was delivered, and without that
number nobody can try out what might have been in it, not even who has the database; it is deleted with the delivery.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec


class Leaving(Protocol):
    """What leaves of one person, whom the recipient knows by a pseudonym."""

    @property
    def subject(self) -> str:
        """The pseudonym."""
        ...

    @property
    def values(self) -> Mapping[str, object]:
        """Values by data term."""
        ...


class Contents(Protocol):
    """What of a batch may leave at this moment; `persons` is empty when nothing may any more."""

    @property
    def recipient(self) -> str:
        """To whom."""
        ...

    @property
    def purpose(self) -> str:
        """What for."""
        ...

    @property
    def product(self) -> str | None:
        """On which site or product."""
        ...

    @property
    def policy(self) -> str:
        """The policy by which it was decided."""
        ...

    @property
    def version(self) -> str:
        """The version of it that is in force."""
        ...

    @property
    def sentences(self) -> Sequence[str]:
        """The sentences that allow it."""
        ...

    @property
    def duties(self) -> Sequence[str]:
        """The duties that come with it."""
        ...

    @property
    def persons(self) -> Sequence[Leaving]:
        """What leaves, person by person."""
        ...


# What of a batch of a disclosure may leave, decided at the moment of the call.
Deciding = Callable[[str, int], Contents]


class Parcel(msgspec.Struct, frozen=True):
    """A body as it is sent, and its SHA-256 in hex."""

    body: bytes
    digest: str


def disclosure_parcel(id: str, nonce: str, disclosure: str, contents: Contents) -> Parcel:
    """The body of a disclosure (`troth.disclosure`)."""
    return _parcel(
        {
            "type": "troth.disclosure",
            "id": id,
            "nonce": nonce,
            "disclosure": disclosure,
            "recipient": contents.recipient,
            "purpose": contents.purpose,
            "product": contents.product,
            "policy": contents.policy,
            "version": contents.version,
            "sentences": list(contents.sentences),
            "duties": list(contents.duties),
            "persons": [{"subject": one.subject, "data": dict(one.values)} for one in contents.persons],
        }
    )


def following_parcel(id: str, nonce: str, *, kind: str, recipient: str, disclosure: str | None, body: str) -> Parcel:
    """The body of what follows a disclosure, such as `troth.opt-out`. `body` are the further fields."""
    told = {"type": f"troth.{kind}", "id": id, "nonce": nonce, "recipient": recipient}
    more: dict[str, Any] = msgspec.json.decode(body)
    return _parcel({**({} if disclosure is None else {"disclosure": disclosure}), **more, **told})


def _parcel(fields: Mapping[str, object]) -> Parcel:
    body = msgspec.json.encode(fields)
    return Parcel(body, hashlib.sha256(body).hexdigest())
