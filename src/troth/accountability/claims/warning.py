"""Staff are warned before a claim ends: 90, 30 and 7 days ahead, each once, by e-mail to the publisher's address.

The mail goes out before it is noted that it did, so that after a crash it may come twice, and never not at all.
`troth claim list` tells the same to whoever looks.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from functools import partial

import msgspec
from sqlalchemy import bindparam, select

from troth.accountability.letters import Post
from troth.conditions.claims.register import ClaimRegister
from troth.conditions.claims.standing import ClaimStanding, days_left
from troth.notice import words
from troth.policy.history import Policy
from troth.policy.model import Version
from troth.store import Store, Unit
from troth.store.schema import claim_warnings, to_micros

EVERY = timedelta(minutes=1)  # between two looks, and two tries to send

GIVEN = select(claim_warnings.c.days).where(
    claim_warnings.c.claim == bindparam("of_claim"), claim_warnings.c.ends == bindparam("of_ends")
)
NOTE = claim_warnings.insert().values({name: bindparam(name) for name in ("claim", "ends", "days", "at")})


class Warned(msgspec.Struct, frozen=True):
    """That a claim ends within some days. `renewable` says whether the register knows it."""

    claim: str
    name: str
    ends: datetime
    days: int
    renewable: bool


def warnings(version: Version, claims: Mapping[str, ClaimStanding], at: datetime) -> Iterator[Warned]:
    """The claims of a version that are made at a moment and end, or are due to be certified anew, within 90 days."""
    for stated in version.claims:
        one = claims.get(stated.id)
        if not stated.current(at) or (one is not None and not one.holds(at)):
            continue
        ends = [end for end in (stated.end, one.ending(at) if one is not None else None) if end is not None]
        days = days_left(min(ends), at) if ends else None
        if days is not None:
            name = stated.programme or stated.framework or stated.id
            yield Warned(stated.id, name, min(ends), days, one is not None)


class ClaimWarnings:
    """Warns of the claims of a policy over a way of mail."""

    def __init__(self, store: Store, post: Post) -> None:
        self._store = store
        self._post = post
        self._looked: datetime | None = None
        self._sent: set[tuple[str, datetime, int]] = set()

    def run(self, policy: Policy) -> int:
        """Warn of the claims of a policy, as they stand; how many warnings it were. It may be called every second.

        OSError: a mail could not be sent. StoreUnavailableError: it is not known what to warn of. Either is tried again
        a minute later.
        """
        at = self._store.clock()
        if self._looked is not None and timedelta(0) <= at - self._looked < EVERY:
            return 0
        self._looked = at
        version = policy.in_force(at)
        if version is None or version.publisher.email is None:
            return 0
        claims = ClaimRegister(self._store, policy).standing(at)
        return sum(self._warn(version, one, at) for one in warnings(version, claims, at))

    def _warn(self, version: Version, one: Warned, at: datetime) -> bool:
        values = {"of_claim": one.claim, "of_ends": to_micros(one.ends)}
        with self._store.read() as connection:
            given = {int(days) for (days,) in connection.execute(GIVEN, values)}
        # A warning that was missed is not made up for: the next one tells more.
        if any(days <= one.days for days in given):
            return False
        key = (one.claim, one.ends, one.days)
        if key not in self._sent:  # it may have been sent already, and not been noted because the store was away
            self._post.send(message(version, one, at))
            self._sent.add(key)
        self._store.write(partial(_note, one=one))
        return True


def _note(unit: Unit, one: Warned) -> None:
    row = {"claim": one.claim, "ends": to_micros(one.ends), "days": one.days, "at": to_micros(unit.at)}
    if not any(days == one.days for (days,) in unit.rows(GIVEN, {"of_claim": one.claim, "of_ends": row["ends"]})):
        unit.change(NOTE, row)


def message(version: Version, one: Warned, at: datetime) -> EmailMessage:
    """The warning as a message to the publisher, who has an address."""
    publisher = version.publisher
    address = publisher.email or ""
    commands = f"  troth claim assess {one.claim} --as NAME\n  troth claim sign {one.claim} --until DATE --as NAME\n"
    if not one.renewable:
        commands = f"  troth claim draft {one.claim} --programme PROGRAMME --as NAME\n{commands}"
    mail = EmailMessage()
    mail["From"] = mail["To"] = f'"{publisher.name.replace(chr(34), "")}" <{address}>'
    mail["Date"] = format_datetime(at)
    mail["Message-ID"] = f"<{secrets.token_hex(16)}@{address.rpartition('@')[2]}>"
    mail["Subject"] = f"The claim {one.claim} ends within {one.days} days"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834, section 5
    mail.set_content(
        f"The claim {one.claim} ({one.name}) ends on {words.day(one.ends)}, or has to be certified anew by then.\n\n"
        "Then its sentence and its seal leave the notice by themselves, and nothing is shared or transferred any more\n"
        f"that rests on it. To renew it:\n\n{commands}"
    )
    return mail
