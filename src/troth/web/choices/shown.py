"""What the preference centre shows of each choice: its sentence, what it decides about, how it stands, and why.

Pure: a version, the choices of a person and their history go in, values for the page come out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from troth.notice import words
from troth.people.asking import changed_since, why_ask
from troth.people.changes import Change, Current, stated
from troth.people.strictness import State, effective_with_source
from troth.policy.history import Policy
from troth.policy.model import Choice, Collects, Gated, Statement, Version

HOWS = {
    "banner": "in a banner",
    "page": "on this page",
    "link": "through a link in a message",
    "one-click": "with one click in your mail program",
    "mail": "in a message to us",
    "complaint": "when you reported a message as unwanted",
    "signal": "by a signal of your browser",
    "staff": "through our staff",
    "import": "elsewhere, before it came here",
    "merge": "and it came here with another of your addresses or browsers",
    "unlink": "and it stayed with this address or browser when it was taken from another",
}
SAID = {"in": "You allowed this", "out": "You refused this", "unset": "You took your answer back"}

STAFF = {
    "in": "Our staff entered that you allowed this",
    "out": "Our staff entered that you refused this",
    "unset": "Our staff entered that you took your answer back",
}


class Told(msgspec.Struct, frozen=True):
    """A change in words, and the index of its entry in the record."""

    text: str
    choice: str
    state: State
    person: str
    leaf: int


class Shown(msgspec.Struct, frozen=True):
    """A choice as the page shows it.

    `own` is what the person set for it, `counts` what is in force with what is inherited `above`. `signal`: the browser
    that opens the page says no to it. `again`: the statements because of which the person is asked again, which read
    otherwise in the version `since`. `asked`: covered sites ask about it before anything of it happens in a browser.
    """

    choice: Choice
    own: State
    counts: State
    depth: int
    happens: bool
    above: Choice | None = None
    told: Told | None = None
    governs: tuple[Statement, ...] = ()
    asked: bool = False
    signal: bool = False
    kept: bool = False
    again: tuple[Statement, ...] = ()
    since: str | None = None


class Required(msgspec.Struct, frozen=True):
    """Something that no choice stops, with the reason."""

    statement: Collects
    why: str
    otherwise: str


def shown(
    policy: Policy,
    version: Version,
    current: Mapping[str, Current],
    history: Sequence[Change],
    *,
    signals: frozenset[str] = frozenset(),
    asked: frozenset[str] = frozenset(),
) -> tuple[Shown, ...]:
    """Every choice of a version, ancestors before what is below them.

    `signals` are those that the browser sends, `asked` the choices that covered sites ask about.
    """
    states = stated(dict(current))
    by_id = {choice.id: choice for choice in version.choices}
    by_leaf = {change.leaf: change for change in history}
    found = []
    for choice in _nested(version):
        state, source = effective_with_source(states, choice.id)
        row = current.get(choice.id)
        change = by_leaf.get(row.leaf) if row is not None else None
        why = why_ask(policy, current, choice.id, version)
        found.append(
            Shown(
                choice,
                own="unset" if row is None else row.state,
                counts=state,
                depth=choice.id.count("."),
                happens=state == "in" or (state == "unset" and choice.model == "opt-out"),
                above=by_id.get(source) if source not in (None, choice.id) else None,
                told=None if change is None else told(policy, change),
                governs=governed(version, choice.id),
                asked=choice.id in asked,
                signal=bool(signals & set(choice.signals)),
                kept=_kept(row),
                again=_statements(version, why),
                since=current[source].version if why and source is not None else None,
            )
        )
    return tuple(found)


def told(policy: Policy, change: Change) -> Told:
    """A change in words: `You refused this on 3 May 2026, 10:00 UTC, in a banner of GoToMeeting.`"""
    version = policy.version(change.version)
    covered = version.covered(change.product) if change.product else None
    where = f" of {covered.name}" if covered else ""
    if change.how == "lapse":
        text = f"What you allowed was for a time, which ended on {words.day(_to_minutes(change.made_at))}."
        return Told(text, change.choice, change.state, change.person, change.leaf)
    said = SAID[change.state] if change.actor != "staff" else STAFF[change.state]
    text = f"{said} on {words.day(_to_minutes(change.made_at))}, {HOWS.get(change.how, change.how)}{where}."
    return Told(text, change.choice, change.state, change.person, change.leaf)


def required(version: Version, at: datetime, language: str) -> tuple[Required, ...]:
    """What must be collected for the service to work: statements that no choice stops, each with why."""
    return tuple(
        Required(
            statement,
            words.BASES.get(statement.basis or "", "") if statement.basis else "",
            statement.otherwise.in_(language) if statement.otherwise else "",
        )
        for statement in version.stated_on(at)
        if isinstance(statement, Collects) and statement.required and not (statement.unless or statement.only_if)
    )


def governed(version: Version, choice: str) -> tuple[Statement, ...]:
    """The statements that a choice decides about, itself or through what is below it."""
    return tuple(
        statement
        for statement in version.statements
        if isinstance(statement, Gated)
        and any(gate == choice or gate.startswith(f"{choice}.") for gate in (*statement.unless, *statement.only_if))
    )


def changed_for(policy: Policy, made_under: str, choices: Sequence[str], version: Version) -> tuple[Statement, ...]:
    """The statements for which agreements by these choices, given under an older version, no longer do."""
    return _statements(version, (id for choice in choices for id in changed_since(policy, made_under, choice, version)))


def _statements(version: Version, ids: Iterable[str]) -> tuple[Statement, ...]:
    """The statements of the version with these ids; what is gone from it is left out."""
    by_id = {statement.id: statement for statement in version.statements}
    return tuple(by_id[id] for id in dict.fromkeys(ids) if id in by_id)


def _kept(row: Current | None) -> bool:
    """Whether a yes stands although a signal counted: the person said it later, for this one thing."""
    return (
        row is not None
        and row.state == "in"
        and row.actor == "person"
        and row.signal_leaf is not None
        and row.leaf > row.signal_leaf
    )


def _nested(version: Version) -> list[Choice]:
    """The choices in the order of the file, each followed by those below it."""
    place = {choice.id: index for index, choice in enumerate(version.choices)}

    def key(choice: Choice) -> list[tuple[int, str]]:
        parts = choice.id.split(".")
        heads = [".".join(parts[: length + 1]) for length in range(len(parts))]
        return [(place.get(head, len(place)), head) for head in heads]

    return sorted(version.choices, key=key)


def _to_minutes(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)
