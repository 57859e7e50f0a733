"""One change of a choice, in a unit of work: history, current state, entry in the record, its opening, message."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, get_args

import msgspec
from sqlalchemy import bindparam, select

from troth.people.sealing import KeyWrapping, seal_opening
from troth.people.strictness import State
from troth.record.commitment import new_event, new_salt
from troth.record.kinds import make_entry, make_opening, write_time
from troth.record.log import append
from troth.store import Unit
from troth.store.schema import choice_changes, choices, from_micros, openings, to_micros

Actor = Literal["person", "signal", "staff", "policy"]
How = Literal[
    "banner", "page", "link", "one-click", "mail", "complaint", "signal", "staff", "import", "merge", "unlink", "lapse",
]  # fmt: skip
STATES: tuple[State, ...] = get_args(State)
HOWS: tuple[How, ...] = get_args(How)
TOPIC = "choice"
# The choice to let the present version of the policy hold for data that was given under an older one. No choice that a
# policy declares has such a name, and nothing but that depends on it.
ACCEPTED = "@policy"

CURRENT_COLUMNS = [
    choices.c[name] for name in ("choice", "state", "leaf", "made_at", "version", "actor", "how", "signal_leaf")
]
CHANGE_COLUMNS = list(choice_changes.columns)
CURRENT_OF = select(*CURRENT_COLUMNS).where(choices.c.person == bindparam("of_person"))
CHANGE_AT = select(*CHANGE_COLUMNS).where(choice_changes.c.leaf == bindparam("at_leaf"))
ADD_CHANGE = choice_changes.insert().values({column.name: bindparam(column.name) for column in CHANGE_COLUMNS})
_SET = ("state", "leaf", "made_at", "version", "actor", "how", "signal_leaf")
SET_CURRENT = (
    choices.update()
    .where(choices.c.person == bindparam("of_person"), choices.c.choice == bindparam("of_choice"))
    .values({name: bindparam(f"new_{name}") for name in _SET})
)
ADD_CURRENT = choices.insert().values({name: bindparam(name) for name in ("person", "choice", *_SET)})
ADD_OPENING = openings.insert().values({name: bindparam(name) for name in ("event", "leaf", "person", "sealed")})

Random = Callable[[int], bytes]


class Change(msgspec.Struct, frozen=True):
    """One change as history keeps it. `leaf` is the index of its entry in the record, `event` the entry's random id.

    `made_at` is when the person chose and `recorded_at` when that came here; only an import tells them apart.
    """

    leaf: int
    event: str
    person: str
    choice: str
    state: State
    actor: Actor
    staff: str | None
    how: How
    signal: str | None
    product: str | None
    policy: str
    version: str
    made_at: datetime
    recorded_at: datetime


class Current(msgspec.Struct, frozen=True):
    """A choice as it is now, and which change made it so. `signal_leaf`: the latest entry at which a signal counted."""

    choice: str
    state: State
    leaf: int
    made_at: datetime
    version: str
    actor: Actor
    how: How
    signal_leaf: int | None


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """What all changes of one request share: who acted, how, under which version, on which product, when.

    `source` is the entry of the change that this one takes over, where two persons became one or one became two.
    """

    actor: Actor
    how: How
    policy: str
    version: str
    staff: str | None = None
    signal: str | None = None
    product: str | None = None
    made_at: datetime | None = None
    source: int | None = None


class Person(msgspec.Struct, frozen=True):
    """A person as the writing side needs one: the id, and the person's wrapped key."""

    id: str
    sealing_key: bytes


