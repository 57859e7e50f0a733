"""The cells of a table: what one version says of one question, before anybody's choices are known.

A cell is a finished `Decision` where people and conditions play no part, and a `Gated` cell where they do. A `Pool`
bounds what all of them remember.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock
from typing import TypeVar

from troth.decision.bits import Encoding
from troth.decision.facets import Permit
from troth.decision.question import Decision, Gate, GateKind
from troth.policy.model import Version

K = TypeVar("K")

# About how many bytes the cells of one decision point may take, before it forgets them and begins again.
MEMORY = 64 * 2**20
# The tables of a point that are lists have at most this many cells (8 bytes each) together. A table for which there is
# no room is a dictionary of the cells that were asked for.
DENSE = 2**21
# A gated cell remembers at most this many outcomes; one with more relevant bits than `NARROW` compares each time.
OUTCOMES = 1024
NARROW = 20

REASON_OF: dict[GateKind, str] = {"unless": "opted-out", "only_if": "not-opted-in", "given": "condition-not-met"}


class Pool:
    """Counts what the tables of a decision point remember; when it is too much they all forget."""

    __slots__ = ("_forgetters", "_held", "_limit", "_room", "lock")

    def __init__(self, limit: int = MEMORY, dense: int = DENSE) -> None:
        self.lock = Lock()
        self._room = dense
        self._limit = limit
        self._held = 0
        self._forgetters: list[Callable[[], None]] = []

    def has_room(self, cells: int) -> bool:
        """Whether a table of that size can be a list; if so, the room is taken."""
        if cells > self._room:
            return False
        self._room -= cells
        return True

    def on_full(self, forget: Callable[[], None]) -> None:
        """Have `forget` called when the pool is full."""
        self._forgetters.append(forget)

    def take(self, size: int) -> None:
        """Count `size` bytes more. The caller holds the lock."""
        self._held += size
        if self._held > self._limit:
            self._held = 0
            for forget in self._forgetters:
                forget()


class Rule:
    """One statement as a gated cell sees it: the bits its gates look at, and how those must be for it to stand."""

    __slots__ = ("duties", "gates", "id", "look", "must_be", "sentence")

    def __init__(self, version: Version, statement: Permit, encoding: Encoding) -> None:
        self.id = statement.id
        self.sentence = statement.says.in_(version.language)
        self.duties = statement.must
        self.gates = encoding.gates(version, statement)
        self.look = self.must_be = 0
        for _, _, bit, wanted in self.gates:
            self.look |= bit
            self.must_be |= bit if wanted else 0

    def failing(self, bits: int) -> Gate | None:
        """The first gate that does not pass (step 6)."""
        for kind, name, bit, wanted in self.gates:
            if bool(bits & bit) != wanted:
                return Gate(kind, name)
        return None


class Gated:
    """A cell whose answer depends on the person's choices and on conditions. `mask` are the bits that matter."""

    __slots__ = ("_comparisons", "_decisions", "_pool", "_rules", "_version", "mask", "outcomes")

    def __init__(self, version: str, rules: tuple[Rule, ...], pool: Pool) -> None:
        self._version = version
        self._rules = rules
        self._pool = pool
        self._comparisons = [(index, rule.look, rule.must_be) for index, rule in enumerate(rules)]
        self._decisions: dict[tuple[int, ...] | Gate | None, Decision] = {}  # by who stands, or by the gate that failed
        self.outcomes: dict[int, Decision] = {}
        self.mask = 0
        for rule in rules:
            self.mask |= rule.look

    def outcome(self, bits: int) -> Decision:
        """The decision for these bits, the same object whenever the same statements decide."""
        standing = tuple([index for index, look, must_be in self._comparisons if bits & look == must_be])
        key = standing or self._rules[0].failing(bits)
        decision = self._decisions.get(key)
        if decision is None:
            decision = self._decide(standing, bits)
            self._remember(self._decisions, key, decision, 200 + 16 * len(decision.statements))
        if self.mask.bit_count() <= NARROW:
            self._remember(self.outcomes, bits & self.mask, decision, 100)
        return decision

    def _remember(self, memory: dict[K, Decision], key: K, decision: Decision, size: int) -> None:
        with self._pool.lock:
            if len(memory) >= OUTCOMES:
                memory.clear()
            memory[key] = decision
            self._pool.take(size)

    def _decide(self, standing: tuple[int, ...], bits: int) -> Decision:
        """Steps 7 and 9."""
        if not standing:
            gate = self._rules[0].failing(bits)
            assert gate is not None  # noqa: S101 - it does not stand
            return decision_by(self._version, REASON_OF[gate.kind], self._rules, gate=gate)
        rules = [self._rules[index] for index in standing]
        return decision_by(self._version, "stated", rules, duties=together([rule.duties for rule in rules]))


Cell = Decision | Gated


def decision_by(
    version: str, reason: str, rules: Sequence[Rule], *, gate: Gate | None = None, duties: tuple[str, ...] = ()
) -> Decision:
    """A decision that statements take, the most specific first."""
    return Decision(
        allowed=reason == "stated",
        reason=reason,
        statements=tuple([rule.id for rule in rules]),
        sentence=rules[0].sentence,
        gate=gate,
        version=version,
        duties=duties,
    )


def together(several: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """All the names, each once, in the order of their first mention."""
    return tuple(dict.fromkeys(name for some in several for name in some))
