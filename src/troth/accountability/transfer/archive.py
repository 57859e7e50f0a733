"""The archive that a successor gets: what the gate lets move, with all that shows that it is whole.

It is JSON Lines, one object a line, each with the `part` that it belongs to, encrypted to the successor's key as it is
written; nothing of it touches the disk in the clear. In this order:

`header`      the transfer, the successor, the policy
`version`     each published version of the policy, to the byte
`person`      each person whose data moves: the successor's pseudonym, the values, and what the person chose
`key`, `entry`, `checkpoint`   the whole record: its public keys, every entry in order, and its signed head
`manifest`    how many lines of each part there are, the SHA-256 of them, and how many persons stayed and why

Whoever has it recomputes the root of the record from the entries, finds that root signed, and finds in the entries of
the disclosure how many persons were handed over: as many as there are.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import bindparam, distinct, func, select

from troth.accountability.errors import CaseError
from troth.accountability.signing import make_act, sign
from troth.accountability.staff import Staff
from troth.accountability.transfer.facts import Archived, TransferStanding, standing
from troth.accountability.transfer.transfers import OFFICERS, Transfers, data_for
from troth.gates.share.files.encrypting import PublicKey, encrypt
from troth.gates.share.share import IDENTIFYING, Sharing
from troth.gates.share.wanted import Segment, Shared, Wanted
from troth.people import People
from troth.record.log import Log
from troth.record.publishing import published_source, published_versions
from troth.store import Unit
from troth.store.schema import disclosed, disclosure_batches, items, leaves

FORMAT = "troth archive 1"
ENTRIES = (
    select(leaves.c["index"], leaves.c.entry).where(leaves.c["index"] < bindparam("size")).order_by(leaves.c["index"])
)
HELD = select(func.count(distinct(items.c.person)))
WHO = (
    select(disclosed.c.pseudonym, disclosed.c.person)
    .join_from(disclosed, disclosure_batches, disclosed.c.leaf == disclosure_batches.c.leaf)
    .where(
        disclosure_batches.c.disclosure == bindparam("of_disclosure"),
        disclosure_batches.c.number == bindparam("of_batch"),
    )
)


class Part(msgspec.Struct):
    """The lines of a part so far: how many, and their SHA-256, each with its newline."""

    lines: int
    digest: Any


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The last line. `held` is of how many persons there was anything, `moved` how many are in it; the rest stayed.

    `stayed` says of how many persons which data stayed and why: one who chose so, was not told long enough before, or
    of whom the policy gives nothing.
    """

    transfer: str
    disclosure: str
    held: int
    moved: int
    values: int
    stayed: tuple[dict[str, Any], ...]
    size: int
    root: str
    lines: dict[str, int]
    sha256: dict[str, str]


def write_archive(  # noqa: PLR0917
    transfers: Transfers,
    log: Log,
    people: People,
    sharing: Sharing,
    staff: Staff,
    signing: Ed25519PrivateKey,
    id: str,
    key: PublicKey,
    path: Path,
) -> Manifest:
    """Hand the archive over: a new file, encrypted to a key. Signed for by an officer, and in the record.

    CaseError, StaffError: nothing may be handed over now, or nobody may. GateError: as `Sharing.share`.
    EncryptionError, OSError: it could not be written; there is no file.
    """
    one, now = transfers.find(id), transfers.store.clock()
    why = one.lacks(now)
    if why is not None:
        raise CaseError(f"Nothing is handed over by '{id}'. {why}")
    act = sign(make_act("transfer.archive", id, {"to": key.fingerprint}, now), staff.id, signing)
    transfers.staff.check(act, OFFICERS)
    shared = _shared(transfers, one, sharing)
    head = log.sign().head
    writing = _Writing(transfers, log, people, sharing, one, shared, head.size, head.root)
    encrypt(key, writing.pieces(), path)
    manifest = writing.manifest
    said = Archived(disclosure=shared.id, persons=manifest.moved, manifest=writing.digest)

    def work(unit: Unit) -> None:
        by = transfers.staff.take(unit, act, OFFICERS)
        if standing(transfers.ledger.of(unit, id))[id].cancelled is not None:
            raise CaseError(f"'{id}' was called off meanwhile.")
        transfers.ledger.add(unit, id, said, by.id, act.digest)

    try:
        transfers.store.write(work)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return manifest


