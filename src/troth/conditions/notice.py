"""`notice-given`: whether people were told who gets their data before they gave it.

Where a page is run together with a partner, the page itself names who collects. That it does is a fact of the register:
the address, the covered site or product, from when and until when. Notice was given to those whose data came in there
while the page named the recipient, and to nobody else.
"""

from __future__ import annotations

from sqlalchemy import bindparam, select

from troth.conditions.lacks import Sharing
from troth.conditions.register import Register
from troth.store.schema import items, to_micros

FOREVER = 2**63 - 1  # microseconds
TOLD = (
    select(items.c.person)
    .where(
        items.c.data.in_(bindparam("terms", expanding=True)),
        items.c.product == bindparam("on_product"),
        items.c.collected_at >= bindparam("since"),
        items.c.collected_at < bindparam("until"),
    )
    .distinct()
)


class NoticeGiven:
    """Answers the condition from the pages in the register, and from what was collected on their product."""

    def __init__(self, register: Register) -> None:
        self._register = register

    def holds(self, sharing: Sharing) -> bool:
        """Whether a page names the recipient at that moment."""
        one = self._register.standing(sharing.at).get(sharing.recipient)
        return one is not None and bool(one.naming(sharing.at))

    def persons(self, sharing: Sharing) -> frozenset[str]:
        """The persons who gave such data on a product while a page of it named the recipient."""
        one = self._register.standing(sharing.at).get(sharing.recipient)
        pages = one.naming(sharing.at) if one is not None else ()
        vocabularies = [version.vocabulary for version in self._register.policy.versions]
        terms = {
            term
            for vocabulary in vocabularies
            for term in vocabulary.slugs("data")
            if vocabulary.covers("data", sharing.data, term)
        }
        found: set[str] = set()
        with self._register.store.read() as connection:
            for page in pages:
                values = {
                    "terms": sorted(terms | {sharing.data}),
                    "on_product": page.product,
                    "since": to_micros(page.begins),
                    "until": FOREVER if page.ends is None else to_micros(page.ends),
                }
                found.update(str(person) for (person,) in connection.execute(TOLD, values))
        return frozenset(found)
