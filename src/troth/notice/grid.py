"""The grid: for each kind of data, what it is used for and who gets it, and how far a person decides about it.

A verdict says what can happen once every condition (a contract, a legal process) holds: `always`, whatever the person
chose; `refuse`, until the person refuses; `agree`, once the person agrees; `never`. What no statement says is never
done; a `never` that some statement pledges is marked as such. A test holds the grid against the decision point.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

import msgspec

from troth.policy.model import Collects, Gated, Never, Shares, Uses, Version

Verdict = Literal["always", "refuse", "agree", "never"]
VERDICTS: tuple[Verdict, ...] = ("always", "refuse", "agree", "never")
Kind = Literal["purpose", "recipient", "deal"]
DEALS = ("sell", "trade", "rent")


class Column(msgspec.Struct, frozen=True):
    """A purpose (the data is used for it), a recipient (it is shared with it, for any purpose), or deals in data.

    `given` has the conditions without one of which nothing in the column happens.
    """

    kind: Kind
    term: str
    label: str
    given: tuple[str, ...] = ()


class Cell(msgspec.Struct, frozen=True):
    """The verdict, the statements that give it, and whether a `never` is pledged by one of them."""

    verdict: Verdict
    statements: tuple[str, ...] = ()
    pledged: bool = False


class Row(msgspec.Struct, frozen=True):
    """A kind of data and its cells, one for each column."""

    term: str
    label: str
    cells: tuple[Cell, ...]


class Group(msgspec.Struct, frozen=True):
    """The rows of one root of the vocabulary. `whole` is the widest verdict of its rows in each column."""

    whole: Row
    rows: tuple[Row, ...]


class Grid(msgspec.Struct, frozen=True):
    """Columns and groups of rows."""

    columns: tuple[Column, ...]
    groups: tuple[Group, ...]

    def purposes(self) -> Grid:
        """The columns of purposes only."""
        return self._of("purpose")

    def recipients(self) -> Grid:
        """The columns of recipients and of deals."""
        return self._of("recipient", "deal")

    def _of(self, *kinds: Kind) -> Grid:
        kept = [index for index, column in enumerate(self.columns) if column.kind in kinds]

        def cut(row: Row) -> Row:
            return Row(row.term, row.label, tuple(row.cells[index] for index in kept))

        groups = tuple(Group(cut(group.whole), tuple(cut(row) for row in group.rows)) for group in self.groups)
        return Grid(tuple(self.columns[index] for index in kept), groups)


def detailed(version: Version, at: datetime, product: str | None = None) -> Grid:
    """One column for each purpose and recipient that the policy names, one row for each kind of data."""
    deal = Column("deal", "deal", "Sold, traded, rented")
    return _with_conditions(version, _grid(version, at, (*_purposes(version), *_recipients(version), deal), product))


def summary(version: Version, at: datetime, product: str | None = None) -> Grid:
    """One column for each root of the purposes and each kind of recipient; a cell is the widest of what lies below."""
    grid = detailed(version, at, product)
    places: dict[tuple[Kind, str], list[int]] = {}
    for index, column in enumerate(grid.columns):
        if column.kind == "purpose":
            term = version.vocabulary.path("purpose", column.term)[0]
        else:
            term = declared.kind if (declared := version.recipient(column.term)) else column.term
        places.setdefault((column.kind, term), []).append(index)
    columns = tuple(
        grid.columns[indexes[0]] if kind == "deal" else Column(kind, term, version.vocabulary.label(kind, term))
        for (kind, term), indexes in places.items()
    )

    def gather(row: Row) -> Row:
        return Row(row.term, row.label, tuple(widest(row.cells[i] for i in indexes) for indexes in places.values()))

    groups = tuple(Group(gather(group.whole), tuple(map(gather, group.rows))) for group in grid.groups)
    return _with_conditions(version, Grid(columns, groups))


def _with_conditions(version: Version, grid: Grid) -> Grid:
    """The grid with the conditions that all statements of a column share."""
    columns = []
    for index, column in enumerate(grid.columns):
        cells = [row.cells[index] for group in grid.groups for row in group.rows]
        ids = dict.fromkeys(id for cell in cells if cell.verdict != "never" for id in cell.statements)
        gates = [statement.given for id in ids if isinstance(statement := version.statement(id), Gated)]
        shared = tuple(dict.fromkeys(name for some in gates for name in some)) if gates and all(gates) else ()
        columns.append(msgspec.structs.replace(column, given=shared))
    return Grid(tuple(columns), grid.groups)


def widest(cells: Iterable[Cell]) -> Cell:
    """The cell that allows most, with the statements of all that allow as much; a `never` is pledged if all are."""
    several = list(cells)
    verdict = min((cell.verdict for cell in several), key=VERDICTS.index)
    same = [cell for cell in several if cell.verdict == verdict]
    statements = tuple(dict.fromkeys(id for cell in same for id in cell.statements))
    return Cell(verdict, statements, verdict == "never" and all(cell.pledged for cell in same))


def verdict(  # noqa: PLR0917 - a question has that many parts
    version: Version, at: datetime, data: str, purpose: str, recipient: str | None, product: str | None = None
) -> Cell:
    """How far a person decides about a use (`recipient` None) or a sharing of some data.

    With a `product` it speaks of that one; without, of what is said of all of them.
    """
    action = "use" if recipient is None else "share"
    asked = {
        "data": version.vocabulary.path("data", data),
        "purpose": version.vocabulary.path("purpose", purpose),
        "recipient": () if recipient is None else version.recipient_path(recipient),
    }
    forbidding = [
        never.id for never in version.never if action in never.actions and _speaks(version, never, asked, product)
    ]
    if forbidding:
        return Cell("never", tuple(forbidding), pledged=True)
    found: dict[Verdict, list[str]] = {}
    for statement in version.shares if recipient is not None else (*version.uses, *version.collects):
        if _allows(statement, asked, product) and _claims_hold(version, statement, at):
            found.setdefault(_freedom(statement), []).append(statement.id)
    for name in VERDICTS:
        if name in found:
            return Cell(name, tuple(found[name]))
    return Cell("never")


def _share_purposes(version: Version) -> tuple[str, ...]:
    return tuple(dict.fromkeys(purpose for share in version.shares for purpose in share.purposes))


def dealt(version: Version, data: str, product: str | None = None) -> Cell:
    """The verdict on selling, trading and renting out some data: nothing can permit it, and a `never` may pledge it."""
    asked = {"data": version.vocabulary.path("data", data), "purpose": (), "recipient": ()}
    by_deal = [
        [never.id for never in version.never if deal in never.actions and _speaks(version, never, asked, product)]
        for deal in DEALS
    ]
    ids = dict.fromkeys(id for some in by_deal for id in some)
    return Cell("never", tuple(ids), pledged=all(by_deal))


def _freedom(statement: Gated) -> Verdict:
    return "agree" if statement.only_if else "refuse" if statement.unless else "always"


def _allows(statement: Gated, asked: dict[str, tuple[str, ...]], product: str | None) -> bool:
    """Whether its terms cover what is asked."""
    assert isinstance(statement, Collects | Uses | Shares)  # noqa: S101 - the kinds of statements that allow
    if statement.data and not set(statement.data) & set(asked["data"]):
        return False
    if not set(statement.purposes) & set(asked["purpose"]):
        return False
    if isinstance(statement, Shares) and not set(statement.recipients) & set(asked["recipient"]):
        return False
    return not statement.where or product in statement.where


def _speaks(version: Version, never: Never, asked: dict[str, tuple[str, ...]], product: str | None) -> bool:
    """Whether a `never` overlaps what is asked in every dimension that it states."""
    for kind, terms in (("data", never.data), ("purpose", never.purposes), ("recipient", never.recipients)):
        path = asked[kind]
        if not terms or not path:
            continue
        paths = [
            version.recipient_path(term) if kind == "recipient" else version.vocabulary.path(kind, term)
            for term in terms
        ]
        if not any(term in path or path[-1] in other for term, other in zip(terms, paths, strict=True)):
            return False
    return not (never.where and product is not None and product not in never.where)


def _claims_hold(version: Version, statement: Gated, at: datetime) -> bool:
    return all(claim.current(at) for claim in version.claims if claim.id in statement.given)


# --- rows and columns ------------------------------------------------------------------------------------------------


def _grid(version: Version, at: datetime, columns: tuple[Column, ...], product: str | None) -> Grid:
    # Without a product the grid shows the most that is said of any of them.
    asked = (product,) if product else (None, *_unlike(version))
    groups: dict[str, list[Row]] = {}
    purposes = _share_purposes(version)
    for term in _data_terms(version):
        about = _about(version, term)
        cells = tuple(widest(_cell(about, at, term, column, name, purposes) for name in asked) for column in columns)
        root = version.vocabulary.path("data", term)[0]
        groups.setdefault(root, []).append(Row(term, version.vocabulary.label("data", term), cells))
    return Grid(
        columns,
        tuple(
            Group(
                Row(
                    root,
                    version.vocabulary.label("data", root),
                    tuple(widest(row.cells[index] for row in rows) for index in range(len(columns))),
                ),
                tuple(rows),
            )
            for root, rows in groups.items()
        ),
    )


def _about(version: Version, data: str) -> Version:
    """The version with only those statements that could speak of some data: the others need not be asked each time."""
    path = version.vocabulary.path("data", data)

    def speaks(statement: Collects | Uses | Shares | Never) -> bool:
        terms = statement.data
        return not terms or any(term in path or data in version.vocabulary.path("data", term) for term in terms)

    return msgspec.structs.replace(
        version,
        collects=tuple(filter(speaks, version.collects)),
        uses=tuple(filter(speaks, version.uses)),
        shares=tuple(filter(speaks, version.shares)),
        never=tuple(filter(speaks, version.never)),
    )


def _cell(  # noqa: PLR0917 - a cell has that many coordinates
    version: Version, at: datetime, data: str, column: Column, product: str | None, purposes: tuple[str, ...]
) -> Cell:
    if column.kind == "recipient":
        return widest(
            [verdict(version, at, data, purpose, column.term, product) for purpose in purposes] or [Cell("never")]
        )
    if column.kind == "deal":
        return dealt(version, data, product)
    return verdict(version, at, data, column.term, None, product)


def _unlike(version: Version) -> list[str]:
    """Covered sites and products, of those under the very same statements only the first."""
    first: dict[tuple[str, ...], str] = {}
    for covered in version.covers:
        under = tuple(statement.id for statement in version.statements if covered.id in statement.where)
        first.setdefault(under, covered.id)
    return list(first.values())


def _data_terms(version: Version) -> list[str]:
    """The data that any statement names, in the order of the vocabulary; of a term and its parts only the parts."""
    return _finest(version, "data", {term for some in version.statements for term in getattr(some, "data", ())})


def _purposes(version: Version) -> list[Column]:
    statements: tuple[Collects | Uses | Never, ...] = (*version.collects, *version.uses, *version.never)
    named = {purpose for statement in statements for purpose in statement.purposes}
    return [
        Column("purpose", slug, version.vocabulary.label("purpose", slug))
        for slug in _finest(version, "purpose", named)
    ]


def _finest(version: Version, kind: str, terms: set[str]) -> list[str]:
    wider = {ancestor for term in terms for ancestor in version.vocabulary.path(kind, term)[:-1]}
    return [slug for slug in _in_order(version, kind) if slug in terms - wider]


def _recipients(version: Version) -> list[Column]:
    named = dict.fromkeys(id for share in version.shares for id in share.recipients)
    order = {slug: index for index, slug in enumerate(_in_order(version, "recipient"))}

    def place(id: str) -> int:
        return order[version.recipient_path(id)[-2] if version.recipient(id) else id]

    return [
        Column(
            "recipient",
            id,
            declared.name if (declared := version.recipient(id)) else version.vocabulary.label("recipient", id),
        )
        for id in sorted(named, key=place)
    ]


def _in_order(version: Version, kind: str) -> list[str]:
    """The terms of a kind with those of one root together, roots in the order of the vocabulary."""
    slugs = version.vocabulary.slugs(kind)
    roots = {slug: index for index, slug in enumerate(slugs)}
    return sorted(slugs, key=lambda slug: (roots.get(version.vocabulary.path(kind, slug)[0], 0), roots[slug]))
