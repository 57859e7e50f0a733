"""An erasure goes to everyone who received anything of the person, under the pseudonym that they know.

But not to an authority that got it by a legal request: that is evidence, and an entry that names it would tell of it.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import and_, bindparam, or_, select

from troth.gates.following.followups import CURSOR, TOLD, FollowUp, move_cursor, new_follow_up
from troth.people import People
from troth.record.cases import is_secret
from troth.store import Unit
from troth.store.schema import disclosed, disclosures, from_micros, leaves

AT_ONCE = 200  # lines in one unit of work
ERASURES = "erasures"
_PLACE = (disclosed.c.erased_leaf, disclosed.c.leaf, disclosed.c.position)
NEW = (
    select(
        *_PLACE, disclosed.c.recipient, disclosed.c.pseudonym, disclosed.c.withheld_at, leaves.c.at, disclosures.c.under
    )
    .join_from(disclosed, leaves, leaves.c["index"] == disclosed.c.erased_leaf)
    .join(disclosures, disclosures.c.id == disclosed.c.disclosure)
    .where(
        disclosed.c.erased_leaf >= bindparam("erased"),
        or_(
            disclosed.c.erased_leaf > bindparam("erased"),
            disclosed.c.leaf > bindparam("leaf"),
            and_(disclosed.c.leaf == bindparam("leaf"), disclosed.c.position > bindparam("position")),
        ),
    )
    .order_by(*_PLACE)
    .limit(bindparam("at_most"))
)
# Of what was withheld as a whole nobody knows the pseudonym, and of what an authority got nobody is told.
BLANK = (
    disclosed.update()
    .where(disclosed.c.leaf == bindparam("of_leaf"), disclosed.c.position == bindparam("of_position"))
    .values(pseudonym="")
)

Emit = Callable[[Unit, FollowUp], None]


class ErasedPersons:
    """Finds the lines of those who were erased, in units of work."""

    def __init__(self, people: People, emit: Emit) -> None:
        self._people = people
        self._emit = emit

    def follow(self, unit: Unit) -> int:
        """Look at the next lines; how many there were."""
        rows = unit.rows(NEW, {**place_of(unit), "at_most": AT_ONCE})
        for erased, leaf, position, recipient, pseudonym, withheld_at, at, under in rows:
            if withheld_at is not None or is_secret(under):
                unit.change(BLANK, {"of_leaf": leaf, "of_position": position})
                continue
            told = {"of_recipient": recipient, "of_pseudonym": pseudonym, "of_kind": "erasure", "since": erased}
            if pseudonym and not unit.rows(TOLD, told):
                one = new_follow_up(
                    unit, self._people.scribe.random, kind="erasure", recipient=str(recipient), person=None,
                    pseudonym=str(pseudonym), source=int(erased), made_at=from_micros(at), state="sent",
                )  # fmt: skip
                self._emit(unit, one)
        if rows:
            move_cursor(unit, ERASURES, "/".join(str(part) for part in rows[-1][:3]))
        return len(rows)


def place_of(unit: Unit) -> dict[str, int]:
    """Up to which line the erased were looked at."""
    rows = unit.rows(CURSOR, {"of_name": ERASURES})
    return read_place(str(rows[0][0]) if rows else None)


def read_place(text: str | None) -> dict[str, int]:
    """The place in a cursor."""
    erased, leaf, position = (text or "-1/-1/-1").split("/")
    return {"erased": int(erased), "leaf": int(leaf), "position": int(position)}
