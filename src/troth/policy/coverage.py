"""What one version allows, cell by cell: the ground on which checks and differences compare statements.

A *cell* is one question without a person: an action, a data term, a purpose, a recipient, a product and a moment of
collection. `Coverage` says of a cell which statements speak of it, by the same rules as a decision (steps 4 and 5 of
`docs/reference/decisions.md`); gates and duties are compared by the caller. Everything here is about words of the
policy, never about a person's choices.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple, TypeAlias

from troth.policy.model import Collects, Never, Shares, Uses, Version

# The statements that allow something.
Allowing: TypeAlias = Collects | Uses | Shares

# A moment of collection that no statement names: it stands for all of those.
OTHER_MOMENT = "*"


class Cell(NamedTuple):
    """One thing that can be asked. `product` is None where the question names none; `moment` only for collect."""

    action: str
    data: str
    purpose: str
    recipient: str | None = None
    product: str | None = None
    moment: str | None = None


class Gate(NamedTuple):
    """A gate of a statement: `unless`, `only_if` or `given`, and the choice or condition that it names."""

    kind: str
    name: str


Gates = frozenset[Gate]


def gates_of(statement: Allowing) -> Gates:
    """The gates of a statement: all must pass."""
    return frozenset(
        [Gate("unless", name) for name in statement.unless]
        + [Gate("only_if", name) for name in statement.only_if]
        + [Gate("given", name) for name in statement.given]
    )


def implies(stronger: Gates, weaker: Gates) -> bool:
    """Whether whoever passes `stronger` passes `weaker` too: who is in a choice is not out of it."""
    return all(
        gate in stronger or (gate.kind == "unless" and Gate("only_if", gate.name) in stronger) for gate in weaker
    )


class Coverage:
    """The statements of a version, ready to be asked about cells."""

    def __init__(self, version: Version) -> None:
        self.version = version
        self._products = frozenset(covered.id for covered in version.covers)
        self._paths: dict[tuple[str, str], tuple[str, ...]] = {}
        self._children: dict[tuple[str, str], list[str]] = {}
        for kind in ("data", "purpose", "recipient"):
            for term in version.vocabulary.terms(kind):
                if len(term.path) > 1:
                    self._children.setdefault((kind, term.path[-2]), []).append(term.slug)
        for recipient in version.recipients:
            self._children.setdefault(("recipient", recipient.kind), []).append(recipient.id)
        self._of_action: Mapping[str, tuple[Allowing, ...]] = {
            "collect": version.collects,
            "use": (*version.uses, *version.collects),
            "share": version.shares,
        }
        self._answers: dict[Cell, tuple[Allowing, ...]] = {}

    def path(self, kind: str, term: str) -> tuple[str, ...]:
        """Who covers a term, widest first; a term that this version does not know has only itself."""
        found = self._paths.get((kind, term))
        if found is None:
            version = self.version
            found = version.recipient_path(term) if kind == "recipient" else version.vocabulary.path(kind, term)
            self._paths[kind, term] = found
        return found

    def roots(self, kind: str) -> tuple[str, ...]:
        """The terms of a hierarchy that nothing covers."""
        return tuple(term.slug for term in self.version.vocabulary.terms(kind) if len(term.path) == 1)

    # --- what is said of a cell ---------------------------------------------------------------------------------------

    def covering(self, cell: Cell) -> tuple[Allowing, ...]:
        """The statements whose terms cover the cell, whatever their gates; none where a `never` forbids it."""
        found = self._answers.get(cell)
        if found is None:
            if (cell.product is not None and cell.product not in self._products) or self.forbidding(cell):
                found = ()
            else:
                found = tuple(statement for statement in self._of_action[cell.action] if self._covers(statement, cell))
            self._answers[cell] = found
        return found

    def forbidding(self, cell: Cell) -> tuple[Never, ...]:
        """The `never` statements that forbid the cell: they overlap it in every dimension that both state."""
        return tuple(never for never in self.version.never if self.forbids(never, cell))

    def forbids(self, never: Never, cell: Cell) -> bool:
        """Whether one `never` forbids the cell."""
        return (
            cell.action in never.actions
            and self._overlap("data", never.data, cell.data)
            and self._overlap("purpose", never.purposes, cell.purpose)
            and (cell.recipient is None or self._overlap("recipient", never.recipients, cell.recipient))
            and (not never.where or cell.product is None or cell.product in never.where)
        )

    def _overlap(self, kind: str, terms: Collection[str], asked: str) -> bool:
        if not terms:
            return True
        path = self.path(kind, asked)
        return any(term in path or asked in self.path(kind, term) for term in terms)

    def _covers(self, statement: Allowing, cell: Cell) -> bool:
        return (
            (not statement.data or any(term in self.path("data", cell.data) for term in statement.data))
            and any(term in self.path("purpose", cell.purpose) for term in statement.purposes)
            and (
                not isinstance(statement, Shares)
                or any(term in self.path("recipient", cell.recipient or "") for term in statement.recipients)
            )
            and (not statement.where or cell.product in statement.where)
            and (
                cell.moment is None
                or not isinstance(statement, Collects)
                or not statement.when
                or cell.moment in statement.when
            )
        )

    # --- the cells of a statement -------------------------------------------------------------------------------------

    def cells(self, statement: Allowing, frame: Frame) -> Iterator[Cell]:
        """The cells that a statement's own terms cover, as far as `frame` tells them apart."""
        data = self._expand("data", statement.data or self.roots("data"), frame)
        purposes = self._expand("purpose", statement.purposes, frame)
        products: tuple[str | None, ...] = statement.where or tuple(frame.products) or (None,)
        recipients: tuple[str | None, ...] = (None,)
        if isinstance(statement, Shares):
            recipients = self._expand("recipient", statement.recipients, frame)
        actions: tuple[str, ...] = ("share",) if isinstance(statement, Shares) else ("use",)
        if isinstance(statement, Collects):
            actions = ("collect", "use")
        for action in actions:
            moments: tuple[str | None, ...] = (None,)
            if action == "collect" and isinstance(statement, Collects):
                moments = statement.when or (*frame.moments, OTHER_MOMENT)
            for term in data:
                for purpose in purposes:
                    for recipient in recipients:
                        for product in products:
                            for moment in moments:
                                yield Cell(action, term, purpose, recipient, product, moment)

    def _expand(self, kind: str, terms: Iterable[str], frame: Frame) -> tuple[str, ...]:
        """The terms, and below each the terms that something in the frame treats differently."""
        found: dict[str, None] = {}

        def visit(term: str) -> None:
            if term in found:
                return
            found[term] = None
            if any(cut != term and term in self.path(kind, cut) for cut in frame.cuts.get(kind, ())):
                for child in self._children.get((kind, term), ()):
                    visit(child)

        for term in terms:
            visit(term)
        return tuple(found)

    def below(self, kind: str, term: str, others: Iterable[str]) -> tuple[str, ...]:
        """Those of `others` that stand below the term."""
        return tuple(other for other in others if other != term and term in self.path(kind, other))


