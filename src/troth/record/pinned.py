"""The last checkpoint that was signed, kept beside the keys and outside the database.

It is what a restored backup cannot take back. Whatever the database says, the next checkpoint must extend this one, and
it is replaced before the next one is shown to anyone. A lock on a file beside it lets one process sign at a time.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from troth.record.durable import write_durably
from troth.record.errors import ContradictedHistoryError
from troth.record.keys import Keys
from troth.record.verifier import Checkpoint, VerifyError, open_checkpoint

CHECKPOINT = "log.checkpoint"
LOCK = "log.lock"


def read_pinned(folder: Path, keys: Keys) -> Checkpoint | None:
    """The last checkpoint signed, or None if none was. ContradictedHistoryError: the file is not one of this log."""
    path = folder / CHECKPOINT
    try:
        note = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        checkpoint = open_checkpoint(note, keys.trusted)
    except VerifyError as problem:
        raise ContradictedHistoryError(
            f"{path} should be the last checkpoint signed for {keys.origin}, but: {problem} "
            f"Either the key in {folder} is not the key of this log, or the file was changed. Restore the right one."
        ) from None
    if checkpoint.origin != keys.origin:
        raise ContradictedHistoryError(f"{path} is of the log {checkpoint.origin}, but the keys are of {keys.origin}.")
    return checkpoint


def write_pinned(folder: Path, note: bytes) -> None:
    """Replace the pinned checkpoint; returns when it is on the disk."""
    write_durably(folder / CHECKPOINT, note)


@contextmanager
def signing_lock(folder: Path) -> Iterator[None]:
    """Held while a checkpoint is signed: one process, one thread at a time; waits. Freed by the system on a crash."""
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
