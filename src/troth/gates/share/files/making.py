"""Making a file: the batches of a disclosure, drawn one by one, written in a format and encrypted as they come.

Who makes one has it for a minute, and says again and again that it still does; so a file whose maker was killed is made
by the next one, from the start. Until the row says that it is ready, with its entry in the record, nothing leads to the
file, and what lies in the folder without a row that names it is deleted.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import and_, bindparam, or_, select

from troth.gates.errors import GateError
from troth.gates.share.disclosure import Disclosure
from troth.gates.share.files.encrypting import SUFFIXES, EncryptionError, check_usable, encrypt
from troth.gates.share.files.formats import Format, pieces
from troth.gates.share.files.freshness import Freshness, Marks
from troth.gates.share.files.recipient_keys import RecipientKey, RecipientKeys
from troth.gates.share.files.row import KEPT, NAMED, FileRow, Manifest, add, change, end, enter, row_in
from troth.gates.share.files.source import Source, batches_of
from troth.gates.share.wanted import Leaving
from troth.record.durable import sync_folder
from troth.store import Store, Unit
from troth.store.schema import disclosure_files, disclosures, to_micros

Random = Callable[[int], bytes]
Ready = Callable[[Unit, FileRow, Manifest], None]

LEASE = timedelta(seconds=60)  # how long nobody else makes a file, after its maker was last heard of
RETRY = timedelta(seconds=60)  # after which one that could not be made is tried again
UNFINISHED = ".part"

PENDING = (
    select(disclosures.c.id)
    .select_from(disclosures.outerjoin(disclosure_files, disclosure_files.c.disclosure == disclosures.c.id))
    .where(
        disclosures.c.channel == "file",
        disclosures.c.state == "done",
        or_(
            disclosure_files.c.disclosure.is_(None),
            and_(
                disclosure_files.c.state.in_(("waiting", "making")),
                disclosure_files.c.next_at <= bindparam("now"),
            ),
        ),
    )
    .order_by(disclosures.c.created_at, disclosures.c.id)
    .limit(1)
)
STOP = (
    disclosures.update()
    .where(disclosures.c.id == bindparam("of_id"), disclosures.c.state == "done")
    .values(state="stopped", why=bindparam("new_why"))
)


class LostError(Exception):
    """Somebody else makes this file now."""


class _EmptyError(Exception):
    """Nothing of it may leave any more."""


class _Taken(msgspec.Struct, frozen=True):
    one: Disclosure
    name: str
    key: RecipientKey


class Maker:
    """Makes the files in `folder`. Safe to share between threads, and between processes.

    `ready` is called in the unit of work in which a file becomes ready.
    """

    def __init__(
        self,
        store: Store,
        folder: Path,
        source: Source,
        keys: RecipientKeys,
        *,
        ready: Ready | None = None,
        random: Random = secrets.token_bytes,
    ) -> None:
        self._store = store
        self._folder = folder
        self._source = source
        self._keys = keys
        self._ready = ready
        self._random = random
        self._freshness = Freshness(store, source)

    def make_next(self) -> str | None:
        """Make the next file that is to be made; the id of its disclosure, None if there is none.

        What became of it is in its row: it is ready, it was stopped, or it is tried again later, as after any error
        that comes through: StoreUnavailableError, StaleChoicesError, OSError.
        """
        id = self.pending()
        if id is None:
            return None
        taken = self._take(id)
        if taken is not None:
            try:
                self._make(taken)
            except LostError:
                pass
            except _EmptyError:
                self._stop(taken, "nobody-left", "Nothing of it may leave any more.")
            except GateError as refusal:
                self._stop(taken, refusal.code, refusal.message)
            except EncryptionError as problem:
                self._put_off(taken, str(problem))
            except Exception:
                self._put_off(taken, "It could not be made; it is tried again.")
                raise
        return id

    # --- one file -----------------------------------------------------------------------------------------------------

    def pending(self) -> str | None:
        """The disclosure whose file is made next; None if none is to be made now."""
        with self._store.read() as connection:
            return connection.execute(PENDING, {"now": to_micros(self._store.clock())}).scalar()

    def _take(self, id: str) -> _Taken | None:
        one = self._source.disclosure(id)
        if one is None:
            return None
        key = self._keys.public(one.recipient)
        name = f"{id}-{self._random(8).hex()}"

        def work(unit: Unit) -> _Taken | None:
            now = to_micros(unit.at)
            row = row_in(unit, id)
            if row is None:
                add(unit, id, one.recipient, now)
            elif row.state not in ("waiting", "making") or row.next_at > now:
                return None  # another process was first
            if key is None:
                why = f"'{one.recipient}' has no key: troth recipient key {one.recipient} FILE"
                change(unit, id, {"state": "waiting", "why": why, "next_at": now + _micros(RETRY)})
                return None
            leased = {"state": "making", "why": None, "next_at": now + _micros(LEASE), "progress": 0, "name": name}
            change(unit, id, leased)
            return _Taken(one, name, key)

        return self._store.write(work)

    def _make(self, taken: _Taken) -> None:
        one, key = taken.one, taken.key.public
        assert key is not None  # noqa: S101 - `RecipientKeys.public` gives no other
        check_usable(key, self._store.clock())
        refusal = self._freshness.closed(one)
        if refusal is not None:
            raise refusal
        marks = self._freshness.note(one)
        drawn = _Drawn(self, taken)
        format: Format = "jsonl" if one.format == "json" else one.format
        part = self._folder / f"{taken.name}{UNFINISHED}"
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        encrypt(key, pieces(format, marks.terms, drawn.batches(), lambda: drawn.about(format, marks)), part)
        try:
            refusal = self._freshness.closed(one)  # what ended meanwhile ends all of it
            if refusal is not None:
                raise refusal
            if not drawn.persons:
                raise _EmptyError
            size, sha256 = _measured(part)
            manifest = Manifest(
                **drawn.common(format, marks), encryption=key.kind, key=key.fingerprint, made=self._store.clock(),
                size=size, sha256=sha256,
            )  # fmt: skip
            os.rename(part, self._folder / f"{taken.name}{SUFFIXES[key.kind]}")
            sync_folder(self._folder)
            self._finish(taken, marks, manifest, self._freshness.withheld(one.id))
        except BaseException:
            part.unlink(missing_ok=True)
            raise

    def _finish(self, taken: _Taken, marks: Marks, manifest: Manifest, withheld: int) -> None:
        def work(unit: Unit) -> None:
            row = self._still_mine(unit, taken)
            values: dict[str, object] = {
                "disclosure": row.disclosure, "recipient": row.recipient, "format": manifest.format,
                "encryption": manifest.encryption, "key": taken.key.id, "size": manifest.size,
                "sha256": manifest.sha256, "persons": manifest.persons, "values": manifest.values,
            }  # fmt: skip
            enter(unit, "file-made", values)
            until = max(to_micros(unit.at + KEPT), row.keep_until or 0)
            after: dict[str, Any] = {
                "state": "ready", "why": None, "name": f"{taken.name}{SUFFIXES[manifest.encryption]}",
                "seen": marks.seen, "items": marks.items, "withheld": withheld, "world": marks.world,
                "key": taken.key.id, "manifest": msgspec.json.encode(manifest).decode(), "size": manifest.size,
                "sha256": manifest.sha256, "made_at": to_micros(unit.at), "keep_until": until, "fetch": None,
                "leased_until": None, "fetched_at": None,
            }  # fmt: skip
            change(unit, row.disclosure, after)
            if self._ready is not None:
                self._ready(unit, msgspec.structs.replace(row, **after), manifest)

        self._store.write(work)

    def _stop(self, taken: _Taken, code: str, why: str) -> None:
        def work(unit: Unit) -> None:
            row = row_in(unit, taken.one.id)
            if row is not None and row.name == taken.name:
                end(unit, row, "stopped", code)
                unit.change(STOP, {"of_id": taken.one.id, "new_why": why})

        self._store.write(work)

    def _put_off(self, taken: _Taken, why: str) -> None:
        def work(unit: Unit) -> None:
            row = row_in(unit, taken.one.id)
            if row is not None and row.name == taken.name and row.state == "making":
                later = to_micros(unit.at + RETRY)
                change(unit, taken.one.id, {"state": "waiting", "why": why, "name": None, "next_at": later})

        self._store.write(work)

    def progressed(self, taken: _Taken, batches: int) -> None:
        """Tell that a file is still being made. LostError: another process took it over."""

        def work(unit: Unit) -> None:
            self._still_mine(unit, taken)
            change(unit, taken.one.id, {"progress": batches, "next_at": to_micros(unit.at + LEASE)})

        self._store.write(work)

    def _still_mine(self, unit: Unit, taken: _Taken) -> FileRow:
        row = row_in(unit, taken.one.id)
        if row is None or row.state != "making" or row.name != taken.name:
            raise LostError
        return row

    # --- what is left over --------------------------------------------------------------------------------------------

    def sweep(self) -> int:
        """Delete what lies in the folder and no row names: what a killed maker left, and what was fetched; how many."""
        if not self._folder.is_dir():
            return 0
        found = sorted(path for path in self._folder.iterdir() if path.is_file())
        if not found:
            return 0
        # The rows are read after the folder: a file that comes later is not among `found`, and one that was made
        # since is named by now.
        with self._store.read() as connection:
            named = {str(name).partition(".")[0] for (name,) in connection.execute(NAMED)}
        swept = [path for path in found if path.name.partition(".")[0] not in named]
        for path in swept:
            path.unlink(missing_ok=True)
        return len(swept)


class _Drawn:
    """The batches of a file while they are drawn: what came of it, counted."""

    def __init__(self, maker: Maker, taken: _Taken) -> None:
        self._maker = maker
        self._taken = taken
        self.persons = 0
        self.values = 0
        self._sentences: dict[str, None] = {}
        self._duties: dict[str, None] = {}

    def batches(self) -> Iterator[Sequence[Leaving]]:
        """The persons of each batch. GateError, LostError, and what reading raises come through."""
        maker, one = self._maker, self._taken.one
        clock = maker._store.clock
        with maker._store.read() as connection:
            numbers = batches_of(connection, one.id)
        heard = clock()
        for done, number in enumerate(numbers, 1):
            contents = maker._source.contents(one.id, number)
            self._sentences |= dict.fromkeys(contents.sentences)
            self._duties |= dict.fromkeys(contents.duties)
            self.persons += len(contents.persons)
            self.values += sum(len(person.values) for person in contents.persons)
            yield contents.persons
            if clock() - heard > LEASE / 6:
                maker.progressed(self._taken, done)
                heard = clock()

    def common(self, format: Format, marks: Marks) -> dict[str, Any]:
        """What the manifest says of the contents."""
        one = self._taken.one
        return {
            "disclosure": one.id, "recipient": one.recipient, "purpose": one.purpose, "product": one.product,
            "policy": one.policy, "version": one.version, "sentences": tuple(self._sentences),
            "duties": tuple(self._duties), "format": format, "columns": marks.terms, "persons": self.persons,
            "values": self.values,
        }  # fmt: skip

    def about(self, format: Format, marks: Marks) -> dict[str, str]:
        """The same as texts, for the metadata of a file; lists as JSON."""
        said = {name: value for name, value in self.common(format, marks).items() if value is not None}
        return {
            name: value if isinstance(value, str) else msgspec.json.encode(value).decode()
            for name, value in said.items()
        }


def _measured(path: Path) -> tuple[int, str]:
    """How many bytes a file has, and their SHA-256 in hex: of what is on the disk."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
        return file.tell(), digest.hexdigest()


def _micros(span: timedelta) -> int:
    return span // timedelta(microseconds=1)
