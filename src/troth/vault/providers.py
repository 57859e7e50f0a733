"""Where the keys come from that wrap the keys of persons: never from the database.

A key has a number, its epoch: 1, 2, 3, …; the latest wraps. `FileKeys` keeps each in a file of its own,
`EnvironmentKeys` takes them from the environment, which others put them into; `transit.TransitKeys` asks a key service.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from troth.record.durable import sync_folder, write_durably
from troth.vault.errors import KeyProviderError, MissingVaultKeyError, UnsafeVaultKeyError

KEY = 32  # bytes
VARIABLE = "TROTH_VAULT_KEYS"
FOLDER = "vault"  # below the folder of the other keys

_PREFIX = "TROTH+VAULT"

Random = Callable[[int], bytes]


class KeyProvider(Protocol):
    """Where keys are kept, by their epochs."""

    def epochs(self) -> list[int]:
        """The epochs that there are keys of, in order. Raises KeyProviderError."""

    def get(self, epoch: int) -> bytes:
        """The key of an epoch, 32 bytes. MissingVaultKeyError: there is none. UnsafeVaultKeyError, KeyProviderError."""

    def create(self, epoch: int) -> None:
        """Make the key of a new epoch; returns once it would outlast a power cut. One that is there is left alone."""

    def destroy(self, epoch: int) -> None:
        """Destroy the key of an epoch for good. One that is not there is no error."""


class FileKeys:
    """Keys in a folder, each in a file of its own that only its owner can read."""

    SUFFIX = ".key"

    def __init__(self, folder: Path, random: Random = secrets.token_bytes) -> None:
        self.folder = folder
        self._random = random

    def epochs(self) -> list[int]:
        """See KeyProvider."""
        if not self.folder.exists():
            return []
        names = [path.name.removesuffix(self.SUFFIX) for path in self.folder.glob(f"*{self.SUFFIX}")]
        return sorted(int(name) for name in names if re.fullmatch(r"[0-9]{6,9}", name))

    def get(self, epoch: int) -> bytes:
        """See KeyProvider."""
        prefix, number, text = _parts(read_private(self.path(epoch)))
        key = _from_hex(text)
        if prefix != _PREFIX or number != str(epoch) or key is None:
            raise UnsafeVaultKeyError(f"{self.path(epoch)} does not hold the vault's key of epoch {epoch}. Restore it.")
        return key

    def create(self, epoch: int) -> None:
        """See KeyProvider."""
        self.write(epoch, f"{_PREFIX}+{epoch}+{self._random(KEY).hex()}\n")

    def destroy(self, epoch: int) -> None:
        """See KeyProvider. The file is overwritten first; whether that reaches the old place is up to the disk."""
        path = self.path(epoch)
        with suppress(FileNotFoundError):
            with path.open("r+b") as file:
                file.write(bytes(path.stat().st_size))
                file.flush()
                os.fsync(file.fileno())
            path.unlink()
            sync_folder(self.folder)

    def path(self, epoch: int) -> Path:
        """The file of an epoch."""
        return self.folder / f"{epoch:06}{self.SUFFIX}"

    def write(self, epoch: int, text: str) -> None:
        """Write the file of a new epoch, unless there is one: another process was first, and its key is the key."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            with suppress(FileExistsError):
                write_durably(self.path(epoch), text.encode(), 0o600, overwrite=False)
        except OSError as error:
            raise KeyProviderError(f"No key can be made in {self.folder}: {error.strerror}.") from error


class EnvironmentKeys:
    """Keys in a variable of the environment, `1:hex,2:hex`, put there by whoever starts Troth. Read only."""

    def __init__(self, environment: Mapping[str, str] = os.environ, variable: str = VARIABLE) -> None:
        self._environment = environment
        self._variable = variable

    def epochs(self) -> list[int]:
        """See KeyProvider."""
        return sorted(self._read())

    def get(self, epoch: int) -> bytes:
        """See KeyProvider."""
        try:
            return self._read()[epoch]
        except KeyError:
            raise MissingVaultKeyError(
                f"{self._variable} has no key of epoch {epoch}. Start Troth with it: {epoch}:<64 hex digits>"
            ) from None

    def create(self, epoch: int) -> None:
        """See KeyProvider. KeyProviderError: it is not in the variable, and cannot be put there from here."""
        if epoch not in self._read():
            raise KeyProviderError(
                f"The keys of the vault come from {self._variable}, which has none of epoch {epoch}. Add "
                f"{epoch}:<64 random hex digits> to it (openssl rand -hex 32), start Troth again, and rotate then."
            )

    def destroy(self, epoch: int) -> None:
        """See KeyProvider. KeyProviderError: it is still in the variable, from which it must be taken by hand."""
        if epoch in self._read():
            raise KeyProviderError(
                f"Nothing needs the key of epoch {epoch} any more. Take it from {self._variable}, and from wherever "
                "that is written: only then is it destroyed."
            )

    def _read(self) -> dict[int, bytes]:
        found: dict[int, bytes] = {}
        for place, part in enumerate(filter(None, self._environment.get(self._variable, "").split(",")), start=1):
            number, _, text = part.strip().partition(":")
            key = _from_hex(text)
            if not re.fullmatch(r"[1-9][0-9]{0,8}", number) or key is None or int(number) in found:
                raise UnsafeVaultKeyError(
                    f"{self._variable}: part {place} is not a new epoch with a key, written 1:<64 hex digits>."
                )
            found[int(number)] = key
        return found


def read_private(path: Path) -> str:
    """The text of a file with a secret. MissingVaultKeyError: none there. UnsafeVaultKeyError: others can read it."""
    try:
        mode = path.stat().st_mode
        text = path.read_text("utf-8").strip()
    except FileNotFoundError:
        raise MissingVaultKeyError(f"There is no key at {path}. Restore it from where you keep it.") from None
    except (OSError, UnicodeDecodeError):
        raise UnsafeVaultKeyError(f"The key {path} cannot be read by this user.") from None
    if mode & 0o077:
        raise UnsafeVaultKeyError(f"The key {path} can be read by others (mode {mode & 0o777:04o}): chmod 600 it")
    return text


def _parts(text: str) -> tuple[str, str, str]:
    prefix, _, rest = text.rpartition("+")
    name, _, number = prefix.rpartition("+")
    return name, number, rest


def _from_hex(text: str) -> bytes | None:
    return bytes.fromhex(text) if re.fullmatch(r"[0-9a-fA-F]{64}", text.strip()) else None
