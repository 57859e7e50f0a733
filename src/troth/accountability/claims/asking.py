"""What a machine can be asked about a claim: the record itself, and the latest tests of safeguards."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy import func, select

from troth.accountability.claims.assessing import Answer, Ask
from troth.record.log import Log
from troth.record.pinned import read_pinned
from troth.record.verification import verify_record
from troth.record.verifier import VerifyError
from troth.store import Store
from troth.store.schema import choice_changes, choices, leaves, persons

CHANGES = select(func.count()).select_from(choice_changes)
WITHOUT_ENTRY = (
    select(func.count())
    .select_from(choice_changes)
    .join(leaves, choice_changes.c.leaf == leaves.c["index"], isouter=True)
    .where(leaves.c["index"].is_(None))
)
# What a person said of each choice last. Who became one with somebody else has no choices of their own any more.
_LATEST = (
    select(choice_changes.c.person, choice_changes.c.choice, func.max(choice_changes.c.leaf).label("leaf"))
    .join(persons, persons.c.id == choice_changes.c.person)
    .where(persons.c.merged_into.is_(None))
    .group_by(choice_changes.c.person, choice_changes.c.choice)
    .subquery()
)
_SAME = (choices.c.person == _LATEST.c.person) & (choices.c.choice == _LATEST.c.choice)
FORGOTTEN = (
    select(func.count())
    .select_from(_LATEST.join(choices, _SAME, isouter=True))
    .where(choices.c.leaf.is_(None) | (choices.c.leaf < _LATEST.c.leaf))
)
_MADE = choice_changes.alias()
ALTERED = (
    select(func.count())
    .select_from(choices.join(_MADE, _MADE.c.leaf == choices.c.leaf, isouter=True))
    .where(_MADE.c.leaf.is_(None) | (_MADE.c.state != choices.c.state) | (_MADE.c.choice != choices.c.choice))
)

Question = Callable[[], Answer]


def answers(questions: Mapping[str, Question]) -> Ask:
    """What answers questions by their names; a name that is none of them has no answer."""
    return lambda what: questions[what]() if what in questions else None


def choices_in_force(store: Store) -> Answer:
    """Whether every choice that is in force is the latest that was made of it, and each is in the record."""
    with store.read() as connection:
        total = int(connection.execute(CHANGES).scalar_one())
        lost = int(connection.execute(WITHOUT_ENTRY).scalar_one())
        stale = int(connection.execute(FORGOTTEN).scalar_one()) + int(connection.execute(ALTERED).scalar_one())
    if lost:
        return Answer(False, f"{lost} changes of choices are not in the record.")
    if stale:
        return Answer(False, f"{stale} choices are in force that are not the latest ones made.")
    return Answer(True, f"All {total} changes of choices are in the record, and the latest of each is in force.")


def record_holds(log: Log) -> Answer:
    """Whether the record verifies as a whole, against the checkpoint that is kept outside of it."""
    try:
        verified = verify_record(log, log.keys.trusted, read_pinned(log.folder, log.keys))
    except VerifyError as error:
        return Answer(False, f"The record does not verify: {error}")
    size = verified.head.size if verified.head is not None else 0
    return Answer(True, f"All {size + verified.unsigned} entries verify, {size} of them under the latest checkpoint.")
