"""Who received what of a person: the lines of the disclosure register, of whoever became one with the person, too."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import bindparam, or_, select

from troth.policy.history import Policy
from troth.policy.model import Shares
from troth.record.cases import SECRET
from troth.store import Store, Unit
from troth.store.schema import disclosed, disclosures, persons

COLUMNS = [
    disclosed.c[name]
    for name in ("leaf", "recipient", "purpose", "person", "pseudonym", "data", "statements", "version", "disclosure")
]
# What was withheld as a whole never reached anybody.
_THERE = disclosed.c.withheld_at.is_(None)
ANY = select(disclosed.c.leaf).limit(1)
MEANT = select(persons.c.id, persons.c.merged_into, persons.c.erased_leaf).where(persons.c.id == bindparam("of_id"))
FAMILY = select(persons.c.id).where(or_(persons.c.id == bindparam("of_id"), persons.c.merged_into == bindparam("too")))
# What an authority got by a legal request is evidence: nothing follows it, and an entry that names it would tell of it.
OF_PERSON = (
    select(*COLUMNS)
    .join(disclosures, disclosures.c.id == disclosed.c.disclosure)
    .where(
        disclosed.c.person == bindparam("of_person"),
        _THERE,
        or_(disclosures.c.under.is_(None), ~disclosures.c.under.startswith(SECRET, autoescape=True)),
    )
    .order_by(disclosed.c.leaf)
)


class Line(msgspec.Struct, frozen=True):
    """What a recipient received of a person, by one disclosure: the data, and the statement that allowed each."""

    leaf: int
    recipient: str
    purpose: str
    person: str
    pseudonym: str
    data: tuple[str, ...]
    statements: tuple[str, ...]
    version: str
    disclosure: str

    def allowed_by(self, policy: Policy) -> tuple[Shares, ...]:
        """The statements that allowed it, as the version said them under which it was disclosed."""
        version = next((one for one in policy.versions if one.id == self.version), None)
        return () if version is None else tuple(one for one in version.shares if one.id in self.statements)


def living(unit: Unit, person: str) -> tuple[str, ...]:
    """The ids that mean a person now, the one in use first; () for one who was erased."""
    rows = unit.rows(MEANT, {"of_id": person})
    if not rows or rows[0][2] is not None:
        return ()
    id = str(rows[0][1] or person)
    others = [str(row[0]) for row in unit.rows(FAMILY, {"of_id": id, "too": id})]
    return (id, *(other for other in others if other != id))


def family_of(store: Store, person: str) -> tuple[str, ...]:
    """The ids that mean a person now. StoreUnavailableError."""
    with store.read() as connection:
        return tuple(str(row.id) for row in connection.execute(FAMILY, {"of_id": person, "too": person}))


def lines_of(unit: Unit, ids: Iterable[str]) -> list[Line]:
    """What recipients received of a person with these ids."""
    return [_line(row) for id in ids for row in unit.rows(OF_PERSON, {"of_person": id})]


def _line(row: Sequence[Any]) -> Line:
    values = list(row)
    for place in (5, 6):
        values[place] = tuple(json.loads(values[place]))
    return Line(*values)
