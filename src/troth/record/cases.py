"""Entries `case`: all that they say is committed to, since the record is public and the case may not be.

The salt lies in the store beside what was said (`case_facts`), so that whoever keeps it can hold the two together, and
show what an entry says once that may be told.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam

from troth.record.commitment import new_event, new_salt
from troth.record.kinds import make_entry
from troth.record.log import append
from troth.store import Unit
from troth.store.schema import case_facts, to_micros

SECRET = "leg_"  # noqa: S105 - how the id of a legal request begins, which is no password
DISCLOSED = "disclosed"  # the sort of facts about what was disclosed under one, which Troth enters itself
ADD = case_facts.insert().values({column.name: bindparam(column.name) for column in case_facts.columns})


def is_secret(under: str | None) -> bool:
    """Whether that something is done under this id may be secret: it is a legal request, and a gag may forbid it."""
    return under is not None and under.startswith(SECRET)


def said_of(  # noqa: PLR0917
    sort: str, subject: str, what: str, said: str, people: str | None, staff: str | None, act: str | None
) -> dict[str, object]:
    """What the entry of a fact commits to, by field."""
    told = {"sort": sort, "subject": subject, "what": what, "said": said, "people": people, "staff": staff}
    return {"said": told, "act": act or ""}


def enter_sealed(unit: Unit, sort: str, subject: str, what: str, said: str) -> int:
    """An entry `case` of something that Troth did, with its row; its index. `said` is canonical JSON."""
    event, salt = new_event(), new_salt()
    leaf = append(unit, make_entry("case", event, unit.at, said_of(sort, subject, what, said, None, None, None), salt))
    unit.change(ADD, row_of(leaf, event, salt, unit.at, sort, subject, what, said))
    return leaf


def row_of(  # noqa: PLR0917
    leaf: int, event: str, salt: bytes, at: datetime, sort: str, subject: str, what: str, said: str
) -> dict[str, object]:
    """The row of a fact that nobody signed and that is about nobody."""
    return {
        "leaf": leaf, "event": event, "salt": salt, "sort": sort, "subject": subject, "what": what, "said": said,
        "at": to_micros(at), "staff": None, "act": None, "people": None, "people_salt": None,
    }  # fmt: skip
