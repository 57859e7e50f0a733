"""What one version says of one action: a cell for every combination of words that decisions can tell apart.

Cells are made when they are first asked for, and those that cannot be told apart are one object.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from troth.decision.bits import Encoding
from troth.decision.cells import Cell, Gated, Pool, Rule
from troth.decision.facets import ALL, Dimension, Facets
from troth.decision.question import Decision
from troth.policy.model import Statement, Version


class Sparse(dict[int, "Cell | None"]):
    """The cells of a table that is too large for a list; those not yet asked for are None."""

    def __missing__(self, number: int) -> None:
        return None


class Table:
    """All that a version says of one action.

    The number of a cell is the sum of what `data`, `purpose`, `product` and one of `recipient` and `moment` give for
    the words of the question; a word that they do not have is a mistake in the question. `cells` has the cell of a
    number, or None until `make` has made it.
    """

    __slots__ = (
        "_by_order", "_dense", "_facets", "_nevers", "_not_covered", "_not_stated", "_pool", "_rules", "_sizes",
        "_version", "cells", "data", "moment", "product", "purpose", "recipient",
    )  # fmt: skip

    def __init__(
        self, version: Version, facets: Facets, *, encoding: Encoding, pool: Pool, not_covered: Decision
    ) -> None:
        self._version = version
        self._pool = pool
        self._not_covered = not_covered
        self._not_stated = Decision(allowed=False, reason="not-stated", version=version.id)
        self._rules = [Rule(version, statement, encoding) for statement in facets.permits]
        self._nevers = facets.nevers
        self._facets = (facets.data.facets, facets.purpose.facets, facets.third.facets, facets.product.facets)
        self._sizes = tuple(len(some) for some in self._facets)
        data, purposes, others, products = self._sizes

        def numbers(dimension: Dimension, step: int) -> Mapping[str | None, int]:
            return {term: number * step for term, number in dimension.classes.items()}

        self.data = numbers(facets.data, purposes * others * products)
        self.purpose = numbers(facets.purpose, others * products)
        third = numbers(facets.third, products)
        self.recipient: Mapping[str | None, int] = third if facets.giving else {}
        self.moment: Mapping[str | None, int] = {} if facets.giving else third
        self.product = numbers(facets.product, 1)
        self._by_order: dict[tuple[bool, tuple[int, ...]], Cell] = {}
        self._dense = pool.has_room(data * purposes * others * products)
        self.cells: list[Cell | None] | Sparse = []
        self._forget()
        pool.on_full(self._forget)

    def _forget(self) -> None:
        data, purposes, others, products = self._sizes
        self.cells = [None] * (data * purposes * others * products) if self._dense else Sparse()
        self._by_order = {}

    def says(
        self,
        bits: int,
        *,
        data: str,
        purpose: str | None,
        recipient: str | None,
        moment: str | None,
        product: str | None,
    ) -> Decision:
        """What the version says of a question that has been found sound: steps 2 and 4 to 7."""
        other = self.moment[moment] if recipient is None else self.recipient[recipient]
        number = self.data[data] + self.purpose[purpose] + other + self.product[product]
        cell = self.cells[number] or self.make(number)
        if isinstance(cell, Gated):
            return cell.outcomes.get(bits & cell.mask) or cell.outcome(bits)
        return cell

    def make(self, number: int) -> Cell:
        """The cell of a number: steps 2, 4 and 5, and the gates that steps 6 and 7 are to look at."""
        _, purposes, others, products = self._sizes
        rest, product = divmod(number, products)
        rest, other = divmod(rest, others)
        data, purpose = divmod(rest, purposes)
        facets = (self._facets[0][data], self._facets[1][purpose], self._facets[2][other], self._facets[3][product])
        with self._pool.lock:
            # The order of the dimensions is that of specificity; products have no say in it.
            forbidding = _most_specific_first([facet.nevers for facet in facets if facet])
            permitting = _most_specific_first([facet.permits for facet in facets if facet])
            cell: Cell
            if None in facets:
                cell = self._not_covered
            elif forbidding:
                cell = self._shared(True, forbidding)
            elif permitting:
                cell = self._shared(False, permitting)
            else:
                cell = self._not_stated
            self.cells[number] = cell
            self._pool.take(120)
            return cell

    def _shared(self, never: bool, order: tuple[int, ...]) -> Cell:
        cell = self._by_order.get((never, order))
        if cell is None:
            cell = self._forbidden(order) if never else self._permitted(order)
            self._by_order[never, order] = cell
            self._pool.take(400 + 100 * len(order))
        return cell

    def _forbidden(self, order: tuple[int, ...]) -> Decision:
        statements: list[Statement] = [self._nevers[index] for index in order]
        return Decision(
            allowed=False,
            reason="never",
            statements=tuple(statement.id for statement in statements),
            sentence=statements[0].says.in_(self._version.language),
            version=self._version.id,
        )

    def _permitted(self, order: tuple[int, ...]) -> Cell:
        gated = Gated(self._version.id, tuple(self._rules[index] for index in order), self._pool)
        return gated if gated.mask else gated._decide(tuple(range(len(order))), 0)


def _most_specific_first(dimensions: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """The statements that are in all dimensions, by their rank in the first, then in the second, and so on."""
    groups: list[int] = [ALL]
    for sets in dimensions:
        groups = [group & bits for group in groups for bits in sets if group & bits]
    return tuple(index for group in groups for index in _indices(group))


def _indices(bits: int) -> Iterator[int]:
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest
