"""One person at a glance: who they are here, what counts for each choice, and where that comes from."""

from __future__ import annotations

import msgspec
from sqlalchemy import bindparam, func, select

from troth.people.acting import version_for
from troth.people.changes import Change, Current, stated
from troth.people.people import People
from troth.people.reading import Who
from troth.people.strictness import Model, State, effective_with_source
from troth.store import Store
from troth.store.schema import identifiers

LINKED = (
    select(identifiers.c.kind, func.count())
    .where(identifiers.c.person == bindparam("of_person"))
    .group_by(identifiers.c.kind)
    .order_by(identifiers.c.kind)
)

# How somebody chose, in words.
HOWS = {
    "banner": "by the person, in a banner",
    "page": "by the person, on a page",
    "link": "by the person, with a link",
    "one-click": "by the person, with one click",
    "mail": "by the person, in a message to us",
    "complaint": "by the person, who reported a message as unwanted",
    "signal": "by a signal of the browser",
    "staff": "by staff",
    "import": "imported",
    "merge": "taken over as two persons became one",
    "unlink": "taken over as an identifier was unlinked",
    "lapse": "by the policy: its time was over",
}
NEVER_MADE = {
    "opt-in": "never made: not allowed until the person agrees",
    "opt-out": "never made: allowed until the person refuses",
}


class Counted(msgspec.Struct, frozen=True):
    """A choice and what counts for a person.

    `source` is the choice that the state comes from: itself, an ancestor, or None when none of them was made. `made` is
    what was last said to the source, or, without one, how the choice itself was taken back; None if it never was made.
    `model` is None for a choice that the version in force does not declare.
    """

    choice: str
    model: Model | None
    state: State
    source: str | None
    made: Current | None


class Overview(msgspec.Struct, frozen=True):
    """A person: the id, how many identifiers of each kind lead to it, and the choices under a version of the policy.

    `choices` are those that the version declares, in its order, then those that the person made under others.
    """

    person: str
    identifiers: dict[str, int]
    version: str
    choices: tuple[Counted, ...]


def overview(people: People, who: Who) -> Overview | None:
    """A person under the version in force now; None for nobody.

    ChoiceError: no version is in force. Raises StoreUnavailableError.
    """
    version = version_for(people.policy, people.store.clock())
    person = people.find(who)
    if person is None:
        return None
    current = people.current(person)
    models: dict[str, Model] = {choice.id: choice.model for choice in version.choices}
    said = stated(current)
    counted = []
    for choice in dict.fromkeys((*models, *sorted(current))):
        state, source = effective_with_source(said, choice)
        made = current.get(choice if source is None else source)
        counted.append(Counted(choice, models.get(choice), state, source, made))
    return Overview(person, read_linked(people.store, person), version.id, tuple(counted))


def read_linked(store: Store, person: str) -> dict[str, int]:
    """How many identifiers lead to a person, by their kind. What they are is not stored."""
    with store.read() as connection:
        return {str(kind): int(count) for kind, count in connection.execute(LINKED, {"of_person": person})}


def origin(counted: Counted) -> str:
    """Where a state comes from, in words: from which choice, and how that was said."""
    if counted.made is None:
        return NEVER_MADE[counted.model or "opt-in"]
    told = HOWS[counted.made.how]
    return f"from {counted.source}: {told}" if counted.source not in (None, counted.choice) else told


def act(change: Change) -> str:
    """How a change was made, in words: by which of the staff, on which product, under which version, recorded when."""
    told = [HOWS[change.how] + (f" ({change.staff})" if change.staff is not None else "")]
    if change.how == "import" and change.actor == "person":
        told.append("the person's own act")
    if change.product is not None:
        told.append(f"on {change.product}")
    told.append(f"version {change.version}")
    if change.how == "import":
        told.append(f"recorded {change.recorded_at:%Y-%m-%d %H:%M}")
    return ", ".join(told)
