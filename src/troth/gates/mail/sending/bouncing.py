"""The message about a failure: who did not get what, and why, as people read it and as programs do (RFC 3464).

It goes to whom the message was submitted from, comes from nobody, so that no failure of it is told in turn, and holds
of the message only its header (RFC 6522 lets the rest be left out).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from email.utils import format_datetime

import msgspec

from troth.gates.mail.sending.conversation import Reply

LONGEST = 32 * 1024  # bytes of the header that are given back
BOUNDARY = "=_troth_report"


class Failure(msgspec.Struct, frozen=True):
    """A recipient who will not get it, and the reply that decided so."""

    recipient: str
    reply: Reply


def failure_notice(
    message: str, to: str, failures: Sequence[Failure], content: bytes, *, arrived: datetime, at: datetime, host: str
) -> bytes:
    """The message about failures of the message that was answered with this id; `host` is what this machine is called.

    Its bytes are the same each time, so that it has the same Message-ID when it is sent again.
    """
    lines = [
        f"From: Mail of Troth <mailer-daemon@{host}>",
        f"To: <{to}>",
        "Subject: Your message could not be delivered",
        f"Date: {format_datetime(at)}",
        f"Message-ID: <failure.{message}.{int(at.timestamp() * 1_000_000):x}@{host}>",
        "Auto-Submitted: auto-replied",
        "MIME-Version: 1.0",
        f'Content-Type: multipart/report; report-type=delivery-status; boundary="{BOUNDARY}"',
        "",
        f"--{BOUNDARY}",
        "Content-Type: text/plain; charset=us-ascii",
        "",
        f"The message {message}, which was taken on {arrived:%Y-%m-%d at %H:%M} UTC, does not reach",
        "",
    ]
    for failure in failures:
        lines += [f"  {failure.recipient}", f"    {_clean(failure.reply)}", ""]
    lines += [
        "Nothing more will be tried. The header of the message is below.",
        "",
        f"--{BOUNDARY}",
        "Content-Type: message/delivery-status",
        "",
        f"Reporting-MTA: dns; {host}",
        f"Original-Envelope-Id: {message}",
        f"Arrival-Date: {format_datetime(arrived)}",
        "",
    ]
    for failure in failures:
        lines += [
            f"Final-Recipient: rfc822; {failure.recipient}",
            "Action: failed",
            f"Status: {status_of(failure.reply)}",
            f"Diagnostic-Code: smtp; {_clean(failure.reply)}",
            f"Last-Attempt-Date: {format_datetime(at)}",
            "",
        ]
    lines += [f"--{BOUNDARY}", "Content-Type: text/rfc822-headers", "Content-Transfer-Encoding: 8bit", ""]
    header = content[: content.find(b"\r\n\r\n") + 2] if b"\r\n\r\n" in content else content
    header = header[: header.rfind(b"\r\n", 0, LONGEST) + 2] if len(header) > LONGEST else header
    head = "".join(f"{line}\r\n" for line in lines).encode("ascii")
    return head + header + f"\r\n--{BOUNDARY}--\r\n".encode("ascii")


def status_of(reply: Reply) -> str:
    """The enhanced status code of a reply (RFC 3463); where it has none, one that says no more than its class."""
    first, _, _ = reply.text.partition(" ")
    parts = first.split(".")
    if len(parts) == 3 and all(part.isdigit() and len(part) <= 3 for part in parts) and parts[0] in ("2", "4", "5"):
        # After the last try a failure is permanent for whoever is told of it, but keeps the code it had.
        return first
    return f"{min(max(reply.code // 100, 4), 5)}.0.0"


def _clean(reply: Reply) -> str:
    text = "".join(one if " " <= one <= "~" else "?" for one in str(reply))
    return text[:400]
