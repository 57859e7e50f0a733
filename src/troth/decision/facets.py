"""Terms that no decision can tell apart, collapsed: for one version and one action, each term becomes a number.

Statements are the bits of an integer, in the order of the file. What a term means to a decision is its *facet*: which
statements cover it (and which prohibitions overlap it), sorted by how specifically they do. Terms with the same facet
are one class, whatever their names. Specificity matters only within one dimension of one question, so a facet keeps the
order of the matches and forgets the number of segments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from troth.decision.question import GIVING, PURPOSE_OPTIONAL, Known
from troth.policy.model import Collects, Never, Shares, Uses, Version

Permit = Collects | Uses | Shares

ALL = -1  # every statement: an integer of which all bits are set
DECLARED = 1_000_000  # a declared recipient comes before any kind, however many segments that has


class Facet(NamedTuple):
    """The statements that match a term, as sets of bits that do not overlap, the most specific first.

    `permits` has those that could allow, `nevers` those that forbid.
    """

    permits: tuple[int, ...]
    nevers: tuple[int, ...]


class Dimension(NamedTuple):
    """One dimension of a question: the class of each known term, and what the classes are."""

    classes: Mapping[str | None, int]
    facets: tuple[Facet | None, ...]


UNSTATED = Facet((ALL,), (ALL,))  # a question that leaves a dimension out


def permits_of(version: Version, action: str) -> tuple[Permit, ...]:
    """The statements that can permit an action, in the order of the file: step 5."""
    found: Sequence[Permit] = ()
    if action == "collect":
        found = version.collects
    elif action == "use":
        found = (*version.uses, *version.collects)
    elif action == "share":
        found = version.shares
    return tuple(sorted(found, key=lambda statement: statement.order))


def nevers_of(version: Version, action: str) -> tuple[Never, ...]:
    """The prohibitions that name an action, in the order of the file: step 4."""
    found = (statement for statement in version.never if action in statement.actions)
    return tuple(sorted(found, key=lambda statement: statement.order))


class Facets:
    """The four dimensions of a version for one action.

    `third` is the recipient where the action is `giving`, for collect the moment, and for use neither.
    """

    def __init__(self, version: Version, action: str, known: Known) -> None:
        self.permits = permits_of(version, action)
        self.nevers = nevers_of(version, action)
        self._version = version
        self._recipients = {recipient.id: recipient.kind for recipient in version.recipients}
        self.data = self._terms("data", known.data, [s.data for s in self.permits], [s.data for s in self.nevers])
        self.purpose = self._terms(
            "purpose",
            (*known.purpose, None) if action in PURPOSE_OPTIONAL else known.purpose,
            [s.purposes for s in self.permits],
            [s.purposes for s in self.nevers],
        )
        self.giving = action in GIVING
        if self.giving:
            self.third = self._terms(
                "recipient",
                known.recipient,
                [s.recipients if isinstance(s, Shares) else () for s in self.permits],
                [s.recipients for s in self.nevers],
            )
        else:
            self.third = self._moments((None, *known.moment) if action == "collect" else (None,))
        self.product = self._products((None, *known.product))

    def _path(self, kind: str, term: str) -> tuple[str, ...]:
        """Who covers a term, widest first; empty for one that the version does not know."""
        vocabulary = self._version.vocabulary
        if kind == "recipient" and term in self._recipients:
            return (*vocabulary.path(kind, self._recipients[term]), term)
        return vocabulary.path(kind, term) if vocabulary.knows(kind, term) else ()

    def _terms(
        self,
        kind: str,
        asked: Iterable[str | None],
        permits: Sequence[Sequence[str]],
        nevers: Sequence[Sequence[str]],
    ) -> Dimension:
        permitting, forbidding = _by_term(permits), _by_term(nevers)
        # Only `data` may be left out of a statement that permits; a prohibition may leave out anything.
        all_permitted, all_forbidden = _without(permits) if kind == "data" else 0, _without(nevers)
        paths: dict[str, tuple[str, ...]] = {}

        def segments(term: str) -> int:
            return DECLARED if kind == "recipient" and term in self._recipients else len(paths[term])

        # The prohibitions of narrower terms reach the wider ones that cover these.
        for term in forbidding:
            paths[term] = self._path(kind, term)
        from_below: dict[str, list[str]] = {}
        for term in forbidding:
            for wider in paths[term][:-1]:
                from_below.setdefault(wider, []).append(term)

        def facet(term: str | None) -> Facet:
            if term is None:
                return UNSTATED
            path = self._path(kind, term)
            for wider in path:
                if wider not in paths:
                    paths[wider] = self._path(kind, wider)
            covering = sorted((wider for wider in path if wider in permitting), key=segments, reverse=True)
            overlapping = [wider for wider in path if wider in forbidding] + from_below.get(term, [])
            overlapping.sort(key=segments, reverse=True)
            return Facet(
                _apart([permitting[wider] for wider in covering], all_permitted) if path else (),
                _apart(_merged(overlapping, forbidding, segments), all_forbidden),
            )

        return _collapsed(asked, facet)

    def _moments(self, asked: Iterable[str | None]) -> Dimension:
        """Moments have no hierarchy; a statement without `when` speaks of all, a prohibition knows none."""
        named = _by_term([s.when if isinstance(s, Collects) else () for s in self.permits])
        any_time = _without([s.when if isinstance(s, Collects) else () for s in self.permits])

        def facet(moment: str | None) -> Facet:
            if moment is None:
                return UNSTATED
            if not self._version.vocabulary.knows("moment", moment):
                return Facet((), (ALL,))
            return Facet(_apart([any_time | named.get(moment, 0)]), (ALL,))

        return _collapsed(asked, facet)

    def _products(self, asked: Iterable[str | None]) -> Dimension:
        """A product that the version does not cover has no facet."""
        covered = {entry.id for entry in self._version.covers}
        permitting, forbidding = _by_term([s.where for s in self.permits]), _by_term([s.where for s in self.nevers])
        everywhere, nowhere = _without([s.where for s in self.permits]), _without([s.where for s in self.nevers])

        def facet(product: str | None) -> Facet | None:
            if product is None:  # only what holds everywhere permits; every prohibition forbids
                return Facet(_apart([everywhere]), (ALL,))
            if product not in covered:
                return None
            return Facet(
                _apart([everywhere | permitting.get(product, 0)]), _apart([nowhere | forbidding.get(product, 0)])
            )

        return _collapsed(asked, facet)


def _by_term(statements: Sequence[Sequence[str]]) -> dict[str, int]:
    """Which statements name a term, by term."""
    found: dict[str, int] = {}
    for index, terms in enumerate(statements):
        for term in terms:
            found[term] = found.get(term, 0) | 1 << index
    return found


def _without(statements: Sequence[Sequence[str]]) -> int:
    """Which statements leave a dimension out."""
    return sum(1 << index for index, terms in enumerate(statements) if not terms)


def _apart(sets: Iterable[int], last: int = 0) -> tuple[int, ...]:
    """The sets in their order, each without what an earlier one has; empty ones are dropped."""
    seen = 0
    found = []
    for bits in (*sets, last):
        if bits & ~seen:
            found.append(bits & ~seen)
            seen |= bits
    return tuple(found)


def _merged(terms: Sequence[str], statements: Mapping[str, int], segments: Callable[[str], int]) -> list[int]:
    """The statements of sorted terms, those with as many segments in one set."""
    found: list[int] = []
    before = None
    for term in terms:
        if segments(term) == before:
            found[-1] |= statements[term]
        else:
            before = segments(term)
            found.append(statements[term])
    return found


def _collapsed(asked: Iterable[str | None], facet: Callable[[str | None], Facet | None]) -> Dimension:
    """The classes of the terms, numbered as they are met."""
    numbers: dict[Facet | None, int] = {}
    classes = {term: numbers.setdefault(facet(term), len(numbers)) for term in asked}
    return Dimension(classes, tuple(numbers))
