"""What of a batch may leave now. Nothing that was disclosed is kept ready: it is read from the vault as it leaves.

So it is decided again, by the policy, the contracts, the choices and the conditions of that moment. What may not leave
any more stays, for good: an entry `withheld` says of how many persons, and why, and each line notes what it was.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import bindparam, select

from troth.gates.errors import GateError
from troth.gates.fields import ADDRESS, short_address
from troth.gates.share.asking import NOTHING_HELD, Asking, Found
from troth.gates.share.deciding import Deciding, Living
from troth.gates.share.disclosure import ONE, Disclosure, read_disclosure
from troth.gates.share.wanted import Contents, Leaving
from troth.people.errors import UnknownPersonError
from troth.record import canonical
from troth.record.cases import DISCLOSED, enter_sealed, is_secret
from troth.record.commitment import new_event
from troth.record.kinds import make_entry
from troth.record.log import append
from troth.store import Unit
from troth.store.schema import disclosed, disclosure_batches, to_micros
from troth.vault import Opener, SealedItem
from troth.vault.errors import DamagedItemError

MASK = "mask-ip"  # the duty to give no address whole

LEAF = select(disclosure_batches.c.leaf).where(
    disclosure_batches.c.disclosure == bindparam("of_disclosure"), disclosure_batches.c.number == bindparam("of_number")
)
LINES = (
    select(*(disclosed.c[name] for name in ("position", "person", "pseudonym", "data", "withheld", "withheld_at")))
    .where(disclosed.c.leaf == bindparam("of_leaf"))
    .order_by(disclosed.c.position)
)
WITHHOLD = (
    disclosed.update()
    .where(disclosed.c.leaf == bindparam("of_leaf"), disclosed.c.position == bindparam("of_position"))
    .values(withheld=bindparam("new_withheld"), withheld_at=bindparam("new_withheld_at"))
)


class Kept(msgspec.Struct, frozen=True):
    """A line as it is kept; `withheld` has the data that stayed before."""

    position: int
    person: str | None
    pseudonym: str
    data: tuple[str, ...]
    withheld: frozenset[str]


class Looking:
    """Looks up what of the batches may leave."""

    def __init__(self, deciding: Deciding) -> None:
        self._deciding = deciding
        self._store = deciding.vault.store

    def contents(self, disclosure: str, batch: int) -> Contents:
        """What of a batch may leave at this moment. It is for who lets it leave then, and for nobody else.

        GateError: there is no such disclosure or batch. StoreUnavailableError, StaleChoicesError: nothing leaves now;
        try again later.
        """
        one, leaf, lines = self._read(disclosure, batch)
        at = self._store.clock()
        version = self._deciding.point.policy.in_force(at)
        left: dict[int, dict[str, str]] = {}
        leaving: dict[int, dict[str, object]] = {}
        statements: dict[str, None] = {}
        duties: dict[str, None] = {}
        if version is None:
            left = {line.position: dict.fromkeys(_open(line), "no-policy-in-force") for line in lines if _open(line)}
        else:
            asking = self._deciding.asking(one.wanted, version, at)
            opened = self._decide(asking, lines)
            for line in lines:
                values, stays, found = opened[line.position]
                leaving[line.position], left[line.position] = values, stays
                for term in values:
                    statements |= dict.fromkeys(found[term].decision.statements[:1])
                    duties |= dict.fromkeys(found[term].decision.duties)
        withheld = self._withhold(one, batch, leaf, left)
        persons = []
        for line in lines:
            kept_back = withheld.get(line.position, frozenset())
            values = {term: value for term, value in leaving.get(line.position, {}).items() if term not in kept_back}
            if values:
                persons.append(Leaving(line.pseudonym, values))
        said = {} if version is None else {statement.id: str(statement.says) for statement in version.shares}
        return Contents(
            disclosure=one.id, batch=batch, recipient=one.recipient, purpose=one.purpose, product=one.product,
            duties=tuple(duties), sentences=tuple(said[id] for id in statements if id in said),
            persons=tuple(persons), policy=one.policy, version="" if version is None else version.id,
        )  # fmt: skip

    def _read(self, disclosure: str, batch: int) -> tuple[Disclosure, int, list[Kept]]:
        with self._store.read() as connection:
            row = connection.execute(ONE, {"of_id": disclosure}).first()
            leaf = connection.execute(LEAF, {"of_disclosure": disclosure, "of_number": batch}).scalar()
            if row is None or leaf is None:
                raise GateError(
                    "unknown-disclosure", f"There is no batch {batch} of a disclosure '{disclosure[:100]}'."
                )
            rows = connection.execute(LINES, {"of_leaf": leaf}).all()
        return read_disclosure(tuple(row)), int(leaf), [_kept(tuple(row)) for row in rows]

    def _decide(
        self, asking: Asking, lines: Sequence[Kept]
    ) -> dict[int, tuple[dict[str, object], dict[str, str], dict[str, Found]]]:
        """By the place of each line: the values that may leave, the reasons for those that stay, the decisions."""
        deciding = self._deciding
        living = deciding.living(line.person for line in lines if line.person is not None and _open(line))
        ids = list(dict.fromkeys(one.id for one in living.values()))
        items = deciding.held.of(ids, {term for line in lines for term in _open(line)})
        agreed = deciding.held.agreed(ids)
        opener = deciding.vault.opener(item.sealed_for for some in items.values() for item in some)
        found = {}
        for line in lines:
            one = living.get(line.person or "")
            found[line.position] = self._line(asking, line, one, items, agreed, opener)
        return found

    def _line(  # noqa: PLR0917
        self,
        asking: Asking,
        line: Kept,
        one: Living | None,
        items: Mapping[str, Sequence[SealedItem]],
        agreed: Mapping[str, str],
        opener: Opener,
    ) -> tuple[dict[str, object], dict[str, str], dict[str, Found]]:
        terms = _open(line)
        if one is None:
            return {}, dict.fromkeys(terms, "erased"), {}
        mine = [item for item in items.get(one.id, ()) if item.data in terms]
        found, refused = asking.of(one.id, mine, self._deciding.index.choices(one.id), agreed.get(one.id))
        stays = {term: refused[term].reason if term in refused else NOTHING_HELD for term in terms if term not in found}
        values: dict[str, object] = {}
        for term, one_found in found.items():
            try:
                values[term] = _shown(asking, one_found, opener.open(one_found.item))
            except (DamagedItemError, ValueError):  # not what was stored, or no address that could be shortened
                stays[term] = "damaged"
            except UnknownPersonError:
                stays[term] = "erased"
        return values, stays, found

    def _withhold(
        self, one: Disclosure, batch: int, leaf: int, left: Mapping[int, Mapping[str, str]]
    ) -> dict[int, frozenset[str]]:
        """Note what stays, with its entry; by the place of each line, all that ever stayed of it."""
        if not any(left.values()):
            return {}
        return self._store.write(functools.partial(_note, one=one, batch=batch, leaf=leaf, left=left))


def _note(
    unit: Unit, one: Disclosure, batch: int, leaf: int, left: Mapping[int, Mapping[str, str]]
) -> dict[int, frozenset[str]]:
    """In a unit of work, so that of two who look at once only one notes it."""
    why: dict[str, int] = {}
    persons = 0
    all_of_it: dict[int, frozenset[str]] = {}
    for line in (_kept(row) for row in unit.rows(LINES, {"of_leaf": leaf})):
        stays = left.get(line.position, {})
        new = {term: reason for term, reason in stays.items() if term not in line.withheld}
        all_of_it[line.position] = line.withheld | new.keys()
        if not new:
            continue
        persons += 1
        for reason in new.values():
            why[reason] = why.get(reason, 0) + 1
        nothing_left = all_of_it[line.position] >= set(line.data)
        unit.change(
            WITHHOLD,
            {
                "of_leaf": leaf, "of_position": line.position,
                "new_withheld": msgspec.json.encode(sorted(all_of_it[line.position])).decode(),
                "new_withheld_at": to_micros(unit.at) if nothing_left else None,
            },
        )  # fmt: skip
    if persons:
        values: dict[str, object] = {"disclosure": one.id, "batch": batch, "persons": persons, "why": why}
        if is_secret(one.under):
            enter_sealed(unit, DISCLOSED, one.id, "withheld", canonical.encode(values).decode())
        else:
            append(unit, make_entry("withheld", new_event(), unit.at, values))
    return all_of_it


def _shown(asking: Asking, found: Found, value: object) -> object:
    """A value as it may leave: an address is shortened where a duty says so. ValueError: it is none."""
    if MASK in found.decision.duties and ADDRESS in asking.version.vocabulary.path("data", found.item.data):
        return short_address(value)
    return value


def _open(line: Kept) -> list[str]:
    """The data of a line that may still leave."""
    return [term for term in line.data if term not in line.withheld]


def _kept(row: Sequence[Any]) -> Kept:
    position, person, pseudonym, data, withheld, _ = row
    decode = msgspec.json.decode
    return Kept(
        position, person, pseudonym, decode(data, type=tuple[str, ...]),
        frozenset() if withheld is None else frozenset(decode(withheld, type=list[str])),
    )  # fmt: skip
