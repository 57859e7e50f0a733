"""The lines of a batch: for each person what was disclosed, committed to, and the tree that has all of them.

A commitment is that of the record: HMAC-SHA-256 of the line's canonical JSON under a salt of its own. The batch's entry
has the root of the RFC 6962 tree whose leaves they are. So a person can show, by the line, its salt and an inclusion
proof, what was disclosed of them, and nobody learns anything of the others. Salt and line lie sealed under the person's
key: once that is destroyed, the commitment is noise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from troth.people.changes import Scribe
from troth.people.sealing import open_opening, seal_opening
from troth.record.commitment import Opening, commit, new_salt
from troth.record.tree import Tree
from troth.record.verifier import TILE, GrowingRoot, hash_leaf, tile_root, verify_inclusion

FIELD = "line"  # the name under which a line is committed to


class Line(msgspec.Struct, frozen=True):
    """What is disclosed of one person: the data, and the statement that allows each, in the same order."""

    person: str
    pseudonym: str
    data: tuple[str, ...]
    statements: tuple[str, ...]


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What proves a line: the entry of its batch, the salt and the line, and where its commitment is in the tree."""

    leaf: int
    salt: str
    line: Mapping[str, object]
    position: int
    size: int
    path: tuple[str, ...]
    root: str

    def check(self) -> None:
        """Raise VerifyError unless the line is one of those under the root, which the entry at `leaf` states."""
        commitment = bytes.fromhex(commit(bytes.fromhex(self.salt), FIELD, dict(self.line)))
        path = [bytes.fromhex(one) for one in self.path]
        verify_inclusion(self.position, self.size, hash_leaf(commitment), path, bytes.fromhex(self.root))


def said_of(line: Line, disclosure: str, recipient: str, purpose: str, version: str) -> dict[str, object]:
    """What a line says, as it is committed to."""
    return {
        "disclosure": disclosure, "recipient": recipient, "purpose": purpose, "version": version,
        "person": line.person, "pseudonym": line.pseudonym, "data": list(line.data),
        "statements": list(line.statements),
    }  # fmt: skip


def bound_to(disclosure: str, number: int, position: int) -> str:
    """What the sealed opening of a line is tied to: moved elsewhere, it cannot be opened."""
    return f"{disclosure}/{number}/{position}"


def commit_line(scribe: Scribe, wrapped: bytes, line: Line, said: dict[str, object], place: str) -> tuple[bytes, bytes]:
    """The commitment to a line and its opening, sealed under the person's key, which is given wrapped."""
    salt = new_salt(scribe.random)
    opening = Opening(place, salt, {FIELD: said})
    return bytes.fromhex(commit(salt, FIELD, said)), seal_opening(
        scribe.wrapping, line.person, wrapped, opening, scribe.random
    )


def open_line(scribe: Scribe, person: str, wrapped: bytes | None, place: str, sealed: bytes) -> Opening:
    """The opening again. UnknownPersonError: the person was erased, or it is not what was sealed."""
    return open_opening(scribe.wrapping, person, wrapped, place, sealed)


def root_of(commitments: Sequence[bytes]) -> bytes:
    """The root of the tree of these commitments (RFC 6962, section 2.1)."""
    growing = GrowingRoot()
    for one in commitments:
        growing.add(hash_leaf(one))
    return growing.root()


def path_to(position: int, commitments: Sequence[bytes]) -> list[bytes]:
    """The inclusion proof for the commitment at a position (RFC 6962, section 2.1.1)."""
    hashes = [hash_leaf(one) for one in commitments]

    def read(level: int, index: int, width: int) -> bytes:
        if level == 0:
            return b"".join(hashes[index * TILE : index * TILE + width])
        return b"".join(tile_root(hashes[n * TILE : (n + 1) * TILE]) for n in range(width))  # at most 65,536 lines

    return Tree(read, len(hashes)).inclusion(position)
