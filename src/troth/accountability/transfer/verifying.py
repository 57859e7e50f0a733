"""Verifies an archive without a store: that it is whole, that the record in it holds, and that the counts agree."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from troth.accountability.errors import CaseError
from troth.accountability.transfer.archive import FORMAT, Manifest
from troth.record.kinds import read_entry
from troth.record.verifier import GrowingRoot, Key, VerifyError, hash_leaf, open_checkpoint, read_key

ORDER = ("header", "version", "person", "key", "entry", "checkpoint", "manifest")


class Checked(msgspec.Struct, frozen=True):
    """What an archive holds. `trusted`: the head of the record was verified by keys that were given, not by its own."""

    manifest: Manifest
    digest: str
    versions: int
    trusted: bool


class Checking:
    """Takes the lines of an archive one after the other, as a file that is decrypted writes them."""

    def __init__(self, keys: Sequence[Key] = ()) -> None:
        self._trusted = tuple(keys)
        self._keys: list[Key] = []
        self._left = b""
        self._at = 0
        self._counts: dict[str, int] = {}
        self._digests: dict[str, Any] = {}
        self._tree = GrowingRoot()
        self._values = 0
        self._subjects: set[str] = set()
        self._sources: dict[int, str] = {}
        self._published: dict[int, object] = {}
        self._given: dict[str, list[int]] = {}
        self._withheld: dict[str, int] = {}
        self._note = b""
        self._manifest: Manifest | None = None
        self._digest = ""

    def write(self, data: bytes) -> int:
        """Take some more bytes. CaseError: the archive does not hold."""
        *whole, self._left = (self._left + data).split(b"\n")
        for line in whole:
            self._take(line + b"\n")
        return len(data)

    def flush(self) -> None:
        """For whoever takes this for a file."""

    def _take(self, line: bytes) -> None:
        try:
            body: dict[str, Any] = msgspec.json.decode(line, type=dict[str, Any])
            part = body.pop("part")
            place = ORDER.index(part)
        except (msgspec.DecodeError, KeyError, ValueError):
            raise CaseError("A line of the archive is none of its parts.") from None
        if place < self._at or self._manifest is not None or (not self._counts and part != "header"):
            raise CaseError(f"The part '{part}' is not where it belongs: lines were moved, added or taken away.")
        self._at = place
        try:
            if part == "manifest":
                self._digest = hashlib.sha256(line).hexdigest()
                self._manifest = msgspec.convert(body, Manifest)
                return
            self._counts[part] = self._counts.get(part, 0) + 1
            self._digests.setdefault(part, hashlib.sha256()).update(line)
            self._body(part, body)
        except (KeyError, TypeError, msgspec.ValidationError, binascii.Error, ValueError) as error:
            if isinstance(error, CaseError):
                raise
            raise CaseError(f"A line of the part '{part}' cannot be read: {error}") from None

    def _body(self, part: str, body: dict[str, Any]) -> None:
        match part:
            case "header" if body["format"] != FORMAT:
                raise CaseError(f"'{body['format']}' is an archive of another kind.")
            case "version":
                source = base64.b64decode(body["source"], validate=True)
                self._sources[int(body["entry"])] = hashlib.sha256(source).hexdigest()
            case "person":
                if body["subject"] in self._subjects:
                    raise CaseError(f"'{body['subject']}' is in it twice.")
                self._subjects.add(body["subject"])
                self._values += len(body["values"])
            case "key":
                self._keys.append(read_key(body["key"]))
            case "entry":
                self._entry(int(body["index"]), base64.b64decode(body["entry"], validate=True))
            case "checkpoint":
                self._note = body["note"].encode()

    def _entry(self, index: int, data: bytes) -> None:
        if index != self._tree.size:
            raise CaseError(f"Entry {self._tree.size} of the record is missing.")
        self._tree.add(hash_leaf(data))
        entry = read_entry(data)
        if entry["kind"] == "published":
            self._published[index] = entry["sha256"]
        if entry["kind"] == "disclosed":
            given = self._given.setdefault(str(entry["disclosure"]), [0, 0])
            given[0] += int(str(entry["persons"]))
            given[1] += int(str(entry["values"]))
        if entry["kind"] == "withheld":
            disclosure = str(entry["disclosure"])
            self._withheld[disclosure] = self._withheld.get(disclosure, 0) + int(str(entry["persons"]))

    def finish(self) -> Checked:
        """What the archive holds, once all of it was taken. CaseError: it does not hold, or is not whole."""
        manifest = self._manifest
        if manifest is None or self._left:
            raise CaseError("The archive has no end: it is not whole.")
        for part, count in {**self._counts, **manifest.lines}.items():
            if self._counts.get(part, 0) != count:
                raise CaseError(f"There are {self._counts.get(part, 0)} lines of '{part}', and should be {count}.")
            if count and self._digests[part].hexdigest() != manifest.sha256.get(part):
                raise CaseError(f"The lines of '{part}' are not those of the manifest.")
        trusted = self._head(manifest)
        if self._sources != self._published:
            raise CaseError("The versions of the policy are not those that the record says were published.")
        if (len(self._subjects), self._values) != (manifest.moved, manifest.values):
            raise CaseError("The manifest says of other persons and values than there are.")
        given, values = self._given.get(manifest.disclosure, [0, 0])
        withheld = self._withheld.get(manifest.disclosure, 0)
        if not given - withheld <= manifest.moved <= given or (not withheld and manifest.values != values):
            raise CaseError(f"By the record {given} persons were handed over, and there are {manifest.moved}.")
        return Checked(manifest, self._digest, len(self._sources), trusted)

    def _head(self, manifest: Manifest) -> bool:
        """Whether the head of the record is signed by a key that was given. CaseError: it is of other entries."""
        try:
            head = open_checkpoint(self._note, self._trusted or self._keys)
        except VerifyError as error:
            raise CaseError(f"The head of the record does not hold: {error}") from None
        if (head.size, head.root) != (self._tree.size, self._tree.root()):
            raise CaseError("The entries are not those that the head of the record is of.")
        if (manifest.size, manifest.root) != (head.size, head.root.hex()):
            raise CaseError("The manifest is of another record.")
        return bool(self._trusted)


def verify_archive(path: Path, identity: str, keys: Sequence[Key] = ()) -> Checked:
    """Verify an archive with the age identity that it is encrypted to; without `keys` by those in it.

    CaseError: it does not hold, is not encrypted to that identity, or cannot be read.
    """
    try:
        import pyrage  # type: ignore[import-untyped] # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        raise CaseError("This takes the extra `files`: pip install 'troth[files]'.") from None
    checking, failed = Checking(keys), _Kept()
    failed.to = checking
    try:
        with path.open("rb") as file:
            pyrage.decrypt_io(file, failed, [pyrage.x25519.Identity.from_str(identity.strip())])
    except OSError as error:
        raise failed.error or CaseError(f"{path} cannot be read: {error.strerror or error}.") from None
    except (pyrage.DecryptError, pyrage.IdentityError) as error:
        raise failed.error or CaseError(f"{path} cannot be decrypted: {error}.") from None
    if failed.error is not None:
        raise failed.error
    return checking.finish()


class _Kept:
    """What age writes to. An error of taking a piece is kept, since age only tells its text."""

    to: Checking

    def __init__(self) -> None:
        self.error: CaseError | None = None

    def write(self, data: bytes) -> int:
        try:
            return self.to.write(bytes(data))
        except CaseError as error:
            self.error = error
            raise

    def flush(self) -> None:
        self.to.flush()
