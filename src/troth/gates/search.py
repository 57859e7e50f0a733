"""Search: the persons of whom data is held that may be used for a purpose now, in the order of their ids.

It answers as the gate `use` would for each of them, and asks the decision point once for all who do not differ: in
their choices, in the version under which the data was collected, and in the version that they agreed to since. The
items are read off one index of the store, without their values; the choices are in memory.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import compress

import msgspec
from sqlalchemy import Connection, bindparam, func, or_, select

from troth.decision.bits import Choices
from troth.decision.point import DecisionPoint
from troth.decision.question import Decision, QuestionError
from troth.people import ChoiceIndex
from troth.people.changes import ACCEPTED
from troth.policy.history import Policy
from troth.store.schema import choices, items, to_micros

MOST_PERSONS = 10_000  # in one page
MOST_LOOKED_AT = 100_000  # holders for one page, which may then be short: nobody waits for it longer than that
_AT_ONCE = 10_000  # rows of the store
_ID = 32  # hex digits of a person's id

# Of one person and version there is one row, however many items: somebody's visits may be thousands.
_ROWS = (
    select(items.c.person, items.c.version)
    .where(
        items.c.data == bindparam("of_data"),
        items.c.person > bindparam("after"),
        or_(items.c.expires_at.is_(None), items.c.expires_at > bindparam("now")),
    )
    .distinct()
    .order_by(items.c.person)
    .limit(bindparam("at_most"))
    .subquery()
)
# All of them as one text, which is read in half the time of as many rows. Neither part of a row has a comma.
HOLDERS = select(func.aggregate_strings(_ROWS.c.person + _ROWS.c.version, ","))
AGREED = select(choices.c.person, choices.c.version).where(
    choices.c.person > bindparam("after"),
    choices.c.person <= bindparam("last"),
    choices.c.choice == ACCEPTED,
    choices.c.state == "in",
)


NOTHING = ""  # the version that somebody agreed to who agreed to none


class Found(msgspec.Struct, frozen=True):
    """A page of persons by their ids, and after whom the next one begins; None when this is the last."""

    persons: tuple[str, ...]
    next: str | None


def search(
    point: DecisionPoint,
    index: ChoiceIndex,
    *,
    purpose: str,
    data: str,
    product: str | None = None,
    given: Iterable[str] = (),
    at: datetime | None = None,
    after: str | None = None,
    limit: int = 1000,
) -> Found:
    """The next persons after `after`, at most `limit`, who hold `data` that may be used for `purpose` at `at` (now).

    Somebody is found if an item of them is of that data term, or of one below it, is not past its end, and may be used
    for the purpose both as what was asked for and as what it is. A page may be shorter than it could be, and empty.

    QuestionError: this cannot be asked. ValueError: no such page. StaleChoicesError, StoreUnavailableError: try again.
    """
    if not 0 < limit <= MOST_PERSONS:
        raise ValueError(f"A page has 1 to {MOST_PERSONS} persons, not {limit}.")
    at = at or index.people.store.clock()
    asking = _Asking(point, index, data, purpose, product, frozenset(given), at)
    asking.check()
    terms = terms_below(point.policy, data)
    found: list[str] = []
    place, looked_at = after or "", 0
    with index.people.store.read() as connection:
        while looked_at < MOST_LOOKED_AT and len(found) < limit:
            missing = limit - len(found)
            holders = _Holders(connection, terms, place, at, min(_AT_ONCE, missing + missing // 8 + 200))
            allowed = asking.allowed(connection, holders)
            found += allowed[:missing]
            if len(allowed) > missing:
                return Found(tuple(found), found[-1])
            if holders.last is None:
                return Found(tuple(found), None)
            place = holders.last
            looked_at += holders.count
    return Found(tuple(found), place)


def terms_below(policy: Policy, data: str) -> list[str]:
    """The data terms of which an item is one of `data`: itself, and what any version of the policy hangs below it."""
    found = {data: None}
    for version in policy.versions:
        vocabulary = version.vocabulary
        found |= {term: None for term in vocabulary.slugs("data") if vocabulary.covers("data", data, term)}
    return list(found)


class _Holders:
    """The next holders of some data terms after a person, all that there is of each.

    `of_term` has persons and versions, row by row in the order of persons; `last` is the last person, None at the end.
    """

    def __init__(self, connection: Connection, terms: Iterable[str], after: str, at: datetime, at_most: int) -> None:
        self.after = after
        self.of_term: dict[str, tuple[Sequence[str], Sequence[str]]] = {}
        persons: Sequence[str]
        end: str | None = None  # the first person of whom not everything may have been read
        for term in terms:
            values = {"of_data": term, "after": after, "now": to_micros(at), "at_most": at_most}
            text = connection.execute(HOLDERS, values).scalar()
            if text is not None:
                rows = sorted(text.split(","))  # the database may have put them together in another order
                persons = [row[:_ID] for row in rows]
                self.of_term[term] = persons, [row[_ID:] for row in rows]
                if len(rows) == at_most:
                    end = min(end or persons[-1], persons[-1])
        self.last = end
        if end is not None:
            for term, (persons, versions) in self.of_term.items():
                count = bisect_left(persons, end)
                self.of_term[term] = persons[:count], versions[:count]
            self.last = max(persons[-1] for persons, _ in self.of_term.values() if persons)
        self.count = sum(len(persons) for persons, _ in self.of_term.values())


class _Asking:
    """One question, and the answers that were given to it already."""

    def __init__(  # noqa: PLR0917
        self,
        point: DecisionPoint,
        index: ChoiceIndex,
        data: str,
        purpose: str,
        product: str | None,
        given: frozenset[str],
        at: datetime,
    ) -> None:
        self._point = point
        self._index = index
        self._data = data
        self._purpose = purpose
        self._product = product
        self._given = given
        self._at = at
        self._answers: dict[tuple[str, str, int, str | None], bool | None] = {}

    def check(self) -> None:
        """Raise QuestionError unless this can be asked."""
        self._decide(self._data, None, None, None)

    def allowed(self, connection: Connection, holders: _Holders) -> list[str]:
        """The holders of whom something is allowed, in their order."""
        found = [self._of_term(connection, holders.after, term, *rows) for term, rows in holders.of_term.items()]
        return found[0] if len(found) == 1 else sorted(set[str]().union(*found))

    def _of_term(
        self, connection: Connection, after: str, term: str, persons: Sequence[str], versions: Sequence[str]
    ) -> list[str]:
        # Holders with equal choices and versions get equal answers. They are told apart by one number, which is the
        # quickest key there is.
        number = {version: place for place, version in enumerate(dict.fromkeys(versions))}
        several, names = len(number), list(number)
        numbers = map(number.__getitem__, versions)
        alike = [value * several + place for value, place in zip(self._index.values(persons), numbers, strict=True)]
        answers = {
            one: self._answer(term, names[one % several], self._index.meaning(one // several)) for one in set(alike)
        }
        allowed = list(map(answers.__getitem__, alike))
        if None in answers.values():
            # Some differ by the version that they agreed to, or have become one with somebody since they were read.
            rows = connection.execute(AGREED, {"after": after, "last": persons[-1]})
            agreed: dict[str, str] = {row.person: row.version for row in rows}
            for place, answer in enumerate(allowed):
                if answer is None:
                    person = persons[place]
                    states = self._index.meaning(alike[place] // several) or self._index.choices(person)
                    allowed[place] = self._answer(term, versions[place], states, agreed.get(person, NOTHING))
        return list(dict.fromkeys(compress(persons, allowed)))

    def _answer(self, term: str, version: str, states: Choices | None, accepted: str | None = None) -> bool | None:
        """Whether it is allowed for all who are alike in this; None where that has to be asked for each of them.

        `accepted` is what they agreed to, None when that is not known, and NOTHING.
        """
        if states is None:
            return None
        key = (term, version, states.bits, accepted)
        if key not in self._answers:
            self._answers[key] = self._judged(term, version, states, accepted)
        return self._answers[key]

    def _judged(self, term: str, version: str, states: Choices, accepted: str | None) -> bool | None:
        depends = False
        for asked in dict.fromkeys((self._data, term)):
            try:
                decision = self._decide(asked, states, version, accepted or None)
            except QuestionError:
                return False  # held under a version that this policy does not have: nobody can say what was promised
            if decision.reason == "collected-under" and accepted is None:
                depends = True
            elif not decision.allowed:
                return False
        return None if depends else True

    def _decide(self, data: str, states: Choices | None, version: str | None, accepted: str | None) -> Decision:
        return self._point.decide(
            action="use",
            data=data,
            purpose=self._purpose,
            product=self._product,
            choices=states,
            given=self._given,
            at=self._at,
            collected_under=version,
            accepted=accepted,
        )