class Scribe:
    """Writes entries about persons: holds how their keys are wrapped, and the source of randomness."""

    __slots__ = ("random", "wrapping")

    def __init__(self, wrapping: KeyWrapping, random: Random = secrets.token_bytes) -> None:
        self.wrapping = wrapping
        self.random = random

    def enter(self, unit: Unit, kind: str, person: Person, values: dict[str, object]) -> tuple[int, str]:
        """An entry about a person with its sealed opening; its index and event."""
        event, salt = new_event(self.random), new_salt(self.random)
        opening = make_opening(kind, event, salt, values)
        # Sealed first: a key that does not fit is found out before anything is written.
        sealed = seal_opening(self.wrapping, person.id, person.sealing_key, opening, self.random)
        leaf = append(unit, make_entry(kind, event, unit.at, values, salt))
        unit.change(ADD_OPENING, {"event": event, "leaf": leaf, "person": person.id, "sealed": sealed})
        return leaf, event

    def change(  # noqa: PLR0917
        self, unit: Unit, person: Person, choice: str, state: State, act: Act, signal_leaf: int | None = None
    ) -> Change:
        """Make the change in this unit of work. For a signal, the new entry is the one at which it counted."""
        made_at = act.made_at or unit.at
        leaf, event = self.enter(
            unit, "choice", person,
            {"policy": act.policy, "person": person.id, "change": committed(choice, state, act, made_at)},
        )  # fmt: skip
        change = Change(
            leaf, event, person.id, choice, state, act.actor, act.staff, act.how, act.signal, act.product, act.policy,
            act.version, made_at, unit.at,
        )  # fmt: skip
        row = {**msgspec.structs.asdict(change), "made_at": to_micros(made_at), "recorded_at": to_micros(unit.at)}
        unit.change(ADD_CHANGE, row)
        set_current(unit, person.id, current_of(change, leaf if act.signal else signal_leaf))
        message = {"leaf": leaf, "event": event, "person": person.id, "choice": choice, "state": state}
        unit.send(TOPIC, msgspec.json.encode(message).decode(), person.id)
        return change


def committed(choice: str, state: State, act: Act, made_at: datetime) -> dict[str, object]:
    """What the entry of a change commits to besides the person."""
    return {
        "choice": choice,
        "state": state,
        "actor": act.actor,
        "how": act.how,
        "version": act.version,
        "product": act.product,
        "signal": act.signal,
        "staff": act.staff,
        "source": act.source,
        "made": write_time(made_at),
    }


def current_of(change: Change, signal_leaf: int | None) -> Current:
    """The current state that a change leads to."""
    return Current(
        change.choice, change.state, change.leaf, change.made_at, change.version, change.actor, change.how, signal_leaf
    )


def set_current(unit: Unit, person: str, current: Current) -> None:
    """Replace the current state of one choice."""
    row = {**msgspec.structs.asdict(current), "made_at": to_micros(current.made_at)}
    keys = {"of_person": person, "of_choice": current.choice}
    if unit.change(SET_CURRENT, {**keys, **{f"new_{name}": row[name] for name in _SET}}) == 0:
        unit.change(ADD_CURRENT, {**row, "person": person})


def read_current(rows: Sequence[Sequence[Any]]) -> dict[str, Current]:
    """The current choices in rows of CURRENT_COLUMNS, by their ids."""
    found = {}
    for row in rows:
        choice, state, leaf, made_at, version, actor, how, signal_leaf = row
        found[choice] = Current(choice, state, leaf, from_micros(made_at), version, actor, how, signal_leaf)
    return found


def read_change(row: Sequence[Any]) -> Change:
    """The change in a row of CHANGE_COLUMNS."""
    values = dict(zip(Change.__struct_fields__, row, strict=True))
    times = {name: from_micros(values[name]) for name in ("made_at", "recorded_at")}
    return Change(**{**values, **times})


def accepted_version(current: Mapping[str, Current]) -> str | None:
    """The version of the policy that a person agreed to last, of their current choices."""
    row = current.get(ACCEPTED)
    return row.version if row is not None and row.state == "in" else None


def stated(current: dict[str, Current]) -> dict[str, State]:
    """What a person said: the states by choice of the policy, without those that were taken back."""
    return {name: row.state for name, row in current.items() if row.state != "unset" and name != ACCEPTED}


def in_and_out(current: dict[str, Current]) -> dict[str, Literal["in", "out"]]:
    """The same as the decision point takes it."""
    return {name: row.state for name, row in current.items() if row.state != "unset" and name != ACCEPTED}
