"""What is true of a person and of a moment, as the bits of one integer.

Each choice has two bits, out and in; each condition that a caller may give has one; each claim of each version has one.
A gate is then a bit that must be set or must not be, and all the gates of a statement are one comparison. Inheritance
("out of `marketing` is out of `marketing.events`") is applied when choices are encoded, so it costs nothing later.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec

from troth.decision.question import GateKind, Known, State, check_choices
from troth.policy.history import Policy
from troth.policy.model import Gated, Version
from troth.policy.vocabulary import dotted_path

# How many ways of having set choices that nest are remembered, before beginning again.
REMEMBERED = 4096


class Choices(msgspec.Struct, frozen=True):
    """A person's choices, encoded once: `DecisionPoint.choices` makes one, `decide` takes it in place of a mapping.

    `bits` has two for each of `names`, out and in, with inheritance applied. `names` are the choices that the policy
    knows; a value serves every decision point whose policy knows the same ones, in the same order. `stated` is what the
    person set, as pairs.
    """

    bits: int
    names: tuple[str, ...]
    stated: tuple[tuple[str, State], ...]


class Encoding:
    """Which bit means what, for one policy in all its versions."""

    __slots__ = ("_bit", "_chains", "_claims", "_known", "_nesting", "_resolved", "_states", "conditions", "names")

    def __init__(self, policy: Policy, known: Known) -> None:
        self._known = known
        self.names = tuple(known.choice)
        position = {name: 2 * index for index, name in enumerate(self.names)}
        # What a caller says: choice and state → bit, condition → bit.
        self._states: dict[tuple[str, str], int] = {}
        for name, at in position.items():
            self._states |= {(name, "out"): 1 << at, (name, "in"): 2 << at}
        self._bit = self._states.__getitem__
        free = 2 * len(position)
        self.conditions = {name: 1 << (free + index) for index, name in enumerate(known.condition)}
        free += len(self.conditions)
        claims = [(version.id, claim) for version in policy.versions for claim in version.claims]
        self._claims = {
            (version, claim.id): (1 << (free + index), claim) for index, (version, claim) in enumerate(claims)
        }
        # Where each choice takes its state from: itself, then its ancestors, the nearest first.
        self._chains = [
            (at, tuple(position[name] for name in reversed(dotted_path(choice)) if name in position))
            for choice, at in position.items()
        ]
        self._nesting = 0  # the bits of the choices that have others below them
        for _, chain in self._chains:
            for above in chain[1:]:
                self._nesting |= 3 << above
        self._resolved: dict[int, int] = {}

    def choices(self, stated: Mapping[str, State]) -> Choices:
        """The choices of a person, encoded. Raises QuestionError for an unknown choice or state."""
        check_choices(stated, self._known)
        return Choices(bits=self.of_choices(stated), names=self.names, stated=tuple(stated.items()))

    def of_choices(self, stated: Mapping[str, State]) -> int:
        """The bits of a person's choices. Raises KeyError or TypeError for an unknown choice or state."""
        bits = sum(map(self._bit, stated.items()))  # no two choices have a bit in common
        return self._inherited(bits) if bits & self._nesting else bits

    def _inherited(self, stated: int) -> int:
        bits = self._resolved.get(stated)
        if bits is None:
            bits = 0
            for at, chain in self._chains:
                for above in chain:
                    state = stated >> above & 3
                    if state:
                        bits |= state << at
                        break
            if len(self._resolved) >= REMEMBERED:
                self._resolved.clear()
            self._resolved[stated] = bits
        return bits

    def claims_at(self, at: datetime) -> int:
        """The bits of the claims that are current, whatever the version."""
        bits = 0
        for bit, claim in self._claims.values():
            if claim.current(at):
                bits |= bit
        return bits

    def gates(self, version: Version, statement: Gated) -> tuple[tuple[GateKind, str, int, bool], ...]:
        """The gates of a statement in their order: kind, name, bit, and whether it must be set."""
        found: list[tuple[GateKind, str, int, bool]]
        found = [("unless", name, self._states[name, "out"], False) for name in statement.unless]
        found += [("only_if", name, self._states[name, "in"], True) for name in statement.only_if]
        for name in statement.given:
            claim = self._claims.get((version.id, name))
            found.append(("given", name, claim[0] if claim else self.conditions[name], True))
        return tuple(found)
