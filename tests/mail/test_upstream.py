"""Handing over to real servers: TLS, AUTH, pipelining or none, each reply to whom it is for, and no half of a mail."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiosmtpd.smtp
import pytest
from submitting import Taking, certificates

from troth.gates.mail.sending.conversation import LostError, Reply
from troth.gates.mail.sending.handing import Outgoing, UnavailableError, WithheldError
from troth.gates.mail.sending.sink import Sink
from troth.gates.mail.sending.upstream import Address, SmtpUpstream, read_address, stuffed, upstream_of
from troth.gates.mail.taking.listening import Listener, MailServer, tls_context
from troth.gates.mail.taking.protocol import Limits

BODY = b"Subject: x\r\n\r\n.\r\n..\r\n.a\r\nb\r\n"
NEWS = "news@acme.example"


def mail(*recipients: str, content: bytes = BODY, sender: str = NEWS) -> Outgoing:
    return Outgoing(sender, recipients or ("ann@example.org",), content)


async def nothing() -> None:
    pass


def yes(write: Callable[[], object]) -> bool:
    write()
    return True


def no(write: Callable[[], object]) -> bool:
    return False


async def give(upstream: SmtpUpstream, outgoing: Outgoing | None = None) -> tuple[Reply, ...]:
    return await upstream.send(outgoing or mail(), nothing, yes)


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    return certificates(tmp_path_factory.mktemp("tls"))


@asynccontextmanager
async def served(*listeners: Listener, **more: object) -> AsyncIterator[tuple[Taking, list[str]]]:
    """A server of our own, which has PIPELINING, AUTH and TLS, as upstream."""
    gate = Taking()
    server = MailServer(gate, None, listeners, **more)  # type: ignore[arg-type]
    await server.start()
    try:
        yield gate, [address.rpartition(":")[2] for address in server.addresses]
    finally:
        await server.stop(0.2)


@asynccontextmanager
async def scripted(*replies: bytes | None, lines: int = 0) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server that says these things, each after it heard a line; None closes. What it heard is kept."""
    heard: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        try:
            for reply in replies:
                heard.append(await reader.readline())
                if reply is None:
                    break
                writer.write(reply)
            else:
                heard.append(await reader.read())
        finally:
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], heard


def run(work: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(work(), 30))  # type: ignore[arg-type]


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_over_tls_with_credentials(pem: tuple[Path, Path, Path], scheme: str) -> None:
    async def work() -> None:
        listener = Listener(port=0, implicit=scheme == "smtps", secure=True)
        async with served(listener, tls=tls_context(*pem[1:])) as (gate, (port,)):
            address = f"{scheme}://newsletter:right@localhost:{port}?ca={pem[0]}"
            upstream = SmtpUpstream(read_address(address))
            big = b"Subject: big\r\n\r\n" + b".12345678\r\n" * 20_000
            for content in (BODY, big, BODY):
                assert [reply.code for reply in await give(upstream, mail(content=content))] == [250]
            await upstream.close()
            assert [content for _, _, content, _ in gate.taken] == [BODY, big, BODY]
            assert {stated.protocol for *_, stated in gate.taken} == {"ESMTPSA"}

    run(work)


def test_who_cannot_show_who_it_is_gets_nothing(pem: tuple[Path, Path, Path], tmp_path: Path) -> None:
    """Another certificate than the authority's, a wrong password, and nobody there: nothing is handed over."""

    async def work() -> None:
        async with served(Listener(port=0, secure=True), tls=tls_context(*pem[1:])) as (gate, (port,)):
            other = certificates(tmp_path)[0]
            for address in (
                f"smtp://newsletter:right@localhost:{port}?ca={other}",
                f"smtp://newsletter:wrong@localhost:{port}?ca={pem[0]}",
                "smtp://127.0.0.1:1",
            ):
                with pytest.raises(UnavailableError):
                    await give(SmtpUpstream(read_address(address)))
            assert gate.taken == []

    run(work)


def test_beyond_this_machine_tls_is_a_must() -> None:
    """A server that is not loopback and offers no STARTTLS is not spoken to; here this machine is taken for another."""

    class Far(Address, frozen=True, kw_only=True):
        loopback = False

    async def work() -> None:
        async with served(Listener(port=0)) as (gate, (port,)):
            near = {"host": "127.0.0.1", "port": int(port), "tls": False, "user": "newsletter", "password": "right"}
            with pytest.raises(UnavailableError):
                await give(SmtpUpstream(Far(**near)))
            assert gate.taken == []
            await give(SmtpUpstream(Address(**near)))
            assert len(gate.taken) == 1

    run(work)


