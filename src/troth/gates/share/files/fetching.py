"""Fetching a file by a link: who may, whether it may still leave, one at a time, and the entry before its last bytes.

The entry `file-fetched` is durable before the last piece of the file is handed over, so nobody ever has a whole file of
which the record does not know. A download that breaks off before is gone on with by the same link (RFC 9110, section
14: a range to the end); one that breaks off within the last piece may ask for that piece alone, for some minutes.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Literal, cast

from troth.gates.share.files.freshness import Freshness
from troth.gates.share.files.links import Link, Links, begin, end_all, use
from troth.gates.share.files.making import STOP
from troth.gates.share.files.receipt import delivery_of, endpoint_of, expect
from troth.gates.share.files.recipient_keys import RecipientKeys
from troth.gates.share.files.row import ONE, FileRow, Manifest, again, change, end, enter, read_row, row_in
from troth.gates.share.files.source import Source
from troth.record.cases import is_secret
from troth.store import Store, Unit
from troth.store.schema import from_micros, to_micros

Random = Callable[[int], bytes]

PIECE = 64 * 1024  # bytes handed over at once
LEASE = timedelta(seconds=60)  # how long nobody else fetches a file, after its fetch was last heard of
AGAIN = timedelta(minutes=5)  # how long the last piece can be asked for again
SOON = 5  # seconds after which to try again what is being made

# Why a file is not given, by code, with the HTTP status that says so.
REFUSALS: dict[str, tuple[int, str]] = {
    "unknown-link": (404, "There is no such link for you."),
    "used": (410, "The file was fetched by this link or another one. A new link is made by whoever sent this one."),
    "expired": (410, "The link has expired. A new link is made by whoever sent this one."),
    "ended": (410, "The link opens nothing any more. A new link is made by whoever sent this one."),
    "stopped": (410, "Nothing of this file may leave any more."),
    "being-made": (503, "The file is being made. Please try again soon."),
    "being-fetched": (409, "The file is being fetched already. Please try again when that has ended."),
    "bad-range": (416, "A file is fetched whole, or from some byte to its end: `Range: bytes=N-`."),
}
Why = Literal[
    "unknown-link", "used", "expired", "ended", "stopped", "being-made", "being-fetched", "bad-range"
]  # fmt: skip


class FetchError(Exception):
    """A file is not given: the stable `code` of REFUSALS, the text, and after how many seconds to try again."""

    def __init__(self, code: Why, retry_after: int | None = None, size: int | None = None) -> None:
        self.code, self.retry_after, self.size = code, retry_after, size
        self.status, self.text = REFUSALS[code]
        super().__init__(self.text)


class DamagedFileError(OSError):
    """A file has another size than when it was made."""


class Fetching:
    """Gives the files in `folder` to their recipients. Safe to share between threads, and between processes.

    Everything raises StoreUnavailableError, and StaleChoicesError: nothing was given, try again later.
    """

    def __init__(  # noqa: PLR0917
        self, store: Store, folder: Path, source: Source, keys: RecipientKeys, links: Links,
        random: Random = secrets.token_bytes,
    ) -> None:  # fmt: skip
        self._store = store
        self._folder = folder
        self._source = source
        self._keys = keys
        self._links = links
        self._random = random
        self._freshness = Freshness(store, source)

    def look(self, token: str, recipient: str) -> tuple[Link, FileRow]:
        """The link and the file that it leads a recipient to; nothing is changed. FetchError: to none."""
        link = self._link(token, recipient)
        state = link.state(self._store.clock())
        row = self._row(link.disclosure)
        if row is not None and row.state == "stopped":
            raise FetchError("stopped")
        if state != "open":
            raise FetchError(cast("Why", state))
        if row is None or row.state != "ready":
            raise FetchError("being-made", SOON)
        return link, row

    def open(self, token: str, recipient: str, start: int | None = None) -> Fetch:
        """Begin to fetch the file from byte `start` to its end (None: whole); nobody else can until it is closed.

        FetchError: it is not given; see REFUSALS. Whether it may still leave is decided here, as for everything that
        leaves: what may not is made anew first, and what may leave no more at all is stopped.
        """
        link = self._link(token, recipient)
        if link.used_at is not None:
            return self._last_piece(link, start)
        link, row = self.look(token, recipient)
        size = row.size or 0
        if start is not None and not 0 <= start < size:
            raise FetchError("bad-range", size=size)
        seen = self._check_fresh(row)
        return self._begin(link, row, seen, start)

    # --- whether it may leave -----------------------------------------------------------------------------------------

    def _check_fresh(self, row: FileRow) -> int:
        """The entry up to which the file is known to be right. FetchError: it is not, and is made anew or stopped."""
        one = self._source.disclosure(row.disclosure)
        refusal = None if one is None else self._freshness.closed(one)
        if one is None or refusal is not None:
            code, why = ("gone", "There is no such disclosure.") if refusal is None else (refusal.code, refusal.message)
            self._store.write(lambda unit: self._stop(unit, row, code, why))
            raise FetchError("stopped")
        key = self._keys.public(row.recipient)
        outdated, seen = self._freshness.outdated(one, row, None if key is None else key.id)
        if outdated is not None:
            self._store.write(lambda unit: again(unit, row, outdated))
            raise FetchError("being-made", SOON)
        return seen

    def _stop(self, unit: Unit, row: FileRow, code: str, why: str) -> None:
        now = row_in(unit, row.disclosure)
        if now is not None and now.name == row.name and now.state == "ready":
            end(unit, now, "stopped", code)
            end_all(unit, row.disclosure)
            unit.change(STOP, {"of_id": row.disclosure, "new_why": why})

    # --- one at a time ------------------------------------------------------------------------------------------------

    def _begin(self, link: Link, row: FileRow, seen: int, start: int | None) -> Fetch:
        fetch = self._random(16).hex()
        one = self._source.disclosure(row.disclosure)
        endpoint = None  # an acknowledgement is an entry that all can read
        if one is not None and not is_secret(one.under):
            endpoint = endpoint_of(self._store, link.recipient)

        def work(unit: Unit) -> FileRow:
            now = row_in(unit, row.disclosure)
            if now is None or now.state != "ready" or now.name != row.name:
                raise FetchError("being-made", SOON)
            if now.leased_until is not None and now.leased_until > to_micros(unit.at):
                left = from_micros(now.leased_until) - unit.at
                raise FetchError("being-fetched", max(1, int(left.total_seconds()) + 1))
            if not begin(unit, link):
                raise FetchError("ended")
            leased = {"fetch": fetch, "leased_until": to_micros(unit.at + LEASE), "seen": max(now.seen, seen)}
            change(unit, row.disclosure, leased)
            return now

        found = self._store.write(work)
        try:
            return Fetch(self, link, found, fetch, self._folder, start, endpoint)
        except (FileNotFoundError, DamagedFileError):
            # Somebody deleted it, or it came to a machine that has another folder.
            self._store.write(lambda unit: again(unit, found, "gone"))
            raise FetchError("being-made", SOON) from None
        except OSError:
            self.release(found, fetch)
            raise

    def _last_piece(self, link: Link, start: int | None) -> Fetch:
        """The last piece again, of a download that broke off within it."""
        row = self._row(link.disclosure)
        at = self._store.clock()
        if (
            row is not None and row.state == "fetched" and row.fetch == link.digest.hex() and row.size is not None
            and row.fetched_at is not None and at < from_micros(row.fetched_at) + AGAIN
            and start is not None and max(1, _last(row.size)) <= start < row.size
        ):  # fmt: skip
            try:
                return Fetch(self, link, row, None, self._folder, start)
            except (FileNotFoundError, DamagedFileError):
                pass
        raise FetchError("used")

    def heard(self, row: FileRow, fetch: str) -> None:
        """Tell that a fetch still goes on. FetchError: it may not, the file was made anew meanwhile."""

        def work(unit: Unit) -> None:
            self._still_fetched(unit, row, fetch)
            change(unit, row.disclosure, {"leased_until": to_micros(unit.at + LEASE)})

        self._store.write(work)

    def finish(self, link: Link, row: FileRow, fetch: str, endpoint: str | None) -> None:
        """Enter the download, before its last piece is handed over. FetchError: it may not end.

        Its acknowledgement is expected from then on, if the recipient has an `endpoint`.
        """

        def work(unit: Unit) -> None:
            now = self._still_fetched(unit, row, fetch)
            values: dict[str, object] = {
                "disclosure": now.disclosure, "recipient": now.recipient, "size": now.size, "sha256": now.sha256,
            }  # fmt: skip
            enter(unit, "file-fetched", values)
            use(unit, link, now)
            if endpoint is not None:
                expect(unit, now, fetch, endpoint)
            after = {
                "state": "fetched", "fetch": link.digest.hex(), "leased_until": None,
                "fetched_at": to_micros(unit.at),
            }  # fmt: skip
            change(unit, row.disclosure, after)

        self._store.write(work)

    def release(self, row: FileRow, fetch: str) -> None:
        """End a fetch that broke off: the next one may begin at once."""

        def work(unit: Unit) -> None:
            now = row_in(unit, row.disclosure)
            if now is not None and now.fetch == fetch and now.state == "ready":
                change(unit, row.disclosure, {"fetch": None, "leased_until": None})

        self._store.write(work)

    def _still_fetched(self, unit: Unit, row: FileRow, fetch: str) -> FileRow:
        now = row_in(unit, row.disclosure)
        if now is None or now.state != "ready" or now.fetch != fetch:
            raise FetchError("ended")
        return now

    # --- inside -------------------------------------------------------------------------------------------------------

    def _link(self, token: str, recipient: str) -> Link:
        link = self._links.find(token)
        if link is None or link.recipient != recipient:
            raise FetchError("unknown-link")
        return link

    def _row(self, disclosure: str) -> FileRow | None:
        with self._store.read() as connection:
            row = connection.execute(ONE, {"of_disclosure": disclosure}).first()
        return None if row is None else read_row(row)


class Fetch:
    """One download that was begun: what is handed over, piece by piece. Close it, whatever became of it.

    `delivery` is the id by which the recipient acknowledges it, if it has an endpoint.
    """

    def __init__(  # noqa: PLR0917
        self, fetching: Fetching, link: Link, row: FileRow, fetch: str | None, folder: Path, start: int | None,
        endpoint: str | None = None,
    ) -> None:  # fmt: skip
        """FileNotFoundError, DamagedFileError: the file is gone, or it has another size than when it was made."""
        self._fetching = fetching
        self._link = link
        self._row = row
        self._fetch = fetch
        self._endpoint = endpoint
        self.delivery = None if fetch is None or endpoint is None else delivery_of(fetch)
        self._heard = fetching._store.clock()
        self.size = row.size or 0
        self.start = start or 0
        self.ranged = start is not None
        assert row.name is not None  # noqa: S101 - a ready or fetched file has one
        self._descriptor: int | None = os.open(folder / row.name, os.O_RDONLY)
        if os.fstat(self._descriptor).st_size != self.size:
            os.close(self._descriptor)
            raise DamagedFileError
        about = row.about
        assert about is not None  # noqa: S101 - likewise
        self.about: Manifest = about

    def pieces(self) -> Iterator[bytes]:
        """The bytes from `start` on. The entry is durable before the last piece comes. FetchError: no more comes."""
        position, last = self.start, _last(self.size)
        while position < self.size:
            assert self._descriptor is not None  # noqa: S101 - it is open until `close`
            # The last piece always is one by itself, wherever the download began.
            upto = last if position < last else self.size
            piece = os.pread(self._descriptor, min(PIECE, upto - position), position)
            if not piece:
                raise DamagedFileError
            position += len(piece)
            if self._fetch is not None:
                if position == self.size:
                    self._fetching.finish(self._link, self._row, self._fetch, self._endpoint)
                    self._fetch = None
                elif self._fetching._store.clock() - self._heard > LEASE / 6:
                    self._fetching.heard(self._row, self._fetch)
                    self._heard = self._fetching._store.clock()
            yield piece

    def close(self) -> None:
        """Let the file go; another download may begin, if this one was not whole."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)
        fetch, self._fetch = self._fetch, None
        if fetch is not None:
            self._fetching.release(self._row, fetch)


def _last(size: int) -> int:
    """Where the last piece begins."""
    return max(0, (size - 1) // PIECE * PIECE)
