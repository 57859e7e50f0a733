"""Agreements that the policy lets last a while (`lasts`): which are over, found without looking at everybody each time.

How long one lasts is said by the newest version in force that declares the choice. A refusal does not lapse: it holds
until the person changes it. Nor does an agreement whose period begins with an event, as in `account + 12 months`.

To find what is over, the current choices have to be read from one end to the other. `Lapsing` remembers when the oldest
agreement was made and reads from then on only the changes that are new, until the oldest can be over.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

import msgspec
from sqlalchemy import Connection, bindparam, func, select

from troth.people.changes import CURRENT_OF, Act, Change, read_current
from troth.people.errors import UnknownPersonError
from troth.people.persons import Registry
from troth.policy.history import Policy
from troth.policy.values import Period
from troth.store import Store, Unit
from troth.store.schema import choice_changes, choices, persons, to_micros

LAPSED_AT_ONCE = 100  # changes in one transaction: others that write wait for no more

# What is known of somebody who was erased cannot be written about any more.
_ERASED = select(persons.c.id).where(persons.c.sealing_key.is_(None))
_AGREED = (choices.c.state == "in", choices.c.person.not_in(_ERASED))
HEAD = select(func.coalesce(func.max(choice_changes.c.leaf), -1))
OLDEST = (
    select(choices.c.choice, func.min(choices.c.made_at))
    .where(choices.c.choice.in_(bindparam("names", expanding=True)), *_AGREED)
    .group_by(choices.c.choice)
)
OLDEST_SINCE = (
    select(choice_changes.c.choice, func.min(choice_changes.c.made_at))
    .where(
        choice_changes.c.leaf > bindparam("after"),
        choice_changes.c.state == "in",
        choice_changes.c.choice.in_(bindparam("names", expanding=True)),
    )
    .group_by(choice_changes.c.choice)
)
OVER = (
    select(choices.c.person)
    .where(choices.c.choice == bindparam("of_choice"), choices.c.made_at <= bindparam("made_by"), *_AGREED)
    .order_by(choices.c.made_at, choices.c.person)
    .limit(bindparam("at_most"))
)


class Lasting(msgspec.Struct, frozen=True):
    """How long agreements to a choice last, and the version that says so."""

    period: Period
    version: str

    def over(self, made_at: datetime, at: datetime) -> bool:
        """Whether an agreement of one moment is over at another."""
        end = self.period.ends(made_at)
        return end is not None and end <= at


class Over(msgspec.Struct, frozen=True):
    """An agreement that is over, unless it was renewed since this was read."""

    person: str
    choice: str


def lasting(policy: Policy, at: datetime) -> dict[str, Lasting]:
    """The choices to which an agreement lasts a while and not until it is changed, as the versions in force say."""
    found: dict[str, Lasting | None] = {}
    for version in policy.versions:
        if version.effective <= at:
            for choice in version.choices:
                found[choice.id] = None if choice.lasts is None else Lasting(choice.lasts, version.id)
    return {id: one for id, one in found.items() if one is not None}


class Lapsing:
    """Finds the agreements that are over. Remembers what it saw, so that it is cheap to ask often and by any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen = -1  # the last change that was looked at
        self._oldest: dict[str, int | None] | None = None  # by choice, when the oldest agreement was made

    def over(self, store: Store, policy: Policy, limit: int) -> list[Over]:
        """Agreements that are over by the store's clock, at most `limit`. Raises StoreUnavailableError."""
        at = store.clock()
        made_by = {name: one.period.latest_beginning(at) for name, one in lasting(policy, at).items()}
        bounds = {name: to_micros(moment) for name, moment in made_by.items() if moment is not None}
        if not bounds:
            return []
        with self._lock, store.read() as connection:
            oldest = self._look(connection, bounds)
            found: list[Over] = []
            for name, bound in bounds.items():
                made_at = oldest[name]
                if made_at is not None and made_at <= bound and len(found) < limit:
                    values = {"of_choice": name, "made_by": bound, "at_most": limit - len(found)}
                    found += [Over(person, name) for (person,) in connection.execute(OVER, values)]
                    self._oldest = None  # others are the oldest now; or it was renewed, and nobody noticed here
            return found

    def _look(self, connection: Connection, bounds: Mapping[str, int]) -> dict[str, int | None]:
        head = int(connection.execute(HEAD).scalar_one())
        values = {"names": list(bounds), "after": self._seen}
        if self._oldest is None or self._oldest.keys() != bounds.keys():
            oldest, statement = dict.fromkeys(bounds), OLDEST
        else:
            oldest, statement = dict(self._oldest), OLDEST_SINCE
        for name, made_at in connection.execute(statement, values):
            before = oldest[name]
            oldest[name] = made_at if before is None else min(before, made_at)
        self._oldest, self._seen = oldest, head
        return oldest


def in_turns(found: list[Over]) -> Iterator[list[Over]]:
    """The same in parts, each for one transaction."""
    for start in range(0, len(found), LAPSED_AT_ONCE):
        yield found[start : start + LAPSED_AT_ONCE]


def let_lapse(unit: Unit, registry: Registry, policy: Policy, found: Iterable[Over]) -> list[Change]:
    """Let the agreements lapse in a unit of work that are over still: one that was renewed meanwhile is left alone."""
    changes = []
    rules = lasting(policy, unit.at)
    for one in found:
        rule = rules.get(one.choice)
        row = read_current(unit.rows(CURRENT_OF, {"of_person": one.person})).get(one.choice)
        if rule is None or row is None or row.state != "in" or not rule.over(row.made_at, unit.at):
            continue
        try:
            person = registry.person(unit, one.person)
        except UnknownPersonError:  # erased meanwhile
            continue
        act = Act(actor="policy", how="lapse", policy=policy.id, version=rule.version)
        changes.append(registry.scribe.change(unit, person, one.choice, "unset", act, row.signal_leaf))
    return changes
