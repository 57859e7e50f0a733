"""`legal-process` and `emergency`: they hold for a sharing under a request that allows it, and for nothing else.

A sharing names the request that it is made under. The request has to be one of that recipient, for that purpose, about
that data, and such that something may be released by it at that moment. It holds for the persons whom the request is
about, who were told long enough before or must not be told, and of whom nothing is held from outside of its time and
products: the gate gives the newest value that it may, and would not look at when that was collected.
"""

from __future__ import annotations

from sqlalchemy import and_, bindparam, or_, select

from troth.accountability import notices
from troth.accountability.legal.facts import Scope
from troth.accountability.legal.requests import LegalRequests
from troth.accountability.legal.standing import RequestStanding, standing
from troth.accountability.terms import Terms
from troth.conditions.lacks import Sharing
from troth.conditions.stated import covered
from troth.policy.history import Policy
from troth.store.schema import items, to_micros

IDS_AT_ONCE = 500
BEGINNING, FOREVER = -(2**62), 2**62  # microseconds
OUTSIDE = (
    select(items.c.person)
    .where(
        items.c.person.in_(bindparam("of_ids", expanding=True)),
        items.c.data.in_(bindparam("terms", expanding=True)),
        or_(
            items.c.collected_at < bindparam("since"),
            items.c.collected_at >= bindparam("until"),
            and_(
                bindparam("limited") == 1,
                or_(items.c.product.is_(None), items.c.product.not_in(bindparam("products", expanding=True))),
            ),
        ),
    )
    .distinct()
)


class _UnderRequest:
    """What both conditions share. `emergency` says which of the two it is."""

    emergency: bool

    def __init__(self, requests: LegalRequests, policy: Policy, terms: Terms) -> None:
        self._requests = requests
        self._policy = policy
        self._terms = terms

    def holds(self, sharing: Sharing) -> bool:
        """Whether the request that the sharing is made under allows it at its moment."""
        return self._request(sharing) is not None

    def persons(self, sharing: Sharing) -> frozenset[str]:
        """The persons for whom it holds, by the ids that mean them now."""
        one = self._request(sharing)
        if one is None:
            return frozenset()
        found = self._requests.ledger.persons(one.id)
        if not (one.gagged(sharing.at) or self.emergency):
            told, ahead = notices.told(self._requests.store, one.id), one.ahead(self._terms)
            found = {id: now for id, now in found.items() if id in told and told[id] + ahead <= sharing.at}
        return frozenset(found.values()) - self._outside(one.scope, sharing, sorted(set(found.values())))

    def _request(self, sharing: Sharing) -> RequestStanding | None:
        if sharing.under is None:
            return None
        facts = [fact for fact in self._requests.facts() if fact.subject == sharing.under]
        # As it stood at that moment, and as it stands: what was refused since does not hold for the past either.
        both = [standing(some).get(sharing.under) for some in (facts, [f for f in facts if f.at <= sharing.at])]
        return both[0] if all(one is not None and self._allows(one, sharing) for one in both) else None

    def _allows(self, one: RequestStanding, sharing: Sharing) -> bool:
        version, said = sharing.version, one.received
        return (
            said.authority == sharing.recipient
            and (one.emergency is not None) == self.emergency
            and covered(version, "purpose", sharing.purpose, (said.purpose,))
            and covered(version, "data", sharing.data, one.scope.data)
            and one.releasable(self._terms, sharing.at) is None
        )

    def _outside(self, scope: Scope, sharing: Sharing, ids: list[str]) -> frozenset[str]:
        """Those of whom such data is held that the request does not reach."""
        if scope.since is None and scope.until is None and not scope.products:
            return frozenset()
        terms = {
            term
            for version in self._policy.versions
            for term in version.vocabulary.slugs("data")
            if sharing.data in version.vocabulary.path("data", term)
        }
        values = {
            "terms": sorted(terms | {sharing.data}),
            "since": BEGINNING if scope.since is None else to_micros(scope.since),
            "until": FOREVER if scope.until is None else to_micros(scope.until),
            "limited": 1 if scope.products else 0,
            "products": list(scope.products) or [""],
        }
        found: set[str] = set()
        with self._requests.store.read() as connection:
            for start in range(0, len(ids), IDS_AT_ONCE):
                rows = connection.execute(OUTSIDE, {**values, "of_ids": ids[start : start + IDS_AT_ONCE]})
                found.update(str(person) for (person,) in rows)
        return frozenset(found)


class LegalProcess(_UnderRequest):
    """The law requires it: two of the staff approved the request."""

    emergency = False


class Emergency(_UnderRequest):
    """A life or a right is in danger: one of the staff approved it, and another has reviewed it or still may."""

    emergency = True
