"""Choices: set, taken back, refused all at once, signalled, linked, unlinked, imported; each with its entry."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from troth.people import Identifier, People
from troth.people.errors import ChoiceError, OtherRequestError, UnknownPersonError
from troth.people.importing import Imported
from troth.people.strictness import effective, merge_states, weight
from troth.record.kinds import read_entry
from troth.record.reader import RecordReader
from troth.store.schema import outbox

ANN, BOB = Identifier("email", "ann@example.org"), Identifier("email", "bob@example.org")
COOKIE = Identifier("cookie", "c1")
T0 = datetime(2020, 6, 1, tzinfo=UTC)


def states(people: People, who: object) -> dict[str, str]:
    return {name: row.state for name, row in people.current(who).items()}


def test_a_choice_and_what_is_kept_of_it(people: People) -> None:
    (change,) = people.choose(ANN, {"marketing": "out"}, how="page", product="shop")
    assert (change.state, change.actor, change.how, change.product) == ("out", "person", "page", "shop")
    assert (change.version, change.made_at, change.policy) == ("2020-01-01", T0, "small")
    current = people.current(ANN)["marketing"]
    assert (current.state, current.leaf) == ("out", change.leaf)
    assert people.current(change.person) == people.current(ANN)
    entry = RecordReader(people.store).entry(change.leaf)
    body = read_entry(entry)
    assert (body["kind"], body["event"], body["policy"]) == ("choice", change.event, "small")
    for secret in (change.person, "marketing", "page", "shop"):
        assert secret.encode() not in entry
    with people.store.read() as connection:
        messages = [json.loads(row.body) for row in connection.execute(select(outbox).order_by(outbox.c.id))]
    wanted = {"leaf": change.leaf, "event": change.event, "person": change.person, "choice": "marketing"}
    assert messages == [{**wanted, "state": "out"}]


def test_history_is_kept_and_a_choice_is_taken_back(people: People) -> None:
    for state in ("out", "in", "unset"):
        people.choose(ANN, {"marketing": state}, how="page")
    assert [change.state for change in people.history(ANN, "marketing")] == ["out", "in", "unset"]
    assert states(people, ANN) == {"marketing": "unset"}
    assert people.history(BOB) == []
    assert people.current(BOB) == {}


def test_everything_optional(people: People) -> None:
    people.choose(ANN, {"partners": "in", "marketing.news": "in"}, how="banner")
    people.refuse_everything(ANN, how="banner")
    assert set(states(people, ANN).values()) == {"out"}
    assert len(states(people, ANN)) == 5


def test_a_key_is_done_once(people: People) -> None:
    first = people.choose(ANN, {"marketing": "out"}, how="one-click", key="k1")
    people.choose(ANN, {"marketing": "in"}, how="page")
    assert people.choose(ANN, {"marketing": "out"}, how="one-click", key="k1") == first
    assert states(people, ANN) == {"marketing": "in"}
    with pytest.raises(OtherRequestError):
        people.choose(BOB, {"marketing": "out"}, how="one-click", key="k1")


REFUSED = [
    ({"states": {"marketting": "out"}}, "Did you mean 'marketing'"),
    ({"states": {"marketing": "off"}}, "in, out or unset"),
    ({"product": "shopp"}, "Did you mean 'shop'"),
    ({"version": "2021-01-01"}, "not in force yet"),
    ({"version": "1999-01-01"}, "not a version"),
    ({"how": "signal"}, "way of choosing"),
    ({"how": "staff"}, "names who"),
    ({"staff": "s1"}, "names who"),
]


def test_what_the_policy_does_not_know_is_refused(people: People) -> None:
    for arguments, says in REFUSED:
        wanted = {"states": {"marketing": "out"}, "how": "page", **arguments}
        with pytest.raises(ChoiceError, match=says):
            people.choose(ANN, wanted.pop("states"), **wanted)
    assert people.find(ANN) is None
    with pytest.raises(UnknownPersonError):
        people.choose("0" * 32, {"marketing": "out"}, how="page")


def test_a_signal_counts_once_and_a_later_in_is_kept(people: People) -> None:
    people.choose(COOKIE, {"analytics": "in"}, how="banner")
    changes = people.signal(COOKIE)
    assert [(change.choice, change.actor, change.signal) for change in changes] == [
        ("analytics", "signal", "gpc"),
        ("partners.events", "signal", "gpc"),
    ]
    assert people.signal(COOKIE) == ()
    people.choose(COOKIE, {"analytics": "in"}, how="page")
    assert people.signal(COOKIE) == ()
    assert states(people, COOKIE) == {"analytics": "in", "partners.events": "out"}
    standing = people.standing(COOKIE, "analytics")
    assert [(change.how, change.state) for change in standing.changes] == [
        ("banner", "in"), ("signal", "out"), ("page", "in")
    ]  # fmt: skip
    people.choose(COOKIE, {"analytics": "unset"}, how="page")
    assert len(people.signal(COOKIE)) == 1
    assert people.signal(BOB, "dnt") == ()
    assert people.find(BOB) is None


def test_a_signal_counts_even_for_who_is_out_so_that_a_later_in_is_later(people: People) -> None:
    people.choose(COOKIE, {"analytics": "out"}, how="page")
    assert len(people.signal(COOKIE)) == 2
    people.choose(COOKIE, {"analytics": "in"}, how="page")
    assert people.signal(COOKIE) == ()


def test_linking_keeps_the_stricter_and_unlinking_the_refusals(people: People) -> None:
    ann = people.choose(ANN, {"marketing": "in", "partners": "in", "analytics": "in"}, how="page")[0].person
    cookie = people.signal(COOKIE)[0].person
    linked = people.link(ANN, COOKIE)
    assert linked.person == ann
    after = {"marketing": "in", "partners": "unset", "analytics": "out", "partners.events": "out"}
    assert states(people, COOKIE) == states(people, cookie) == states(people, ann) == after
    people.choose(cookie, {"marketing": "out"}, how="link")
    assert states(people, ANN)["marketing"] == "out"
    assert {change.person for change in people.history(ANN)} == {ann, cookie}
    alone = people.unlink(COOKIE)
    assert people.find(COOKIE) == alone.person != ann
    assert states(people, COOKIE) == {"marketing": "out", "analytics": "out", "partners.events": "out"}
    assert people.find(ANN) == ann
    with pytest.raises(UnknownPersonError):
        people.unlink(BOB)


def test_linking_again_changes_nothing(people: People) -> None:
    people.link(ANN, COOKIE)
    size = RecordReader(people.store).size()
    assert people.link(ANN, COOKIE).changes == ()
    assert people.link(COOKIE, ANN).changes == ()
    assert RecordReader(people.store).size() == size


def test_what_was_said_after_the_signal_counts_after_a_merge(people: People) -> None:
    people.signal(COOKIE)
    people.choose(COOKIE, {"analytics": "in"}, how="page")
    people.choose(ANN, {"marketing": "out"}, how="page")
    people.link(ANN, COOKIE)
    assert states(people, ANN)["analytics"] == "in"
    assert people.signal(ANN) == ()


CHOICES = ["marketing", "marketing.news", "marketing.news.daily", "partners", "partners.events", "gone"]
MODELS = {name: "opt-in" if name.startswith("partners") else "opt-out" for name in CHOICES[:-1]}
some = st.dictionaries(st.sampled_from(CHOICES), st.sampled_from(["in", "out"]))


@given(some, some)
def test_a_merge_is_never_weaker(ours: dict, theirs: dict) -> None:
    merged = merge_states(MODELS, ours, theirs)
    for choice in CHOICES:
        model = MODELS.get(choice, "opt-in")
        for side in (ours, theirs):
            assert weight(model, effective(merged, choice)) >= weight(model, effective(side, choice))
    assert merge_states(MODELS, ours, ours).items() >= ours.items()


NEVER = timedelta(0)


def imported(who: object, choice: str, state: str, days: int, own: bool) -> Imported:
    return Imported(who=who, choice=choice, state=state, made_at=T0 + timedelta(days=days), own_act=own)


IMPORTS = [
    ({"marketing": "out"}, ("marketing", "in", 1, True), "taken"),
    ({"marketing": "out"}, ("marketing", "in", 1, False), "weaker"),
    ({"marketing": "out"}, ("marketing", "in", -1, True), "weaker"),
    ({"marketing": "out"}, ("marketing", "in", 0, True), "weaker"),
    ({"marketing": "out"}, ("marketing", "unset", 1, True), "weaker"),
    ({"marketing": "out"}, ("marketing", "out", 1, True), "same"),
    ({"marketing": "out"}, ("marketing.news", "in", 1, False), "weaker"),
    ({"marketing": "out"}, ("marketing.news", "in", 1, True), "taken"),
    ({"marketing": "unset"}, ("marketing", "in", 1, False), "weaker"),
    ({"marketing": "in"}, ("marketing", "out", -1, True), "older"),
    ({"marketing": "in"}, ("marketing", "out", 1, False), "taken"),
    ({"partners": "in"}, ("partners", "unset", 1, False), "taken"),
    ({"partners": "out", "partners.events": "in"}, ("partners.events", "unset", 1, False), "taken"),
    ({"partners": "in", "partners.events": "out"}, ("partners.events", "unset", 1, True), "weaker"),
    ({}, ("partners", "in", -1, False), "taken"),
    ({}, ("partners", "unset", -1, False), "same"),
]


def test_what_an_import_may_do(people: People, clock) -> None:
    persons = [Identifier("account", str(number)) for number in range(len(IMPORTS))]
    for person, (stored, _, _) in zip(persons, IMPORTS, strict=True):
        if stored:
            people.choose(person, stored, how="page")
    clock.move(days=2)
    records = [imported(person, *record) for person, (_, record, _) in zip(persons, IMPORTS, strict=True)]
    for person, case, taken in zip(persons, IMPORTS, people.import_choices(records, staff="s1"), strict=True):
        assert (case, taken.outcome) == (case, case[2])
        if taken.leaf is not None:
            last = people.history(person)[-1]
            assert (last.how, last.leaf, last.made_at) == ("import", taken.leaf, T0 + timedelta(days=case[1][2]))
            assert last.recorded_at == clock.now


@given(st.data())
def test_an_import_never_weakens(tmp_path_factory: pytest.TempPathFactory, policy, data: st.DataObject) -> None:
    from troth.people.changes import Current
    from troth.people.importing import judge

    models = MODELS
    current = {
        name: Current(name, state, leaf, T0 + timedelta(days=day), "v", actor, "page", None)
        for leaf, (name, (state, day, actor)) in enumerate(
            data.draw(
                st.dictionaries(
                    st.sampled_from(CHOICES[:-1]),
                    st.tuples(
                        st.sampled_from(["in", "out", "unset"]),
                        st.integers(0, 3),
                        st.sampled_from(["person", "staff", "signal"]),
                    ),
                )
            ).items()
        )
    }
    choice = data.draw(st.sampled_from(CHOICES[:-1]))
    state = data.draw(st.sampled_from(["in", "out", "unset"]))
    record = imported(ANN, choice, state, data.draw(st.integers(0, 4)), False)
    before = {name: row.state for name, row in current.items() if row.state != "unset"}
    if judge(models[choice], current, record) == "taken":
        after = {**before, choice: state}
        if state == "unset":
            after.pop(choice)
        for name in CHOICES[:-1]:
            if effective(before, name) == "out":
                assert effective(after, name) == "out"


def test_what_goes_out_and_comes_in_again_is_the_same(people: People, clock, tmp_path: Path) -> None:
    people.choose(ANN, {"marketing": "out", "partners": "in"}, how="page")
    people.choose(BOB, {"marketing": "in", "marketing.news": "out"}, how="page")
    people.choose(BOB, {"marketing": "unset"}, how="page")
    exported = list(people.export())
    ann = people.find(ANN)
    counts = {row.choice: row.counts for row in exported if row.person == ann}
    assert counts["marketing.news"] == "out"
    assert counts["partners.events"] == "in"
    records = [
        Imported(who=row.person, choice=row.choice, state=row.state, made_at=row.made_at, own_act=row.own_act)
        for row in exported
        if row.made_at is not None
    ]
    size = RecordReader(people.store).size()
    assert {taken.outcome for taken in people.import_choices(records, staff="s1")} == {"same"}
    assert RecordReader(people.store).size() == size


def test_an_import_from_the_future_is_refused(people: People) -> None:
    with pytest.raises(ChoiceError, match="future"):
        list(people.import_choices([imported(ANN, "marketing", "in", 1, True)], staff="s1"))
    with pytest.raises(ChoiceError, match="declares"):
        list(people.import_choices([imported(ANN, "no-such", "in", -1, True)], staff="s1"))


def test_asking_again(people: People, clock) -> None:
    people.choose(ANN, {"marketing": "in", "partners": "in"}, how="page")
    people.choose(BOB, {"marketing": "out"}, how="page")
    asked = {
        version: [who.value[:3] for who in (ANN, BOB) if people.must_ask(who, "marketing.news", version)]
        for version in ("2020-01-01",)
    }
    assert asked == {"2020-01-01": []}
    clock.now = datetime(2021, 2, 1, tzinfo=UTC)
    assert people.must_ask(ANN, "marketing.news")
    assert not people.must_ask(BOB, "marketing.news")
    assert not people.must_ask(ANN, "partners")
    assert not people.must_ask(COOKIE, "marketing.news")
    people.choose(ANN, {"marketing.news": "in"}, how="page")
    assert not people.must_ask(ANN, "marketing.news")
    clock.now = datetime(2022, 2, 1, tzinfo=UTC)
    # What is new there depends on no choice: people hear of it, but there is no choice to ask about.
    assert not people.must_ask(ANN, "marketing.news")
    assert not people.must_ask(BOB, "marketing")


def test_agreeing_to_a_version_is_a_choice_like_any_other(people: People, clock) -> None:
    assert people.accepted(ANN) is None
    (change,) = people.accept(ANN, how="page")
    assert (change.choice, change.state, change.version) == ("@policy", "in", "2020-01-01")
    assert people.accepted(ANN) == "2020-01-01"
    clock.now = datetime(2021, 2, 1, tzinfo=UTC)
    assert people.accepted(ANN) == "2020-01-01"
    people.accept(ANN, how="page")
    assert people.accepted(ANN) == "2021-01-01"
    # It is no choice of the policy: it decides nothing, leaves with no export, and goes with everything optional.
    assert not [record for record in people.export() if record.choice.startswith("@")]
    people.refuse_everything(ANN, how="page")
    assert people.accepted(ANN) is None


def test_agreeing_to_a_version_is_not_passed_on_in_a_merge(people: People) -> None:
    people.accept(ANN, how="page")
    people.choose(BOB, {"marketing": "in"}, how="page")
    people.link(ANN, BOB)
    assert people.accepted(ANN) is None
