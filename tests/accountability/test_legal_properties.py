"""Random staff do random things at random times: what leaves, and who is told, is what the plain model says."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from house import DAY, House, account, opened
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from legal_oracle import AHEAD, CEILING, REVIEW, ROLES, Request

from troth.accountability.errors import AccountabilityError
from troth.accountability.legal.facts import (
    Approved,
    Challenged,
    Closed,
    Decided,
    Gag,
    Gagged,
    Looked,
    Raised,
    Received,
    Refused,
    Reviewing,
    Said,
    Scope,
)
from troth.accountability.legal.requests import hidden
from troth.accountability.terms import Terms
from troth.accountability.transparency import report
from troth.accountability.verifying.contradictions import contradictions
from troth.gates.errors import GateError

NAMES = ("ann", "bob", "cat")
DATA = ("identity.name", "contact.email", "usage.clickstream")
PURPOSES = ("legal.comply", "legal.disputes")
STAFF = st.sampled_from(sorted(ROLES))
DAYS = st.integers(1, 20)
RARELY = st.integers(0, 5)


class LegalRequestsMachine(RuleBasedStateMachine):
    """A house with three people, five of the staff, and requests about any of them."""

    @initialize(
        by=st.sampled_from(["carl", "dora", "otto"]), names=st.sampled_from([{"ann", "bob"}, set(NAMES)]),
        gag=st.none() | st.just(0) | DAYS, purpose=st.just("legal.comply") | st.sampled_from(PURPOSES),
    )  # fmt: skip
    def open(self, by: str, names: set[str], gag: int | None, purpose: str) -> None:
        self.stack = ExitStack()
        folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        terms = Terms(ceiling=CEILING, ahead=AHEAD, review=REVIEW)
        self.house: House = self.stack.enter_context(opened(f"sqlite:///{folder / 'troth.db'}", folder, terms))
        self.ids = {name: self.house.person(name) for name in NAMES}
        self.known: list[Request] = []
        self.receive_one(by, names, {"identity.name", "contact.email"}, purpose, gag, None)

    def teardown(self) -> None:
        if hasattr(self, "stack"):
            assert contradictions(self.house.store) == []
            self.stack.close()

    # --- what staff try -----------------------------------------------------------------------------------------------

    @rule(
        by=st.just("dora") | STAFF, names=st.sets(st.sampled_from(NAMES), min_size=1),
        data=st.sets(st.sampled_from(DATA), min_size=1),
        purpose=st.just("legal.comply") | st.sampled_from(PURPOSES), gag=st.none() | st.just(0) | DAYS,
        ends=st.none() | st.none() | DAYS,
    )  # fmt: skip
    def receive(
        self, by: str, names: set[str], data: set[str], purpose: str, gag: int | None, ends: int | None
    ) -> None:
        if len(self.known) < 3:
            self.receive_one(by, names, data, purpose, gag, ends)

    def receive_one(
        self, by: str, names: set[str], data: set[str], purpose: str, gag: int | None, ends: int | None
    ) -> None:
        now = self.house.clock.now
        until = None if gag is None else now + gag * DAY if gag else None
        said = Received(
            authority="court", process="court-order", basis="b", document="a" * 64, purpose=purpose,
            scope=Scope(data=tuple(sorted(data)), persons=0), ends=None if ends is None else now + ends * DAY,
            gag=None if gag is None else Gag(until=until, basis="b"),
        )  # fmt: skip
        one = self.house.desk.receive(self.house.staff[by], said, [account(name) for name in sorted(names)])
        asked = {"persons": names, "data": data, "purpose": purpose, "ends": said.ends}
        self.known.append(Request(one.id, by, now, **asked, gag=None if gag is None else (until,)))

    def act(self, number: int, by: str, what: str, said: Said, more: object = None) -> bool:
        if not self.known:
            return False
        one = self.known[number % len(self.known)]
        try:
            self.house.desk.do(self.house.staff[by], one.id, said)
        except AccountabilityError:
            return False
        one.acts.append((what, by, self.house.clock.now, more))
        return True

    @rule(number=st.integers(0, 2), by=STAFF)
    def review(self, number: int, by: str) -> None:
        self.act(number, by, "review", Reviewing())

    @rule(number=st.integers(0, 2), by=STAFF)
    def approve(self, number: int, by: str) -> None:
        self.act(number, by, "approve", Approved())

    @rule(number=st.integers(0, 2), one=st.just("carl") | STAFF, other=st.just("otto") | STAFF)
    def review_and_approve(self, number: int, one: str, other: str) -> None:
        """The usual way, so that it is gone often."""
        self.act(number, "cara", "review", Reviewing())
        self.act(number, one, "approve", Approved())
        self.act(number, other, "approve", Approved())

    @rule(number=st.integers(0, 2), by=STAFF)
    def emergency(self, number: int, by: str) -> None:
        self.act(number, "carl", "review", Reviewing())
        self.act(number, by, "emergency", Approved(emergency="danger"))

    @rule(number=st.integers(0, 2), by=STAFF, rarely=RARELY)
    def refuse(self, number: int, by: str, rarely: int) -> None:
        rarely or self.act(number, by, "refuse", Refused(why="w"))

    @rule(number=st.integers(0, 2), by=STAFF, rarely=RARELY)
    def challenge(self, number: int, by: str, rarely: int) -> None:
        rarely or self.act(number, by, "challenge", Challenged(why="w"))

    @rule(number=st.integers(0, 2), by=STAFF, outcome=st.sampled_from(["upheld", "narrowed", "dismissed"]))
    def decide(self, number: int, by: str, outcome: str) -> None:
        self.act(number, by, "decide", Decided(outcome=outcome), outcome)

    @rule(number=st.integers(0, 2), by=STAFF, ceiling=st.integers(1, 3))
    def raise_ceiling(self, number: int, by: str, ceiling: int) -> None:
        self.act(number, by, "raise", Raised(ceiling=ceiling, why="w"), ceiling)

    @rule(number=st.integers(0, 2), by=STAFF, justified=st.booleans())
    def look(self, number: int, by: str, justified: bool) -> None:
        self.act(number, by, "look", Looked(justified=justified, why="w"), justified)

    @rule(number=st.integers(0, 2), by=STAFF, rarely=RARELY)
    def close(self, number: int, by: str, rarely: int) -> None:
        rarely or self.act(number, by, "close", Closed())

    @rule(number=st.integers(0, 2), by=STAFF, days=st.none() | DAYS)
    def gag(self, number: int, by: str, days: int | None) -> None:
        until = None if days is None else self.house.clock.now + days * DAY
        said = Gagged(gag=None if until is None else Gag(until=until, basis="b"))
        if self.act(number, by, "gag", said):
            one = self.known[number % len(self.known)]
            one.gag = None if until is None else (until,)

    @precondition(lambda self: self.known)
    @rule(number=st.integers(0, 2), by=STAFF, data=st.sets(st.sampled_from(DATA), min_size=1),
          without=st.none() | st.sampled_from(NAMES))  # fmt: skip
    def narrow(self, number: int, by: str, data: set[str], without: str | None) -> None:
        one = self.known[number % len(self.known)]
        left = [account(without)] if without else []
        scope = Scope(data=tuple(sorted(data)), persons=0)
        try:
            self.house.desk.narrow(self.house.staff[by], one.id, scope, "w", left)
        except AccountabilityError:
            return
        assert data <= one.data
        one.acts.append(("narrow", by, self.house.clock.now, None))
        one.data, one.persons = set(data), one.persons - {without}

    # --- what happens by itself ---------------------------------------------------------------------------------------

    @rule(days=st.integers(1, 10))
    def time_goes_by(self, days: int) -> None:
        self.house.clock.move(days=days)

    @rule(microsecond=st.sampled_from([-1, 0]))
    def time_comes_to_an_edge(self, microsecond: int) -> None:
        now = self.house.clock.now
        edges = [one.gag[0] for one in self.known if one.gag and one.gag[0]]
        edges += [at + AHEAD for one in self.known for at in one.told.values()]
        edges += [act[2] + REVIEW for one in self.known for act in one.did("emergency")]
        coming = sorted(edge for edge in edges if edge + microsecond * timedelta.resolution > now)
        if coming:
            self.house.clock.now = coming[0] + microsecond * timedelta.resolution

    @rule()
    def people_are_told(self) -> None:
        now = self.house.clock.now
        expected = sum(len(one.to_tell(now)) for one in self.known)
        assert self.house.telling.run() == expected
        for one in self.known:
            one.told |= dict.fromkeys(one.to_tell(now), now)

    # --- what leaves --------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.known)
    @rule(number=st.integers(0, 2), by=STAFF)
    def release(self, number: int, by: str) -> None:
        one, now = self.known[number % len(self.known)], self.house.clock.now
        expected = one.may_leave(one.asked["purpose"], now)
        try:
            _, shared = self.house.desk.release(self.house.staff[by], one.id, self.house.sharing)
        except (AccountabilityError, GateError):
            assert not any(expected.values()), "what may leave did not"
            return
        assert read(shared) == {name: data for name, data in expected.items() if data}
        one.acts.append(("release", by, now, None))
        gagged = {one.id: one.gagged(now) for one in self.known}
        assert bool(hidden(self.house.store, [shared.id], now)) == gagged[one.id]

    @invariant()
    def the_gate_is_told_what_the_model_says(self) -> None:
        """Whoever asks the gate itself gets no more, whatever they ask for."""
        conditions, now = self.house.sharing._conditions, self.house.clock.now
        for one in self.known:
            for purpose in PURPOSES:
                expected = one.may_leave(purpose, now)
                for data in DATA:
                    asked = {"recipient": "court", "data": data, "purpose": purpose, "version": "2020-01-01", "at": now}
                    held = conditions.given(**asked, under=one.id) & {"legal-process", "emergency"}
                    limits = conditions.limits(**asked, under=one.id)
                    persons = {id for name in held for id in limits[name]}
                    assert persons == {self.ids[name] for name, terms in expected.items() if data in terms}
                    assert not conditions.given(**asked) & {"legal-process", "emergency"}

    @invariant()
    def the_report_tells_of_no_gag(self) -> None:
        now = self.house.clock.now
        found = report(self.house.desk.requests.facts(), self.house.terms, now - 400 * DAY, now)
        counted = sum(row.requests for half in found.half_years for row in half.rows)
        assert counted == sum(not one.gagged(now) for one in self.known)


def read(shared) -> dict[str, set[str]]:
    """Which data of whom is in a disclosure, by the names in the values."""
    found: dict[str, set[str]] = {}
    for part in shared.contents:
        for person in part.persons:
            for term, value in person.values.items():
                name = str(value).removeprefix("clicks of ").partition("@")[0]
                found.setdefault(name, set()).add(term)
    return found


SETTINGS = settings(stateful_step_count=25, suppress_health_check=list(HealthCheck), deadline=None)
TestLegalRequests = LegalRequestsMachine.TestCase
TestLegalRequests.settings = settings(SETTINGS, max_examples=20)


@pytest.mark.soak
def test_for_long() -> None:
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(LegalRequestsMachine, settings=settings(SETTINGS, max_examples=2000))
