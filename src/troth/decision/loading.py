"""What a page may load in a browser: the collecting of one site, by purpose, as a table small enough to send.

A page names the purpose of each script and frame. Such a thing may run when a `collects` statement that holds at a
visit covers the purpose, all of the statement's data may be collected for it under the person's choices, and:

- *undecided means refused*: of a statement with gates, a choice must have been answered with in. The policy may allow a
  collecting until the person refuses (`unless`); on the person's own device that is too early (ePrivacy Directive,
  article 5(3));
- a statement without gates has no tracker but strictly necessary ones. Whether storage is strictly necessary is a
  property of the tracker; no legal basis makes it so.

The decision point answers for everything else, so the table cannot allow what a decision would refuse; a test holds it
to the reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

import msgspec

from troth.decision.point import DecisionPoint
from troth.decision.question import State
from troth.policy.model import Collects, Version

MOMENT = "visit"


class Rule(msgspec.Struct, frozen=True):
    """Under which choices one statement lets something load: no `unless` out, each `only_if` in, any of both in."""

    statement: str
    unless: tuple[str, ...] = ()
    only_if: tuple[str, ...] = ()

    @property
    def asks(self) -> str | None:
        """The choice to ask about: the first that the statement names."""
        return next(iter((*self.only_if, *self.unless)), None)

    def loads(self, states: Mapping[str, State | Literal["unset"]]) -> bool:
        """Whether it lets something load; the states are those that count, with what is inherited."""
        if not self.unless and not self.only_if:
            return True
        said = [states.get(name, "unset") for name in self.unless]
        agreed = [states.get(name, "unset") for name in self.only_if]
        return "out" not in said and all(state == "in" for state in agreed) and "in" in (*said, *agreed)

    def decided(self, states: Mapping[str, State | Literal["unset"]]) -> bool:
        """Whether the choices leave nothing to ask."""
        names = (*self.unless, *self.only_if)
        return not names or self.loads(states) or any(states.get(name) == "out" for name in names)


class Loading(msgspec.Struct, frozen=True):
    """The table of one site: the rules by purpose. One that stands is enough."""

    rules: tuple[tuple[str, tuple[Rule, ...]], ...]

    def loads(self, purpose: str, states: Mapping[str, State | Literal["unset"]]) -> bool:
        """Whether something for that purpose may load. A purpose that the table does not have may not."""
        return any(rule.loads(states) for name, rules in self.rules if name == purpose for rule in rules)

    @property
    def asked(self) -> tuple[str, ...]:
        """The choices to ask a visitor about, in the order of the rules."""
        names = (rule.asks for _, rules in self.rules for rule in rules)
        return tuple(dict.fromkeys(name for name in names if name is not None))

    def undecided(self, states: Mapping[str, State | Literal["unset"]]) -> tuple[str, ...]:
        """Those of them that are still open."""
        names = (rule.asks for _, rules in self.rules for rule in rules if not rule.decided(states))
        return tuple(dict.fromkeys(name for name in names if name is not None))


def loading(point: DecisionPoint, version: Version, product: str, at: datetime) -> Loading:
    """The table for a covered site or product, as the policy stands at a moment at which `version` is in force."""
    found: dict[str, list[Rule]] = {}
    for purpose in version.vocabulary.slugs("purpose"):
        path = version.vocabulary.path("purpose", purpose)
        for statement in version.collects:
            at_visit = not statement.when or MOMENT in statement.when
            from_elsewhere = bool(statement.sources) and set(statement.sources) <= {"third_party"}
            if not at_visit or from_elsewhere:
                continue
            if set(path) & set(statement.purposes) and _stands(point, statement, purpose, product, at):
                rule = Rule(statement.id, statement.unless, statement.only_if)
                necessary = all(tracker.necessary for tracker in statement.trackers)
                if rule.asks is not None or necessary:
                    found.setdefault(purpose, []).append(rule)
    return Loading(tuple((purpose, tuple(rules)) for purpose, rules in found.items()))


def _stands(point: DecisionPoint, statement: Collects, purpose: str, product: str, at: datetime) -> bool:
    """Whether all its data may be collected once its choices are in. No browser can vouch for another condition."""
    agreed: dict[str, State] = dict.fromkeys((*statement.unless, *statement.only_if), "in")
    for data in statement.data:
        decision = point.decide(
            action="collect", data=data, purpose=purpose, product=product, moment=MOMENT, choices=agreed, at=at
        )
        if not decision.allowed or statement.id not in decision.statements:
            return False
    return True
