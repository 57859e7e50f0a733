"""What a person was told, as the page of their choices shows it."""

from __future__ import annotations

from datetime import datetime

import msgspec

from troth.accountability import notices
from troth.accountability.legal.requests import LegalRequests
from troth.accountability.legal.telling import letter_of
from troth.accountability.letters import Letter
from troth.accountability.terms import Terms
from troth.accountability.transfer.transfers import Transfers
from troth.accountability.transfer.transfers import letter_of as letter_of_transfer
from troth.conditions.register import Register
from troth.policy.history import Policy
from troth.store import Store


class Shown(msgspec.Struct, frozen=True):
    """A letter that a person got, and when. `id` is that of the case, which they can name when they object."""

    id: str
    at: datetime
    letter: Letter


def shown_to(store: Store, policy: Policy, terms: Terms, person: str) -> tuple[Shown, ...]:
    """What a person was told, the latest first, as it stands now; nothing of which nobody may be told (again)."""
    told = notices.of_person(store, person)
    if not told:
        return ()
    requests, register, now = LegalRequests(store).standing(), Register(store, policy), store.clock()
    transfers = Transfers(store, policy)
    moves = transfers.standing()
    found = []
    for notice in reversed(told):
        one = requests.get(notice.subject)
        if one is not None and not one.gagged(now):
            at = now if one.released else notice.at
            found.append(Shown(one.id, notice.at, letter_of(register, policy, one, terms, at)))
        move = moves.get(notice.subject)
        if move is not None and move.cancelled is None:
            found.append(Shown(move.id, notice.at, letter_of_transfer(transfers, move)))
    return tuple(found)
