"""One batch in one unit of work: its entry in the record, its lines, what is queued, and how far the disclosure came.

What a batch holds is decided before, outside of the transaction, so that nobody waits for it. So the first thing in the
transaction is to see whether anything was recorded meanwhile by which it would have been decided otherwise: a choice, a
merge or an erasure of one of its persons, or anything about a recipient, a legal request or a transfer of the
business. Then it is decided again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import bindparam, func, select

from troth.gates.share.disclosure import ADD, Disclosure, Outcome, row_of, written_outcome
from troth.gates.share.lines import Line, bound_to, commit_line, root_of, said_of
from troth.gates.share.queue import Queue
from troth.people.changes import Scribe
from troth.record import canonical
from troth.record.cases import DISCLOSED, enter_sealed, is_secret
from troth.record.commitment import new_event
from troth.record.kinds import make_entry
from troth.record.log import append
from troth.store import Unit
from troth.store.schema import (
    case_facts,
    choice_changes,
    disclosed,
    disclosure_batches,
    disclosure_waiting,
    disclosures,
    person_links,
    persons,
    recipient_facts,
    to_micros,
)

HEAD = select(func.coalesce(func.max(recipient_facts.c.leaf), -1))
CHOSE = select(choice_changes.c.person).where(choice_changes.c.leaf > bindparam("after"))
MERGED = select(person_links.c.person, person_links.c.other).where(
    person_links.c.leaf > bindparam("after"), person_links.c.what == "merged"
)
# By which conditions are answered: legal requests, transfers. What the gate itself enters of one is none of it.
CASES = (
    select(case_facts.c.leaf).where(case_facts.c.sort != DISCLOSED).order_by(case_facts.c.leaf.desc()).limit(1)
)  # fmt: skip
ERASED = select(persons.c.id).where(persons.c.erased_leaf > bindparam("after"))
ADD_LINE = disclosed.insert().values({column.name: bindparam(column.name) for column in disclosed.columns})
ADD_BATCH = disclosure_batches.insert().values(
    {column.name: bindparam(column.name) for column in disclosure_batches.columns}
)
ADD_WAITING = disclosure_waiting.insert().values(
    {column.name: bindparam(column.name) for column in disclosure_waiting.columns}
)
_PROGRESS = (
    "state", "cursor", "steps", "batches", "persons", "released", "refused", "ended_at", "outcome", "why",
)  # fmt: skip
ADVANCE = (
    disclosures.update()
    .where(
        disclosures.c.id == bindparam("of_id"),
        disclosures.c.state == "running",
        disclosures.c.steps == bindparam("of_steps"),
    )
    .values({name: bindparam(f"new_{name}") for name in _PROGRESS})
)
FORGET = disclosure_waiting.delete().where(
    disclosure_waiting.c.disclosure == bindparam("of_id"), disclosure_waiting.c.position <= bindparam("up_to")
)


class Seen(msgspec.Struct, frozen=True):
    """The state of things in which a batch was decided: the heads of the record, and of what conditions go by."""

    choices: int
    recipients: int
    cases: int

    def moved_on(self, unit: Unit, persons: frozenset[str]) -> bool:
        """Whether anything was recorded since by which the batch of these persons could be decided otherwise."""
        after = {"after": self.choices}
        return (
            int(unit.rows(HEAD)[0][0]) != self.recipients
            or head_of(unit.rows(CASES)) != self.cases
            or any(str(person) in persons for (person,) in unit.rows(CHOSE, after))
            or any(str(one) in persons for row in unit.rows(MERGED, after) for one in row)
            or any(str(person) in persons for (person,) in unit.rows(ERASED, after))
        )


def head_of(rows: Iterable[Sequence[Any]]) -> int:
    """The latest fact in the answer to CASES; -1 without any."""
    return next((int(row[0]) for row in rows), -1)


class Batch(msgspec.Struct, frozen=True):
    """What one batch of a disclosure holds, sealed and ready to be written."""

    number: int
    event: str
    lines: tuple[Line, ...]
    commitments: tuple[bytes, ...]
    openings: tuple[bytes, ...]
    statements: Mapping[str, int]

    @property
    def released(self) -> int:
        """How many values."""
        return sum(len(line.data) for line in self.lines)


def seal_batch(scribe: Scribe, one: Disclosure, lines: Sequence[Line], wrapped: Mapping[str, bytes]) -> Batch:
    """The next batch of a disclosure: each line committed to, and its opening sealed under the person's key."""
    number = one.batches + 1
    sealed = [
        commit_line(
            scribe, wrapped[line.person], line, said_of(line, one.id, one.recipient, one.purpose, one.version),
            bound_to(one.id, number, position),
        )
        for position, line in enumerate(lines)
    ]  # fmt: skip
    counts: dict[str, int] = {}
    for line in lines:
        for statement in line.statements:
            counts[statement] = counts.get(statement, 0) + 1
    return Batch(
        number, new_event(scribe.random), tuple(lines), tuple(pair[0] for pair in sealed),
        tuple(pair[1] for pair in sealed), counts,
    )  # fmt: skip


