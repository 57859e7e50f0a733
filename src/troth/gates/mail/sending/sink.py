"""The sink: a folder that takes every message instead of a mail server, so that what would have left can be looked at.

Each message is a file `.eml`, to the byte as it would have been handed over, beside a file `.json` that says for whom.
Nothing in it is sealed: it is for trying Troth out, and only its owner can read it.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from troth.gates.mail.sending.conversation import Reply
from troth.gates.mail.sending.handing import HandOver, Look, Outgoing, WithheldError
from troth.store.store import utc_now

SHOWN = 200  # messages that a list shows


class Caught(msgspec.Struct, frozen=True):
    """A message in the sink: its name there, when it came, from whom, to whom, the id that it was submitted under."""

    name: str
    at: datetime
    sender: str
    recipients: tuple[str, ...]
    id: str
    size: int


class Sink:
    """A sink in a folder."""

    connections = 4

    def __init__(self, folder: Path, clock: Callable[[], datetime] = utc_now) -> None:
        self.folder = folder
        self._clock = clock

    async def send(self, outgoing: Outgoing, look: Look, hand_over: HandOver) -> tuple[Reply, ...]:
        """See Upstream. OSError: it could not be written."""
        await look()
        if not hand_over(lambda: self.put(outgoing)):
            raise WithheldError
        return (Reply(250, "2.0.0 Kept in the sink"),) * len(outgoing.recipients)

    async def close(self) -> None:
        """See Upstream."""

    def put(self, outgoing: Outgoing) -> str:
        """Keep a message; its name. It is there whole or not at all."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        at = self._clock().astimezone(UTC)
        name = f"{at:%Y-%m-%dT%H%M%S.%fZ}-{secrets.token_hex(4)}"
        caught = Caught(name, at, outgoing.sender, outgoing.recipients, outgoing.id, len(outgoing.content))
        _write(self.folder / f"{name}.json", msgspec.json.encode(caught))
        temporary = self.folder / f"{name}.tmp"
        _write(temporary, outgoing.content)
        temporary.rename(self.folder / f"{name}.eml")
        return name

    def caught(self, most: int = SHOWN) -> list[Caught]:
        """The newest messages, the newest first."""
        names = sorted((path.stem for path in self.folder.glob("*.eml")), reverse=True)[:most]
        return [
            msgspec.json.decode((self.folder / f"{name}.json").read_bytes(), type=Caught) for name in names
        ]  # fmt: skip

    def content(self, name: str) -> bytes:
        """The bytes of a message. FileNotFoundError: there is none of that name."""
        if "/" in name or name.startswith("."):
            raise FileNotFoundError(name)
        return (self.folder / f"{name}.eml").read_bytes()


def _write(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
