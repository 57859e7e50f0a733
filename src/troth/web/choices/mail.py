"""How a code gets to an address: over SMTP to a server that passes it on, or into a folder, where mail can be read.

`make_post` makes the one from the key `mail` of the configuration. A message is made whole here and sent once: whoever
misses it asks for another.
"""

from __future__ import annotations

import os
import secrets
import smtplib
import ssl
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from troth.policy.model import Version

SECONDS = 20.0  # of patience with a mail server


class Post(Protocol):
    """Where mail goes."""

    def send(self, message: EmailMessage) -> None:
        """Hand a message over. OSError: it could not be."""


class FolderPost:
    """Keeps each message as a file `.eml` that only its owner can read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def send(self, message: EmailMessage) -> None:
        """See Post."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        stamp = message["Date"].datetime.strftime("%Y-%m-%dT%H%M%SZ")
        name = self.folder / f"{stamp}-{secrets.token_hex(4)}"
        descriptor = os.open(name.with_suffix(".tmp"), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(message.as_bytes(policy=SMTP))
        name.with_suffix(".tmp").rename(name.with_suffix(".eml"))


class SmtpPost:
    """Submits each message to a mail server (RFC 6409), over TLS unless the server is on this machine."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname or parts.path.strip("/"):
            raise ValueError(f"'{url}' is not the address of a mail server, such as smtp://mail.example.org:587.")
        self._implicit = parts.scheme == "smtps"
        self._host = parts.hostname
        self._port = parts.port or (465 if self._implicit else 587)
        self._user = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password or "")
        self._here = self._host in ("localhost", "127.0.0.1", "::1")

    def send(self, message: EmailMessage) -> None:
        """See Post. A server elsewhere that offers no TLS gets nothing."""
        try:
            with self._connected() as server:
                if self._user is not None:
                    server.login(self._user, self._password)
                server.send_message(message)
        except smtplib.SMTPException as problem:
            raise OSError(f"{self._host} did not take the message: {type(problem).__name__}") from problem

    def _connected(self) -> smtplib.SMTP:
        if self._implicit:
            return smtplib.SMTP_SSL(self._host, self._port, timeout=SECONDS, context=ssl.create_default_context())
        server = smtplib.SMTP(self._host, self._port, timeout=SECONDS)
        if not self._here:
            server.starttls(context=ssl.create_default_context())
        return server


def make_post(mail: str) -> Post:
    """The way of mail that a configuration names: a mail server's address, or a folder. ValueError: neither."""
    return SmtpPost(mail) if "://" in mail else FolderPost(Path(mail))


def code_message(version: Version, address: str, code: str, page: str, at: datetime) -> EmailMessage:
    """The message with a code. ValueError: the address cannot stand in a header, or the publisher names no address."""
    publisher = version.publisher
    if publisher.email is None:
        raise ValueError("The publisher of the policy has no e-mail address to send from.")
    message = EmailMessage()
    message["From"] = f'"{publisher.name.replace(chr(34), "")}" <{publisher.email}>'
    message["To"] = address
    message["Date"] = format_datetime(at)
    message["Message-ID"] = f"<{secrets.token_hex(16)}@{publisher.email.rpartition('@')[2]}>"
    message["Subject"] = f"{code[:4]} {code[4:]} is your code"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834, section 5
    message.set_content(
        f"Your code is {code[:4]} {code[4:]}.\n\n"
        "Enter it within ten minutes to see and change your privacy choices:\n"
        f"{page}\n\n"
        "If you did not ask for it, do nothing: nothing has changed.\n\n"
        f"{publisher.name}\n{publisher.address}\n"
    )
    return message