def write_batch(unit: Unit, one: Disclosure, batch: Batch, queue: Queue | None) -> int:
    """Write a batch: its entry, its lines, and its delivery for the channel `webhook`; the index of the entry."""
    root = root_of(batch.commitments)
    values: dict[str, object] = {
        "disclosure": one.id, "batch": batch.number, "recipient": one.recipient, "purpose": one.purpose,
        "policy": one.policy, "version": one.version, "product": one.product or "", "channel": one.channel,
        "statements": dict(batch.statements), "persons": len(batch.lines), "values": batch.released,
        "root": root.hex(),
    }  # fmt: skip
    if is_secret(one.under):  # the record is public, and nobody may be told that there was anything
        leaf = enter_sealed(unit, DISCLOSED, one.id, "batch", canonical.encode(values).decode())
    else:
        leaf = append(unit, make_entry("disclosed", batch.event, unit.at, values))
    unit.change(
        ADD_BATCH,
        {
            "disclosure": one.id, "number": batch.number, "leaf": leaf, "persons": len(batch.lines),
            "released": batch.released, "root": root,
        },
    )  # fmt: skip
    at = to_micros(unit.at)
    row: dict[str, Any] = {
        "leaf": leaf, "disclosure": one.id, "recipient": one.recipient, "purpose": one.purpose,
        "version": one.version, "at": at, "withheld": None, "withheld_at": None, "erased_leaf": None,
    }  # fmt: skip
    encode = msgspec.json.encode
    for position, line in enumerate(batch.lines):
        row |= {
            "position": position, "person": line.person, "pseudonym": line.pseudonym,
            "data": encode(line.data).decode(), "statements": encode(line.statements).decode(),
            "commitment": batch.commitments[position], "opening": batch.openings[position],
        }  # fmt: skip
        unit.change(ADD_LINE, row)
    if one.channel == "webhook" and queue is not None:
        queue.add(unit, kind="disclosure", recipient=one.recipient, disclosure=one.id, batch=batch.number)
    return leaf


def begin(unit: Unit, one: Disclosure, key: bytes | None, digest: bytes | None, waiting: Sequence[str] = ()) -> None:
    """Write a disclosure that begins, with the persons that wait for their turn."""
    unit.change(ADD, row_of(one, key, digest))
    for position, person in enumerate(waiting):
        unit.change(ADD_WAITING, {"disclosure": one.id, "position": position, "person": person})


def advance(unit: Unit, before: Disclosure, after: Disclosure, up_to: int | None = None) -> bool:
    """Write how far a job came; False if another process moved it on meanwhile, and then nothing may be kept.

    `up_to` is the place of the last of those who waited and had their turn.
    """
    row = {name: getattr(after, name) for name in _PROGRESS}
    row["outcome"] = written_outcome(after.outcome)
    row["ended_at"] = None if after.ended_at is None else to_micros(after.ended_at)
    values = {"of_id": before.id, "of_steps": before.steps, **{f"new_{name}": row[name] for name in _PROGRESS}}
    if unit.change(ADVANCE, values) == 0:
        return False
    if up_to is not None:
        unit.change(FORGET, {"of_id": before.id, "up_to": up_to})
    return True


def outcome_of(batch: Batch | None, outcome: Outcome) -> Outcome:
    """An outcome with what a batch released."""
    return outcome if batch is None else outcome.and_also(Outcome(batch.statements))
