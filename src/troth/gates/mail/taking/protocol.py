"""What a connection asks of the gate, what a client may do, and the replies to what goes wrong."""

from __future__ import annotations

import logging
from typing import Any, Protocol

import msgspec

from troth.gates.mail.errors import MailError
from troth.people.errors import PeopleError
from troth.store import StoreUnavailableError

RECIPIENTS = 1000  # of one message; RFC 5321, section 4.5.3.1.8 wants 100 at least
SIZE = 26_214_400  # bytes of one message
TIMEOUT = 300.0  # seconds of patience with a client (RFC 5321, section 4.5.3.2.7)
WHOLE = 900.0  # seconds that a message may take to come in
LINGER = 0.5  # seconds of silence after which a client that was refused for good has said all it had to say
STRAY = "500 5.5.2 Commands end with CR LF, and hold neither alone"
STRAY_DATA = (
    "550 5.5.2 The message has a bare CR, a bare LF or a NUL: lines end with CR LF, the message with CR LF . CR LF"
)
log = logging.getLogger("troth.mail")


class Stated(msgspec.Struct, frozen=True):
    """How a message came: the name that the client gave itself, and the protocol by RFC 3848, such as ESMTPSA."""

    helo: str
    protocol: str


class Gate(Protocol):
    """What decides. MailError: refused, with the reply. Whatever says that the store is not there: try again later."""

    async def authenticate(self, user: str, secret: str) -> Any:
        """The stream that these credentials are of, or None."""

    async def check_sender(self, stream: Any, sender: str) -> None:
        """Whether the stream may send from this address."""

    async def check_recipient(self, stream: Any, recipient: str) -> None:
        """Whether it may go to this one, so far as that is answered before the message is there."""

    async def accept(self, stream: Any, sender: str, recipients: list[str], content: bytes, stated: Stated) -> str:
        """Take a message; the text of the reply, once it is durable."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a connection may do."""

    size: int = SIZE
    recipients: int = RECIPIENTS
    timeout: float = TIMEOUT
    whole: float = WHOLE
    linger: float = LINGER


def reply_to(error: Exception) -> str:
    """The reply that an error is told with. What is not foreseen is logged, without what the client sent."""
    if isinstance(error, MailError):
        return f"{error.code} {error.enhanced} {error.text}"
    if isinstance(error, StoreUnavailableError):
        if "full" in str(error).lower() or "no space" in str(error).lower():
            return "452 4.3.1 The disk is full; nothing was taken, try again later"
        return "451 4.3.0 The store is not there; nothing was taken, try again later"
    if not isinstance(error, PeopleError):
        log.error("A message was not taken: %s", type(error).__name__, exc_info=error)
    return "451 4.3.0 It cannot be decided now; nothing was taken, try again later"


def too_large(limits: Limits) -> str:
    """The reply to a message that is too large."""
    return f"552 5.3.4 A message has at most {limits.size} bytes"
