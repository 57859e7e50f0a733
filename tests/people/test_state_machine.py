"""Any sequence of choices, signals, links, imports, lapses and new versions leaves what a plain dict says it should.

The model knows nothing of tables: persons are sets of identifiers with a dict of states. The pure rule of merging is
the one thing that it shares; `test_choices` holds that to its promise.
"""

import itertools
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from moving_clock import Clock
from small_policy import small_policy

from store_oracle import sqlite_url
from troth.decision.point import DecisionPoint
from troth.decision.question import Question
from troth.decision.reference import decide
from troth.people import ChoiceIndex, Identifier, open_people
from troth.people.importing import Imported
from troth.people.strictness import choice_models, effective, merge_states
from troth.store import open_store

POLICY = small_policy()
POINT = DecisionPoint(POLICY)
MODELS = choice_models(POLICY)
CHOICES = list(MODELS)
SIGNALLED = ["analytics", "partners.events"]
LASTING = "partners"  # for a year
IDENTIFIERS = [Identifier(kind, f"x{n}@example.org") for kind in ("email", "account", "cookie") for n in range(2)]

who = st.sampled_from(IDENTIFIERS)
choice = st.sampled_from(CHOICES)
state = st.sampled_from(["in", "out", "unset"])


def a_year_after(at: datetime) -> datetime:
    try:
        return at.replace(year=at.year + 1)
    except ValueError:  # 29 February
        return datetime(at.year + 1, 3, 1, tzinfo=UTC)


class Modelled:
    """A person of the model: states, and for each choice when and by whom, and when a signal counted."""

    def __init__(self) -> None:
        self.states: dict[str, str] = {}
        self.said: dict[str, tuple[int, str, datetime]] = {}
        self.signal: dict[str, int] = {}
        self.ids: set[str] = set()


