"""Clients that submit mail as fast as they are answered, for the measurement of relays; and a sink that counts.

    python -m bench.mail_load PORT MESSAGES SESSIONS new|keep plain|tls USER SECRET FROM SIZE
    python -m bench.mail_load sink

The first prints the seconds that it took, from the first connection to the last 250, once all were acknowledged. The
second prints its port, and then how many messages it has whenever it is sent a line. It is used where there is no
smtp-sink of Postfix.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
import sys
import time

SUBJECT = "Subject: A newsletter"


def message(sender: str, recipient: str, number: int, size: int) -> bytes:
    """A message of some bytes, as it is said in DATA."""
    head = (
        f"From: News <{sender}>\r\nTo: <{recipient}>\r\n{SUBJECT}\r\nDate: Fri, 1 May 2026 10:00:00 +0000\r\n"
        f"Message-ID: <{number}@client.example>\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    ).encode()
    line = b"All work and no play makes Jack a dull boy, says the newsletter today.\r\n"
    return head + line * max(1, (size - len(head)) // len(line)) + b".\r\n"


class Session:
    """One connection at a time to a server; each command waits for its reply."""

    def __init__(self, port: int, tls: ssl.SSLContext | None, user: str, secret: str) -> None:
        self._port = port
        self._tls = tls
        plain = base64.b64encode(f"\0{user}\0{secret}".encode()).decode()
        self._auth = f"AUTH PLAIN {plain}\r\n".encode() if user else b""

    async def open(self) -> None:
        """Connect, greet and sign in."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port, ssl=self._tls)
        await self._reply(b"220")
        await self._say(b"EHLO client.example\r\n")
        if self._auth:
            await self._say(self._auth, b"235")

    async def send(self, sender: str, recipient: str, data: bytes) -> None:
        """One message, up to its acknowledgement."""
        await self._say(f"MAIL FROM:<{sender}>\r\n".encode())
        await self._say(f"RCPT TO:<{recipient}>\r\n".encode())
        await self._say(b"DATA\r\n", b"354")
        await self._say(data)

    async def close(self) -> None:
        """Say goodbye."""
        await self._say(b"QUIT\r\n", b"221")
        self._writer.close()

    async def _say(self, data: bytes, expect: bytes = b"250") -> None:
        self._writer.write(data)
        await self._reply(expect)

    async def _reply(self, expect: bytes) -> None:
        while True:
            line = await self._reader.readline()
            if line[3:4] != b"-":
                break
        if line[:3] != expect:
            raise SystemExit(f"The server said: {line.decode(errors='replace')}")


async def load(  # noqa: PLR0917 - as they come from the command line
    port: int, messages: int, sessions: int, keep: bool, tls: ssl.SSLContext | None, user: str, secret: str,
    sender: str, size: int,
) -> float:  # fmt: skip
    """Submit so many messages, each to another recipient; how many seconds it took."""
    numbers = iter(range(messages))

    async def work() -> None:
        session = Session(port, tls, user, secret)
        if keep:
            await session.open()
        for number in numbers:
            recipient = f"reader{number}@example.org"
            if not keep:
                await session.open()
            await session.send(sender, recipient, message(sender, recipient, number, size))
            if not keep:
                await session.close()
        if keep:
            await session.close()

    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(sessions)))
    return time.perf_counter() - began


async def sink() -> None:
    """Take every message and count."""
    taken = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal taken
        writer.write(b"220 sink ESMTP\r\n")
        while line := await reader.readline():
            word = line[:4].upper()
            if word == b"EHLO":
                writer.write(b"250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n")
            elif word == b"DATA":
                writer.write(b"354 go\r\n")
                try:
                    await reader.readuntil(b"\r\n.\r\n")
                except asyncio.IncompleteReadError:
                    break
                taken += 1
                writer.write(b"250 ok\r\n")
            elif word == b"QUIT":
                writer.write(b"221 bye\r\n")
                break
            else:
                writer.write(b"250 ok\r\n")
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, limit=2**20)
    print(f"port {server.sockets[0].getsockname()[1]}", flush=True)
    loop = asyncio.get_running_loop()
    while await loop.run_in_executor(None, sys.stdin.readline):
        print(taken, flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "sink":
        asyncio.run(sink())
    else:
        port, messages, sessions, keep, tls, user, secret, sender, size = sys.argv[1:]
        context = None
        if tls == "tls":
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        print(
            asyncio.run(
                load(int(port), int(messages), int(sessions), keep == "keep", context, user, secret, sender, int(size))
            )
        )
