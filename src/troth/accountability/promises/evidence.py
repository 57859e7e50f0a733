"""The evidence of a promise: one zip file with which anyone can verify, offline, how it was kept.

Files come in a fixed order, stamped with the time of the checkpoint, so that the same evidence has the same bytes. They
are written one by one, as they are made: a record of any length needs the memory of its largest tile.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator, Mapping
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Any, BinaryIO

import jinja2

from troth.accountability.promises import gathering, verify
from troth.accountability.promises.gathering import Entries
from troth.accountability.promises.status import Complaints, Promise
from troth.policy.history import Policy
from troth.policy.model import Version
from troth.record.kinds import write_time
from troth.record.log import Log
from troth.record.reader import SignedCheckpoint
from troth.record.receipt import write_receipt
from troth.record.verifier import TILE, tile_path

HERE = Path(__file__).parent
WORDS = {"passed": "Passed", "failed": "Failed", "unknown": "Not known"}


class EvidenceError(Exception):
    """There is no evidence to give; the text says why, and what to do."""


class EvidenceTooLargeError(EvidenceError):
    """The evidence is larger than was asked for."""


def file_name(policy: Policy, statement: str) -> str:
    """How the file with the evidence of a promise is named."""
    return f"{policy.id}-{statement}-evidence.zip"


def write_pack(
    log: Log,
    policy: Policy,
    statement: str,
    at: datetime,
    out: BinaryIO,
    *,
    complaints: Mapping[str, Complaints] | None = None,
    most: int | None = None,
) -> None:
    """Write the evidence of the promise with that id, as it stands at a moment, under the latest checkpoint.

    LookupError: the version in force does not make that promise. EvidenceError: nothing was signed for yet.
    EvidenceTooLargeError: it needs the whole record, of more than `most` entries. Nothing was written then.
    """
    latest = log.latest()
    if latest is None:
        raise EvidenceError("No checkpoint of the record was signed yet.")
    size = latest.head.size
    version, promise, results = gathering.standing(log, policy, statement, at, size, complaints or {})
    sources = gathering.sources(log.store, policy.id, size)
    if version.id not in sources:
        raise EvidenceError(f"The latest checkpoint does not cover the publication of {version.id} yet.")
    entries = gathering.entries_for(log, policy.id, promise, results, size)
    if entries.whole and most is not None and size > most:
        raise EvidenceTooLargeError(f"It takes the whole record of {size} entries.")
    tests = {name: [gathering.told(one) for one in some] for name, some in results.items()}
    days = [{"day": one.day.isoformat(), "allowed": one.allowed, "refused": one.refused} for one in promise.counted]
    story = _story(policy, version, promise, latest, at, entries, gathering.lines_of(promise, sources[version.id]))
    values = {
        "policy": policy, "version": version, "promise": promise, "latest": latest, "at": at, "story": story,
        "whole": entries.whole, "groups": verify.listed(entries.groups), "indices": entries.indices, "tests": tests,
        "days": days, "words": WORDS, "key": str(log.keys.public[0]),
    }  # fmt: skip
    written = _Zip(out, latest.at)
    written.add("README.txt", _render("README.txt", values))
    written.add("index.html", _render("evidence.html", values))
    written.add("promise.json", verify.spelled(story))
    written.add("checkpoint", latest.note)
    written.add("keys.txt", "".join(f"{key}\n" for key in log.keys.public).encode())
    written.add("verify.py", Path(verify.__file__).read_bytes())
    written.add("verifier.py", resources.files("troth.record").joinpath("verifier.py").read_bytes())
    for name, source in sources.items():
        written.add(f"policy/{name}.yaml", source)
    written.add("entries.json", verify.spelled(values["groups"]))
    written.add("verifications.json", verify.spelled(tests))
    written.add("tallies.json", verify.spelled(days))
    written.add("openings.json", verify.spelled([]))
    for name, data in _tiles(log, size) if entries.whole else _proofs(log, entries, latest):
        written.add(name, data)
    written.close()


def _story(  # noqa: PLR0917 - called in one place
    policy: Policy, version: Version, promise: Promise, latest: SignedCheckpoint, at: datetime, entries: Entries,
    lines: tuple[int, int],
) -> dict[str, Any]:  # fmt: skip
    """What `promise.json` says."""
    return {
        "id": promise.statement.id,
        "policy": policy.id,
        "version": version.id,
        "lines": list(lines),
        "verb": promise.verb,
        "says": str(promise.statement.says),
        "log": latest.head.origin,
        "size": latest.head.size,
        "at": write_time(at),
        "state": promise.state,
        "why": promise.why,
        "since": None if promise.since is None else write_time(promise.since),
        "enforced": list(promise.enforced),
        "complaints": {
            "open": promise.complaints.open,
            "upheld": promise.complaints.upheld,
            "remedied": promise.complaints.remedied,
        },
        "whole": entries.whole,
        "never": gathering.never_rules(policy, promise.statement.id),
    }


def _tiles(log: Log, size: int) -> Iterator[tuple[str, bytes]]:
    """The tiles of the first `size` entries, as `/log/` serves them; each is there, since a checkpoint covers it."""
    level = 0
    while size:
        for number in range(-(-size // TILE)):
            width = min(TILE, size - number * TILE)
            for path in _paths(level, number, width):
                data = log.resource(path)
                if data is None:
                    raise EvidenceError(f"The record does not have {path}. `troth record verify` says more.")
                yield path, data
        level, size = level + 1, size // TILE


def _paths(level: int, number: int, width: int) -> list[str]:
    path = tile_path(level, number, width)
    return [path] if level else [tile_path("entries", number, width), path]


def _proofs(log: Log, entries: Entries, latest: SignedCheckpoint) -> Iterator[tuple[str, bytes]]:
    tree = log.tree(latest.head.size)
    for index in entries.indices:
        receipt = write_receipt(index, tree.inclusion(index), latest.note, log.entry(index))
        yield f"entries/{index:09d}.tlog-proof", receipt


def _render(name: str, values: Mapping[str, Any]) -> bytes:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=jinja2.select_autoescape(["html"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(name).render(values).encode()


class _Zip:
    """A zip file that is written from front to back, and ends with the manifest: SHA-256 of every file in it."""

    def __init__(self, out: BinaryIO, at: datetime) -> None:
        self._zip = zipfile.ZipFile(out, "w")
        self._stamp = (max(at.year, 1980), at.month, at.day, at.hour, at.minute, at.second)
        self._manifest: dict[str, str] = {}

    def add(self, name: str, data: bytes) -> None:
        self._manifest[name] = hashlib.sha256(data).hexdigest()
        self._write(name, data)

    def close(self) -> None:
        self._write(verify.MANIFEST, verify.spelled(self._manifest))
        self._zip.close()

    def _write(self, name: str, data: bytes) -> None:
        info = zipfile.ZipInfo(name, self._stamp)
        info.create_system, info.external_attr = 3, 0o100644 << 16  # as on Unix, whatever this is written on
        hashes = name.startswith("tile/") and not name.startswith("tile/entries/")
        info.compress_type = zipfile.ZIP_STORED if hashes else zipfile.ZIP_DEFLATED  # hashes do not get smaller
        self._zip.writestr(info, data, compresslevel=6)
