"""The legal requests in a store: their facts and how they stand, for all who read them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import bindparam, select

from troth.accountability import notices
from troth.accountability.errors import CaseError
from troth.accountability.ledger import Fact, Ledger
from troth.accountability.legal.facts import WHATS, Said
from troth.accountability.legal.standing import RequestStanding, standing
from troth.accountability.terms import Terms
from troth.policy.problems import nearest
from troth.store import Store
from troth.store.schema import disclosures

SORT = "legal"
UNDER = select(disclosures.c.id, disclosures.c.under).where(disclosures.c.id.in_(bindparam("of_ids", expanding=True)))
IDS_AT_ONCE = 500


class LegalRequests:
    """The requests in `store`. Safe to share between threads. StoreUnavailableError: nothing is known."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.ledger: Ledger[Said] = Ledger(store, SORT, WHATS)

    def facts(self) -> tuple[Fact[Said], ...]:
        """Every fact about every request, in the order of the record."""
        return self.ledger.facts()

    def standing(self, at: datetime | None = None) -> dict[str, RequestStanding]:
        """Every request as it stands, by id; with a moment, as was known by then."""
        return standing(self.facts(), at)

    def find(self, id: str) -> RequestStanding:
        """A request as it stands now. CaseError: there is none of that id."""
        known = self.standing()
        if id not in known:
            near = nearest(id, list(known))
            raise CaseError(
                f"There is no legal request '{id[:100]}'.{f' Did you mean {near}?' if near else ''} "
                "`troth legal list` has all."
            )
        return known[id]


def ready(requests: LegalRequests, one: RequestStanding, terms: Terms, at: datetime) -> int:
    """Of how many persons something may be released by a request at a moment, as far as they had to be told before."""
    if one.releasable(terms, at) is not None:
        return 0
    persons = requests.ledger.persons(one.id)
    if one.gagged(at) or one.emergency is not None:
        return len(set(persons.values()))
    told, ahead = notices.told(requests.store, one.id), one.ahead(terms)
    return len({now for id, now in persons.items() if id in told and told[id] + ahead <= at})


def hidden(store: Store, ids: Iterable[str], at: datetime) -> frozenset[str]:
    """Of disclosures by their ids, those of which nobody may be told at a moment: a gag forbids it.

    Whatever shows a person or the public what was disclosed leaves these out, counts included, until the gag ends:
    the register of a person, exports of it, and lists of recipients. What staff see has all of them.
    """
    gagged = {one.id for one in standing(LegalRequests(store).facts()).values() if one.gagged(at)}
    wanted, found = list(ids), set[str]()
    if not gagged:
        return frozenset()
    with store.read() as connection:
        for start in range(0, len(wanted), IDS_AT_ONCE):
            rows = connection.execute(UNDER, {"of_ids": wanted[start : start + IDS_AT_ONCE]})
            found.update(str(row.id) for row in rows if row.under in gagged)
    return frozenset(found)
