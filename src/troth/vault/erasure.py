"""Erasing persons: the key is destroyed, what is kept of them is deleted, and the record says that it was done.

One transaction for some persons at a time: their lines in `erasures`, the entry `erased`, the key, and every row about
them, of persons too that became one with them. What is left of a person is the random id, without a key, with the index
of that entry: it tells the processes that hold choices in memory, and whoever comes with an old link, that this person
is no more. What the record says of the person stays, and is noise: salts and values of its commitments lay under the
key.

The opening of the entry `erased` is given to the caller once and kept nowhere: it is the person's proof.

What has to outlive an erasure, the wish to get no mail at an address, is derived from identifiers and choices in the
same transaction, before they go: see `people/suppressions.py`.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import BindParameter, ColumnElement, Connection, bindparam, or_, select, union

from troth.people.errors import UnknownPersonError
from troth.people.suppressions import Keeping
from troth.record.commitment import Opening, new_event, new_salt
from troth.record.kinds import make_entry, make_opening
from troth.record.log import append
from troth.store import Unit
from troth.store.schema import (
    case_facts,
    case_persons,
    choice_changes,
    choices,
    codes,
    complaint_texts,
    complaints,
    disclosed,
    disclosure_waiting,
    follow_ups,
    identifiers,
    items,
    mail_bodies,
    mail_queue,
    mail_sent,
    notices,
    openings,
    outbox,
    person_links,
    persons,
    recipient_subscriptions,
    requests,
    to_micros,
)
from troth.vault.erasures import Erasures

ERASED_AT_ONCE = 10_000  # persons in one transaction: others that write wait for no more
# Of a great many the rows lie all over the indexes, and each transaction writes all of these pages again.
GREAT_MANY, GREAT_MANY_AT_ONCE = 100_000, 50_000
SLOTS = 100  # persons in one statement, which is compiled once
TABLES = (
    "case_facts", "case_persons", "choice_changes", "choices", "codes", "complaint_texts", "complaints", "disclosed",
    "disclosure_waiting", "follow_ups", "identifiers", "items", "mail_bodies", "mail_queue", "mail_sent", "notices",
    "openings", "outbox", "person_links", "persons", "recipient_subscriptions", "requests",
)  # fmt: skip

_slots: list[BindParameter[str]] = [bindparam(f"id{number}") for number in range(SLOTS)]


def _among(column: ColumnElement[Any]) -> ColumnElement[bool]:
    return column.in_(_slots)


ARRIVED = select(persons.c.id, persons.c.created_at).where(_among(persons.c.id))
MEANT = select(persons.c.id, persons.c.merged_into).where(_among(persons.c.id))
ALL_IDS = select(persons.c.id, persons.c.sealing_key.is_(None)).where(
    or_(_among(persons.c.id), _among(persons.c.merged_into))
)
MARK = (
    persons.update()
    .where(_among(persons.c.id))
    .values(sealing_key=None, merged_into=None, created_at=bindparam("new_at"), erased_leaf=bindparam("new_leaf"))
)
_GONE = select(persons.c.id).where(persons.c.erased_leaf == bindparam("of_leaf"))
_THEIR_BLINDS = select(identifiers.c.blind).where(identifiers.c.person.in_(_GONE))
# What the record says of somebody else who had an identifier of theirs once.
_LEAVES_ABOUT_THEM = select(person_links.c.leaf).where(person_links.c.other.in_(_GONE))
_THEIR_CASES = union(
    select(case_persons.c.subject).where(case_persons.c.person.in_(_GONE)),
    select(notices.c.subject).where(notices.c.person.in_(_GONE)),
)
REFUSED = (
    select(identifiers.c.blind, choices.c.choice)
    .join_from(identifiers, choices, identifiers.c.person == choices.c.person)
    .where(identifiers.c.kind == "email", choices.c.state == "out", identifiers.c.person.in_(_GONE))
    .order_by(identifiers.c.blind, choices.c.choice)
)
_OTHERS = mail_queue.alias("others")
DELETIONS = (
    codes.delete().where(codes.c.blind.in_(_THEIR_BLINDS)),
    recipient_subscriptions.delete().where(recipient_subscriptions.c.blind.in_(_THEIR_BLINDS)),
    # What was written in complaints from their addresses; that there was one, and what became of it, stays.
    complaint_texts.delete().where(
        complaint_texts.c.complaint.in_(select(complaints.c.id).where(complaints.c.blind.in_(_THEIR_BLINDS)))
    ),
    complaints.update().where(complaints.c.blind.in_(_THEIR_BLINDS)).values(sealing_key=None, blind=None),
    identifiers.delete().where(identifiers.c.person.in_(_GONE)),
    openings.delete().where(openings.c.person.in_(_GONE)),
    openings.delete().where(openings.c.leaf.in_(_LEAVES_ABOUT_THEM)),
    person_links.delete().where(person_links.c.person.in_(_GONE)),
    person_links.update().where(person_links.c.other.in_(_GONE)).values(other=None),
    choices.delete().where(choices.c.person.in_(_GONE)),
    choice_changes.delete().where(choice_changes.c.person.in_(_GONE)),
    requests.delete().where(requests.c.person.in_(_GONE)),
    outbox.delete().where(outbox.c.person.in_(_GONE)),
    items.delete().where(items.c.person.in_(_GONE)),
    # Mail on its way to them; a message that goes to others, too, goes on to those.
    mail_bodies.delete().where(
        mail_bodies.c.id.in_(select(mail_queue.c.body).where(mail_queue.c.person.in_(_GONE))),
        ~select(_OTHERS.c.id)
        .where(_OTHERS.c.body == mail_bodies.c.id, or_(_OTHERS.c.person.is_(None), _OTHERS.c.person.not_in(_GONE)))
        .exists(),
    ),
    mail_queue.delete().where(mail_queue.c.person.in_(_GONE)),
    mail_sent.delete().where(mail_sent.c.person.in_(_GONE)),
    # Whom a case is about is committed to under a salt, which goes with the first of them.
    case_facts.update().where(case_facts.c.subject.in_(_THEIR_CASES)).values(people_salt=None),
    case_persons.delete().where(case_persons.c.person.in_(_GONE)),
    notices.delete().where(notices.c.person.in_(_GONE)),
    disclosure_waiting.delete().where(disclosure_waiting.c.person.in_(_GONE)),
    # Who received something has to be told, and knows them by the pseudonym alone: it goes once that is done.
    disclosed.update()
    .where(disclosed.c.person.in_(_GONE))
    .values(person=None, opening=None, erased_leaf=bindparam("of_leaf")),
    follow_ups.update().where(follow_ups.c.person.in_(_GONE)).values(person=None),
)


class Erased(msgspec.Struct, frozen=True):
    """What was erased in one transaction: the index of its entry, and what opens that entry's commitment.

    `persons` counts people; `ids` has every id that meant one of them.
    """

    leaf: int
    persons: int
    ids: tuple[str, ...]
    opening: Opening


class Erasure(msgspec.Struct, frozen=True):
    """What was erased. `scrubbed`: whether it is out of the files of the database, too, and not only out of the tables.

    `rewritten`: whether the files were rewritten for that.
    """

    persons: int
    entries: tuple[Erased, ...]
    scrubbed: bool
    rewritten: bool


def erase_some(
    unit: Unit,
    erasures: Erasures,
    ids: Sequence[str],
    staff: str | None,
    reason: str,
    *,
    keeping: Keeping,
    again: bool = False,
) -> Erased | None:
    """Erase persons in a unit of work; None when all of them were erased before.

    `keeping` keeps that their addresses get no mail that they refused.
    `again`: their lines are in `erasures` already, and who is not in this copy of the database is passed over.
    UnknownPersonError: there never was such a person.
    """
    meant: dict[str, None] = {}
    for some in _in_slots(ids):
        rows = {str(id): merged_into for id, merged_into in unit.rows(MEANT, some)}
        missing = set(some.values()) - rows.keys() - {""}
        if missing and not again:
            raise UnknownPersonError(f"There is no person {min(missing)}.")
        meant.update(dict.fromkeys(str(merged_into or id) for id, merged_into in rows.items()))
    every: set[str] = set()
    gone: set[str] = set()
    for some in _in_slots(list(meant)):
        for id, erased in unit.rows(ALL_IDS, some):
            (gone if erased else every).add(str(id))
    if not every:
        return None
    everyone = tuple(sorted(every))
    event, salt = new_event(), new_salt()
    count = len(meant.keys() - gone)
    said: dict[str, object] = {"ids": list(everyone), "staff": staff, "reason": reason}
    values: dict[str, object] = {"persons": count, "erasure": said}
    leaf = append(unit, make_entry("erased", event, unit.at, values, salt))
    for some in _in_slots(everyone):
        unit.change(MARK, {**some, "new_at": to_micros(unit.at), "new_leaf": leaf})
    keeping.keep(unit, ((bytes(blind), str(choice)) for blind, choice in unit.rows(REFUSED, {"of_leaf": leaf})))
    for deletion in DELETIONS:
        unit.change(deletion, {"of_leaf": leaf})
    if not again:
        erasures.add(unit, everyone)
    return Erased(leaf, count, everyone, make_opening("erased", event, salt, values))


def in_order_of_arrival(connection: Connection, ids: Sequence[str]) -> list[str]:
    """The ids in the order in which the persons came, and so in that of most of their rows: fewer pages are written."""
    arrived = array("q", bytes(8 * len(ids)))
    for start in range(0, len(ids), SLOTS):
        (some,) = _in_slots(ids[start : start + SLOTS])
        found = {str(id): at for id, at in connection.execute(ARRIVED, some)}
        for number, id in enumerate(ids[start : start + SLOTS], start):
            arrived[number] = found.get(id, 0)
    return [ids[number] for number in sorted(range(len(ids)), key=arrived.__getitem__)]


def _in_slots(ids: Sequence[str]) -> list[dict[str, str]]:
    """The ids as the parameters of statements, with nobody in the slots that are left."""
    parts = [ids[start : start + SLOTS] for start in range(0, len(ids), SLOTS)]
    return [{f"id{number}": part[number] if number < len(part) else "" for number in range(SLOTS)} for part in parts]