def _shared(transfers: Transfers, one: TransferStanding, sharing: Sharing) -> Shared:
    """The disclosure by which everybody moves whom the gate lets move."""
    data = data_for(transfers.policy, transfers.register, one.planned, transfers.store.clock())
    wanted = Wanted(
        recipient=one.planned.successor,
        purpose=one.planned.purpose,
        data=data,
        service="transfer",
        channel="answer",
        under=one.id,
        identified=any(term.split(".")[0] in IDENTIFYING for term in data),
    )
    shared = sharing.share(wanted, Segment())
    while shared.state == "running":
        sharing.resume()
        shared = sharing.look(shared.id) or shared
    if shared.state != "done":
        raise CaseError(f"The gate let nothing move. {shared.why or ''}")
    return shared


class _Writing:
    """One archive as it is written."""

    def __init__(  # noqa: PLR0917
        self,
        transfers: Transfers,
        log: Log,
        people: People,
        sharing: Sharing,
        one: TransferStanding,
        shared: Shared,
        size: int,
        root: bytes,
    ) -> None:
        self._transfers, self._log, self._people, self._sharing = transfers, log, people, sharing
        self._one, self._shared, self._size, self._root = one, shared, size, root
        self._parts: dict[str, Part] = {}
        self._moved = self._values = 0
        self.digest = ""

    def pieces(self) -> Iterator[bytes]:
        """The lines, in order."""
        policy = self._transfers.policy
        header = {
            "format": FORMAT,
            "transfer": self._one.id,
            "successor": self._one.planned.successor,
            "policy": policy.id,
        }
        yield self._line("header", header)
        for version in published_versions(self._log.store):
            source = published_source(self._log.store, version.policy, version.version) or b""
            yield self._line("version", {"version": version.version, "entry": version.leaf, "source": _base64(source)})
        for batch in range(1, self._shared.batches + 1):
            yield from self._persons(batch)
        for key in self._log.keys.public:
            yield self._line("key", {"key": str(key)})
        with self._log.store.read() as connection:
            found = connection.execution_options(yield_per=1000).execute(ENTRIES, {"size": self._size})
            for index, entry in found:
                yield self._line("entry", {"index": index, "entry": _base64(bytes(entry))})
        note = self._log.resource("checkpoint") or b""
        yield self._line("checkpoint", {"note": note.decode()})
        with self._log.store.read() as connection:
            held = int(connection.execute(HELD).scalar_one())
        self.manifest = Manifest(
            transfer=self._one.id, disclosure=self._shared.id, held=held, moved=self._moved, values=self._values,
            stayed=tuple(msgspec.to_builtins(no) for no in self._shared.refusals), size=self._size,
            root=self._root.hex(), lines={name: part.lines for name, part in self._parts.items()},
            sha256={name: part.digest.hexdigest() for name, part in self._parts.items()},
        )  # fmt: skip
        line = _written("manifest", msgspec.to_builtins(self.manifest))
        self.digest = hashlib.sha256(line).hexdigest()
        yield line

    def _persons(self, batch: int) -> Iterator[bytes]:
        values = {"of_disclosure": self._shared.id, "of_batch": batch}
        with self._log.store.read() as connection:
            whos = {str(row.pseudonym): row.person for row in connection.execute(WHO, values)}
        for leaving in self._sharing.contents(self._shared.id, batch).persons:
            person = whos.get(leaving.subject)
            chosen = {} if person is None else self._people.current(str(person))
            choices = {
                name: {"state": one.state, "made": one.made_at, "version": one.version, "by": one.actor}
                for name, one in chosen.items()
            }
            self._moved += 1
            self._values += len(leaving.values)
            yield self._line("person", {"subject": leaving.subject, "values": dict(leaving.values), "choices": choices})

    def _line(self, part: str, body: dict[str, Any]) -> bytes:
        line = _written(part, body)
        found = self._parts.setdefault(part, Part(0, hashlib.sha256()))
        found.lines += 1
        found.digest.update(line)
        return line


def _written(part: str, body: dict[str, Any]) -> bytes:
    return msgspec.json.encode({"part": part, **body}) + b"\n"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
