"""The choices in memory: the same as the store's, never older than allowed, and in force before the acknowledgement."""

import random
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_policy import small_policy

from store_oracle import sqlite_url
from troth.decision.point import DecisionPoint
from troth.people import ChoiceIndex, Identifier, People, open_people
from troth.people.errors import StaleChoicesError, UnknownPersonError
from troth.people.table import CompactTable
from troth.policy.history import Policy
from troth.store import Store, StoreUnavailableError, open_store

ANN, COOKIE = Identifier("email", "ann@example.org"), Identifier("cookie", "c1")


@pytest.fixture
def point(policy: Policy) -> DecisionPoint:
    return DecisionPoint(policy)


def said(index: ChoiceIndex, person: str) -> dict[str, str]:
    return dict(index.choices(person).stated)


def test_what_was_acknowledged_is_in_it(people: People, point: DecisionPoint) -> None:
    before = people.choose(ANN, {"marketing": "out"}, how="page")[0].person
    index = ChoiceIndex(people, point)
    assert said(index, before) == {"marketing": "out"}
    people.choose(ANN, {"marketing": "in", "analytics": "out"}, how="page")
    assert said(index, before) == {"marketing": "in", "analytics": "out"}
    people.choose(ANN, {"marketing": "unset"}, how="page")
    assert said(index, before) == {"analytics": "out"}
    assert said(index, "f" * 32) == {}
    assert (index.persons, index.seen) == (1, people.history(ANN)[-1].leaf)
    with pytest.raises(UnknownPersonError):
        index.choices("ann@example.org")


def test_a_decision_on_it(people: People, point: DecisionPoint) -> None:
    index = ChoiceIndex(people, point)
    ann = people.choose(ANN, {"marketing": "in"}, how="page")[0].person
    question = {"action": "use", "data": "contact.email", "purpose": "marketing.own"}
    assert point.decide(**question, choices=index.choices(ann)).allowed
    people.refuse_everything(ANN, how="one-click")
    decision = point.decide(**question, choices=index.choices(ann))
    assert (decision.allowed, decision.reason) == (False, "opted-out")
    assert decision.sentence


def test_an_id_from_before_a_merge_is_the_same_person(people: People, point: DecisionPoint) -> None:
    index = ChoiceIndex(people, point)
    ann = people.choose(ANN, {"marketing": "in"}, how="page")[0].person
    cookie = people.choose(COOKIE, {"analytics": "out"}, how="banner")[0].person
    people.link(ANN, COOKIE)
    people.choose(ANN, {"marketing": "out"}, how="page")
    for other in (index, ChoiceIndex(people, point)):
        assert said(other, ann) == said(other, cookie) == {"marketing": "out", "analytics": "out"}


def test_another_process_is_followed_and_staleness_refused(
    people: People, point: DecisionPoint, tmp_path: Path, clock
) -> None:
    now = [0.0]
    index = ChoiceIndex(people, point, limit=5, monotonic=lambda: now[0])
    ann = people.choose(ANN, {"marketing": "in"}, how="page")[0].person
    with open_store(people.store.url, clock=clock) as store:
        elsewhere = open_people(store, tmp_path / "keys", people.policy)
        elsewhere.choose(ANN, {"marketing": "out"}, how="page")
        assert said(index, ann) == {"marketing": "in"}
        now[0] = 5.0
        assert index.behind.total_seconds() == 5
        assert said(index, ann) == {"marketing": "in"}
        now[0] = 5.1
        with pytest.raises(StaleChoicesError) as refused:
            index.choices(ann)
        assert refused.value.retryable
        clock.move(seconds=5)
        assert index.refresh() == 1
        assert (said(index, ann), index.as_of, index.behind.total_seconds()) == ({"marketing": "out"}, clock.now, 0)
        assert index.refresh() == 0


