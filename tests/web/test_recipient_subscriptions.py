"""Who wants to know of changes in the list of recipients is mailed of each of them once, and not when erased."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import msgspec
import pytest
from choosing import FLAGSHIP, Clock
from test_recipients_http import TERMS

from troth.conditions import RecipientError, Register
from troth.conditions.facts import Profile
from troth.people import Identifier, People, open_people
from troth.store import open_store
from troth.vault import open_vault
from troth.web.recipients.subscribing import Subscriptions

SITE = "https://privacy.example.org"
ADDRESS = "privacy@customer.example"


class Box:
    """A way of mail that keeps what it gets, or is away."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.away = False

    def send(self, message: EmailMessage) -> None:
        if self.away:
            raise OSError("away")
        self.mails.append(message)


class Told(msgspec.Struct):
    people: People
    register: Register
    subscriptions: Subscriptions
    clock: Clock
    box: Box

    def run(self, **by: float) -> int:
        self.clock.now += timedelta(**by)
        return self.subscriptions.run(self.box, SITE)  # type: ignore[arg-type]


@pytest.fixture
def told(url: str, tmp_path: Path) -> Iterator[Told]:
    clock = Clock()
    with open_store(url, create=True, clock=clock) as store:
        people = open_people(store, tmp_path / "keys", FLAGSHIP)
        register = Register(store, FLAGSHIP)
        yield Told(people, register, Subscriptions(people, register), clock, Box())


def test_each_change_is_told_once_from_the_subscription_on(told: Told) -> None:
    told.register.add("postal-service", Profile(name="Example Letter House", kind="processor"), by="mary")
    told.subscriptions.add(ADDRESS, by="mary")
    assert told.run() == 0
    told.register.add("card-processor", Profile(name="Example Card Services", kind="processor"), by="mary")
    told.register.add("card-processor", msgspec.structs.replace(TERMS, begins=told.clock()), by="mary")
    assert told.run() == 1
    assert told.run(minutes=2) == 0
    (mail,) = told.box.mails
    assert mail["To"] == ADDRESS
    text = mail.get_content()
    assert "Example Card Services. A contract from 1 May 2026" in text
    assert "Letter House" not in text
    assert f"{SITE}/recipients" in text
    assert "mary" not in text
    # A contract that ends by itself is a change, too.
    assert told.run(days=30) == 1
    assert "A contract came to its end." in told.box.mails[-1].get_content()
    assert told.run(days=1) == 0


def test_what_cannot_be_handed_over_is_tried_again(told: Told) -> None:
    told.subscriptions.add(ADDRESS, by="mary")
    told.register.add("card-processor", Profile(name="Example Card Services", kind="processor"), by="mary")
    told.box.away = True
    assert told.run() == 0
    assert told.subscriptions.all()[0].failures == 1
    told.box.away = False
    assert told.run(minutes=1) == 0  # not at once
    assert told.run(minutes=5) == 1
    assert told.subscriptions.all()[0].failures == 0
    assert len(told.box.mails) == 1


def test_a_subscription_ends_when_it_is_ended_or_the_person_is_erased(told: Told) -> None:
    told.subscriptions.add(ADDRESS, by="mary")
    with pytest.raises(RecipientError, match="told of changes already"):
        told.subscriptions.add("privacy@CUSTOMER.example", by="mary")
    with pytest.raises(RecipientError, match="names who made it"):
        told.subscriptions.add("other@customer.example", by="")
    with pytest.raises(RecipientError):
        told.subscriptions.add("nonsense", by="mary")
    told.subscriptions.end(ADDRESS)
    with pytest.raises(RecipientError, match="not told of changes"):
        told.subscriptions.end(ADDRESS)
    told.subscriptions.add(ADDRESS, by="mary")
    person = told.people.know(Identifier("email", ADDRESS))
    open_vault(told.people.store, told.people).erase([person], staff="mary")
    assert told.subscriptions.all() == []