def test_each_reply_to_whom_it_is_for() -> None:
    async def work() -> None:
        async with served(Listener(port=0), limits=Limits(size=1000)) as (gate, (port,)):
            upstream = SmtpUpstream(read_address(f"smtp://newsletter:right@127.0.0.1:{port}"))
            replies = await give(upstream, mail("ann@example.org", "strict@example.org", "ben@example.org"))
            assert [reply.code for reply in replies] == [250, 550, 250]
            assert replies[1].text == "5.7.1 Opted out"
            assert [reply.code for reply in await give(upstream, mail("strict@example.org"))] == [550]
            assert [reply.code for reply in await give(upstream, mail(sender="a@other.example"))] == [550]
            assert [reply.code for reply in await give(upstream, mail(content=b"x" * 900 + b"\r\n" + BODY * 9))] == [
                552
            ]
            gate.problem = OSError()
            assert [reply.code for reply in await give(upstream)] == [451]
            gate.problem = None
            assert [reply.code for reply in await give(upstream)] == [250]
            assert len(upstream._free) == 1  # all over one connection
            await upstream.close()
            assert [recipients for _, recipients, *_ in gate.taken] == [
                ["ann@example.org", "ben@example.org"], ["ann@example.org"],
            ]  # fmt: skip

    run(work)


@pytest.mark.parametrize("keep", [True, False])
def test_connections_stay_open(keep: bool) -> None:
    class Counting(Taking):
        signed_in = 0

        async def authenticate(self, user: str, secret: str) -> str | None:
            self.signed_in += 1
            return await super().authenticate(user, secret)

    async def work() -> None:
        gate = Counting()
        server = MailServer(gate, None, [Listener(port=0)])
        await server.start()
        address = f"smtp://newsletter:right@{server.addresses[0]}"
        upstream = SmtpUpstream(read_address(address), keep=keep, connections=3)
        await asyncio.gather(*(give(upstream) for _ in range(30)))
        await upstream.close()
        await server.stop()
        assert len(gate.taken) == 30
        assert gate.signed_in == (3 if keep else 30)

    run(work)


def test_a_connection_that_was_closed_meanwhile_is_not_used() -> None:
    async def work() -> None:
        async with served(Listener(port=0), limits=Limits(timeout=0.1)) as (gate, (port,)):
            upstream = SmtpUpstream(read_address(f"smtp://newsletter:right@127.0.0.1:{port}"))
            await give(upstream)
            await asyncio.sleep(0.3)
            await give(upstream)
            assert len(gate.taken) == 2

    run(work)


def test_what_may_not_leave_is_broken_off_before_its_end() -> None:
    async def work() -> None:
        async with served(Listener(port=0)) as (gate, (port,)):
            upstream = SmtpUpstream(read_address(f"smtp://newsletter:right@127.0.0.1:{port}"))
            for content in (BODY, b"x\r\n" * 50_000):
                with pytest.raises(WithheldError):
                    await upstream.send(mail(content=content), nothing, no)
            await asyncio.sleep(0.05)
            assert gate.taken == []
            await give(upstream)
            assert len(gate.taken) == 1

    run(work)


def test_a_server_without_pipelining_is_asked_one_thing_at_a_time() -> None:
    class Handler:
        def __init__(self) -> None:
            self.taken: list[tuple[str, list[str], bytes]] = []

        async def handle_RCPT(  # noqa: N802 - as aiosmtpd calls it
            self, server: object, session: object, envelope: object, address: str, options: list[str]
        ) -> str:
            if address.startswith("no"):
                return "550 5.1.1 Nobody"
            envelope.rcpt_tos.append(address)  # type: ignore[attr-defined]
            return "250 OK"

        async def handle_DATA(self, server: object, session: object, envelope: object) -> str:  # noqa: N802
            self.taken.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))  # type: ignore[attr-defined]
            return "250 2.0.0 Ok"

    async def work() -> None:
        handler = Handler()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: aiosmtpd.smtp.SMTP(handler, hostname="here", loop=loop), "127.0.0.1", 0
        )
        port = server.sockets[0].getsockname()[1]
        upstream = SmtpUpstream(read_address(f"smtp://127.0.0.1:{port}"))
        assert [one.code for one in await give(upstream, mail("no@a.example", "ann@a.example"))] == [550, 250]
        assert [one.code for one in await give(upstream, mail("no@a.example"))] == [550]
        assert [one.code for one in await give(upstream, mail("ben@a.example", sender=""))] in ([250], [501])
        await upstream.close()
        server.close()
        assert handler.taken[0] == (NEWS, ["ann@a.example"], BODY)

    run(work)