class Choosing(RuleBasedStateMachine):
    """People as they are, beside the model."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.clock = Clock()
        folder = Path(self.folder.name)
        self.store = open_store(sqlite_url(folder), create=True, clock=self.clock, pragmas={"synchronous": "OFF"})
        self.people = open_people(self.store, folder / "keys", POLICY)
        self.index = ChoiceIndex(self.people, POINT, limit=3600)
        self.model: dict[Identifier, Modelled] = {}
        self.left: list[Modelled] = []  # persons without an identifier: the last one was unlinked
        self.ticks = itertools.count(1)
        self.changes = 0

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()

    def person(self, of: Identifier) -> Modelled:
        return self.model.setdefault(of, Modelled())

    def say(self, person: Modelled, name: str, value: str, actor: str, at: datetime | None = None) -> None:
        person.states[name] = value
        person.said[name] = (next(self.ticks), actor, at or self.clock.now)
        self.changes += 1

    @rule(who=who, states=st.dictionaries(choice, state, min_size=1, max_size=3))
    def choose(self, who: Identifier, states: dict[str, str]) -> None:
        for change in self.people.choose(who, states, how="page"):
            assert change.version == POLICY.in_force(self.clock.now).id
        for name, value in states.items():
            self.say(self.person(who), name, value, "person")

    @rule(who=who)
    def refuse_everything(self, who: Identifier) -> None:
        self.people.refuse_everything(who, how="banner")
        for name in CHOICES:
            self.say(self.person(who), name, "out", "person")

    @rule(who=who)
    def signal(self, who: Identifier) -> None:
        self.people.signal(who)
        person = self.person(who)
        for name in SIGNALLED:
            counted = person.signal.get(name)
            if counted is not None:
                tick, actor, _ = person.said[name]
                now = person.states[name]
                if now == "out" or (now == "in" and actor == "person" and tick > counted):
                    continue
            self.say(person, name, "out", "signal")
            person.signal[name] = person.said[name][0]

    @rule(one=who, other=who)
    def link(self, one: Identifier, other: Identifier) -> None:
        self.people.link(one, other)
        ours = self.person(one)
        if other not in self.model:
            self.model[other] = ours
        theirs = self.model[other]
        if ours is theirs:
            return
        said = [{name: s for name, s in side.states.items() if s != "unset"} for side in (ours, theirs)]
        merged = merge_states(MODELS, *said)
        for name in {*ours.states, *theirs.states, *merged}:
            value = merged.get(name, "unset")
            from_both = [side for side in (ours, theirs) if side.states.get(name) == value]
            if value != ours.states.get(name, "unset"):
                latest = max((side.said[name] for side in from_both), default=(0, "person", self.clock.now))
                self.say(ours, name, value, latest[1], latest[2])
            elif from_both:
                ours.said[name] = max(side.said[name] for side in from_both)
                ours.states[name] = value
        for name, tick in theirs.signal.items():
            ours.signal[name] = max(tick, ours.signal.get(name, 0))
        ours.ids |= theirs.ids
        for identifier, person in self.model.items():
            if person is theirs:
                self.model[identifier] = ours

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def unlink(self, data: st.DataObject) -> None:
        identifier = data.draw(st.sampled_from([i for i in IDENTIFIERS if i in self.model]))
        self.people.unlink(identifier)
        person, alone = self.model[identifier], Modelled()
        for name in [name for name, value in person.states.items() if value == "out"]:
            self.say(alone, name, "out", person.said[name][1], person.said[name][2])
            if name in person.signal:
                alone.signal[name] = person.signal[name]
        self.model[identifier] = alone
        if person not in self.model.values():
            self.left.append(person)

    @rule(who=who, name=choice, value=state, own=st.booleans(), days=st.integers(0, 500))
    def import_one(self, who: Identifier, name: str, value: str, own: bool, days: int) -> None:
        at = self.clock.now - timedelta(days=days)
        record = Imported(who=who, choice=name, state=value, made_at=at, own_act=own)
        before = {n: s for n, s in self.person(who).states.items() if s != "unset"}
        (taken,) = self.people.import_choices([record], staff="s1")
        if (name, value) == (LASTING, "in") and a_year_after(at) <= self.clock.now:
            assert taken.outcome in ("lapsed", "same")
        if taken.outcome == "taken":
            self.say(self.person(who), name, value, "person" if own else "staff", at)
            after = {n: s for n, s in self.person(who).states.items() if s != "unset"}
            if not own:
                assert not [n for n in CHOICES if effective(before, n) == "out" != effective(after, n)]

    @rule(who=who, days=st.sampled_from([0, 364, 366]))
    def agree(self, who: Identifier, days: int) -> None:
        """Often, so that there is something to lapse."""
        self.choose(who, {LASTING: "in"})
        self.clock.move(days=days)

    @rule(days=st.sampled_from([0, 364, 366]))
    def lapse(self, days: int) -> None:
        self.clock.move(days=days)
        found = {change.person for change in self.people.lapse()}
        for person in {*self.model.values(), *self.left}:
            over = LASTING in person.said and a_year_after(person.said[LASTING][2]) <= self.clock.now
            if over and person.states[LASTING] == "in":
                self.say(person, LASTING, "unset", "policy")
                assert found & person.ids
                found -= person.ids
        assert not found

    @rule(days=st.integers(1, 400))
    def time_passes(self, days: int) -> None:
        self.clock.move(days=days)

    @invariant()
    def everything_is_as_the_model_says(self) -> None:
        for identifier in IDENTIFIERS:
            person = self.model.get(identifier)
            current = {name: row.state for name, row in self.people.current(identifier).items()}
            assert current == (person.states if person is not None else {})
            id = self.people.find(identifier)
            assert (id is None) == (person is None)
            if person is None:
                continue
            person.ids.add(id)
            said = {name: value for name, value in person.states.items() if value != "unset"}
            for old in person.ids:  # ids from before a merge mean the same person
                assert dict(self.index.choices(old).stated) == said
            question = {"action": "use", "data": "contact.email", "purpose": "marketing.own", "at": self.clock.now}
            wanted = decide(POLICY, Question(**question, choices=said))
            assert POINT.decide(**question, choices=self.index.choices(id)) == wanted

    @invariant()
    def every_change_is_in_history(self) -> None:
        with self.store.read() as connection:
            count = connection.exec_driver_sql("SELECT count(*) FROM choice_changes").scalar()
        assert count == self.changes


TestChoosing = Choosing.TestCase
TestChoosing.settings = settings(max_examples=15, stateful_step_count=20, deadline=None)


class LongChoosing(Choosing):
    """The same, for longer."""


TestLongChoosing = pytest.mark.soak(LongChoosing.TestCase)
TestLongChoosing.settings = settings(max_examples=1500, stateful_step_count=40, deadline=None)
