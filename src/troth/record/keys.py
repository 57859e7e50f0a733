"""The keys that sign the record. They live in a folder of their own, outside the database.

    log.key     private keys, one a line, mode 0600; every one of them signs each checkpoint, the first is the newest
    log.vkeys   public keys, one a line, also of keys that no longer sign: what old checkpoints are verified with
    log.checkpoint, log.lock: see `pinned`

The lines are those of c2sp.org/signed-note and its first implementation, `PRIVATE+KEY+name+id+base64` and
`name+id+base64`. Rotation: `add_key` lets a new key sign beside the old one, so that verifiers can learn it while they
still trust the old one; `retire_keys` then ends the old one.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from troth.record.durable import write_durably
from troth.record.errors import MissingKeyError, UnsafeKeyError
from troth.record.verifier import ED25519, Key, VerifyError, key_id, parse_checkpoint, read_key

PRIVATE = "log.key"
PUBLIC = "log.vkeys"
_PREFIX = "PRIVATE+KEY+"


class SigningKey(msgspec.Struct, frozen=True):
    """A private Ed25519 key (32 bytes, RFC 8032) with the name under which it signs."""

    name: str
    seed: bytes

    @property
    def public(self) -> Key:
        """The public key that verifies what this one signs."""
        raw = Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw()
        return Key(self.name, key_id(self.name, ED25519, raw), ED25519, raw)

    def __repr__(self) -> str:
        return f"SigningKey({self.name}+{self.public.id.hex()})"  # never the seed


class Keys(msgspec.Struct, frozen=True):
    """The keys of a log: those that sign, newest first, and all that ever did."""

    signing: tuple[SigningKey, ...]
    trusted: tuple[Key, ...]

    @property
    def origin(self) -> str:
        """The name of the log."""
        return self.signing[0].name

    @property
    def public(self) -> tuple[Key, ...]:
        """All public keys, for those who verify: those that sign now first, the newest of them at the head."""
        return tuple(dict.fromkeys([*(key.public for key in self.signing), *self.trusted]))


def create_keys(folder: Path, origin: str, random: Callable[[int], bytes] = secrets.token_bytes) -> Keys:
    """Make the first key of a log named `origin` (such as `example.org/log`). FileExistsError: there is one already."""
    if not origin or "+" in origin or any(c.isspace() for c in origin):
        raise ValueError(f"'{origin}' cannot name a log: no spaces and no plus signs, such as example.org/log.")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in (PRIVATE, PUBLIC, "log.checkpoint"):
        if (folder / name).exists():
            raise FileExistsError(f"{folder / name} exists: a log has keys here. For a new key of that log, rotate.")
    keys = (SigningKey(origin, random(32)),)
    _write(folder, keys, [keys[0].public], overwrite=False)
    return load_keys(folder)


def add_key(folder: Path, random: Callable[[int], bytes] = secrets.token_bytes) -> Keys:
    """First half of a rotation: a new key that signs from now on, beside the keys that sign already."""
    keys = load_keys(folder)
    new = SigningKey(keys.origin, random(32))
    _write(folder, (new, *keys.signing), [*keys.trusted, new.public])
    return load_keys(folder)


def retire_keys(folder: Path) -> Keys:
    """Second half: only the newest key signs; the others stay in the list of public keys, for what they signed."""
    keys = load_keys(folder)
    _write(folder, keys.signing[:1], list(keys.trusted))
    return load_keys(folder)


def load_keys(folder: Path) -> Keys:
    """The keys in `folder`. MissingKeyError: none there. UnsafeKeyError: others could read them, or no keys."""
    path = folder / PRIVATE
    try:
        mode = path.stat().st_mode
        text = path.read_text()
    except FileNotFoundError:
        raise MissingKeyError(
            f"There is no signing key at {path}. Restore it from where you keep it. Only for a new record: create one."
        ) from None
    except PermissionError:
        raise UnsafeKeyError(f"The signing key {path} cannot be read by this user.") from None
    if mode & 0o077:
        raise UnsafeKeyError(f"The signing key {path} can be read by others (mode {mode & 0o777:04o}): chmod 600 it")
    try:
        signing = tuple(_read_private(line) for line in text.splitlines() if line.strip())
        public = [read_key(line) for line in _lines(folder / PUBLIC)]
    except (VerifyError, ValueError) as problem:
        raise UnsafeKeyError(f"The keys in {folder} are not keys of a log: {problem}") from None
    if not signing or len({key.name for key in signing}) != 1:
        raise UnsafeKeyError(f"{path} should hold one or more keys of one log.")
    return Keys(signing, tuple(dict.fromkeys([*public, *(key.public for key in signing)])))


def sign_note(text: str, keys: tuple[SigningKey, ...]) -> bytes:
    """A signed note: the text, which ends in a newline, and one signature by each key (c2sp.org/signed-note)."""
    if not text.endswith("\n") or any(c < " " and c != "\n" for c in text):
        raise ValueError("The text of a note ends in a newline and has no control characters.")
    lines = []
    for key in keys:
        signature = Ed25519PrivateKey.from_private_bytes(key.seed).sign(text.encode())
        lines.append(f"— {key.name} {base64.b64encode(key.public.id + signature).decode()}\n")
    return (text + "\n" + "".join(lines)).encode()


def sign_checkpoint(size: int, root: bytes, keys: Keys) -> bytes:
    """The signed head of a log of `size` leaves (c2sp.org/tlog-checkpoint). What may be signed is `log`'s matter."""
    text = f"{keys.origin}\n{size}\n{base64.b64encode(root).decode()}\n"
    parse_checkpoint(text)
    return sign_note(text, keys.signing)


def _read_private(line: str) -> SigningKey:
    parts = line.strip().removeprefix(_PREFIX).split("+", 2)
    if not line.startswith(_PREFIX) or len(parts) != 3:
        raise ValueError("a line is not of the form PRIVATE+KEY+name+id+base64.")
    data = base64.b64decode(parts[2], validate=True)
    if len(data) != 33 or data[0] != ED25519:
        raise ValueError("a private key is not Ed25519.")
    key = SigningKey(parts[0], data[1:])
    if key.public.id.hex() != parts[1]:
        raise ValueError(f"a private key says that its id is {parts[1]}, but its id is {key.public.id.hex()}.")
    return key


def _write(folder: Path, signing: tuple[SigningKey, ...], public: list[Key], overwrite: bool = True) -> None:
    # The public key first: a crash in between leaves a key that is trusted and never signed, which does no harm.
    write_durably(folder / PUBLIC, "".join(f"{key}\n" for key in public).encode(), 0o644)
    private = "".join(
        f"{_PREFIX}{key.name}+{key.public.id.hex()}+{base64.b64encode(bytes([ED25519]) + key.seed).decode()}\n"
        for key in signing
    )
    write_durably(folder / PRIVATE, private.encode(), 0o600, overwrite)


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text().splitlines() if line.strip()] if path.exists() else []
