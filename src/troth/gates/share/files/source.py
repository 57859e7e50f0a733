"""Where a file gets what is in it: the batches of a disclosure, decided anew as they are drawn, and whether they stand.

A file lies for days before it is fetched. Whether it may still leave is told by what it was decided by: the policy and
the conditions (the same for everybody), and what happened to its persons since.
"""

from __future__ import annotations

import hashlib
from typing import Protocol

import msgspec
from sqlalchemy import Connection, bindparam, func, select

from troth.gates.errors import GateError
from troth.gates.share.contents import Looking
from troth.gates.share.deciding import Deciding
from troth.gates.share.disclosure import ONE, Disclosure, read_disclosure
from troth.gates.share.wanted import Contents
from troth.store.schema import choice_changes, disclosed, disclosure_batches, items, person_links, persons

_OF = disclosure_batches.c.disclosure == bindparam("of_disclosure")
_LINES = disclosed.join(disclosure_batches, disclosure_batches.c.leaf == disclosed.c.leaf)

BATCHES = select(disclosure_batches.c.number).where(_OF).order_by(disclosure_batches.c.number)
DATA = select(disclosed.c.data).select_from(_LINES).where(_OF).distinct()
# All that ever stayed of the lines: it grows with everything that is noted, and with nothing else.
WITHHELD = (
    select(func.coalesce(func.sum(func.length(disclosed.c.withheld)), 0)).select_from(_LINES).where(_OF)
)  # fmt: skip
# The items from which it was made, and when the first of them may be kept no longer.
ITEMS = (
    select(func.count(), func.min(items.c.expires_at))
    .select_from(
        _LINES.join(persons, persons.c.id == disclosed.c.person).join(
            items, items.c.person == func.coalesce(persons.c.merged_into, persons.c.id)
        )
    )
    .where(_OF, items.c.data.in_(bindparam("terms", expanding=True)), items.c.leaf <= bindparam("seen"))
)
# By the index of those who were erased: this is asked every second.
ERASED = (
    select(disclosed.c.leaf)
    .where(disclosed.c.erased_leaf > bindparam("seen"), disclosed.c.disclosure == bindparam("of_disclosure"))
    .where(disclosed.c.erased_leaf.is_not(None))
    .limit(1)
)
# The batches whose persons chose something since, also by the id that they have become since.
CHOSE = (
    select(disclosure_batches.c.number)
    .select_from(_LINES.join(choice_changes, choice_changes.c.person == disclosed.c.person))
    .where(_OF, choice_changes.c.leaf > bindparam("seen"))
    .distinct()
)
CHOSE_AS_ANOTHER = (
    select(disclosure_batches.c.number)
    .select_from(
        _LINES.join(persons, persons.c.id == disclosed.c.person).join(
            choice_changes, choice_changes.c.person == persons.c.merged_into
        )
    )
    .where(_OF, choice_changes.c.leaf > bindparam("seen"))
    .distinct()
)
LINKED = (
    select(disclosure_batches.c.number)
    .select_from(
        _LINES.join(
            person_links,
            (person_links.c.person == disclosed.c.person) | (person_links.c.other == disclosed.c.person),
        )
    )
    .where(_OF, person_links.c.leaf > bindparam("seen"))
    .distinct()
)


class Source(Protocol):
    """What a file is made from."""

    def disclosure(self, id: str) -> Disclosure | None:
        """The disclosure as it was asked for; None if there is none."""
        ...

    def seen(self) -> int:
        """The entry of the record up to which what people chose is known from now on; what is newer is read first."""
        ...

    def contents(self, disclosure: str, batch: int) -> Contents:
        """What of a batch may leave at this moment; what may not is noted, and stays for good."""
        ...

    def closed(self, one: Disclosure) -> GateError | None:
        """Why nothing of a disclosure may leave at this moment, whoever it is about; None if something may."""
        ...

    def world(self, one: Disclosure, terms: tuple[str, ...]) -> str:
        """What the policy and the conditions say of data terms at this moment, as a SHA-256 in hex."""
        ...


class Gate:
    """The gate `share` as a source: of what it decided before, and decides again."""

    def __init__(self, deciding: Deciding) -> None:
        self._deciding = deciding
        self._store = deciding.vault.store
        self._looking = Looking(deciding)

    def disclosure(self, id: str) -> Disclosure | None:
        """See Source. StoreUnavailableError."""
        with self._store.read() as connection:
            row = connection.execute(ONE, {"of_id": id}).first()
        return None if row is None else read_disclosure(tuple(row))

    def seen(self) -> int:
        """See Source. StoreUnavailableError."""
        self._deciding.index.refresh()
        return self._deciding.index.seen

    def contents(self, disclosure: str, batch: int) -> Contents:
        """See Source, and `Looking.contents` for what is raised."""
        return self._looking.contents(disclosure, batch)

    def closed(self, one: Disclosure) -> GateError | None:
        """See Source. StoreUnavailableError."""
        at = self._store.clock()
        version = self._deciding.point.policy.in_force(at)
        if version is None:
            return GateError("no-policy-in-force", "No version of the policy is in force, so nothing is shared.")
        return self._deciding.asking(one.wanted, version, at).closed(self._deciding.held.terms(one.data))

    def world(self, one: Disclosure, terms: tuple[str, ...]) -> str:
        """See Source. StoreUnavailableError."""
        at = self._store.clock()
        version = self._deciding.point.policy.in_force(at)
        said: list[object] = [None if version is None else version.id]
        if version is not None:
            asking = self._deciding.asking(one.wanted, version, at)
            for term in terms:
                answered, refusal = asking.answered(term), asking.closed([term])
                limits = {name: sorted(who) for name, who in sorted(answered.limits.items())}
                said.append([term, sorted(answered.given), limits, None if refusal is None else refusal.code])
        return hashlib.sha256(msgspec.json.encode(said)).hexdigest()


def terms_of(connection: Connection, disclosure: str) -> tuple[str, ...]:
    """The data terms that were disclosed of anybody, in the order of their names."""
    rows = connection.execute(DATA, {"of_disclosure": disclosure})
    return tuple(sorted({term for (data,) in rows for term in msgspec.json.decode(data, type=list[str])}))


def batches_of(connection: Connection, disclosure: str) -> tuple[int, ...]:
    """The numbers of the batches, in order."""
    return tuple(int(number) for (number,) in connection.execute(BATCHES, {"of_disclosure": disclosure}))


def withheld(connection: Connection, disclosure: str) -> int:
    """A number that grows with everything that is withheld of a disclosure."""
    return int(connection.execute(WITHHELD, {"of_disclosure": disclosure}).scalar_one())


def counted(connection: Connection, disclosure: str, terms: tuple[str, ...], seen: int) -> tuple[int, int | None]:
    """How many items its persons have of these terms, up to an entry, and when the first may be kept no longer."""
    values = {"of_disclosure": disclosure, "terms": list(terms), "seen": seen}
    count, first = connection.execute(ITEMS, values).one()
    return int(count), None if first is None else int(first)


def erased_since(connection: Connection, disclosure: str, seen: int) -> bool:
    """Whether one of its persons was erased after an entry."""
    return connection.execute(ERASED, {"of_disclosure": disclosure, "seen": seen}).first() is not None


def touched_since(connection: Connection, disclosure: str, seen: int) -> tuple[int, ...]:
    """The batches of which a person chose something, or became one with another, after an entry."""
    values = {"of_disclosure": disclosure, "seen": seen}
    found = {
        int(number) for query in (CHOSE, CHOSE_AS_ANOTHER, LINKED) for (number,) in connection.execute(query, values)
    }
    return tuple(sorted(found))
