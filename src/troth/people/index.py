"""The choices of everybody in memory, for the decision point: two bits for each choice of each person.

The index follows history by the indices of the record: `catch_up` reads what came after the last index that it has
seen. A change made through the `People` that it is attached to is in it before the change is acknowledged. What other
processes write comes with the next `catch_up`; when the last one that worked is too long ago, the index refuses, and a
decision on it fails closed.
"""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, func, select

from troth.decision.bits import Choices
from troth.decision.point import DecisionPoint
from troth.decision.question import State
from troth.people.errors import StaleChoicesError, UnknownPersonError
from troth.people.people import People
from troth.people.persons import person_number
from troth.people.reading import read_stated
from troth.people.table import CompactTable
from troth.store.schema import choice_changes, choices, leaves, person_links, persons

LIMIT = 5.0  # seconds after which choices that were not caught up with are too old to decide on
EVERY = 1.0  # seconds between two attempts of `follow`
AT_ONCE = 10_000  # rows
REMEMBERED = 65_536  # combinations of choices of which the decoded form is kept

HEAD = select(func.coalesce(func.max(leaves.c["index"]), -1))
EVERYBODY = select(choices.c.person, choices.c.choice, choices.c.state).order_by(choices.c.person)
HOW_MANY = select(func.count(choices.c.person.distinct()))
ABSORBED = select(persons.c.id).where(persons.c.merged_into.is_not(None))
CHANGES = (
    select(choice_changes.c.leaf, choice_changes.c.person, choice_changes.c.choice, choice_changes.c.state)
    .where(choice_changes.c.leaf > bindparam("after"))
    .order_by(choice_changes.c.leaf)
)
MERGES = (
    select(person_links.c.leaf, person_links.c.other)
    .where(person_links.c.leaf > bindparam("after"), person_links.c.what == "merged")
    .order_by(person_links.c.leaf)
)
ERASED = select(persons.c.number).where(persons.c.erased_leaf > bindparam("after"))

_BITS = {"unset": 0, "out": 1, "in": 2}


