"""Disclosures of more persons than one batch takes: jobs that go on batch by batch, in whatever process runs them.

Each batch is a unit of work of its own, in which the job moves on as well: killed anywhere, it goes on behind the last
batch that was written, and of several processes that run one job only one writes each batch. Everything is decided
again for each batch. What closes the gate for everybody stops the job: a contract that ends, the basis of a transfer
that falls, another version of the policy. Whoever opts out meanwhile is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import Integer, bindparam, func, or_, select

from troth.gates.errors import GateError
from troth.gates.share.asking import Asking
from troth.gates.share.deciding import Decided, Deciding, Living
from troth.gates.share.disclosure import COLUMNS, Disclosure, Outcome, read_disclosure
from troth.gates.share.queue import Queue
from troth.gates.share.wanted import Refused, Segment, State
from troth.gates.share.writing import Batch, advance, seal_batch, write_batch
from troth.gates.tally import Tally
from troth.people.errors import StaleChoicesError
from troth.store import Unit
from troth.store.schema import disclosed, disclosure_waiting, disclosures, items, persons
from troth.vault import SealedItem

BATCH = 500  # persons
TRIES = 5  # to decide a batch while choices of its persons change

RUNNING = select(disclosures.c.id).where(disclosures.c.state == "running").order_by(disclosures.c.created_at)
JOB = select(*COLUMNS).where(disclosures.c.id == bindparam("of_id"), disclosures.c.state == "running")
NEXT = (
    select(disclosure_waiting.c.position, disclosure_waiting.c.person)
    .where(disclosure_waiting.c.disclosure == bindparam("of_id"))
    .order_by(disclosure_waiting.c.position)
    .limit(bindparam("at_most"))
)
# Who had their turn already, maybe before they and another turned out to be one.
HAD_IT = (
    select(func.coalesce(persons.c.merged_into, persons.c.id))
    .join(disclosed, disclosed.c.person == persons.c.id)
    .where(
        disclosed.c.disclosure == bindparam("of_id"),
        or_(
            persons.c.id.in_(bindparam("ids", expanding=True)),
            persons.c.merged_into.in_(bindparam("ids_too", expanding=True)),
        ),
    )
)
HOW_MANY = select(func.count(items.c.person.distinct())).where(items.c.data.in_(bindparam("of_terms", expanding=True)))
HOW_MANY_OF_PART = HOW_MANY.where(
    or_(bindparam("any_statement", type_=Integer) == 1, items.c.statement == bindparam("of_statement")),
    or_(bindparam("any_product", type_=Integer) == 1, items.c.product == bindparam("of_product")),
)


class MovedOnError(Exception):
    """What a batch was decided by has changed; nothing of it was written."""


class OvertakenError(Exception):
    """Another process moved the job on; nothing of this batch was written."""


class Turn(msgspec.Struct, frozen=True):
    """Whose turn it is: the persons as they are now, what is held of them, and where the job goes on.

    `gone` is how many were to have a turn and are nobody any more, or had one already as another of them.
    """

    living: tuple[Living, ...]
    items: dict[str, list[SealedItem]]
    gone: int
    last: bool
    cursor: str | None = None
    up_to: int | None = None


class Jobs:
    """The jobs of the gate. Safe to share between threads."""

    def __init__(self, deciding: Deciding, queue: Queue | None, tally: Tally | None = None) -> None:
        self._deciding = deciding
        self._tally = tally
        self._queue = queue
        self._store = deciding.vault.store

    def count(self, segment: Segment, terms: Sequence[str]) -> int:
        """How many persons a segment has now."""
        values: dict[str, object] = {"of_terms": list(terms)}
        statement = HOW_MANY
        if segment != Segment():
            statement = HOW_MANY_OF_PART
            values |= {
                "any_statement": int(segment.statement is None), "of_statement": segment.statement or "",
                "any_product": int(segment.product is None), "of_product": segment.product or "",
            }  # fmt: skip
        with self._store.read() as connection:
            return int(connection.execute(statement, values).scalar_one())

    def resume(self, limit: int) -> int:
        """Go on with all jobs in turn until about `limit` persons had theirs; how much was done, 0: nothing is left.

        An error of one job keeps no other waiting; it is raised when all had their turn, and that job goes on later.
        """
        done = 0
        while done < limit:
            with self._store.read() as connection:
                running = [str(id) for (id,) in connection.execute(RUNNING)]
            moved, failure = 0, None
            for id in running:
                try:
                    moved += self.step(id)
                except Exception as problem:
                    failure = failure or problem
                if done + moved >= limit:
                    break
            done += moved
            if failure is not None:
                raise failure
            if not moved:
                break
        return done

    def step(self, id: str) -> int:
        """One batch of one job; about how many persons had their turn, 0 if there was nothing to do."""
        for _ in range(TRIES):
            with self._store.read() as connection:
                row = connection.execute(JOB, {"of_id": id}).first()
            if row is None:
                return 0
            one = read_disclosure(tuple(row))
            try:
                return self._step(one)
            except OvertakenError:
                return 0
            except MovedOnError:
                self._deciding.index.catch_up()
        raise StaleChoicesError("People's choices change faster than this can be decided. It goes on later.")

    # --- inside -------------------------------------------------------------------------------------------------------

    def _step(self, one: Disclosure) -> int:
        deciding = self._deciding
        seen = deciding.seen()
        asking, why = self._open(one)
        if asking is None:
            self._write(one, msgspec.structs.replace(one, state="stopped", why=why), None, None, None)
            return 1
        turn = self._turn(one, asking)
        decided = deciding.decide(asking, seen, turn.living, turn.items)
        batch = None
        if decided.lines:
            batch = seal_batch(deciding.vault.people.scribe, one, decided.lines, decided.keys)
        self._write(one, _after(one, turn, decided, batch), batch, decided, turn.up_to)
        decided.count(self._tally, asking)
        return max(1, len(turn.living) + turn.gone)

    def _open(self, one: Disclosure) -> tuple[Asking | None, str]:
        """The questions of the next batch; None and why, where the gate is closed for everybody by now."""
        deciding = self._deciding
        at = self._store.clock()
        version = deciding.point.policy.in_force(at)
        if version is None or version.id != one.version:
            now = "no version" if version is None else f"version {version.id}"
            return None, f"It was asked for under version {one.version} of the policy, and {now} is in force now."
        asking = deciding.asking(one.wanted, version, at)
        refusal: GateError | None = asking.closed(deciding.held.terms(one.data))
        if refusal is None and one.channel == "webhook":
            refusal = unreachable(self._queue, one.recipient)
        return (asking, "") if refusal is None else (None, refusal.message)

    def _turn(self, one: Disclosure, asking: Asking) -> Turn:
        deciding = self._deciding
        terms = deciding.held.terms(one.data)
        if one.segment is not None:
            found = deciding.held.of_part(one.segment, terms, one.cursor, BATCH)
            alive = deciding.living(found)
            last = len(found) < BATCH
            cursor = None if last else list(found)[-1]
            living = self._without_those_before(one, alive.values())
            return Turn(living, found, len(found) - len(living), last, cursor)
        with self._store.read() as connection:
            rows = connection.execute(NEXT, {"of_id": one.id, "at_most": BATCH})
            waiting = [(int(row.position), str(row.person)) for row in rows]
        living = self._without_those_before(one, deciding.living(id for _, id in waiting).values())
        held = deciding.held.of([person.id for person in living], terms)
        up_to = waiting[-1][0] if waiting else None
        return Turn(living, held, len(waiting) - len(living), len(waiting) < BATCH, None, up_to)

    def _without_those_before(self, one: Disclosure, alive: Iterable[Living]) -> tuple[Living, ...]:
        """Each person once, and nobody who had a turn before."""
        different = {person.id: person for person in alive}
        ids = list(different)
        with self._store.read() as connection:
            rows = connection.execute(HAD_IT, {"of_id": one.id, "ids": ids, "ids_too": ids})
            before = {str(id) for (id,) in rows}
        return tuple(person for id, person in different.items() if id not in before)

    def _write(
        self, before: Disclosure, after: Disclosure, batch: Batch | None, decided: Decided | None, up_to: int | None
    ) -> None:
        def work(unit: Unit) -> None:
            if decided is not None and decided.seen.moved_on(unit, decided.persons):
                raise MovedOnError
            ended = msgspec.structs.replace(after, ended_at=None if after.state == "running" else unit.at)
            if not advance(unit, before, ended, up_to):
                raise OvertakenError
            if batch is not None:
                write_batch(unit, before, batch, self._queue)

        self._store.write(work)


def unreachable(queue: Queue | None, recipient: str) -> GateError | None:
    """The refusal where a recipient has no endpoint to which anything could be delivered."""
    if queue is not None and queue.reachable(recipient):
        return None
    text = (
        f"'{recipient[:100]}' has no endpoint that is enabled, so nothing can be delivered to it. "
        "`troth endpoint add` registers one; or share by the channel `file`."
    )
    return GateError("unreachable", text, field="recipient")


def _after(one: Disclosure, turn: Turn, decided: Decided, batch: Batch | None) -> Disclosure:
    """The job after a turn."""
    outcome = one.outcome.and_also(decided.refusals)
    if turn.gone:
        told = tuple(Refused(data, "nothing-held", persons=turn.gone) for data in one.data)
        outcome = outcome.and_also(Outcome({}, told))
    persons, released = one.persons, one.released
    if batch is not None:
        outcome = outcome.and_also(Outcome(batch.statements))
        persons, released = persons + len(batch.lines), released + batch.released
    state: State = "running" if not turn.last else "done" if persons else "refused"
    return msgspec.structs.replace(
        one, state=state, cursor=turn.cursor, steps=one.steps + 1, batches=one.batches + (batch is not None),
        persons=persons, released=released, refused=one.refused + decided.refused + turn.gone, outcome=outcome,
        why="Nothing of it may be shared with anybody it was asked about." if state == "refused" else None,
    )  # fmt: skip
