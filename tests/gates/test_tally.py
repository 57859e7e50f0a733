"""What the gates decide about people is counted by day, gate and statement; what is only asked is not."""

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import msgspec
import pytest
from gate_oracle import ACCOUNT, ANN, BOB, FLAGSHIP, gated
from sharing_oracle import MAIL, NEWS, PAY, Sharer, sharer

import troth
from troth.decision.point import DecisionPoint
from troth.gates.collect import Collecting, Submission
from troth.gates.errors import GateError
from troth.gates.share.share import Sharing
from troth.gates.tally import Tally, counts_by_statement
from troth.gates.use import Purpose, Using
from troth.people import Identifier
from troth.policy.reading import parse_version
from troth.store import StoreUnavailableError

VERSION = "2017-02-01"
LAW = Identifier("account", "nobody-yet")


class Counting(msgspec.Struct):
    """The gates, which count."""

    at: Sharer
    tally: Tally
    collecting: Collecting
    using: Using
    sharing: Sharing

    def counts(self) -> dict[tuple[str, str], tuple[int, int]]:
        """What is written down: allowed and refused by gate and statement."""
        self.tally.write(self.at.store)
        rows = self.at.rows("SELECT gate, statement, version, allowed, refused FROM tallies")
        assert {row[2] for row in rows} <= {VERSION}
        return {(gate, statement): (allowed, refused) for gate, statement, _, allowed, refused in rows}


@pytest.fixture
def counting(tmp_path: Path) -> Iterator[Counting]:
    with sharer(tmp_path) as at:
        tally, point, vault, index = Tally(), DecisionPoint(FLAGSHIP), at.gates.vault, at.gates.index
        sharing = Sharing(vault, point, index, at.conditions, queue=at.queue, tally=tally)
        yield Counting(at, tally, Collecting(vault, point, tally), Using(vault, point, index, tally), sharing)


def register(counting: Counting, product: str | None = "gototraining", **more: object) -> None:
    submission = Submission(statement="registration", fields=ACCOUNT | more, product=product, moment="trial")
    counting.collecting.collect(submission)


def test_a_submission_counts_once_and_what_was_dropped_of_it_as_refused(counting: Counting) -> None:
    register(counting)
    assert counting.counts() == {("collect", "registration"): (1, 0)}


def test_a_field_that_was_dropped_counts_as_refused_unless_it_was_empty(tmp_path: Path) -> None:
    text = """
policy: p
title: P
effective: 2018-01-01
publisher: {name: P, address: A}
covers: {shop: {name: Shop}}
collects:
  form: {says: You tell us., data: [demographic, identity.name, work.role], for: improve.research, keeps: 1 month}
never:
  names: {says: We never collect names on the blog., do: collect, data: identity}
"""
    with gated(tmp_path, troth.Policy([parse_version(text.encode(), "p.yaml")])) as at:
        tally = Tally()
        collecting = Collecting(at.vault, DecisionPoint(at.people.policy), tally)
        fields = {"demographic": "old", "identity.name": "Ann", "work.role": ""}
        done = collecting.collect(Submission(statement="form", fields=fields, who=ANN))
        assert len(done.dropped) == 2
        tally.write(at.store)
        (one,) = counts_by_statement(at.store, at.clock())["form"]
        assert (one.allowed, one.refused) == (1, 1)


def test_a_refused_submission_counts_and_one_that_cannot_be_asked_does_not(counting: Counting) -> None:
    counting.at.people.choose(ANN, {"optional-data": "out"}, how="page")
    surveys = Submission(statement="surveys", who=ANN, fields={"content.feedback": "Fine"}, moment="survey")
    with pytest.raises(GateError, match="out of the choice"):
        counting.collecting.collect(surveys)
    for wrong in (
        msgspec.structs.replace(surveys, statement="servays"),
        msgspec.structs.replace(surveys, product="nowhere"),
        msgspec.structs.replace(surveys, moment="never"),
        msgspec.structs.replace(surveys, fields={}),
    ):
        with pytest.raises(GateError):
            counting.collecting.collect(wrong)
    assert counting.counts() == {("collect", "surveys"): (0, 1)}
    with pytest.raises(GateError, match="does not name"):
        counting.collecting.collect(msgspec.structs.replace(surveys, fields={"payment.card": "tok"}))
    assert counting.counts() == {("collect", "surveys"): (0, 2)}


