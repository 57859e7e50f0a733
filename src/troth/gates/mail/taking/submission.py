"""One connection of a client that submits mail (RFC 6409), on aiosmtpd's machinery for connections and STARTTLS.

Who submits shows who it is, after TLS, and by that which stream it is of. What follows goes by the gate: this file
knows the protocol, and nothing about who may be mailed. Every reply is in the table of docs/reference/mail.md.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import logging
import ssl
from collections.abc import Iterable
from typing import Any, cast

from aiosmtpd.smtp import TLSSetupException

from troth.gates.mail.taking.addresses import read_path
from troth.gates.mail.taking.machinery import Machinery
from troth.gates.mail.taking.protocol import STRAY, STRAY_DATA, WHOLE, Gate, Limits, Stated, reply_to, too_large
from troth.gates.mail.taking.reading import LINE, Body, StrayByteError, StrictReader, longest_line

ATTEMPTS = 3  # at a password, in one connection
# aiosmtpd writes down who connects from where, and Troth keeps no IP address.
logging.getLogger("mail.log").setLevel(logging.CRITICAL + 1)


class Connection(Machinery):
    """A connection. `implicit`: TLS was there from the first byte. `local`: it may do without TLS."""

    def __init__(
        self,
        gate: Gate,
        limits: Limits,
        name: str,
        *,
        tls: ssl.SSLContext | None = None,
        implicit: bool = False,
        local: bool = False,
        full: bool = False,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(
            _Handler(),
            data_size_limit=limits.size,
            hostname=name,
            ident="ESMTP Troth",
            tls_context=None if implicit else tls,
            require_starttls=not local and not implicit,
            timeout=limits.timeout,
            auth_require_tls=False,  # `require_starttls` does more, and `check_auth_needed` the rest
            authenticator=_never,
            loop=loop,
        )
        self._gate = gate
        self._limits = limits
        self._implicit = implicit
        self._full = full
        self._sender: str | None = None
        self._recipients: list[str] = []
        self._attempts = 0
        self.busy = False  # while a message is being taken

    # --- the life of a connection -------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See SMTP: also called once TLS is there, and then all that was said before is forgotten."""
        if self._full:
            transport = cast("asyncio.Transport", transport)  # of a socket
            transport.write(b"421 4.3.2 Too many connections, try again later\r\n")
            transport.close()
            return
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """See SMTP."""
        if not self._full:
            super().connection_lost(error)

    def eof_received(self) -> bool | None:
        """See SMTP."""
        return False if self._full else super().eof_received()

    def end(self, reply: str | None = None) -> None:
        """Say a last word, if there is one, and close: nothing that the client sent besides is looked at."""
        if self.transport is not None and not self.transport.is_closing():
            if reply is not None:
                self.transport.write(f"{reply}\r\n".encode("ascii"))  # type: ignore[attr-defined]
            self.transport.close()
        self._strict().end()

    def _strict(self) -> StrictReader:
        return cast("StrictReader", self._reader)

    def _timeout_cb(self) -> None:
        self.end("421 4.4.2 You were silent for too long")

    def _cb_client_connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super()._cb_client_connected(StrictReader(reader), writer)  # type: ignore[arg-type]

    def _set_rset_state(self) -> None:
        super()._set_rset_state()  # type: ignore[no-untyped-call]
        self._sender, self._recipients = None, []

    async def handle_exception(self, error: Exception) -> str:
        """The reply to what went wrong. Neither addresses nor texts of a client get into the log."""
        if isinstance(error, StrayByteError):
            self._strict().end()  # at once: more may be there already
            asyncio.get_running_loop().call_soon(self.end)  # once the reply is said
            return STRAY
        return reply_to(error)

    async def check_auth_needed(self, caller_method: str) -> bool:
        """Whether AUTH is still to come, which is then told."""
        assert self.session is not None  # noqa: S101 - there is one while there is a connection
        if self.session.authenticated:
            return False
        await self.push("530 5.7.0 Authentication required")
        return True

    def _stream(self) -> Any:
        assert self.session is not None  # noqa: S101 - there is one while there is a connection
        return self.session.auth_data

    # --- commands -----------------------------------------------------------------------------------------------------

    async def smtp_EHLO(self, hostname: str) -> None:  # noqa: N802 - as aiosmtpd calls it
        """EHLO. SMTPUTF8 and BDAT are not offered; 8BITMIME is, as bytes pass unchanged."""
        if not hostname:
            await self.push("501 5.5.4 Syntax: EHLO hostname")
            return
        self._set_rset_state()
        assert self.session is not None  # noqa: S101
        self.session.extended_smtp = True
        self.session.host_name = hostname
        lines = [self.hostname, "PIPELINING", f"SIZE {self._limits.size}", "8BITMIME", "ENHANCEDSTATUSCODES"]
        if self.tls_context and not self._tls_protocol:
            lines.append("STARTTLS")
        if not self.require_starttls or self._tls_protocol:
            lines.append("AUTH PLAIN LOGIN")
        told = [f"250-{line}" for line in lines[:-1]] + [f"250 {lines[-1]}"]
        await self.push("\r\n".join(told))

    async def smtp_STARTTLS(self, arg: str) -> None:  # noqa: N802 - as aiosmtpd calls it
        """STARTTLS (RFC 3207)."""
        if self._secure():
            await self.push("503 5.5.1 TLS is there already")
            return
        if arg:
            await self.push("501 5.5.4 Syntax: STARTTLS")
            return
        if self.tls_context is None:
            await self.push("502 5.5.1 Not offered")
            return
        await self.push("220 2.0.0 Ready to start TLS")
        try:
            await self._upgrade(self.tls_context)
        except (OSError, ssl.SSLError) as error:
            raise TLSSetupException from error

    async def smtp_AUTH(self, arg: str) -> None:  # noqa: N802 - as aiosmtpd calls it
        """AUTH (RFC 4954) with PLAIN (RFC 4616) or LOGIN."""
        if await self.check_helo_needed("EHLO"):
            return
        assert self.session is not None  # noqa: S101
        if self.session.authenticated or self._sender is not None:
            await self.push("503 5.5.1 Not now: AUTH comes once, and before MAIL")
            return
        words = (arg or "").split()
        mechanism = words[0].upper() if words else ""
        if mechanism not in ("PLAIN", "LOGIN") or len(words) > 2:
            await self.push("504 5.5.4 The mechanisms are PLAIN and LOGIN")
            return
        try:
            said = await self._said(mechanism, words[1] if len(words) == 2 else None)
        except (ValueError, binascii.Error):
            await self.push("501 5.5.2 That cannot be decoded, or AUTH was given up")
            return
        stream = await self._gate.authenticate(*said)
        if stream is None:
            self._attempts += 1
            if self._attempts >= ATTEMPTS:
                self.end("421 4.7.0 Too many attempts")
                return
            await self.push("535 5.7.8 These credentials are not valid")
            return
        self.session.authenticated, self.session.auth_data = True, stream
        await self.push("235 2.7.0 Authentication successful")

    async def _said(self, mechanism: str, initial: str | None) -> tuple[str, str]:
        """User and secret, as a mechanism gives them. ValueError."""
        if mechanism == "PLAIN":
            text = await self._challenge("") if initial is None else _decoded(initial)
            _, user, secret = text.split("\0")
            return user, secret
        user = await self._challenge("Username:") if initial is None else _decoded(initial)
        return user, await self._challenge("Password:")

    async def _challenge(self, text: str) -> str:
        await self.push(f"334 {base64.b64encode(text.encode()).decode()}")
        line = (await self._reader.readline()).strip()
        if line == b"*":
            raise ValueError("AUTH was given up.")
        return _decoded(line.decode("ascii", "replace"))

    async def smtp_MAIL(self, arg: str | None) -> None:  # noqa: N802 - as aiosmtpd calls it
        """MAIL FROM."""
        if await self.check_helo_needed() or await self.check_auth_needed("MAIL"):
            return
        if self._sender is not None:
            await self.push("503 5.5.1 One sender for each message")
            return
        path = read_path(arg or "", "FROM:")
        if path is None:
            await self.push("501 5.1.7 Syntax: MAIL FROM:<name@domain>, in ASCII")
            return
        problem = self._mail_problem(path.parameters)
        if problem is None:
            try:
                await self._gate.check_sender(self._stream(), path.address)
            except Exception as error:
                problem = reply_to(error)
        if problem is not None:
            await self.push(problem)
            return
        self._sender, self._recipients = path.address, []
        await self.push("250 2.1.0 Sender ok")

    def _mail_problem(self, parameters: dict[str, str]) -> str | None:
        for name, value in parameters.items():
            if name == "SIZE":
                if not value.isdigit() or len(value) > 20:
                    return "501 5.5.4 SIZE is a number"
                if int(value) > self._limits.size:
                    return too_large(self._limits)
            elif name == "BODY":
                if value.upper() not in ("7BIT", "8BITMIME"):
                    return "501 5.5.4 BODY is 7BIT or 8BITMIME"
            elif name != "AUTH":  # who it was first submitted by (RFC 4954, section 5), which is ignored
                return "555 5.5.4 A parameter of MAIL that is not offered here"
        return None

    async def smtp_RCPT(self, arg: str | None) -> None:  # noqa: N802 - as aiosmtpd calls it
        """RCPT TO."""
        if await self.check_helo_needed() or await self.check_auth_needed("RCPT"):
            return
        if self._sender is None:
            await self.push("503 5.5.1 MAIL comes before RCPT")
            return
        path = read_path(arg or "", "TO:")
        if path is None or not path.address:
            await self.push("501 5.1.3 Syntax: RCPT TO:<name@domain>, in ASCII")
            return
        if path.parameters:
            await self.push("555 5.5.4 A parameter of RCPT that is not offered here")
            return
        if len(self._recipients) >= self._limits.recipients:
            await self.push(f"452 4.5.3 At most {self._limits.recipients} recipients; send the rest as another message")
            return
        try:
            await self._gate.check_recipient(self._stream(), path.address)
        except Exception as error:
            await self.push(reply_to(error))
            return
        if path.address not in self._recipients:
            self._recipients.append(path.address)
        await self.push("250 2.1.5 Recipient ok")

    async def smtp_DATA(self, arg: str | None) -> None:  # noqa: N802 - as aiosmtpd calls it
        """DATA: the message, then what became of it."""
        if await self.check_helo_needed() or await self.check_auth_needed("DATA"):
            return
        if arg:
            await self.push("501 5.5.4 Syntax: DATA")
            return
        if self._sender is None or not self._recipients:
            await self.push(
                "503 5.5.1 MAIL and RCPT come before DATA" if self._sender is None else "554 5.5.1 No valid recipients"
            )
            return
        await self.push("354 End with CR LF . CR LF")
        body = await self._read_body()
        if body is None:
            return
        sender, recipients = self._sender, self._recipients
        self._set_rset_state()
        if body.too_large:
            await self.push(too_large(self._limits))
            return
        content = body.content()
        if longest_line(content) > LINE:
            await self.push(f"500 5.5.2 A line has more than {LINE} characters (RFC 5322, section 2.1.1)")
            return
        self._reset_timeout(WHOLE)
        self.busy = True
        assert self.session is not None  # noqa: S101
        stated = Stated(str(self.session.host_name), "ESMTPSA" if self._secure() else "ESMTPA")
        try:
            told = await self._gate.accept(self._stream(), sender, recipients, content, stated)
            reply = f"250 2.0.0 {told.encode('ascii', 'replace').decode('ascii')}"
        except Exception as error:
            reply = reply_to(error)
        finally:
            self.busy = False
        self._reset_timeout()
        await self.push(reply)

    async def _read_body(self) -> Body | None:
        """The message as it came; None if the connection is at its end."""
        reader = self._strict()
        body = Body(self._limits.size)
        loop = asyncio.get_running_loop()
        until = loop.time() + self._limits.whole
        while True:
            part = await reader.read(65536)
            self._reset_timeout()
            if not part:
                return None
            try:
                rest = body.feed(part)
            except StrayByteError:
                await self._refuse_stray(reader)
                return None
            if rest is not None:
                reader.give_back(rest)
                return body
            if loop.time() > until or body.size > 4 * self._limits.size:
                self.end("421 4.4.2 The message has no end")
                return None

    async def _refuse_stray(self, reader: StrictReader) -> None:
        """Say why, and close. What is still on its way is thrown away first, or the client may never see the reply."""
        await self.push(STRAY_DATA)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(10):
                while await asyncio.wait_for(reader.read(65536), self._limits.linger):
                    pass
        self.end()

    def _secure(self) -> bool:
        return self._implicit or self._tls_protocol is not None

    async def smtp_VRFY(self, arg: str) -> None:  # noqa: N802 - as aiosmtpd calls it
        """VRFY: nobody learns here who is known (RFC 5321, section 7.3)."""
        await self.push("252 2.1.5 It may be tried")

    async def smtp_EXPN(self, arg: str) -> None:  # noqa: N802 - as aiosmtpd calls it
        """EXPN."""
        await self.push("502 5.5.1 Not offered")

    async def smtp_HELP(self, arg: str) -> None:  # noqa: N802 - as aiosmtpd calls it
        """HELP."""
        await self.push("214 2.0.0 See docs/reference/mail.md")


class _Handler:
    """aiosmtpd wants one; what it would be asked is answered by the connection."""

    def __dir__(self) -> Iterable[str]:
        """Nothing: aiosmtpd looks through it for each connection."""
        return ()


def _never(*_: object) -> Any:
    raise AssertionError("AUTH is answered by the connection itself.")


def _decoded(text: str) -> str:
    return base64.b64decode(text.encode("ascii"), validate=True).decode("utf-8")
