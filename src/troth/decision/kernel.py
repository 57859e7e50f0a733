"""The compiled form of a policy: the same decisions as `reference.py`, quickly.

Time is cut into *eras* by the effective dates of the versions and the dates of all claims: within one, the version in
force and the claims that are current do not change. For each version and action there is a *table*: in every dimension
the terms that no decision can tell apart are one class (`facets.py`), and a cell for each combination says what the
version says (`table.py`, `cells.py`). Choices and conditions are bits of one integer (`bits.py`). A decision is then a
sum, a look-up, and where a gate plays a part one more look-up by the bits that matter there. Decisions are shared
objects.

What takes long grows with the policy and is done once, when the kernel is made: reading off which statements speak of
which terms. Cells are made when first asked for, so their number does not matter to that.

Memory is bounded by three limits of `cells.py`: tables that are lists have at most `DENSE` cells together, and the
others hold only what was asked for; all that cells remember is counted, and forgotten when it passes `MEMORY`; a cell
remembers at most `OUTCOMES` outcomes. Forgetting costs time and changes no answer.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from datetime import UTC, datetime

from troth.decision.bits import Encoding
from troth.decision.cells import Pool, together
from troth.decision.facets import Facets
from troth.decision.question import Decision, Known
from troth.decision.table import Table
from troth.policy.history import Policy
from troth.policy.model import Version
from troth.policy.vocabulary import ACTIONS

EARLIEST = datetime.min.replace(tzinfo=UTC)
LATEST = datetime.max.replace(tzinfo=UTC)
# How many eras, and how many answers of two versions together, are remembered before beginning again.
ERAS = 256
PAIRS = 4096


class Book:
    """One version, compiled: a table for each action, and the decisions in which no statement takes part."""

    __slots__ = ("effective", "expired", "id", "not_covered", "tables")

    def __init__(self, version: Version, known: Known, encoding: Encoding, pool: Pool) -> None:
        self.id = version.id
        self.effective = version.effective
        self.not_covered = Decision(allowed=False, reason="not-covered", version=version.id)
        self.expired = Decision(allowed=False, reason="expired", version=version.id)
        self.tables: Mapping[str, Table] = {
            action: Table(
                version, Facets(version, action, known), encoding=encoding, pool=pool, not_covered=self.not_covered
            )
            for action in ACTIONS
        }


class Era:
    """A stretch of time in which nothing changes by itself: from `begins` until `ends`, that moment excluded.

    `since` and `until` are the same moments in seconds of Unix time. `book` is the version in force, None before the
    first; `tables` are its tables; `claims` are the bits of the claims that are current.
    """

    __slots__ = ("begins", "book", "claims", "ends", "since", "tables", "until")

    def __init__(self, begins: datetime, ends: datetime, book: Book | None, claims: int) -> None:
        self.begins = begins
        self.ends = ends
        self.since = begins.timestamp()
        self.until = ends.timestamp()
        self.book = book
        self.tables: Mapping[str, Table] = book.tables if book else {}
        self.claims = claims


class Kernel:
    """A policy, compiled. Its answers never change; what it remembers of them is shared between threads."""

    __slots__ = ("_bounds", "_eras", "_pairs", "_policy", "books", "encoding", "known")

    def __init__(self, policy: Policy, pool: Pool | None = None) -> None:
        pool = pool or Pool()
        self._policy = policy
        self.known = Known(policy)
        self.encoding = Encoding(policy, self.known)
        # The newest first: they are asked most, so the room for lists is theirs.
        self.books = {
            version.id: Book(version, self.known, self.encoding, pool) for version in reversed(policy.versions)
        }
        bounds = {version.effective for version in policy.versions}
        for version in policy.versions:
            for claim in version.claims:
                bounds.add(claim.since)
                if claim.end is not None:
                    bounds.add(claim.end)
        self._bounds = sorted(bounds)
        self._eras: dict[int, Era] = {}
        self._pairs: dict[tuple[int, int], tuple[Decision, Decision, Decision]] = {}

    def era(self, at: datetime) -> Era:
        """The era of a moment. Raises TypeError for one without a time zone."""
        index = bisect_right(self._bounds, at)
        era = self._eras.get(index)
        if era is None:
            begins = self._bounds[index - 1] if index else EARLIEST
            ends = self._bounds[index] if index < len(self._bounds) else LATEST
            # Before the first bound there is no version and no claim.
            version = self._policy.in_force(begins) if index else None
            claims = self.encoding.claims_at(begins) if index else 0
            era = Era(begins, ends, self.books[version.id] if version else None, claims)
            if len(self._eras) >= ERAS:
                self._eras.clear()
            self._eras[index] = era
        return era

    def agreed(self, present: Decision, promised: Decision) -> Decision:
        """Steps 8 and 9: what the present version allows, if the one under which the data was collected does too."""
        key = (id(present), id(promised))
        found = self._pairs.get(key)
        # The pair is held with its answer, so an id cannot come to mean another decision unnoticed.
        if found is not None and found[0] is present and found[1] is promised:
            return found[2]
        if promised.allowed:
            duties = together((present.duties, promised.duties))
            decision = Decision(
                allowed=True,
                reason="stated",
                statements=present.statements,
                sentence=present.sentence,
                version=present.version,
                duties=duties,
            )
        else:
            decision = Decision(
                allowed=False,
                reason="collected-under",
                statements=promised.statements,
                sentence=promised.sentence,
                gate=promised.gate,
                version=promised.version,
            )
        if len(self._pairs) >= PAIRS:
            self._pairs.clear()
        self._pairs[key] = (present, promised, decision)
        return decision
