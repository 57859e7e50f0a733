"""Notices: who was told of a case, when and how. A person sees theirs on the page of their choices."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec
from sqlalchemy import bindparam, or_, select

from troth.store import Store, Unit
from troth.store.schema import from_micros, notices, persons, to_micros

How = Literal["mail", "page", "letter"]

ADD = notices.insert().values({column.name: bindparam(column.name) for column in notices.columns})
OF_SUBJECT = select(notices.c.person, notices.c.at).where(notices.c.subject == bindparam("of_subject"))
OF_SUBJECT_AND_PERSON = select(notices.c.at).where(
    notices.c.subject == bindparam("of_subject"), notices.c.person == bindparam("of_person")
)
# Of whoever became one with a person, too.
OF_PERSON = (
    select(notices.c.subject, notices.c.at, notices.c.how)
    .where(
        or_(
            notices.c.person == bindparam("of_person"),
            notices.c.person.in_(select(persons.c.id).where(persons.c.merged_into == bindparam("of_person_too"))),
        )
    )
    .order_by(notices.c.at, notices.c.subject)
)


class Notice(msgspec.Struct, frozen=True):
    """That a person was told of a case: `how` is by mail and on their page, on their page alone, or by letter."""

    subject: str
    at: datetime
    how: How


def add(unit: Unit, subject: str, person: str, how: How) -> bool:
    """Note that somebody is told now; whether it is the first time."""
    if unit.rows(OF_SUBJECT_AND_PERSON, {"of_subject": subject, "of_person": person}):
        return False
    unit.change(ADD, {"subject": subject, "person": person, "at": to_micros(unit.at), "how": how})
    return True


def told(store: Store, subject: str) -> dict[str, datetime]:
    """Who was told of a case, by the ids that the case has, and when."""
    with store.read() as connection:
        rows = connection.execute(OF_SUBJECT, {"of_subject": subject})
        return {str(row.person): from_micros(row.at) for row in rows}


def of_person(store: Store, person: str) -> tuple[Notice, ...]:
    """What a person was told, the oldest first, each case once."""
    with store.read() as connection:
        rows = connection.execute(OF_PERSON, {"of_person": person, "of_person_too": person}).all()
    found: dict[str, Notice] = {}
    for row in rows:
        found.setdefault(str(row.subject), Notice(str(row.subject), from_micros(row.at), row.how))
    return tuple(found.values())
