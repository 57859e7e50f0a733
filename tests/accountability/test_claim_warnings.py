"""Staff are warned of the end of a claim 90, 30 and 7 days ahead, each once, whatever happens in between."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest

from troth.accountability.claims.warning import ClaimWarnings
from troth.conditions.claims.facts import Assessed, Drafted, Evidence, Requirement, Signed, Suspended
from troth.conditions.claims.following import as_claims_stand
from troth.conditions.claims.register import ClaimRegister
from troth.policy.history import Policy
from troth.policy.reading import parse_version
from troth.store import Store, StoreUnavailableError, open_store

DAY = timedelta(days=1)
NOW = datetime(2026, 1, 1, 10, tzinfo=UTC)
POLICY = Policy(
    [
        parse_version(
            b"""
policy: p
title: P
effective: 2020-01-01
publisher: {name: P, address: A, email: privacy@p.example}
covers: {shop: {name: Shop}}
claims:
  town: {says: We are certified., programme: town, since: 2020-01-01, until: 2040-01-01}
  old: {says: We are members., programme: guild, since: 2020-01-01, until: 2026-05-01}
""",
            "p.yaml",
        )
    ]
)


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


class Kept:
    """A way of mail that keeps what it gets, or is not there."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.away = False

    def send(self, message: EmailMessage) -> None:
        if self.away:
            raise OSError("no route to host")
        self.mails.append(message)


class Place:
    """A store in which an officer signed for a claim until 120 days from now."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store, self.clock, self.post = store, clock, Kept()
        self.register = ClaimRegister(store, POLICY)
        asked = (Requirement(id="review", says="Somebody looked.", source="1", how="person"),)
        draft = Drafted(holder="P", requirements=asked, covers=("shop",))
        self.register.add("town", draft, by="olga")
        self.sign(NOW + 120 * DAY)
        self.warnings = ClaimWarnings(store, self.post)

    def sign(self, ends: datetime) -> None:
        met = (Evidence(requirement="review", verdict="met", how="person", text="I looked."),)
        fact = self.register.add("town", Assessed(version="2020-01-01", evidence=met), by="olga")
        at = self.clock()
        self.register.add("town", Signed(officer="olga", assessment=fact.leaf, begins=at, ends=ends), by="olga")

    def look(self) -> list[str]:
        """What staff are sent now."""
        before = len(self.post.mails)
        self.warnings.run(as_claims_stand(self.store, POLICY))
        return [str(mail["Subject"]) for mail in self.post.mails[before:]]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    clock = Clock()
    with open_store(f"sqlite:///{tmp_path / 'troth.db'}", create=True, clock=clock) as store:
        yield Place(store, clock)


def test_each_threshold_once_by_days(place: Place) -> None:
    told: list[tuple[int, str]] = []
    for day in range(130):
        for hour in (0, 12):
            place.clock.now = NOW + day * DAY + timedelta(hours=hour)
            if day % 10 == 0:
                place.warnings = ClaimWarnings(place.store, place.post)  # as after the server was started anew
            told += [(day, subject) for subject in place.look()]
    # `town` ends after 120 days, at the hour it was signed; `old` on 1 May, 119 days and 14 hours ahead.
    assert [day for day, subject in told if "town" in subject] == [30, 90, 113]
    assert [subject for _, subject in told if "town" in subject] == [
        f"The claim town ends within {days} days" for days in (90, 30, 7)
    ]
    assert [day for day, subject in told if "old" in subject] == [30, 90, 113]


def test_the_mail_goes_to_the_publisher_and_says_what_to_do(place: Place) -> None:
    place.clock.now += 100 * DAY
    assert len(place.look()) == 2
    by_claim = {str(mail["Subject"]).split()[2]: mail for mail in place.post.mails}
    assert {mail["To"] for mail in by_claim.values()} == {"P <privacy@p.example>"}
    assert "troth claim assess town" in by_claim["town"].get_content()
    assert "troth claim draft" not in by_claim["town"].get_content()
    assert "ends on 1 May 2026, 10:00 UTC" in by_claim["town"].get_content()
    assert "troth claim draft old" in by_claim["old"].get_content()


def test_after_a_long_stop_only_the_nearest_is_told(place: Place) -> None:
    place.clock.now += 115 * DAY
    assert sorted(place.look()) == [f"The claim {id} ends within 7 days" for id in ("old", "town")]
    place.clock.now += timedelta(hours=1)
    assert place.look() == []


def test_a_claim_that_is_renewed_or_not_made_is_not_warned_of(place: Place) -> None:
    place.clock.now += 85 * DAY
    place.look()
    place.sign(place.clock() + 200 * DAY)
    place.clock.now += 10 * DAY
    assert [subject for subject in place.look() if "town" in subject] == []
    place.clock.now += 110 * DAY  # the new end comes near
    assert [subject for subject in place.look() if "town" in subject] == ["The claim town ends within 90 days"]
    place.register.add("town", Suspended(on=place.clock(), why="w"), by="olga")
    place.clock.now += 70 * DAY
    assert place.look() == []


def test_what_could_not_be_sent_is_sent_later_and_what_was_not_noted_not_twice(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise StoreUnavailableError("The disk is full.")

    place.clock.now += 40 * DAY
    place.post.away = True
    with pytest.raises(OSError, match="no route"):
        place.look()
    place.post.away = False
    assert place.look() == []  # not at once: a server that is away is not asked every second
    place.clock.now += timedelta(minutes=1)
    with monkeypatch.context() as patched:
        patched.setattr(type(place.store), "write", away)
        with pytest.raises(StoreUnavailableError):
            place.look()
    for _ in range(3):
        place.clock.now += timedelta(minutes=1)
        place.look()
    assert sorted(str(mail["Subject"]) for mail in place.post.mails) == [
        "The claim old ends within 90 days", "The claim town ends within 90 days",
    ]  # fmt: skip