class Frame(NamedTuple):
    """What cells have to tell apart: terms that a `never` cuts out of wider ones, products, moments.

    `products` has one product for each group that all statements treat alike, and the products of that group.
    """

    cuts: Mapping[str, frozenset[str]]
    products: Mapping[str, tuple[str, ...]]
    moments: tuple[str, ...]


def frame_of(*versions: Version) -> Frame:
    """The frame in which the statements of several versions can be compared.

    Products that only some of the versions cover are left out: what comes or goes with them is one change of `covers`,
    not a change of every statement. A statement whose `where` names one is asked about it all the same.
    """
    cuts: dict[str, set[str]] = {"data": set(), "purpose": set(), "recipient": set()}
    moments: dict[str, None] = {}
    kinds: dict[str, set[str]] = {}
    for version in versions:
        for never in version.never:
            cuts["data"].update(never.data)
            cuts["purpose"].update(never.purposes)
            cuts["recipient"].update(never.recipients)
        for collects in version.collects:
            moments.update(dict.fromkeys(collects.when))
        for recipient in version.recipients:
            kinds.setdefault(recipient.id, set()).add(recipient.kind)
    cuts["recipient"].update(recipient for recipient, found in kinds.items() if len(found) > 1)
    products = [covered.id for covered in versions[-1].covers]
    for version in versions:
        products = [product for product in products if version.covered(product) is not None]
    return Frame({kind: frozenset(found) for kind, found in cuts.items()}, _classes(products, versions), tuple(moments))


def _classes(products: Iterable[str], versions: Iterable[Version]) -> dict[str, tuple[str, ...]]:
    """The products by the way in which the statements of the versions tell them apart, under the first of each."""
    several = tuple(versions)
    found: dict[frozenset[tuple[int, str]], list[str]] = {}
    for product in products:
        signature = frozenset(
            (number, statement.id)
            for number, version in enumerate(several)
            for statement in version.statements
            if product in statement.where
        )
        found.setdefault(signature, []).append(product)
    return {group[0]: tuple(group) for group in found.values()}