def test_a_change_that_cannot_be_read_back_refuses_at_once(
    people: People, point: DecisionPoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = ChoiceIndex(people, point)
    ann = people.choose(ANN, {"marketing": "in"}, how="page")[0].person

    @contextmanager
    def down() -> Iterator[None]:
        raise StoreUnavailableError("down")
        yield

    with monkeypatch.context() as broken:
        broken.setattr(people.store, "read", down)
        people.choose(ANN, {"marketing": "out"}, how="page")
        with pytest.raises(StaleChoicesError):
            index.choices(ann)
        with pytest.raises(StoreUnavailableError):
            index.refresh()
    index.refresh()
    assert said(index, ann) == {"marketing": "out"}


def test_it_follows_by_itself(people: People, point: DecisionPoint, monkeypatch: pytest.MonkeyPatch) -> None:
    index = ChoiceIndex(people, point)
    refreshed = threading.Event()
    original = index.refresh
    monkeypatch.setattr(index, "refresh", lambda: (original(), refreshed.set()))
    index.follow(every=0.001)
    assert refreshed.wait(30)
    index.close()


@given(st.dictionaries(st.integers(1, 2**63 - 1), st.integers(0, 2**13 - 1), max_size=50), st.integers(0, 5000))
def test_the_table_is_a_dict(some: dict[int, int], more: int) -> None:
    table = CompactTable(2)
    crowd = {number: number % 8191 for number in range(1, more)}  # neighbours, so that probing has something to do
    for numbers in (crowd, some):
        for number, value in numbers.items():
            table.set(number, value)
    model = {**crowd, **some}
    assert table.count == len(model)
    assert all(table.get(number) == value for number, value in model.items())
    assert table.get(2**63 - 5) == model.get(2**63 - 5, 0)
    with pytest.raises(OverflowError):
        table.set(1, 2**16)


def test_forty_megabytes_for_a_million_people() -> None:
    """By arithmetic, at the worst moment: just after the table has doubled. The bench measures it."""
    for choices, most in ((5, 30e6), (15, 40e6), (31, 40e6)):
        table = CompactTable((2 * choices + 8) // 8, 1_000_000)
        assert table.bytes < most
        assert (8 + table.width) * 2 / 0.85 * 1e6 < 40e6


def interleave(folder: Path, withdrawals: int, seed: int) -> int:
    """Withdraw and decide in several threads at once; how many decisions began after an acknowledgement.

    The disk is not waited for here: what is tested is who sees what when, and that does not depend on it.
    """
    policy, chance = small_policy(), random.Random(seed)
    point = DecisionPoint(policy)
    deciders, crowd = 3, 8
    with open_store(sqlite_url(folder), create=True, pragmas={"synchronous": "OFF"}) as store:
        people = open_people(store, folder / "keys", policy)
        index = ChoiceIndex(people, point, limit=3600)
        ids = [
            people.choose(Identifier("account", str(n)), {"marketing": "in"}, how="page")[0].person
            for n in range(crowd)
        ]
        epochs = [0] * crowd  # odd from the acknowledgement of a withdrawal until the next "in" begins
        wrong: list[str] = []
        after = [0] * deciders
        done = threading.Event()

        def decide(decider: int) -> None:
            own = random.Random(seed + decider)
            while not done.is_set():
                who = own.randrange(crowd)
                began = epochs[who]
                decision = point.decide(
                    action="use", data="contact.email", purpose="marketing.own", choices=index.choices(ids[who])
                )
                if began % 2:
                    if decision.allowed and epochs[who] == began:
                        wrong.append(ids[who])
                    after[decider] += epochs[who] == began

        def withdraw(own: random.Random, mine: range, times: int) -> None:
            for _ in range(times):
                who = own.choice(mine)
                if epochs[who] % 2:
                    epochs[who] += 1
                    people.choose(ids[who], {"marketing": "in"}, how="page")
                people.choose(ids[who], {"marketing": "out"}, how=own.choice(["page", "one-click"]))
                epochs[who] += 1
                first = point.decide(
                    action="use", data="contact.email", purpose="marketing.own", choices=index.choices(ids[who])
                )
                if first.allowed:
                    wrong.append(ids[who])

        threads = [threading.Thread(target=decide, args=(n,)) for n in range(deciders)]
        halves = [range(crowd // 2), range(crowd // 2, crowd)]
        writers = [
            threading.Thread(target=withdraw, args=(random.Random(chance.random()), half, withdrawals // 2))
            for half in halves
        ]
        interval = sys.getswitchinterval()
        sys.setswitchinterval(5e-5)  # so that the threads meet at as many places as they can
        try:
            for thread in (*threads, *writers):
                thread.start()
            for thread in writers:
                thread.join()
        finally:
            done.set()
            for thread in threads:
                thread.join()
            sys.setswitchinterval(interval)
        assert wrong == []
        return sum(after) + withdrawals


def test_no_decision_after_the_acknowledgement_says_yes(tmp_path: Path) -> None:
    assert interleave(tmp_path, 1_000, seed=5) >= 10_000


def test_an_index_that_is_late_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: acknowledged before the index has it, and the interleavings must find a wrong yes."""
    monkeypatch.setattr(ChoiceIndex, "catch_up", lambda self: None)
    with pytest.raises(AssertionError):
        interleave(tmp_path, 50, seed=5)


@pytest.mark.soak
def test_no_decision_after_any_of_ten_thousand_withdrawals_says_yes(tmp_path: Path) -> None:
    interleave(tmp_path, 10_000, seed=6)


def test_nobody_is_in_an_empty_index(store: Store, people: People, point: DecisionPoint) -> None:
    index = ChoiceIndex(people, point)
    assert (index.persons, index.seen, said(index, "0" * 31 + "1")) == (0, -1, {})
