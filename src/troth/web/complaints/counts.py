"""How many complaints there are about each promise, for the pages that show promises."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from troth.accountability.complaints.counting import about, counts_by_statement
from troth.accountability.complaints.desk import ComplaintDesk
from troth.accountability.promises.status import Complaints
from troth.store import Store, StoreError


def complaint_counts(store: Store, clock: Callable[[], datetime]) -> Mapping[str, Complaints]:
    """The complaints about each promise, open and upheld, as they stand now. StoreUnavailableError."""
    return counts_by_statement(store, clock())


def complained_about(desk: ComplaintDesk, statement: str) -> tuple[int, int] | None:
    """The complaints about a promise, open ones and all; None: there is none, or it is not known at this moment.

    The page of a promise is there without its store, too; what is not known is not shown as none.
    """
    try:
        found = about(desk.standing().values()).get(statement)
    except StoreError:
        return None
    return None if found is None else (found.open, found.all)
