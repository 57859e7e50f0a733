"""Claims: none holds on a day on which it may not be made, over random timelines with clocks that jump."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from register_clock import Clock
from sqlalchemy import text

from troth.conditions.claims.applied import applied, moments
from troth.conditions.claims.entering import check
from troth.conditions.claims.facts import (
    Assessed,
    ClaimError,
    Drafted,
    Evidence,
    Fact,
    Reinstated,
    Requirement,
    Said,
    Signed,
    Suspended,
    Voided,
    Withdrawn,
    read_said,
    recorded,
    what_of,
    written,
)
from troth.conditions.claims.register import ClaimRegister
from troth.conditions.claims.standing import ClaimStanding, standing
from troth.decision.point import DecisionPoint
from troth.notice.pages import find, missing
from troth.policy.history import Policy
from troth.policy.reading import parse_version
from troth.store import Store

DAY = timedelta(days=1)
START = datetime(2020, 1, 1, tzinfo=UTC)
ASKED = (
    Requirement(id="notice", says="There is a notice.", source="Programme 1", how="clause", what="ID1"),
    Requirement(id="training", says="Staff are trained.", source="Programme 2", how="document"),
)
MET = tuple(
    Evidence(requirement=one.id, verdict="met", how="person", text="I looked.") for one in ASKED
)  # what is enough to sign


def draft(**changes: object) -> Drafted:
    return Drafted(**{"holder": "Small Ltd", "requirements": ASKED, "covers": ("shop",), **changes})  # type: ignore[arg-type]


def random_facts(rng: Random, policy: Policy, count: int) -> list[Fact]:
    """Facts that may be entered one after the other, at days that only go forward, about days of all times."""
    facts: list[Fact] = []
    at = START
    for leaf in range(count):
        at += DAY * rng.choice((0, 1, 5, 40))
        one = standing(facts, at).get("shield", ClaimStanding("shield"))
        on = START + DAY * rng.randrange(0, 500)
        said: Said = rng.choice(
            [
                draft(),
                Assessed(version="2020-01-01", evidence=MET if rng.random() < 0.8 else MET[:1]),
                Signed(officer="o", assessment=one.assessment or 0, begins=on, ends=on + DAY * rng.randrange(1, 200)),
                Signed(officer="o", assessment=one.assessment or 0, begins=at, ends=at + DAY * rng.randrange(1, 200)),
                Suspended(on=on, why="w"),
                Reinstated(on=on),
                Withdrawn(on=on, why="w"),
                Voided(on=on + DAY * 200, why="w"),
            ]
        )
        try:
            check(policy, one, said, at)
        except ClaimError:
            continue
        facts.append(Fact(leaf, "shield", said, at, "mary"))
    return facts


def holds_by_the_book(facts: list[Fact], known_at: datetime, at: datetime) -> bool:
    """Whether the claim may be made at a moment, by what was entered until another: written apart, and slow."""
    entered = [fact for fact in facts if fact.at <= known_at]
    carried = False
    for number, fact in enumerate(entered):
        if isinstance(fact.said, Signed) and fact.said.begins <= at < fact.said.ends:
            after = [later.said for later in entered[number:]]
            carried |= not any(isinstance(said, Withdrawn) and said.on <= at for said in after)
    if any(isinstance(fact.said, Voided) and fact.said.on <= at for fact in entered):
        return False
    turns = [
        (fact.said.on, number, isinstance(fact.said, Suspended))
        for number, fact in enumerate(entered)
        if isinstance(fact.said, (Suspended, Reinstated)) and fact.said.on <= at
    ]
    return carried and not (turns and max(turns)[2])


def current(policy: Policy, at: datetime) -> bool:
    version = policy.versions[0]
    (claim,) = version.claims
    assert [one for one in version.stated_on(at) if one.id == claim.id] == ([claim] if claim.current(at) else [])
    return claim.current(at)


@given(seed=st.integers(0, 2**32), days=st.lists(st.integers(-10, 700), min_size=1, max_size=12))
def test_a_claim_holds_exactly_when_the_plain_model_says_so(seed: int, days: list[int]) -> None:
    policy = long_policy()
    facts = random_facts(Random(seed), policy, 30)
    for day in days:  # in any order: the clock jumps
        at = START + DAY * day + timedelta(hours=day % 7)
        one = standing(facts, at).get("shield", ClaimStanding("shield"))
        assert one.holds(at) == holds_by_the_book(facts, at, at)
        assert one.holds(at) or one.state(at) not in ("current", "due")


@given(seed=st.integers(0, 2**32), days=st.lists(st.integers(-10, 700), min_size=1, max_size=6))
def test_a_policy_follows_until_the_moment_at_which_it_is_made_anew(seed: int, days: list[int]) -> None:
    policy = long_policy()
    facts = random_facts(Random(seed), policy, 30)
    for day in days:
        at = START + DAY * day
        claims = standing(facts, at)
        if "shield" not in claims:
            assert applied(policy, claims, at) is policy
            continue
        following, until = applied(policy, claims, at), moments(claims, at)
        for later in (at, at + DAY / 2, at + DAY * 20, *([until - timedelta(microseconds=1)] if until else [])):
            if until is None or later < until:
                wanted = current(policy, later) and holds_by_the_book(facts, at, later)
                assert current(following, later) == wanted
        if until is not None:  # on the day itself, by itself: an end needs nobody to look
            assert not current(following, until) or holds_by_the_book(facts, at, until)


def long_policy() -> Policy:
    """A policy whose claim goes on for long, so that the register alone ends it."""
    from register_policy import FIRST

    source = FIRST.replace(", void: {on: 2020-07-16, why: Struck down.}", "").replace("2020-01-01", "2019-01-01")
    return Policy([parse_version(source.encode(), "v.yaml"), parse_version(FIRST.encode(), "w.yaml")])


def signed(register: ClaimRegister, **changes: object) -> Fact:
    register.add("shield", draft(), by="mary")
    assessed = register.add("shield", Assessed(version="2020-01-01", evidence=MET), by="mary")
    now = register.store.clock()
    values = {"officer": "o", "assessment": assessed.leaf, "begins": now, "ends": now + 100 * DAY, "seal": "s" * 22}
    return register.add("shield", Signed(**{**values, **changes}), by="olga", act="0" * 64)  # type: ignore[arg-type]


def test_what_rests_on_a_claim_goes_with_it(store: Store, policy: Policy, clock: Clock) -> None:
    register = ClaimRegister(store, policy)
    sharing = {"action": "share", "data": "content", "purpose": "service.notice", "recipient": "group"}
    given = frozenset({"contract"})

    def allowed() -> bool:
        following, _ = register.apply()
        return DecisionPoint(following).decide(**sharing, given=given, at=clock()).allowed

    assert allowed()  # nothing was entered yet: the policy's own dates count
    register.add("shield", draft(), by="mary")
    assert not allowed()  # from now on it has to be signed
    signed(register)
    assert allowed()
    register.add("shield", Suspended(on=clock() + 2 * DAY, why="Late fee."), by="mary")
    assert allowed()
    following, until = register.apply()
    assert until == clock() + 2 * DAY
    clock.move(days=2)
    assert not DecisionPoint(following).decide(**sharing, given=given, at=clock()).allowed  # by itself
    assert str(register.apply()[0].versions[0].claims[0].void.why) == "Late fee."  # type: ignore[union-attr]
    register.add("shield", Reinstated(on=clock()), by="mary")
    assert allowed()
    clock.move(days=98)
    assert register.standing()["shield"].state(clock()) == "lapsed"
    assert not allowed()


def test_an_old_version_is_shown_as_it_stood_on_its_first_day(store: Store, clock: Clock) -> None:
    from register_policy import FIRST, SECOND

    endless = [text.replace(", void: {on: 2020-07-16, why: Struck down.}", "") for text in (FIRST, SECOND)]
    policy = Policy([parse_version(text.encode(), f"v{number}.yaml") for number, text in enumerate(endless)])
    register = ClaimRegister(store, policy)
    clock.now = datetime(2021, 3, 1, tzinfo=UTC)

    def told(address: str) -> bool:
        page = find(register.apply()[0], address, clock())
        return page is not None and b"We are in the framework." in page.body

    signed(register)  # for the first time, long after the first version
    assert told("policy")
    assert told("policy/versions/2020-01-01")
    assert told("policy/versions/2021-01-01")
    first, _ = register.apply()
    assert not first.versions[0].claims[0].current(datetime(2020, 1, 1, tzinfo=UTC))  # for decisions, nobody signed
    register.add("shield", Withdrawn(on=clock(), why="We left."), by="olga", act="0" * 64)
    assert [told("policy"), told("policy/versions/2021-01-01")] == [False, False]  # the one in force is shown as of now
    assert told("policy/versions/2020-01-01")
    missed = missing(register.apply()[0], "policy/s/shield", clock())
    assert (missed.status, b"policy/versions/2020-01-01#shield" in missed.body) == (410, True)


def test_staff_are_warned_90_30_and_7_days_ahead(store: Store, policy: Policy, clock: Clock) -> None:
    register = ClaimRegister(store, policy)
    signed(register)
    found = []
    for _ in range(101):
        one = register.standing()["shield"]
        found.append((one.state(clock()), one.warning(clock())))
        clock.move(days=1)
    assert found == [("current", None)] * 10 + [("due", 90)] * 60 + [("due", 30)] * 23 + [("due", 7)] * 7 + [
        ("lapsed", None)
    ]


@pytest.mark.parametrize(
    ("said", "says"),
    [
        (draft(requirements=()), "without requirements"),
        (draft(covers=("shoop",)), "Did you mean 'shop'"),
        (draft(requirements=(*ASKED, ASKED[0])), "'notice' is there 2 times"),
        (Assessed(version="2020-01-01", evidence=MET), "not drafted yet"),
        (Signed(officer="o", assessment=0, begins=START, ends=START + DAY), "troth claim assess"),
        (Suspended(on=START, why="w"), "signed for no time"),
        (Reinstated(on=START), "nothing to reinstate"),
        (Withdrawn(on=START, why="w"), "nothing is taken back"),
    ],
)
def test_what_is_out_of_turn_is_refused(store: Store, policy: Policy, said: Said, says: str) -> None:
    register = ClaimRegister(store, policy)
    with pytest.raises(ClaimError, match=says):
        register.add("shield", said, by="mary")
    with pytest.raises(ClaimError, match="Did you mean 'shield'"):
        register.add("sheild", said, by="mary")
    assert register.facts() == ()


def test_nothing_unmet_is_signed_and_nothing_void(store: Store, policy: Policy, clock: Clock) -> None:
    register = ClaimRegister(store, policy)
    register.add("shield", draft(), by="mary")
    half = register.add("shield", Assessed(version="2020-01-01", evidence=MET[:1]), by="mary")
    wanted = Signed(officer="o", assessment=half.leaf, begins=clock(), ends=clock() + DAY)
    with pytest.raises(ClaimError, match="not met yet: training"):
        register.add("shield", wanted, by="olga")
    whole = register.add("shield", Assessed(version="2020-01-01", evidence=MET), by="mary")
    clock.move(days=367)
    with pytest.raises(ClaimError, match="older than a year"):
        register.add("shield", Signed(officer="o", assessment=whole.leaf, begins=clock(), ends=clock() + DAY), by="o")
    register.add("shield", Voided(on=clock() + DAY, why="Struck down.", source="C-311/18"), by="mary")
    again = register.add("shield", Assessed(version="2020-01-01", evidence=MET), by="mary")
    with pytest.raises(ClaimError, match="is void as of"):
        register.add("shield", Signed(officer="o", assessment=again.leaf, begins=clock(), ends=clock() + DAY), by="o")
    clock.move(days=2)
    assert register.standing()["shield"].state(clock()) == "void"


def test_the_record_holds_the_register_to_account(store: Store, policy: Policy) -> None:
    register = ClaimRegister(store, policy)
    fact = signed(register)
    assert register.contradictions() == []
    assert "seal" not in recorded(fact.said)
    assert read_said(what_of(fact.said), written(fact.said)) == fact.said
    with store._writing.connect() as connection:
        connection.execute(text("UPDATE claim_facts SET act = 'another' WHERE act IS NOT NULL"))
        connection.commit()
    assert len(register.contradictions()) == 1
    with store._writing.connect() as connection:
        connection.execute(text("DELETE FROM claim_facts WHERE what = 'drafted'"))
        connection.commit()
    assert any("its fact is missing" in found for found in register.contradictions())