def test_each_value_that_is_decided_counts_and_nothing_that_is_not_held(counting: Counting) -> None:
    register(counting)
    before = counting.counts()
    news = Purpose(purpose="marketing.own", data=("contact.email",), product="gototraining")
    counting.using.use(news, [ANN, BOB])
    assert counting.counts() == before | {("use", "news"): (1, 0)}
    counting.at.people.choose(ANN, {"marketing": "out"}, how="one-click")
    counting.using.use(news, [ANN, BOB])
    assert counting.counts()["use", "news"] == (1, 1)
    nobody_says_so = Purpose(purpose="partner.programme", data=("contact.email",), product="gototraining")
    counting.using.use(nobody_says_so, [ANN])
    assert counting.counts()["use", "-"] == (0, 1)


def test_a_batch_counts_each_term_of_each_person(counting: Counting) -> None:
    at = counting.at
    for who in (ANN, BOB):
        at.collect(who)
        at.register(who)
    at.contract()
    at.contract(MAIL)
    first = counting.sharing.share(PAY, [ANN, BOB, LAW], key="once")
    assert first.released == 2
    counting.sharing.share(PAY, [ANN, BOB, LAW], key="once")  # done once, so counted once
    assert counting.counts() == {("share", "card-payments"): (2, 0)}
    at.people.choose(BOB, {"marketing": "out"}, how="page")
    shared = counting.sharing.share(NEWS, [ANN, BOB])
    (statement,) = shared.statements
    refused = sum(one.persons for one in shared.refusals if one.reason != "nothing-held")
    assert refused > 0
    assert counting.counts()["share", statement] == (shared.released, refused)


def test_a_job_counts_batch_by_batch(counting: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    from troth.gates.share import jobs, share

    monkeypatch.setattr(share, "BATCH", 2)
    monkeypatch.setattr(jobs, "BATCH", 2)
    at = counting.at
    people = [Identifier("account", f"p{number}") for number in range(5)]
    for who in people:
        at.collect(who)
    at.contract()
    counting.sharing.share(PAY, people)
    assert counting.counts() == {}
    while counting.sharing.resume():
        pass
    assert counting.counts() == {("share", "card-payments"): (5, 0)}


def test_what_is_refused_whoever_it_is_about_counts_once(counting: Counting) -> None:
    counting.at.collect(ANN)
    sale = msgspec.structs.replace(PAY, consideration="500 dollars")
    with pytest.raises(GateError, match="sale"):
        counting.sharing.share(sale, [ANN])
    assert counting.counts() == {("share", "sale"): (0, 1)}


def test_counts_that_cannot_be_written_stay_for_the_next_time(
    counting: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(counting)

    def away(_work: object) -> None:
        raise StoreUnavailableError("The disk is full.")

    with monkeypatch.context() as patched:
        patched.setattr(type(counting.at.store), "write", lambda _, work: away(work))
        with pytest.raises(StoreUnavailableError):
            counting.tally.write(counting.at.store)
    assert counting.counts() == {("collect", "registration"): (1, 0)}


def test_the_sums_of_each_day(counting: Counting) -> None:
    register(counting)
    counting.at.clock.move(days=1)
    register(counting)
    register(counting)
    counting.tally.write(counting.at.store)
    now = counting.at.clock()
    found = counts_by_statement(counting.at.store, now)["registration"]
    assert [(one.day, one.allowed) for one in found] == [(now.date() - timedelta(days=1), 1), (now.date(), 2)]


def test_the_day_is_that_of_utc_whatever_the_zone_of_the_clock(counting: Counting) -> None:
    late = datetime(2018, 4, 30, 23, 30, tzinfo=timezone(timedelta(hours=-5)))  # it is May already in UTC
    counting.tally.count("use", "news", VERSION, True, late)
    counting.tally.count("use", "news", VERSION, True, late.astimezone(UTC))
    counting.tally.write(counting.at.store)
    (one,) = counts_by_statement(counting.at.store, counting.at.clock())["news"]
    assert (one.day, one.allowed) == (date(2018, 5, 1), 2)


@pytest.mark.soak
def test_counting_costs_less_than_a_microsecond(counting: Counting) -> None:
    now, tally, number = counting.at.clock(), Tally(), 200_000
    best = min(_seconds(tally, now, number) for _ in range(5))
    assert best / number < 1e-6


def _seconds(tally: Tally, now: object, number: int) -> float:
    begun = time.perf_counter()
    for _ in range(number):
        tally.count("use", "news", VERSION, True, now)
    return time.perf_counter() - begun
