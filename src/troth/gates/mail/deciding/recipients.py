"""What the store knows of some addresses at one moment: whose they are, what was chosen, and what suppresses them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import bindparam, select

from troth.decision.question import State
from troth.people import People
from troth.people.changes import ACCEPTED
from troth.people.suppressions import CHOICE, Suppressed, hidden, read_suppressed
from troth.store.glance import Glance
from troth.store.schema import choices, from_micros, identifiers, items

OWN_WAYS = frozenset({"banner", "page", "link"})  # how a person says yes here themselves

PERSONS = select(identifiers.c.blind, identifiers.c.person).where(
    identifiers.c.kind == "email", identifiers.c.blind.in_(bindparam("blinds", expanding=True))
)
CHOSEN = select(*(choices.c[name] for name in ("person", "choice", "state", "made_at", "version", "how"))).where(
    choices.c.person.in_(bindparam("persons", expanding=True))
)
HELD = (
    select(items.c.person, items.c.version, items.c.expires_at)
    .where(
        items.c.person.in_(bindparam("persons", expanding=True)), items.c.data.in_(bindparam("terms", expanding=True))
    )
    .distinct()
)


class Known:
    """What the store knows of some addresses at one moment."""

    def __init__(self, people: People, blinds: Sequence[bytes], terms: Sequence[str]) -> None:
        self._persons: dict[bytes, str] = {}
        self._hidden = {blind: hidden(people.key, blind) for blind in blinds}
        self.stated: dict[str, dict[str, State]] = {}
        self.said_in: dict[str, dict[str, datetime]] = {}
        self.agreed: dict[str, str] = {}
        self.held: dict[str, list[tuple[str, datetime | None]]] = {}
        with people.store.glance() as glance:
            if blinds:
                for blind, person in glance.rows(PERSONS, {"blinds": list(self._hidden)}):
                    self._persons[bytes(blind)] = str(person)
            self._suppressed = read_suppressed(glance, self._hidden.values())
            persons = list(dict.fromkeys(self._persons.values()))
            if persons:
                self._read_persons(glance, persons, terms)

    def person(self, blind: bytes) -> str | None:
        """Whose address it is."""
        return self._persons.get(blind)

    def suppressed(self, blind: bytes) -> Sequence[Suppressed]:
        """The rows of the list about an address."""
        return self._suppressed.get(self._hidden[blind], ())

    def _read_persons(self, glance: Glance, persons: list[str], terms: Sequence[str]) -> None:
        for person, choice, state, made_at, version, how in glance.rows(CHOSEN, {"persons": persons}):
            if choice == ACCEPTED:
                if state == "in":
                    self.agreed[person] = version
            elif state != "unset":
                self.stated.setdefault(person, {})[choice] = state
                if state == "in" and how in OWN_WAYS:
                    self.said_in.setdefault(person, {})[choice] = from_micros(made_at)
        for person, version, expires_at in glance.rows(HELD, {"persons": persons, "terms": list(terms)}):
            expires = None if expires_at is None else from_micros(expires_at)
            self.held.setdefault(person, []).append((version, expires))


def narrowed(
    stated: Mapping[str, State], said_in: Mapping[str, datetime], rows: Iterable[Suppressed]
) -> dict[str, State]:
    """What a person said, with the choices out that their address is suppressed for.

    `said_in` has when they said yes here themselves. A yes after the suppression lifts it for that choice alone; any
    other yes, to it or to something below it, does not count.
    """
    states = dict(stated)
    for row in rows:
        if not row.scope.startswith(CHOICE):
            continue
        choice = row.scope.removeprefix(CHOICE)
        for name in list(states):
            if name == choice or name.startswith(f"{choice}."):
                later = states[name] == "in" and name in said_in and said_in[name] > row.since
                if states[name] == "in" and not later:
                    states[name] = "out"
        states.setdefault(choice, "out")
    return states
