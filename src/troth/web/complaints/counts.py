"""How many complaints there are about each promise, for the pages that show promises."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from troth.accountability.complaints.counting import counts_by_statement
from troth.accountability.promises.status import Complaints
from troth.store import Store


def complaint_counts(store: Store, clock: Callable[[], datetime]) -> Mapping[str, Complaints]:
    """The complaints about each promise, open and upheld, as they stand now. StoreUnavailableError."""
    return counts_by_statement(store, clock())
