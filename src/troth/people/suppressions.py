"""Addresses that get no mail of some kind, whoever they belong to: kept under a keyed hash that outlives the person.

A row says of an address in which scope it gets nothing. A scope is a choice (`choice:marketing`: as if whoever has the
address were out of it), a purpose (`purpose:marketing.own`: nothing for it or what is below it), or all mail (`*`, for
an address that does not work). The address itself is nowhere: a row holds HMAC-SHA-256, under a key of its own, of the
first half of the blind index of the address, so that it can be told from an identifier before it goes and looked up
afterwards by whoever has the address and the key.

As long as somebody has an address, what they chose stands in their choices. When they are erased, `keep` derives the
rows from what is known there, within the erasure: the least that is needed to go on keeping the promise that they get
no more mail (GDPR article 17(3)(b) and (e); article 21(3)).
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from datetime import datetime
from typing import Literal, get_args

import msgspec
from sqlalchemy import bindparam, select

from troth.people.identifiers import Identifier
from troth.people.keys import IndexKey
from troth.policy.history import Policy
from troth.policy.model import Collects, Uses
from troth.policy.vocabulary import dotted_path
from troth.record.commitment import new_event, new_salt
from troth.record.kinds import make_entry
from troth.record.log import append
from troth.store import Unit
from troth.store.glance import Glance
from troth.store.schema import from_micros, suppressions, to_micros

Reason = Literal["opt-out", "bounce", "complaint", "import"]
REASONS: tuple[Reason, ...] = get_args(Reason)
EVERYTHING = "*"
CHOICE, PURPOSE = "choice:", "purpose:"
SHORT = 16  # bytes of a blind index that stand for an address; 128 bits, so two addresses never share them

_ROW = [suppressions.c[name] for name in ("address", "scope", "reason", "source", "since")]
OF_ADDRESSES = select(*_ROW).where(suppressions.c.address.in_(bindparam("addresses", expanding=True)))
OF_ADDRESS = select(*_ROW).where(
    suppressions.c.address == bindparam("of_address"), suppressions.c.scope == bindparam("of_scope")
)
ADD = suppressions.insert().values({column.name: bindparam(column.name) for column in suppressions.columns})
RENEW = (
    suppressions.update()
    .where(
        suppressions.c.address == bindparam("of_address"),
        suppressions.c.scope == bindparam("of_scope"),
        suppressions.c.since < bindparam("new_since"),
    )
    .values(since=bindparam("new_since"), reason=bindparam("new_reason"), source=bindparam("new_source"))
)


class Suppressed(msgspec.Struct, frozen=True):
    """A row: the blind form of an address, the scope, why, where it comes from, and since when."""

    address: bytes
    scope: str
    reason: Reason
    source: str
    since: datetime


def blind_address(key: IndexKey, address: str) -> bytes:
    """The first half of the blind index of an e-mail address, 16 bytes. IdentifierError: it is no address."""
    return key.blind(Identifier("email", address))[:SHORT]


def hidden(key: IndexKey, blind: bytes) -> bytes:
    """What a row holds for an address of which this is the blind index, or its first half; 32 bytes."""
    return hmac.digest(key.suppressions, blind[:SHORT], "sha256")


def read_suppressed(glance: Glance, addresses: Iterable[bytes]) -> dict[bytes, list[Suppressed]]:
    """The rows of these addresses, in one read by the index; who has none is left out."""
    found: dict[bytes, list[Suppressed]] = {}
    wanted = list(addresses)
    if wanted:
        for address, scope, reason, source, since in glance.rows(OF_ADDRESSES, {"addresses": wanted}):
            one = Suppressed(bytes(address), scope, reason, source, from_micros(since))
            found.setdefault(one.address, []).append(one)
    return found


def add_row(unit: Unit, row: Suppressed) -> bool:
    """Add a row, or let the one that is there count from later on; whether there was none. Nothing is ever weakened."""
    keys = {"of_address": row.address, "of_scope": row.scope}
    if unit.rows(OF_ADDRESS, keys):
        renewed = {"new_since": to_micros(row.since), "new_reason": row.reason, "new_source": row.source}
        unit.change(RENEW, {**keys, **renewed})
        return False
    values = {"address": row.address, "scope": row.scope, "reason": row.reason, "source": row.source}
    unit.change(ADD, {**values, "since": to_micros(row.since)})
    return True


def enter_suppressed(  # noqa: PLR0917
    unit: Unit, change: str, scope: str, reason: str, source: str, count: int, about: object
) -> int:
    """The entry `suppressed`. What it commits to is not kept: an address here may be nobody's. Its index."""
    values: dict[str, object] = {
        "change": change, "scope": scope, "reason": reason, "source": source, "addresses": count, "about": about,
    }  # fmt: skip
    return append(unit, make_entry("suppressed", new_event(), unit.at, values, new_salt()))


def mail_choices(policy: Policy) -> frozenset[str]:
    """The choices on which, in any version, it depends whether an address is written to; and those above them."""
    names: set[str] = set()
    for version in policy.versions:
        for statement in version.statements:
            if isinstance(statement, Collects | Uses) and any(
                "contact" in version.vocabulary.path("data", data) for data in statement.data
            ):
                names.update(name for gate in (*statement.unless, *statement.only_if) for name in dotted_path(gate))
    return frozenset(names)


class Keeping:
    """Keeps, within an erasure, that addresses get no more of the mail that those who had them refused."""

    def __init__(self, key: IndexKey, policy: Policy) -> None:
        self._key = key
        self._choices = mail_choices(policy)

    def keep(self, unit: Unit, refused: Iterable[tuple[bytes, str]]) -> int:
        """Keep the refusals of choices by the blind indices of addresses; how many rows that are new."""
        counts: dict[str, list[str]] = {}
        for blind, choice in refused:
            if choice not in self._choices:
                continue
            scope = CHOICE + choice
            address = hidden(self._key, blind)
            if add_row(unit, Suppressed(address, scope, "opt-out", "erasure", unit.at)):
                counts.setdefault(scope, []).append(address.hex())
        for scope, addresses in counts.items():
            enter_suppressed(unit, "added", scope, "opt-out", "erasure", len(addresses), {"addresses": addresses})
        return sum(len(addresses) for addresses in counts.values())
