"""Who wants to know of changes in the list of recipients is mailed: business customers above all, who may object to a
new sub-processor (GDPR article 28(2)).

An address is told of what happened since it was told last, in one message. One that cannot be handed over is tried
again, further apart each time. Whoever is erased as a person is no subscriber any more.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any

import msgspec
from sqlalchemy import bindparam, select

from troth.conditions import RecipientError, Register
from troth.conditions.telling import Happening, happenings
from troth.notice import words
from troth.people import Identifier, People
from troth.people.errors import IdentifierError
from troth.people.identifiers import normalise
from troth.policy.model import Version
from troth.store import Unit
from troth.store.schema import from_micros, recipient_subscriptions, to_micros
from troth.web.choices.mail import Post

FIRST, LONGEST = timedelta(minutes=5), timedelta(days=1)  # between attempts
_COLUMNS = list(recipient_subscriptions.columns)
_ID = recipient_subscriptions.c.id == bindparam("of_id")
ALL = select(*_COLUMNS).order_by(recipient_subscriptions.c.created_at, recipient_subscriptions.c.id)
BY_BLIND = select(*_COLUMNS).where(recipient_subscriptions.c.blind == bindparam("of_blind"))
ADD = recipient_subscriptions.insert().values({column.name: bindparam(column.name) for column in _COLUMNS})
END = recipient_subscriptions.delete().where(recipient_subscriptions.c.blind == bindparam("of_blind"))
# Only one of several processes gets to send: whoever moves the time on.
LEASE = (
    recipient_subscriptions.update()
    .where(_ID, recipient_subscriptions.c.next_at == bindparam("before"))
    .values(next_at=bindparam("new_next_at"), failures=bindparam("new_failures"))
)
TOLD = (
    recipient_subscriptions.update()
    .where(_ID)
    .values(
        told_leaf=bindparam("new_told_leaf"), told_at=bindparam("new_told_at"), failures=0, next_at=bindparam("now")
    )
)


class Subscription(msgspec.Struct, frozen=True):
    """An address that is told of changes, and since when; `failures` counts messages in a row that were not taken."""

    id: str
    address: str
    told_leaf: int
    told_at: datetime
    failures: int
    next_at: datetime
    created_at: datetime
    created_by: str


class Subscriptions:
    """Those who want to know. Everything raises StoreUnavailableError; RecipientError says what cannot be."""

    def __init__(
        self, people: People, register: Register, random: Callable[[int], bytes] = secrets.token_bytes
    ) -> None:
        self._people = people
        self._store = people.store
        self._register = register
        self._random = random
        self._looked: tuple[int, int] | None = None

    def add(self, address: str, *, by: str) -> Subscription:
        """Subscribe an address; it is told of what happens from now on."""
        if not by:
            raise RecipientError("A subscription names who made it.")
        blind = self._blind(address)
        facts = self._register.facts()
        latest = facts[-1].leaf if facts else -1

        def work(unit: Unit) -> Subscription:
            if unit.rows(BY_BLIND, {"of_blind": blind}):
                raise RecipientError(f"{address} is told of changes already.")
            now = to_micros(unit.at)
            row: dict[str, Any] = {
                "id": f"sub_{self._random(8).hex()}", "address": normalise(Identifier("email", address)),
                "blind": blind, "told_leaf": latest, "told_at": now, "failures": 0, "next_at": now, "created_at": now,
                "created_by": by,
            }  # fmt: skip
            unit.change(ADD, row)
            return _read([row[column.name] for column in _COLUMNS])

        return self._store.write(work)

    def end(self, address: str) -> None:
        """End the subscription of an address. RecipientError: it has none."""
        blind = self._blind(address)
        if not self._store.write(lambda unit: unit.change(END, {"of_blind": blind})):
            raise RecipientError(f"{address} is not told of changes.")

    def all(self) -> list[Subscription]:
        """Every subscription, the oldest first."""
        with self._store.read() as connection:
            return [_read(tuple(row)) for row in connection.execute(ALL)]

    def run(self, post: Post, site: str) -> int:
        """Mail whoever has to know of something; how many were. It may be called every second."""
        now = self._store.clock()
        seen = (len(self._register.facts()), to_micros(now) // 60_000_000)
        if seen == self._looked:
            return 0
        waiting = self.all()
        version = self._people.policy.in_force(now)
        if not waiting or version is None or version.publisher.email is None:
            self._looked = seen
            return 0
        happened = happenings(version, self._register.facts(), now)
        sent = sum(self._tell(one, version, happened, now, post, site) for one in waiting if one.next_at <= now)
        self._looked = seen
        return sent

    def _tell(  # noqa: PLR0917
        self,
        one: Subscription,
        version: Version,
        happened: Sequence[Happening],
        now: datetime,
        post: Post,
        site: str,
    ) -> bool:
        new = [h for h in happened if (h.at > one.told_at if h.ended else h.leaf > one.told_leaf)]
        if not new:
            return False
        wait = min(FIRST * 2**one.failures, LONGEST)
        lease = {
            "of_id": one.id, "before": to_micros(one.next_at), "new_next_at": to_micros(now + wait),
            "new_failures": one.failures + 1,
        }  # fmt: skip
        if not self._store.write(lambda unit: unit.change(LEASE, lease)):
            return False
        try:
            post.send(letter(version, one.address, new[::-1], site, now))
        except OSError:
            return False
        told = {
            "of_id": one.id, "new_told_leaf": max(one.told_leaf, *(h.leaf for h in new)),
            "new_told_at": to_micros(now), "now": to_micros(now),
        }  # fmt: skip
        self._store.write(lambda unit: unit.change(TOLD, told))
        return True

    def _blind(self, address: str) -> bytes:
        try:
            return self._people.key.blind(Identifier("email", address))
        except IdentifierError as problem:
            raise RecipientError(str(problem)) from None


def letter(version: Version, address: str, happened: Sequence[Happening], site: str, at: datetime) -> EmailMessage:
    """The message about what happened, the earliest first. The publisher of the version has an e-mail address."""
    publisher = version.publisher
    sender = publisher.email or ""
    message = EmailMessage()
    message["From"] = f'"{publisher.name.replace(chr(34), "")}" <{sender}>'
    message["To"] = address
    message["Date"] = format_datetime(at)
    message["Message-ID"] = f"<{secrets.token_hex(16)}@{sender.rpartition('@')[2]}>"
    message["Subject"] = f"Who receives data from {publisher.name}: {len(happened)} change{'s'[: len(happened) > 1]}"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834, section 5
    told = "\n".join(
        f"- {words.day(one.at.replace(second=0, microsecond=0))}: {one.name}. {one.text}" for one in happened
    )
    message.set_content(
        f"The list of those who receive data from us has changed:\n\n{told}\n\n"
        f"The whole list: {site}/recipients\n\n"
        f"If you object to a change, or want no more of these messages, answer this one.\n\n"
        f"{publisher.name}\n{publisher.address}\n"
    )
    return message


def _read(row: Sequence[Any]) -> Subscription:
    id, address, _, told_leaf, told_at, failures, next_at, created_at, created_by = row
    return Subscription(
        str(id), str(address), int(told_leaf), from_micros(told_at), int(failures), from_micros(next_at),
        from_micros(created_at), str(created_by),
    )  # fmt: skip
