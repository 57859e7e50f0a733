"""Reading items: those of given persons, or of everybody in the order of their ids, of one moment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from heapq import merge
from itertools import groupby, islice
from typing import Any

from sqlalchemy import Connection, bindparam, select

from troth.store import Store
from troth.store.schema import items
from troth.vault.items import COLUMNS, SealedItem, read_item

AT_ONCE = 500  # persons named in one statement
ROWS = 2_000  # fetched at once, where so many persons are asked for

OF_PERSONS = (
    select(*COLUMNS)
    .where(
        items.c.person.in_(bindparam("of_persons", expanding=True)),
        items.c.data.in_(bindparam("of_terms", expanding=True)),
    )
    .order_by(items.c.person, items.c.leaf, items.c.position)
)
OF_TERM = (
    select(*COLUMNS)
    .where(items.c.data == bindparam("of_term"), items.c.person > bindparam("after"))
    .order_by(items.c.person)
)
_PERSON = [column.name for column in COLUMNS].index("person")


def read_items(
    store: Store, persons: Iterable[str] | None, terms: Iterable[str], after: str | None, limit: int | None
) -> Iterator[SealedItem]:
    """See Vault.read."""
    wanted = sorted(set(terms))
    after = after or ""
    if persons is not None:
        ids = sorted({person for person in persons if person > after})
    with store.read() as connection:
        fetched = min(ROWS, limit or ROWS)
        everybody = persons is None
        rows = _of_everybody(connection, wanted, after, fetched) if everybody else _of_persons(connection, ids, wanted)
        each = groupby(rows, key=_person)
        for _, group in each if limit is None else islice(each, limit):
            for row in sorted(group, key=_place):
                yield read_item(row)


def _of_persons(connection: Connection, ids: list[str], terms: list[str]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(ids), AT_ONCE):
        yield from connection.execute(OF_PERSONS, {"of_persons": ids[start : start + AT_ONCE], "of_terms": terms})


def _of_everybody(connection: Connection, terms: list[str], after: str, rows: int) -> Iterator[Sequence[Any]]:
    """By way of the index of each term, side by side: nothing has to be sorted before the first comes."""
    streaming = connection.execution_options(yield_per=rows)
    return merge(
        *(streaming.execute(OF_TERM, {"of_term": term, "after": after}) for term in terms),
        key=_person,
    )


def _person(row: Sequence[Any]) -> str:
    return str(row[_PERSON])


def _place(row: Sequence[Any]) -> tuple[int, int]:
    return row[0], row[1]
