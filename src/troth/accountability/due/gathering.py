"""Everything that is due of staff, gathered from a store at its present moment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import select

from troth.accountability.complaints.desk import SORT as COMPLAINT
from troth.accountability.complaints.facts import WHATS as COMPLAINTS
from troth.accountability.complaints.facts import Said as ComplaintSaid
from troth.accountability.complaints.standing import standing as complaint_standing
from troth.accountability.due.cases import due_of_legal, due_of_transfers
from troth.accountability.due.complaints import due_of_complaints
from troth.accountability.due.due import LEVELS, Due, most_urgent_first
from troth.accountability.due.outgoing import (
    Disabled,
    Held,
    due_of_deliveries,
    due_of_files,
    due_of_following,
    due_of_mail,
)
from troth.accountability.due.registers import due_of_claims, due_of_recipients, due_of_tests
from troth.accountability.ledger import Ledger
from troth.accountability.legal.requests import LegalRequests, ready
from troth.accountability.legal.telling import due as to_be_told
from troth.accountability.terms import Terms
from troth.accountability.transfer.transfers import Transfers
from troth.accountability.verifying.results import Results
from troth.conditions.claims.register import ClaimRegister
from troth.conditions.register import Register
from troth.gates.delivery.deliveries import Deliveries
from troth.gates.following.following import list_follow_ups
from troth.gates.share.files.recipient_keys import RecipientKeys
from troth.gates.share.files.row import EVERY, read_row, unfetched
from troth.policy.history import Policy
from troth.store import Store
from troth.store.schema import disclosure_files, endpoints, from_micros, mail_queue

MOST = 10_000  # of one kind that are looked at
ENDPOINTS = select(
    endpoints.c.id, endpoints.c.recipient, endpoints.c.state, endpoints.c.why, endpoints.c.failing_since
).order_by(endpoints.c.created_at, endpoints.c.id)
HELD = (
    select(mail_queue.c.message, mail_queue.c.stream, mail_queue.c.created_at)
    .where(mail_queue.c.state == "held")
    .order_by(mail_queue.c.created_at, mail_queue.c.id)
    .limit(MOST)
)
WAITING = EVERY.where(disclosure_files.c.state == "waiting").limit(MOST)


class DueOfStaff:
    """What is due by the registers of `store` and by `policy`. Safe to share between threads.

    Everything raises StoreUnavailableError when the store is not there: nothing is known.
    """

    def __init__(self, store: Store, policy: Policy, terms: Terms | None = None) -> None:
        self._store = store
        self._policy = policy
        self._terms = terms or Terms()
        self._requests = LegalRequests(store)
        self._transfers = Transfers(store, policy)
        self._complaints: Ledger[ComplaintSaid] = Ledger(store, COMPLAINT, COMPLAINTS)
        self._claims = ClaimRegister(store, policy)
        self._recipients = Register(store, policy)
        self._results = Results(store)
        self._deliveries = Deliveries(store)
        self._keys = RecipientKeys(store)

    def all(self) -> tuple[Due, ...]:
        """Everything that is due, the most urgent first."""
        return most_urgent_first([*self._cases(), *self._registers(), *self._outgoing()])

    def _cases(self) -> Iterator[Due]:
        at = self._store.clock()
        requests = list(self._requests.standing().values())
        approved = [one for one in requests if one.state == "approved"]
        there = unfetched(self._store)
        yield from due_of_legal(
            requests,
            self._terms,
            at,
            ready={one.id: ready(self._requests, one, self._terms, at) for one in approved},
            waiting={one.id: len(to_be_told(self._requests, one, at)) for one in requests},
            fetching={one.id for one in requests if not there.isdisjoint(one.released)},
        )
        yield from due_of_transfers(self._transfers.standing().values(), at)
        yield from due_of_complaints(complaint_standing(self._complaints.facts()).values(), at)

    def _registers(self) -> Iterator[Due]:
        at = self._store.clock()
        version = self._policy.in_force(at)
        if version is not None:
            yield from due_of_claims(version, self._claims.standing(at), at)
        yield from due_of_recipients(self._policy, self._recipients.standing(at), at)
        latest = self._results.latest()
        yield from due_of_tests(latest, self._results.failing(latest), at)

    def _outgoing(self) -> Iterator[Due]:
        at = self._store.clock()
        overdue, failed = self._deliveries.overdue(MOST), self._deliveries.list(state="failed", limit=MOST)
        yield from due_of_deliveries(overdue, failed, self._disabled())
        # What is late, and what waits for staff: of each the oldest.
        yield from due_of_following(list_follow_ups(self._store, limit=MOST), at)
        with self._store.read() as connection:
            files = [read_row(row) for row in connection.execute(WAITING)]
            held = [Held(row.message, row.stream, from_micros(row.created_at)) for row in connection.execute(HELD)]
        yield from due_of_files(files, lambda recipient: self._keys.public(recipient) is not None)
        yield from due_of_mail(held)

    def _disabled(self) -> list[Disabled]:
        with self._store.read() as connection:
            rows = connection.execute(ENDPOINTS).all()
        taking = {row.recipient for row in rows if row.state == "enabled"}
        return [
            Disabled(
                row.id, row.recipient, row.why, None if row.failing_since is None else from_micros(row.failing_since)
            )
            for row in rows
            if row.recipient not in taking
        ]


def as_json(found: Sequence[Due], at: datetime) -> bytes:
    """What is due for machines: `at`, how much there is of each level, and every thing with its command."""
    counts = {level: sum(one.level == level for one in found) for level in LEVELS}
    told = {"at": at.replace(microsecond=0), "counts": counts, "due": list(found)}
    return msgspec.json.format(msgspec.json.encode(told), indent=2) + b"\n"
