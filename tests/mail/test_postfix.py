"""Postfix as the client of Troth and as the server behind it: a message goes through all three."""

import asyncio
import importlib.util
import smtplib
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from pathlib import Path
from types import ModuleType

import aiosmtpd.smtp
import pytest
from relay_rig import FLAGSHIP, SITE

from troth.gates.mail.post_office import PostOffice
from troth.gates.mail.taking.credentials import Credentials
from troth.gates.mail.taking.listening import Listener, running
from troth.people import Identifier, open_people
from troth.store import open_store
from troth.vault import open_vault

FROM = "news@news.gototraining.example"


def servers() -> ModuleType:
    """The instances of Postfix that the measurements run, too."""
    path = Path(__file__).parents[2] / "bench/mail_servers.py"
    spec = importlib.util.spec_from_file_location("mail_servers", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["mail_servers"] = module
    spec.loader.exec_module(module)
    return module


class Taken:
    """What the last server got."""

    def __init__(self) -> None:
        self.messages: list[tuple[list[str], bytes]] = []

    async def handle_DATA(self, server: object, session: object, envelope: object) -> str:  # noqa: N802
        self.messages.append((envelope.rcpt_tos, envelope.content))  # type: ignore[attr-defined]
        return "250 2.0.0 Ok"


@contextmanager
def last_server(taken: Taken) -> Iterator[int]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def start() -> asyncio.Server:
        return await loop.create_server(lambda: aiosmtpd.smtp.SMTP(taken, hostname="last", loop=loop), "127.0.0.1", 0)

    async def stop(server: asyncio.Server) -> None:
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    server = asyncio.run_coroutine_threadsafe(start(), loop).result()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(stop(server), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


@pytest.fixture
def reachable() -> Iterator[Path]:
    """Give a folder that the daemons of Postfix reach: pytest closes its own to other users whenever it starts."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@pytest.mark.postfix
def test_from_postfix_through_troth_to_postfix(tmp_path: Path, reachable: Path) -> None:
    tools, taken = servers(), Taken()
    root = tools.postfix_root(tmp_path)
    with (
        last_server(taken) as last,
        tools.postfix(reachable / "behind", root, last, tls=False) as behind,
        open_store(f"sqlite:///{tmp_path / 'troth.db'}", create=True) as store,
    ):
        people = open_people(store, tmp_path / "keys", FLAGSHIP)
        open_vault(store, people)
        people.choose(Identifier("email", "ben@example.org"), {"marketing": "out"}, how="page")
        office = PostOffice(
            people, FLAGSHIP, streams=None, site=SITE, keys=tmp_path / "keys", relay=f"smtp://127.0.0.1:{behind}"
        )
        secret = Credentials(store).create(office.mailing.streams.find("newsletter"), by="mary")[1]
        with running(office.server([Listener(port=0)])) as thread:
            port = thread.addresses[0].rpartition(":")[2]
            passwords = reachable / "passwords"
            passwords.write_text(f"[127.0.0.1]:{port} newsletter:{secret}\n")
            more = (
                "smtp_sasl_auth_enable = yes\nsmtp_sasl_security_options = noanonymous\n"
                f"smtp_sasl_password_maps = texthash:{passwords}\n"
            )
            with tools.postfix(reachable / "before", root, int(port), tls=False, more=more) as before:
                with smtplib.SMTP("127.0.0.1", before) as client:
                    text = f"From: {FROM}\nTo: all\nSubject: through\n\nHello\n.\n..\n"
                    client.sendmail(FROM, ["ann@example.org", "ben@example.org", "cat@example.org"], text)
                until = time.monotonic() + 60
                while len(taken.messages) < 2 and time.monotonic() < until:
                    time.sleep(0.05)
    log = (reachable / "before/log").read_text() + (reachable / "behind/log").read_text()
    assert sorted(to for to, _ in taken.messages) == [["ann@example.org"], ["cat@example.org"]], log
    for _, content in taken.messages:
        mail = message_from_bytes(content)
        assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert mail.get_payload().startswith("Hello\r\n.\r\n..\r\n")
