"""Codes: eight digits sent to an address, with which its owner opens their choices without a login.

Whether an address is known can be learnt from nothing here: for one that nobody has, the same row is written and the
same answer given, only no message goes out. A code works once, for ten minutes, and for five tries; an address gets at
most one a minute and five a day, so that nobody can be flooded. The code is kept as an HMAC beside the blind index of
the address.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import bindparam, select

from troth.people.identifiers import Identifier
from troth.people.people import People
from troth.people.reading import PERSON_OF
from troth.store import Unit
from troth.store.schema import codes, to_micros

DIGITS = 8
LIVES = timedelta(minutes=10)
TRIES = 5
PAUSE = timedelta(minutes=1)
A_DAY, EACH_DAY = timedelta(days=1), 5

_COLUMNS = ("digest", "tries", "sent_at", "until", "sent", "since")
CODE = select(*(codes.c[name] for name in _COLUMNS)).where(codes.c.blind == bindparam("of_blind"))
FORGET = codes.delete().where(codes.c.until < bindparam("before"))
ADD = codes.insert().values({name: bindparam(name) for name in ("blind", *_COLUMNS)})
REMOVE = codes.delete().where(codes.c.blind == bindparam("of_blind"))
SET_TRIES = codes.update().where(codes.c.blind == bindparam("of_blind")).values(tries=bindparam("new_tries"))

Random = Callable[[int], bytes]


def request_code(people: People, address: Identifier, random: Random = secrets.token_bytes) -> str | None:
    """A new code to be sent to the address, or None where none is to be sent: nobody has it, or it had enough.

    Takes the same steps for an address that nobody has. IdentifierError: it is no address.
    """
    blind = people.key.blind(address)
    code = f"{int.from_bytes(random(8), 'big') % 10**DIGITS:0{DIGITS}}"

    def work(unit: Unit) -> str | None:
        now, day = to_micros(unit.at), A_DAY // timedelta(microseconds=1)
        unit.change(FORGET, {"before": now - day})
        known = bool(unit.rows(PERSON_OF, {"of_kind": address.kind, "of_blind": blind}))
        rows = unit.rows(CODE, {"of_blind": blind})
        sent, since = 0, now
        if rows:
            _, _, sent_at, _, sent_before, since_before = rows[0]
            if since_before > now - day:
                sent, since = sent_before, since_before
            if now < sent_at + PAUSE // timedelta(microseconds=1) or sent >= EACH_DAY:
                return None
            unit.change(REMOVE, {"of_blind": blind})
        until = now + LIVES // timedelta(microseconds=1)
        row = {"digest": _digest(people, blind, code), "tries": 0, "sent_at": now, "until": until}
        unit.change(ADD, {"blind": blind, **row, "sent": sent + 1, "since": since})
        return code if known else None

    return people.store.write(work)


def redeem_code(people: People, address: Identifier, code: str) -> str | None:
    """The person whose address it is, if the code is right; None if not, and the code has one try less.

    IdentifierError: it is no address.
    """
    blind = people.key.blind(address)
    digest = _digest(people, blind, "".join(character for character in code if character.isdigit()))

    def work(unit: Unit) -> str | None:
        rows = unit.rows(CODE, {"of_blind": blind})
        if not rows:
            return None
        kept, tries, _, until, *_ = rows[0]
        if tries >= TRIES or to_micros(unit.at) >= until:
            return None
        right = hmac.compare_digest(bytes(kept), digest)
        # A code that was right is used up; the row stays, for it counts what the address was sent today.
        unit.change(SET_TRIES, {"of_blind": blind, "new_tries": TRIES if right else tries + 1})
        found = unit.rows(PERSON_OF, {"of_kind": address.kind, "of_blind": blind})
        return str(found[0][0]) if right and found else None

    return people.store.write(work)


def _digest(people: People, blind: bytes, code: str) -> bytes:
    return hmac.digest(people.key.codes, blind + code.encode(), "sha256")