EHLO = b"250-here\r\n250 PIPELINING\r\n"


@pytest.mark.parametrize(
    "replies",
    [
        (EHLO, b"421 4.3.2 Going down\r\n421 x\r\n421 x\r\n", None),
        (EHLO, b"250 ok\r\n250 ok\r\n354 go\r\n", None),  # closed before it answered to the message
        (EHLO, b"nonsense\r\n", None),
        (EHLO, b"250 " + b"x" * 70_000, None),
        (EHLO, None),
        (b"500 no EHLO here\r\n", b"500 nor HELO\r\n", None),
    ],
)
def test_a_server_that_fails_is_no_answer(replies: Sequence[bytes | None]) -> None:
    async def work() -> None:
        async with scripted(*replies) as (port, _):
            with pytest.raises((LostError, UnavailableError)):
                await give(SmtpUpstream(read_address(f"smtp://127.0.0.1:{port}")))

    run(work)


def test_data_that_was_begun_for_nobody_is_ended_with_nothing_in_it() -> None:
    """RFC 2920, section 3.1: all recipients refused, and the server goes on to 354 all the same."""

    async def work() -> None:
        said = (EHLO, b"", b"", b"250 ok\r\n550 5.1.1 no\r\n354 go\r\n", b"554 none\r\n", b"250 ok\r\n")
        async with scripted(*said) as (port, heard):
            upstream = SmtpUpstream(read_address(f"smtp://127.0.0.1:{port}"))
            assert await give(upstream) == (Reply(550, "5.1.1 no"),)
            assert heard[4:] == [b".\r\n", b"RSET\r\n"]
            assert b"Subject" not in b"".join(heard)
            await upstream.close()

    run(work)


def test_eight_bits_are_not_sent_where_they_are_not_taken() -> None:
    async def work() -> None:
        async with scripted(EHLO) as (port, heard):
            upstream = SmtpUpstream(read_address(f"smtp://127.0.0.1:{port}"))
            (reply,) = await give(upstream, mail(content="Subject: x\r\n\r\nü\r\n".encode()))
            assert (reply.code, reply.text[:5]) == (554, "5.6.3")
            assert len(heard) == 1
            await upstream.close()

    run(work)


def test_dots_are_doubled() -> None:
    assert stuffed(b".\r\n..\r\na.\r\n") == b"..\r\n...\r\na.\r\n"
    assert stuffed(b"") == b""


def test_the_sink_keeps_each_message_to_the_byte(tmp_path: Path) -> None:
    sink = upstream_of(str(tmp_path / "sink"), "here")
    assert isinstance(sink, Sink)
    assert sink.caught() == []

    async def work() -> None:
        assert [one.code for one in await sink.send(mail("a@b.example", "c@d.example"), nothing, yes)] == [250, 250]
        with pytest.raises(WithheldError):
            await sink.send(mail(), nothing, no)

    run(work)
    (caught,) = sink.caught()
    assert (caught.sender, caught.recipients, caught.size) == (NEWS, ("a@b.example", "c@d.example"), len(BODY))
    assert sink.content(caught.name) == BODY
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "sink").iterdir()} == {0o600}
    for name in ("../x", ".x", "none"):
        with pytest.raises(FileNotFoundError):
            sink.content(name)


def test_addresses_of_upstream() -> None:
    found = read_address("smtps://us%40er:p%3Aw@mail.example.org")
    assert (found.host, found.port, found.tls, found.user, found.password) == (
        "mail.example.org", 465, True, "us@er", "p:w",
    )  # fmt: skip
    assert not found.loopback
    assert read_address("smtp://[::1]:25").loopback
    for text in ("http://a", "smtp://", "mail.example.org"):
        with pytest.raises(ValueError, match="Upstream is written"):
            read_address(text)