class ChoiceIndex:
    """The choices of all persons, for one decision point. Safe to share between threads.

    `limit` is how many seconds old it may be; `monotonic` is a clock in seconds that never goes back.
    """

    def __init__(
        self,
        people: People,
        point: DecisionPoint,
        *,
        limit: float = LIMIT,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Read everybody's choices, and follow those that `people` writes. Raises StoreUnavailableError."""
        self.limit = limit
        self._people = people
        self._point = point
        self._monotonic = monotonic
        self._names = point.choices({}).names
        self._shift = {name: 1 + 2 * place for place, name in enumerate(self._names)}  # bit 0: merged into another
        self._decoded: dict[int, Choices] = {}
        self._writing = threading.Lock()
        self._ending = threading.Event()
        self._follower: threading.Thread | None = None
        self._missing = False  # whether something that was acknowledged may not be in it
        self._seen, self._at, self._as_of = -1, 0.0, people.store.clock()
        self._table = self._load()
        people.attach(self)

    # --- reading ------------------------------------------------------------------------------------------------------

    def choices(self, person: str) -> Choices:
        """The choices of a person by id, ready for `DecisionPoint.decide`; of somebody unknown, none.

        StaleChoicesError: the index is too old to decide on; try again later. UnknownPersonError: this is no id.
        StoreUnavailableError: the id was merged into another, and the store that knows into which is not there.
        """
        found = self.at_hand(person)
        if found is None:
            people = self._people
            found = self._point.choices(read_stated(people.store, people.key, person, self._names))
        return found

    def at_hand(self, person: str) -> Choices | None:
        """The same from memory alone, so that an event loop need not wait for the store.

        None for an id that was merged into another since somebody noted it: then `choices`, in a thread.
        """
        if self._missing or self._monotonic() - self._at > self.limit:
            raise self._stale()
        return self.meaning(self._table.get(person_number(person)))

    def values(self, persons: Sequence[str]) -> list[int]:
        """What memory knows of many persons, each as a number: equal ones mean equal choices, which `meaning` gives.

        StaleChoicesError: see `choices`. UnknownPersonError: one of them is no id.
        """
        if self._missing or self._monotonic() - self._at > self.limit:
            raise self._stale()
        return self._table.get_all(_numbers(persons))

    def meaning(self, value: int) -> Choices | None:
        """The choices that one of `values` stands for; None if that id was merged into another."""
        if value & 1:
            return None
        return self._decoded.get(value) or self._decode(value)

    @property
    def people(self) -> People:
        """The people whose choices it holds."""
        return self._people

    @property
    def as_of(self) -> datetime:
        """When it was last the same as the store, by the store's clock."""
        return self._as_of

    @property
    def behind(self) -> timedelta:
        """How long ago that was."""
        return timedelta(seconds=max(0.0, self._monotonic() - self._at))

    @property
    def seen(self) -> int:
        """The index in the record up to which everything is in it; -1 for an empty record."""
        return self._seen

    @property
    def persons(self) -> int:
        """How many persons it holds: those who ever chose."""
        return self._table.count

    @property
    def bytes(self) -> int:
        """The memory that the table takes."""
        return self._table.bytes

    # --- following ----------------------------------------------------------------------------------------------------

    def catch_up(self) -> None:
        """Read what is new. Does not raise: if the store cannot be read, the index gets older, and then refuses.

        After a change of this process that could not be read back the index refuses at once.
        """
        try:
            self.refresh()
        except Exception:  # whatever it was: what was acknowledged may be missing here
            self._missing = True

    def refresh(self) -> int:
        """Read what is new; how many rows that was. Raises StoreUnavailableError, and then is no fresher."""
        with self._writing:
            began, as_of = self._monotonic(), self._people.store.clock()
            with self._people.store.read() as connection:
                head = int(connection.execute(HEAD).scalar_one())
                rows = self._apply(connection) if head > self._seen else 0
            self._seen, self._at, self._as_of, self._missing = head, began, as_of, False
            return rows

    def follow(self, every: float = EVERY) -> None:
        """Refresh by itself every so many seconds, in a thread, until `close`."""
        if self._follower is None:
            self._follower = threading.Thread(target=self._follow, args=(every,), name="troth-choices", daemon=True)
            self._follower.start()

    def close(self) -> None:
        """Stop following, by itself and what `people` writes. It gets older from then on, and refuses."""
        self._people.detach(self)
        self._ending.set()
        if self._follower is not None:
            self._follower.join()

    # --- inside -------------------------------------------------------------------------------------------------------

    def _follow(self, every: float) -> None:
        while not self._ending.wait(every):
            try:
                self.refresh()
            except Exception:  # noqa: S112 - it gets older, shows it, and refuses when it is too old
                continue

    def _load(self) -> CompactTable:
        began, as_of = self._monotonic(), self._people.store.clock()
        with self._people.store.read() as connection:
            head = int(connection.execute(HEAD).scalar_one())
            count = int(connection.execute(HOW_MANY).scalar_one())
            table = CompactTable((2 * len(self._names) + 1 + 7) // 8, count)
            person, value = "", 0
            for row in connection.execution_options(yield_per=AT_ONCE).execute(EVERYBODY):
                if row.person != person:
                    if value:
                        table.set(person_number(person), value)
                    person, value = row.person, 0
                value |= self._bits(row.choice, row.state)
            if value:
                table.set(person_number(person), value)
            for absorbed in connection.execution_options(yield_per=AT_ONCE).execute(ABSORBED):
                table.set(person_number(absorbed.id), 1)
        self._seen, self._at, self._as_of = head, began, as_of
        return table

    def _apply(self, connection: Connection) -> int:
        """Take over what came after the last index seen. The changes of a merge come before the other id goes.

        Who was erased has no changes any more, so that comes last.
        """
        after = {"after": self._seen}
        merges = connection.execute(MERGES, after).all()
        table, count = self._table, len(merges)
        for row in connection.execution_options(yield_per=AT_ONCE).execute(CHANGES, after):
            shift = self._shift.get(row.choice)
            if shift is not None:
                number = person_number(row.person)
                table.set(number, table.get(number) & ~(3 << shift) | _BITS[row.state] << shift)
            count += 1
        for merge in merges:
            table.set(person_number(merge.other), 1)
        for erased in connection.execution_options(yield_per=AT_ONCE).execute(ERASED, after):
            if table.get(erased.number):
                table.set(erased.number, 0)
            count += 1
        return count

    def _stale(self) -> StaleChoicesError:
        return StaleChoicesError(
            f"The choices of people were last read {self.behind.total_seconds():.1f} s ago, and may be "
            f"{self.limit:g} s old at most. Nothing is decided on them; try again later."
        )

    def _bits(self, choice: str, state: str) -> int:
        shift = self._shift.get(choice)
        return 0 if shift is None else _BITS[state] << shift

    def _decode(self, value: int) -> Choices:
        found: dict[str, State] = {}
        for name, shift in self._shift.items():
            bits = value >> shift & 3
            if bits:
                found[name] = "out" if bits == 1 else "in"
        choices = self._point.choices(found)
        if len(self._decoded) >= REMEMBERED:
            self._decoded.clear()
        self._decoded[value] = choices
        return choices


def _numbers(persons: Sequence[str]) -> list[int]:
    """`person_number` of many at once, which takes a tenth of the time. UnknownPersonError: one of them is no id."""
    try:
        words = struct.unpack(f">{2 * len(persons)}Q", bytes.fromhex("".join(persons)))
    except (ValueError, struct.error):
        raise UnknownPersonError("The id of a person is 32 hex digits.") from None
    return [word >> 1 for word in words[::2]]
