"""The files of disclosures: made, listed, linked to, given to their recipients, and deleted when their time is over."""

from __future__ import annotations

import functools
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from sqlalchemy import bindparam, select

from troth.gates.share.files.fetching import AGAIN, Fetching
from troth.gates.share.files.links import Links, end_all
from troth.gates.share.files.making import Maker
from troth.gates.share.files.recipient_keys import RecipientKeys
from troth.gates.share.files.row import (
    EVERY,
    OVER,
    READY,
    FileRow,
    Manifest,
    again,
    change,
    end,
    read_row,
    row_in,
    secret,
)
from troth.gates.share.files.source import Source, erased_since
from troth.gates.share.queue import Queue
from troth.policy.values import write_moment
from troth.store import Store, Unit
from troth.store.schema import disclosure_files, file_links, to_micros

Random = Callable[[int], bytes]

NOTICED = "the notice"  # who made a link that the recipient was told of by a message
OPEN_LINK = (
    select(file_links.c.disclosure)
    .where(
        file_links.c.disclosure == bindparam("of_disclosure"),
        file_links.c.ended_at.is_(None),
        file_links.c.expires_at > bindparam("now"),
    )
    .limit(1)
)
GIVEN = (
    select(disclosure_files.c.disclosure)
    .where(
        disclosure_files.c.state == "fetched",
        disclosure_files.c.name.is_not(None),
        disclosure_files.c.fetched_at <= bindparam("before"),
    )
    .order_by(disclosure_files.c.disclosure)
)


class Files:
    """The files in `folder`, of the disclosures in `store`. Safe to share between threads, and between processes.

    `address` is that under which recipients reach this server. With a `queue`, a recipient that has an endpoint is told
    of its file; without, staff hand over a link. Everything raises StoreUnavailableError.
    """

    def __init__(  # noqa: PLR0917
        self, store: Store, folder: Path, source: Source, address: str, queue: Queue | None = None,
        random: Random = secrets.token_bytes,
    ) -> None:  # fmt: skip
        self.store = store
        self.folder = folder
        self.keys = RecipientKeys(store, random)
        self.links = Links(store, address, random)
        self.fetching = Fetching(store, folder, source, self.keys, self.links, random)
        self._queue = queue
        self._maker = Maker(store, folder, source, self.keys, ready=self._tell, random=random)

    def list(self) -> list[FileRow]:
        """Every file there ever was, or is to be."""
        with self.store.read() as connection:
            return [read_row(row) for row in connection.execute(EVERY)]

    def wait(self) -> bool:
        """Whether a file waits to be made."""
        return self._maker.pending() is not None

    def make_next(self) -> str | None:
        """Make the next file that is to be made; the id of its disclosure, or None. See `Maker.make_next`."""
        return self._maker.make_next()

    def sweep(self) -> int:
        """Delete files whose time is over, that were fetched, or that nothing leads to; how many were deleted.

        So are those with somebody in them who was erased since; they are made anew without. It may be called every
        second, by several processes.
        """
        now = self.store.clock()
        with self.store.read() as connection:
            over = connection.execute(OVER, {"now": to_micros(now)}).scalars().all()
            given = connection.execute(GIVEN, {"before": to_micros(now - AGAIN)}).scalars().all()
        for id in over:
            self.store.write(functools.partial(_expire, id=str(id)))
        for row in self._with_erased():
            self.store.write(functools.partial(again, row=row, why="erased"))
        for id in given:
            self.store.write(functools.partial(change, disclosure=str(id), values={"name": None, "fetch": None}))
        return self._maker.sweep()

    def _with_erased(self) -> Sequence[FileRow]:
        """Files that wait to be fetched with somebody in them who was erased since: no byte of them stays."""
        with self.store.read() as connection:
            rows = [read_row(row) for row in connection.execute(READY)]
            return [row for row in rows if erased_since(connection, row.disclosure, row.seen)]

    def _tell(self, unit: Unit, row: FileRow, manifest: Manifest) -> None:
        """Tell the recipient of a file that became ready, unless there is a link to it already.

        Of one that is given under a legal request nobody is told by a message: staff hand over its link.
        """
        if self._queue is None or not self._queue.reachable(row.recipient) or secret(unit, row.disclosure):
            return
        if unit.rows(OPEN_LINK, {"of_disclosure": row.disclosure, "now": to_micros(unit.at)}):
            return
        link, expires = self.links.add(unit, row.disclosure, row.recipient, NOTICED)
        said = {"about": "file", "link": link, "expires": write_moment(expires), **notice_of(manifest)}
        self._queue.add(
            unit, kind="notice", recipient=row.recipient, disclosure=row.disclosure,
            body=msgspec.json.encode(said).decode(),
        )  # fmt: skip


def notice_of(manifest: Manifest) -> dict[str, object]:
    """What a recipient is told of a file before it is fetched."""
    names = ("format", "encryption", "key", "size", "sha256", "purpose", "persons")
    return {name: getattr(manifest, name) for name in names}


def _expire(unit: Unit, id: str) -> None:
    row = row_in(unit, id)
    now = to_micros(unit.at)
    if row is None or row.state != "ready" or row.keep_until is None or row.keep_until > now:
        return
    if row.leased_until is not None and row.leased_until > now:
        return  # it is being fetched; what began in time may end
    end(unit, row, "expired", "expired")
    end_all(unit, id)
