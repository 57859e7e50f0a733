"""Deciding about many persons at one moment: what of each may be shared, and what not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import bindparam, select

from troth.conditions import Conditions
from troth.decision.point import DecisionPoint
from troth.decision.question import Known
from troth.gates.held import Held
from troth.gates.share.asking import NOTHING_HELD, Asking, Found
from troth.gates.share.disclosure import Outcome
from troth.gates.share.lines import Line
from troth.gates.share.wanted import Refused, Wanted
from troth.gates.share.writing import CASES, Seen, head_of
from troth.gates.tally import Decided as Tallied
from troth.gates.tally import Tally
from troth.people import ChoiceIndex
from troth.policy.model import Version
from troth.record.cases import is_secret
from troth.store.schema import persons
from troth.vault import SealedItem, Vault

AT_ONCE = 500  # persons in one statement
KEYS = select(persons.c.id, persons.c.sealing_key, persons.c.merged_into).where(
    persons.c.id.in_(bindparam("of_ids", expanding=True))
)


class Living(msgspec.Struct, frozen=True):
    """A person as somebody is now: the id, and the key as it is stored."""

    id: str
    key: bytes


class Decided(msgspec.Struct, frozen=True):
    """What was decided: the lines that may be written, the keys for them, what was refused, and in which state."""

    lines: tuple[Line, ...]
    keys: Mapping[str, bytes]
    refusals: Outcome
    refused: int
    persons: frozenset[str]
    seen: Seen

    def count(self, tally: Tally | None, asking: Asking) -> None:
        """Count each data term of each person, once the batch is written. Where nothing is held nothing was decided.

        What is given under a legal request is not counted: the page of promises is public, and there may be a gag.
        """
        if tally is None or is_secret(asking.wanted.under):
            return
        version, at = asking.version.id, asking.at
        counted: Tallied = {}
        for line in self.lines:
            for statement in line.statements:
                counted[statement, version, True] = counted.get((statement, version, True), 0) + 1
        for no in self.refusals.refusals:
            if no.reason != NOTHING_HELD:
                key = (no.statement, version, False)
                counted[key] = counted.get(key, 0) + no.persons
        tally.add_all("share", counted, at)


class Deciding:
    """What decides for the gate `share`: the decision point with the conditions, the vault and people's choices."""

    def __init__(self, vault: Vault, point: DecisionPoint, index: ChoiceIndex, conditions: Conditions) -> None:
        self.vault = vault
        self.point = point
        self.index = index
        self.conditions = conditions
        self.held = Held(vault, point.policy)
        self._known = Known(point.policy)

    def asking(self, wanted: Wanted, version: Version, at: datetime) -> Asking:
        """The questions about something wanted, at a moment, under the version that is in force then."""
        return Asking(self.point, self.conditions, self._known, wanted, version, at)

    def seen(self) -> Seen:
        """The state of things now, to be noted before anything is read of it."""
        facts = self.conditions.register.facts()
        with self.vault.store.read() as connection:
            cases = head_of(connection.execute(CASES))
        return Seen(self.index.seen, facts[-1].leaf if facts else -1, cases)

    def living(self, ids: Iterable[str]) -> dict[str, Living]:
        """Who each id means now, without those who were erased."""
        found: dict[str, Living] = {}
        merged: dict[str, str] = {}
        asked = list(dict.fromkeys(ids))
        with self.vault.store.read() as connection:
            for some in _parts(asked):
                for row in connection.execute(KEYS, {"of_ids": some}):
                    if row.merged_into is not None:
                        merged[str(row.id)] = str(row.merged_into)
                    elif row.sealing_key is not None:
                        found[str(row.id)] = Living(str(row.id), bytes(row.sealing_key))
            others = [id for id in dict.fromkeys(merged.values()) if id not in found]
            for some in _parts(others):
                for row in connection.execute(KEYS, {"of_ids": some}):
                    if row.sealing_key is not None:
                        found[str(row.id)] = Living(str(row.id), bytes(row.sealing_key))
        return {id: found[merged.get(id, id)] for id in asked if merged.get(id, id) in found}

    def decide(
        self, asking: Asking, seen: Seen, living: Sequence[Living], items: Mapping[str, Sequence[SealedItem]]
    ) -> Decided:
        """What of each of these persons may be shared, of the items that are held. `seen` was noted before."""
        agreed = self.held.agreed([one.id for one in living])
        key, recipient = self.vault.people.key, asking.wanted.recipient
        lines: list[Line] = []
        refusals: dict[tuple[str, str, str, str | None], int] = {}
        refused = 0
        for one in living:
            found, others = asking.of(one.id, items.get(one.id, ()), self.index.choices(one.id), agreed.get(one.id))
            for no in (*others.values(), *asking.missing((*found, *others))):
                what = (no.data, no.reason, no.sentence, no.statement)
                refusals[what] = refusals.get(what, 0) + 1
            if found:
                lines.append(line_of(one.id, key.pseudonym(recipient, one.id), found))
            else:
                refused += 1
        told = tuple(Refused(*what, number) for what, number in refusals.items())
        keys = {one.id: one.key for one in living}
        return Decided(tuple(lines), keys, Outcome({}, told), refused, frozenset(keys), seen)


def line_of(person: str, pseudonym: str, found: Mapping[str, Found]) -> Line:
    """The line of a person of whom something may be shared."""
    data = tuple(sorted(found))
    return Line(person, pseudonym, data, tuple(found[term].decision.statements[0] for term in data))


def _parts(ids: Sequence[str]) -> list[list[str]]:
    return [list(ids[start : start + AT_ONCE]) for start in range(0, len(ids), AT_ONCE)]
