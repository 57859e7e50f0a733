"""The file of a disclosure as the store keeps it: in which state it is, and how far.

`waiting` to be made, `making`, `ready` to be fetched, `fetched`, `expired` (nobody fetched it in time), or `stopped`
(nothing of it may leave any more). An expired or fetched one can be made again; a stopped one cannot.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

import msgspec
from sqlalchemy import bindparam, select

from troth.record import canonical
from troth.record.cases import DISCLOSED, enter_sealed, is_secret
from troth.record.commitment import new_event
from troth.record.kinds import make_entry
from troth.record.log import append
from troth.store import Store, Unit
from troth.store.schema import disclosure_files, disclosures, from_micros, to_micros

State = Literal["waiting", "making", "ready", "fetched", "expired", "stopped"]
STATES: tuple[State, ...] = get_args(State)
TO_FETCH: tuple[State, ...] = ("waiting", "making", "ready")  # there, or to be there, until it is fetched

KEPT = timedelta(days=7)  # how long a file waits to be fetched, and a link opens, unless it is said otherwise

COLUMNS = list(disclosure_files.columns)
ONE = select(*COLUMNS).where(disclosure_files.c.disclosure == bindparam("of_disclosure"))
EVERY = select(*COLUMNS).order_by(disclosure_files.c.disclosure)
NAMED = select(disclosure_files.c.name).where(disclosure_files.c.name.is_not(None))
OVER = (
    select(disclosure_files.c.disclosure)
    .where(disclosure_files.c.state == "ready", disclosure_files.c.keep_until <= bindparam("now"))
    .order_by(disclosure_files.c.disclosure)
)
UNFETCHED = select(disclosure_files.c.disclosure).where(disclosure_files.c.state.in_(TO_FETCH))
READY = select(*COLUMNS).where(disclosure_files.c.state == "ready").order_by(disclosure_files.c.disclosure)
UNDER = select(disclosures.c.under).where(disclosures.c.id == bindparam("of_id"))
ADD = disclosure_files.insert().values({column.name: bindparam(column.name) for column in COLUMNS})


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a file is: what it was disclosed for, by which sentences and with which duties; its form; its bytes.

    `size` and `sha256` are those of the encrypted bytes, as they are fetched. `key` is the fingerprint of the key.
    """

    disclosure: str
    recipient: str
    purpose: str
    product: str | None
    policy: str
    version: str
    sentences: tuple[str, ...]
    duties: tuple[str, ...]
    format: str
    columns: tuple[str, ...]
    persons: int
    values: int
    encryption: str
    key: str
    made: datetime
    size: int
    sha256: str


class FileRow(msgspec.Struct, frozen=True):
    """A row of the table. `next_at` is when it may be made, or taken over from who makes it; `name` that of the file.

    `seen`, `items`, `withheld` and `world` are what it was decided by: see `freshness.py`. `key` is the id of the
    recipient's key. `fetch` is the fetch that is under way, until `leased_until`. `progress` counts batches.
    """

    disclosure: str
    recipient: str
    state: State
    why: str | None
    next_at: int
    name: str | None
    leased_until: int | None
    progress: int
    seen: int
    items: int
    withheld: int
    world: str | None
    key: str | None
    manifest: str | None
    size: int | None
    sha256: str | None
    made_at: int | None
    keep_until: int | None
    fetch: str | None
    fetched_at: int | None

    @property
    def about(self) -> Manifest | None:
        """What the file is, once it was made."""
        return None if self.manifest is None else msgspec.json.decode(self.manifest, type=Manifest)

    @property
    def until(self) -> datetime | None:
        """When it is deleted at the latest."""
        return None if self.keep_until is None else from_micros(self.keep_until)


def read_row(values: Sequence[Any]) -> FileRow:
    """The file in a row of COLUMNS."""
    return FileRow(*values)


def row_in(unit: Unit, disclosure: str) -> FileRow | None:
    """The file of a disclosure, in a unit of work."""
    rows = unit.rows(ONE, {"of_disclosure": disclosure})
    return read_row(rows[0]) if rows else None


def unfetched(store: Store) -> frozenset[str]:
    """The disclosures whose file may still be fetched, made or to be made. StoreUnavailableError."""
    with store.read() as connection:
        return frozenset(str(id) for id in connection.execute(UNFETCHED).scalars())


def look(store: Store, disclosure: str) -> FileRow | None:
    """The file of a disclosure as it is now; None if there is none, or none yet. StoreUnavailableError."""
    with store.read() as connection:
        row = connection.execute(ONE, {"of_disclosure": disclosure}).first()
    return None if row is None else read_row(tuple(row))


def add(unit: Unit, disclosure: str, recipient: str, now: int, state: State = "waiting", **more: Any) -> None:
    """A file that is to be made."""
    values: dict[str, Any] = dict.fromkeys(column.name for column in COLUMNS)
    values |= {"progress": 0, "seen": -1, "items": 0, "withheld": 0, "next_at": now}
    unit.change(ADD, values | {"disclosure": disclosure, "recipient": recipient, "state": state, **more})


_CHANGES: dict[tuple[str, ...], Any] = {}


def change(unit: Unit, disclosure: str, values: Mapping[str, Any]) -> None:
    """Change some columns of a file. The statements are few, and each is compiled once."""
    names = tuple(sorted(values))
    statement = _CHANGES.get(names)
    if statement is None:
        statement = _CHANGES[names] = (
            disclosure_files.update()
            .where(disclosure_files.c.disclosure == bindparam("of_disclosure"))
            .values({name: bindparam(f"new_{name}") for name in names})
        )
    unit.change(statement, {"of_disclosure": disclosure, **{f"new_{name}": values[name] for name in names}})


def secret(unit: Unit, disclosure: str) -> bool:
    """Whether that there is this file may be secret: it is given under a legal request."""
    rows = unit.rows(UNDER, {"of_id": disclosure})
    return bool(rows) and is_secret(rows[0][0])


def enter(unit: Unit, kind: str, values: Mapping[str, object]) -> None:
    """The entry of what became of a file; sealed where it may be secret, so that the record does not tell of it."""
    disclosure = str(values["disclosure"])
    if secret(unit, disclosure):
        enter_sealed(unit, DISCLOSED, disclosure, kind, canonical.encode(values).decode())
    else:
        append(unit, make_entry(kind, new_event(), unit.at, values))


def end(unit: Unit, row: FileRow, state: State, why: str) -> None:
    """A file that can be fetched no longer, and was not: its entry, and what is left of it. `why` is a short code."""
    enter(unit, "file-ended", {"disclosure": row.disclosure, "recipient": row.recipient, "why": why})
    change(unit, row.disclosure, {"state": state, "why": why, "name": None, "fetch": None, "leased_until": None})


def again(unit: Unit, row: FileRow, why: str) -> None:
    """Have a file that is ready made anew; the one that there is is deleted with the next sweep."""
    now = row_in(unit, row.disclosure)
    if now is not None and now.name == row.name and now.state == "ready":
        after = {"state": "waiting", "why": why, "name": None, "next_at": to_micros(unit.at), "fetch": None}
        change(unit, row.disclosure, after)
