"""What whoever takes mail over has in common, be it a server upstream or the sink of `make up`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec

from troth.gates.mail.sending.conversation import Reply

# Waits for the newest word of the store about whom the message is for.
Look = Callable[[], Awaitable[None]]
# Calls what it is given, at once, if the message may still leave; whether it did.
HandOver = Callable[[Callable[[], object]], bool]


class Outgoing(msgspec.Struct, frozen=True):
    """A message as it leaves: from whom (nobody, if empty), to whom, and its bytes, each line with CRLF at its end."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes
    id: str = ""


class UnavailableError(OSError):
    """Nothing can be handed over now, whatever it is: upstream is not there, or does not let us in."""


class WithheldError(Exception):
    """The message may not leave any more, and did not."""


class Upstream(Protocol):
    """Where mail goes."""

    @property
    def connections(self) -> int:
        """How many messages can be handed over at the same time."""

    async def send(self, outgoing: Outgoing, look: Look, hand_over: HandOver) -> tuple[Reply, ...]:
        """Hand a message over; the reply for each recipient, in order.

        `look` is awaited when all but the end of the message was said, and then `hand_over` is called with what says
        the end. WithheldError: it said no. UnavailableError, LostError: whether it was taken is not known, at worst.
        """

    async def close(self) -> None:
        """Let go of everything."""
