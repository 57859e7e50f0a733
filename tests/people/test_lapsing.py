"""Agreements that last a while: over on the day, not before, never a refusal, and not one that was renewed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from small_policy import FIRST, small_policy

from troth.decision.point import DecisionPoint
from troth.people import ChoiceIndex, Identifier, People, open_people
from troth.people.importing import Imported
from troth.people.lapsing import LAPSED_AT_ONCE, Lapsing, lasting
from troth.policy.history import Policy
from troth.policy.reading import parse_version
from troth.policy.values import Period
from troth.record.keys import create_keys
from troth.record.log import open_log
from troth.record.verification import verify_record
from troth.store import Store
from troth.store.schema import persons

ANN, BOB, COOKIE = (
    Identifier("email", "ann@example.org"),
    Identifier("email", "bob@example.org"),
    Identifier("cookie", "c"),
)
T0 = datetime(2020, 6, 1, tzinfo=UTC)
A_YEAR_LATER = datetime(2021, 6, 1, tzinfo=UTC)


def state(people: People, who: Identifier | str, choice: str = "partners") -> str:
    return people.current(who)[choice].state


def test_an_agreement_lapses_on_the_day(people: People, clock) -> None:
    index = ChoiceIndex(people, DecisionPoint(people.policy))
    (agreed,) = people.choose(ANN, {"partners": "in"}, how="page", product="shop")
    people.choose(BOB, {"partners": "out", "marketing": "in"}, how="page")
    assert people.lapse() == ()
    clock.now = A_YEAR_LATER - timedelta.resolution
    assert people.lapse() == ()
    clock.now = A_YEAR_LATER
    (lapsed,) = people.lapse()
    assert (lapsed.person, lapsed.choice, lapsed.state) == (agreed.person, "partners", "unset")
    assert (lapsed.actor, lapsed.how, lapsed.version, lapsed.product) == ("policy", "lapse", "2021-01-01", None)
    assert lapsed.made_at == lapsed.recorded_at == A_YEAR_LATER
    assert people.history(ANN, "partners") == [agreed, lapsed]
    assert dict(index.choices(agreed.person).stated) == {}
    assert people.lapse() == ()
    clock.move(days=5000)
    assert people.lapse() == ()
    assert state(people, BOB) == "out"
    assert state(people, BOB, "marketing") == "in"
    assert not people.must_ask(ANN, "partners")


def test_what_lapsed_is_in_the_record(people: People, clock, tmp_path: Path) -> None:
    create_keys(tmp_path / "log", "example.org/log")
    log = open_log(people.store, tmp_path / "log")
    people.choose(ANN, {"partners": "in"}, how="page")
    clock.now = A_YEAR_LATER
    (lapsed,) = people.lapse()
    log.sign()
    assert verify_record(log, log.keys.trusted).unsigned == 0
    assert log.size() == lapsed.leaf + 1


def test_what_was_renewed_goes_on(people: People, clock) -> None:
    people.choose(ANN, {"partners": "in"}, how="page")
    clock.now = A_YEAR_LATER - timedelta(days=1)
    people.choose(ANN, {"partners": "in"}, how="banner")
    clock.now = A_YEAR_LATER + timedelta(days=300)
    assert people.lapse() == ()
    clock.now = A_YEAR_LATER + timedelta(days=364)
    assert len(people.lapse()) == 1
    people.choose(ANN, {"partners": "in"}, how="page")
    assert people.lapse() == ()
    assert state(people, ANN) == "in"


def test_what_is_renewed_between_looking_and_writing_is_left_alone(
    people: People, clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    people.choose(ANN, {"partners": "in"}, how="page")
    people.choose(BOB, {"partners": "in"}, how="page")
    cookie = people.choose(COOKIE, {"partners": "in"}, how="page")[0].person
    clock.now = A_YEAR_LATER
    looked = Lapsing.over

    def late(self: Lapsing, store: Store, policy: Policy, limit: int) -> list:
        found = looked(self, store, policy, limit)
        assert len(found) == 3
        people.choose(ANN, {"partners": "in"}, how="page")
        people.link(BOB, COOKIE)
        return found

    with monkeypatch.context() as racing:
        racing.setattr(Lapsing, "over", late)
        (lapsed,) = people.lapse()
    assert lapsed.person == people.find(BOB) != cookie
    assert (state(people, ANN), state(people, COOKIE)) == ("in", "unset")


def test_many_lapse_a_part_at_a_time(people: People, clock) -> None:
    crowd = [Identifier("account", str(number)) for number in range(LAPSED_AT_ONCE + 5)]
    for who in crowd:
        people.choose(who, {"partners": "in"}, how="page")
        clock.move(seconds=1)
    clock.now = A_YEAR_LATER + timedelta(seconds=len(crowd) - 3)
    assert [change.person for change in people.lapse(2)] == [people.find(who) for who in crowd[:2]]
    assert len(people.lapse()) == len(crowd) - 4
    assert people.lapse() == ()
    clock.move(seconds=2)
    assert len(people.lapse(1)) == len(people.lapse(1)) == 1
    assert people.lapse(1) == ()


def test_only_new_changes_are_read_until_something_can_be_due(people: People, clock) -> None:
    asked: list[str] = []
    lapsing = people._lapsing

    class Counting:
        def __init__(self, connection) -> None:
            self.connection = connection

        def execute(self, statement, values=None):
            asked.append(str(statement))
            return self.connection.execute(statement, values)

    look = lapsing._look
    lapsing._look = lambda connection, bounds: look(Counting(connection), bounds)
    people.choose(ANN, {"partners": "in"}, how="page")
    for _ in range(3):
        assert people.lapse() == ()
    assert sum("FROM choices" in statement for statement in asked) == 1
    # What comes from elsewhere and is older than all that was seen is seen all the same.
    clock.move(days=10)
    record = Imported(who=BOB, choice="partners", state="in", made_at=clock.now - timedelta(days=360))
    assert [taken.outcome for taken in people.import_choices([record], staff="s1")] == ["taken"]
    clock.move(days=6)
    (lapsed,) = people.lapse()
    assert lapsed.person == people.find(BOB)
    assert sum("FROM choices" in statement for statement in asked) == 1


def test_another_process_let_it_lapse_first(people: People, clock, tmp_path: Path) -> None:
    elsewhere = open_people(people.store, tmp_path / "keys", people.policy)
    people.choose(ANN, {"partners": "in"}, how="page")
    assert people.lapse() == elsewhere.lapse() == ()
    clock.now = A_YEAR_LATER
    assert len(elsewhere.lapse()) == 1
    assert people.lapse() == elsewhere.lapse() == ()
    assert len(people.history(ANN)) == 2


def test_who_was_erased_does_not_hold_up_the_others(people: People, clock) -> None:
    people.choose(ANN, {"partners": "in"}, how="page")
    clock.move(days=1)
    people.choose(BOB, {"partners": "in"}, how="page")
    erased = people.find(ANN)
    people.store.write(
        lambda unit: unit.change(persons.update().where(persons.c.id == erased).values(sealing_key=None))
    )
    clock.now = A_YEAR_LATER + timedelta(days=1)
    assert [change.person for change in people.lapse(1)] == [people.find(BOB)]
    assert people.lapse(1) == ()


def test_a_signal_counts_again_once_the_agreement_lapsed(store: Store, clock, tmp_path: Path) -> None:
    text = FIRST.replace("model: opt-out, signals: [gpc]", "model: opt-out, signals: [gpc], lasts: 1 month")
    people = open_people(store, tmp_path / "keys", Policy([parse_version(text.encode(), "v.yaml")]))
    people.signal(COOKIE)
    people.choose(COOKIE, {"analytics": "in"}, how="page")
    assert people.signal(COOKIE) == ()
    clock.move(days=30)
    assert len(people.lapse()) == 1
    assert [change.choice for change in people.signal(COOKIE)] == ["analytics"]


IMPORTS = [
    ("in", 364, False, "taken"),
    ("in", 366, True, "lapsed"),  # over before it came
    ("out", 5000, False, "taken"),
]


def test_an_import_does_not_bring_back_what_is_over(people: People, clock) -> None:
    clock.now = datetime(2023, 6, 1, tzinfo=UTC)
    for number, (wanted, days, own, outcome) in enumerate(IMPORTS):
        made_at = clock.now - timedelta(days=days)
        who = Identifier("account", str(number))
        record = Imported(who=who, choice="partners", state=wanted, made_at=made_at, own_act=own)
        assert [taken.outcome for taken in people.import_choices([record], staff="s1")] == [outcome]


@pytest.mark.parametrize(("own", "days", "outcome"), [(True, 1, "weaker"), (True, -1, "taken"), (False, -1, "weaker")])
def test_after_a_lapse_an_import_needs_the_persons_own_later_word(
    people: People, clock, own: bool, days: int, outcome: str
) -> None:
    people.choose(ANN, {"partners": "in"}, how="page")
    clock.now = A_YEAR_LATER
    people.lapse()
    made_at = clock.now - timedelta(days=days)
    clock.move(days=2)
    record = Imported(who=ANN, choice="partners", state="in", made_at=made_at, own_act=own)
    assert [taken.outcome for taken in people.import_choices([record], staff="s1")] == [outcome]


def test_what_lapsed_goes_out_and_comes_in_again_the_same(people: People, clock) -> None:
    people.choose(ANN, {"partners": "in"}, how="page")
    clock.now = A_YEAR_LATER
    people.lapse()
    (row,) = [row for row in people.export() if row.choice == "partners"]
    assert (row.state, row.counts, row.own_act) == ("unset", "unset", False)


LASTING = "partners: {says: You can agree to mail of partners., model: opt-in, lasts: 12 months"


def versions(*lasts: str | None) -> Policy:
    texts = [
        FIRST.replace("2020-01-01", f"20{20 + year}-01-01").replace(
            LASTING, LASTING.replace(", lasts: 12 months", f", lasts: {one}" if one else "")
        )
        for year, one in enumerate(lasts)
    ]
    return Policy(parse_version(text.encode(), f"v{number}.yaml") for number, text in enumerate(texts))


def test_the_newest_version_in_force_says_how_long() -> None:
    policy = versions("12 months", None, "2 weeks", "account + 1 month")
    found = [lasting(policy, datetime(year, 6, 1, tzinfo=UTC)) for year in (2019, 2020, 2021, 2022)]
    assert [one["partners"].period if one else None for one in found] == [
        None, Period(count=12, unit="month"), None, Period(count=2, unit="week")
    ]  # fmt: skip
    gone = FIRST.replace("2020-01-01", "2024-01-01").replace("only_if: partners", "only_if: partners.events")
    gone = "\n".join(line for line in gone.splitlines() if "partners:" not in line)
    both = Policy([*versions("12 months").versions, parse_version(gone.encode(), "gone.yaml")])
    assert lasting(both, datetime(2025, 1, 1, tzinfo=UTC))["partners"].version == "2020-01-01"


def test_a_period_that_begins_with_an_event_is_not_counted(store: Store, clock, tmp_path: Path) -> None:
    people = open_people(store, tmp_path / "keys", versions("account + 1 month"))
    people.choose(ANN, {"partners": "in"}, how="page")
    clock.move(days=4000)
    assert people.lapse() == ()


def test_a_new_version_is_gone_by_from_the_day_it_is_in_force(store: Store, clock, tmp_path: Path) -> None:
    people = open_people(store, tmp_path / "keys", versions(None))
    people.choose(ANN, {"partners": "in"}, how="page")
    people.use(versions(None, "1 month"))
    clock.now = datetime(2020, 12, 31, tzinfo=UTC)
    assert people.lapse() == ()
    clock.now = datetime(2021, 1, 1, tzinfo=UTC)
    (lapsed,) = people.lapse()
    assert lapsed.version == "2021-01-01"


def test_the_small_policy_has_what_is_tested_here() -> None:
    assert list(lasting(small_policy(), T0)) == ["partners"]
