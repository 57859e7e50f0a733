"""Upstream: the mail server that passes mail on, over a pool of connections that stay open (RFC 5321).

`smtp://` is upgraded by STARTTLS, `smtps://` is TLS from the start. Beyond this machine TLS is a must and certificates
are verified; on loopback TLS is used where it is offered. AUTH goes by the user and password in the address.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import aiosmtplib
import msgspec

from troth.gates.mail.sending.conversation import Conversation, LostError, Reply, taken_over
from troth.gates.mail.sending.handing import HandOver, Look, Outgoing, UnavailableError, WithheldError
from troth.gates.mail.sending.sink import Sink
from troth.store.store import utc_now
from troth.store.writer import Clock

CONNECTIONS = 20
MOST_EACH = 200  # messages over one connection
IDLE = 20.0  # seconds after which an unused connection is not trusted any more
CONNECT = 30.0
# Seconds to wait for the replies (RFC 5321, section 4.5.3.2).
COMMAND, DATA, BLOCK, END = 300.0, 120.0, 180.0, 600.0
AT_ONCE = 48 * 1024  # bytes that are written together with the end


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Where upstream is, as the key `relay` of the configuration says it. `ca` is a file of certificates to trust."""

    host: str
    port: int
    tls: bool
    user: str | None = None
    password: str | None = None
    ca: str | None = None

    @property
    def loopback(self) -> bool:
        """Whether it is this machine."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def read_address(text: str) -> Address:
    """The address in `smtp://user:password@host:587` or `smtps://…`, with `?ca=FILE`. ValueError: it is none."""
    parts = urlsplit(text)
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise ValueError("Upstream is written smtp://user:password@host:587, smtps://…, or is a folder.")
    tls = parts.scheme == "smtps"
    ca = parse_qs(parts.query).get("ca", [None])[0]
    return Address(
        host=parts.hostname,
        port=parts.port or (465 if tls else 587),
        tls=tls,
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        ca=ca,
    )


class _Line:
    """One connection of the pool."""

    def __init__(self, client: aiosmtplib.SMTP, talk: Conversation, now: float) -> None:
        self.client = client  # kept, as it holds the socket
        self.talk = talk
        self.pipelining = client.supports_extension("pipelining")
        self.eight = client.supports_extension("8bitmime")
        self.size = client.supports_extension("size")
        self.used = now
        self.messages = 0


class SmtpUpstream:
    """A pool of connections to one server. For one event loop."""

    def __init__(
        self,
        address: Address,
        *,
        name: str = "localhost",
        connections: int = CONNECTIONS,
        keep: bool = True,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`name` is what this machine calls itself; without `keep` each message has a connection of its own."""
        self.connections = connections
        self._address = address
        self._name = name
        self._keep = keep
        self._monotonic = monotonic
        self._free: list[_Line] = []
        self._room = asyncio.Semaphore(connections)
        self._context: ssl.SSLContext | None = None

    async def send(self, outgoing: Outgoing, look: Look, hand_over: HandOver) -> tuple[Reply, ...]:
        """See Upstream."""
        async with self._room:
            line = self._reusable() or await self._connect()
            done = False
            try:
                replies = await self._transact(line, outgoing, look, hand_over)
                done = True
            finally:
                self._give_back(line, done)
            return replies

    async def close(self) -> None:
        """See Upstream."""
        while self._free:
            self._free.pop().talk.close()

    # --- connections --------------------------------------------------------------------------------------------------

    def _reusable(self) -> _Line | None:
        while self._free:
            line = self._free.pop()
            if line.talk.alive and self._monotonic() - line.used < IDLE:
                return line
            line.talk.close()
        return None

    def _give_back(self, line: _Line, whole: bool) -> None:
        line.messages += 1
        line.used = self._monotonic()
        if not whole:
            line.talk.abort()
        elif self._keep and line.messages < MOST_EACH and line.talk.alive:
            self._free.append(line)
        else:
            line.talk.close()

    async def _connect(self) -> _Line:
        address = self._address
        client = aiosmtplib.SMTP(
            hostname=address.host,
            port=address.port,
            username=address.user,
            password=address.password,
            local_hostname=self._name,
            timeout=CONNECT,
            use_tls=address.tls,
            start_tls=None if address.loopback or address.tls else True,
            tls_context=self._tls(),
        )
        try:
            await client.connect()
            if not client.last_ehlo_response:
                await client.ehlo()
            transport = client.transport
            if transport is None:
                raise LostError("The server closed the connection.")
        except (aiosmtplib.SMTPException, OSError, ssl.SSLError, ValueError) as error:
            client.close()
            raise UnavailableError(f"{address.host}:{address.port}: {type(error).__name__}: {error}") from None
        except BaseException:
            client.close()
            raise
        return _Line(client, taken_over(transport), self._monotonic())

    def _tls(self) -> ssl.SSLContext:
        if self._context is None:
            context = ssl.create_default_context(cafile=self._address.ca)
            if self._address.loopback and self._address.ca is None:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            self._context = context
        return self._context

    # --- one message --------------------------------------------------------------------------------------------------

    async def _transact(
        self, line: _Line, outgoing: Outgoing, look: Look, hand_over: HandOver
    ) -> tuple[Reply, ...]:  # fmt: skip
        eight = not outgoing.content.isascii()
        if eight and not line.eight:
            # RFC 6152, section 3: what was 8bit must be converted or returned, and bytes are not changed here.
            return (Reply(554, "5.6.3 Upstream takes no 8bit text, and it is not converted here"),) * len(
                outgoing.recipients
            )
        talk = line.talk
        mail = f"MAIL FROM:<{outgoing.sender}>"
        if line.size:
            mail += f" SIZE={len(outgoing.content)}"
        if eight:
            mail += " BODY=8BITMIME"
        commands = [mail, *(f"RCPT TO:<{recipient}>" for recipient in outgoing.recipients), "DATA"]
        replies: list[Reply] = []
        if line.pipelining:
            talk.write("".join(f"{command}\r\n" for command in commands).encode("ascii"))
            replies += [await talk.reply(COMMAND) for _ in commands]
        else:
            for command in commands:
                refused = command == "DATA" and not any(reply.accepted for reply in replies[1:])
                if (replies and not replies[0].accepted) or refused:
                    break
                talk.write(f"{command}\r\n".encode("ascii"))
                replies.append(await talk.reply(COMMAND))
        busy = next((reply for reply in replies if reply.code == 421), None)
        if busy is not None:
            raise UnavailableError(f"{self._address.host}: {busy}")
        sender, taken, data = replies[0], replies[1 : 1 + len(outgoing.recipients)], replies[-1]
        begun = data.code == 354
        if not sender.accepted or not any(reply.accepted for reply in taken):
            await self._start_over(talk, begun)
            return (sender,) * len(outgoing.recipients) if not sender.accepted else tuple(taken)
        if not begun:
            await self._start_over(talk, False)
            return tuple(data if reply.accepted else reply for reply in taken)
        end = await self._body(talk, outgoing.content, look, hand_over)
        if end.code == 421:
            raise UnavailableError(f"{self._address.host}: {end}")
        return tuple(end if reply.accepted else reply for reply in taken)

    async def _body(self, talk: Conversation, content: bytes, look: Look, hand_over: HandOver) -> Reply:
        """Say the message, with the last look before what ends it. WithheldError: it was not ended."""
        body = stuffed(content)
        rest = body
        if len(body) > AT_ONCE:
            talk.write(body[:-AT_ONCE])
            await talk.drain(BLOCK)
            rest = body[-AT_ONCE:]
        await look()
        if not hand_over(lambda: talk.write(rest + b".\r\n")):
            raise WithheldError
        return await talk.reply(END)

    async def _start_over(self, talk: Conversation, begun: bool) -> None:
        """Bring the conversation back to where the next message can begin (RFC 2920, section 3.1)."""
        if begun:  # nobody gets it, and the server waits for it all the same
            talk.write(b".\r\n")
            await talk.reply(END)
        talk.write(b"RSET\r\n")
        with contextlib.suppress(LostError):
            await talk.reply(COMMAND)


def stuffed(content: bytes) -> bytes:
    """The message as it is said in DATA: a dot before each line that begins with one (RFC 5321, section 4.5.2)."""
    body = content.replace(b"\r\n.", b"\r\n..")
    return b"." + body if body.startswith(b".") else body


def upstream_of(text: str, name: str, clock: Clock = utc_now) -> SmtpUpstream | Sink:
    """What the key `relay` of the configuration means: a server, or the folder of a sink. ValueError: neither."""
    if "://" not in text:
        return Sink(Path(text), clock)
    return SmtpUpstream(read_address(text), name=name)
