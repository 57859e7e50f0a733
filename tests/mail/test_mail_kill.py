"""Killed under load, the relay loses nothing that it acknowledged, and mails nobody who is not to be mailed."""

import asyncio
import os
import random
import smtplib
import threading
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from pathlib import Path

import msgspec
import pytest
from relay_rig import FLAGSHIP, SITE

from store_oracle import killed_under_load, sqlite_url
from troth.gates.mail.post_office import PostOffice
from troth.gates.mail.sending.sink import Caught
from troth.gates.mail.taking.credentials import Credentials
from troth.gates.mail.taking.listening import Listener, running
from troth.people import Identifier, open_people
from troth.record.keys import create_keys
from troth.store import Store, open_store
from troth.vault import open_vault

THREADS = 3
OUT = [f"out{number}@example.org" for number in range(4)]
FROM = "news@news.gototraining.example"


def opened(folder: Path, ahead: timedelta = timedelta()) -> tuple[Store, PostOffice]:
    def clock() -> datetime:
        return datetime.now(UTC) + ahead

    store = open_store(sqlite_url(folder), create=True, clock=clock, pragmas={"wal_autocheckpoint": "50"})
    people = open_people(store, folder / "keys", FLAGSHIP)
    open_vault(store, people)
    office = PostOffice(
        people, FLAGSHIP, streams=None, site=SITE, keys=folder / "keys", relay=str(folder / "sink")
    )  # fmt: skip
    return store, office


def begin(folder: Path) -> str:
    """Who opted out, and the credential of the newsletter."""
    create_keys(folder / "keys", "acme.example/log")
    store, office = opened(folder)
    with store:
        for address in OUT:
            office.people.choose(Identifier("email", address), {"marketing": "out"}, how="page")
        return Credentials(store).create(office.mailing.streams.find("newsletter"), by="mary")[1]


def work_until_killed(folder: Path, acknowledgements: int, kill: int, secret: str) -> None:
    """In the child: serve, submit from several threads, and tell of each message once it is acknowledged."""
    _, office = opened(folder)
    with running(office.server([Listener(port=0)])) as thread:
        port = int(thread.addresses[0].rpartition(":")[2])

        def load(number: int) -> None:
            own = random.Random(f"{kill}-{number}")
            for count in range(10**9):
                to = own.sample([f"p{one}@example.org" for one in range(20)] + OUT, own.randrange(1, 4))
                name = f"{kill}-{number}-{count}"
                text = f"From: {FROM}\nTo: {', '.join(to)}\nSubject: {name}\n\nHello\n"
                with smtplib.SMTP("127.0.0.1", port) as client:
                    client.login("newsletter", secret)
                    for message in range(own.choice([1, 4])):
                        client.sendmail(FROM, to, text.replace(name, f"{name}-{message}"))
                        os.write(acknowledgements, f"{name}-{message} {' '.join(to)}\n".encode())

        threads = [threading.Thread(target=load, args=(number,), daemon=True) for number in range(THREADS)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()


def judge(folder: Path, acknowledged: list[str]) -> None:
    """After the leases of the dead have run out: all that was acknowledged is in the sink, and nobody else got any."""
    store, office = opened(folder, timedelta(minutes=5))
    with store:

        async def drain() -> None:
            while office.queue.waiting():
                await office.relay.once()

        asyncio.run(drain())
        office.gate.close()
    arrived = set()
    for file in (folder / "sink").glob("*.eml"):
        caught = msgspec.json.decode(file.with_suffix(".json").read_bytes(), type=Caught)
        mail = message_from_bytes(file.read_bytes())
        assert mail["List-Unsubscribe"]
        assert mail.get_payload().startswith("Hello")
        arrived |= {(mail["Subject"], recipient) for recipient in caught.recipients}
    assert not [recipient for _, recipient in arrived if recipient in OUT]
    for line in acknowledged:
        name, *recipients = line.split()
        missing = [one for one in recipients if one not in OUT and (name, one) not in arrived]
        assert not missing, f"acknowledged and lost: {line}"


def run(folder: Path, kills: int, seed: int) -> None:
    chance = random.Random(seed)
    secret = begin(folder)
    acknowledged: list[str] = []
    for kill in range(kills):
        load = lambda writing, kill=kill: work_until_killed(folder, writing, kill, secret)  # noqa: E731
        acknowledged += killed_under_load(load, chance.choice([1, 3, 10, 25]))
    assert len(acknowledged) >= kills
    judge(folder, acknowledged)


def test_killed_ten_times(tmp_path: Path) -> None:
    run(tmp_path, 10, seed=8)


@pytest.mark.soak
def test_killed_a_hundred_times(tmp_path: Path) -> None:
    for seed in range(10):
        (tmp_path / str(seed)).mkdir()
        run(tmp_path / str(seed), 10, seed)
