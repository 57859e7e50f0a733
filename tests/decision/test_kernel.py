"""The kernel answers what the reference answers: on random policies, in every field, and in every mistake."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given as hypothesis_given
from hypothesis import settings
from hypothesis import strategies as st
from random_policies import random_policy, random_question

import troth
from troth.decision import bits, cells, facets, point, reference, table
from troth.decision.cells import Pool
from troth.decision.kernel import Kernel
from troth.decision.point import DecisionPoint
from troth.decision.question import REASONS, Decision, Question, QuestionError
from troth.policy.history import Policy

CASES = 100_000
PER_POLICY = 125


def answer_of(decide: Callable[[], Decision]) -> tuple[Any, ...]:
    """Return every field of a decision, or everything that a mistake says."""
    try:
        decision = decide()
    except QuestionError as error:
        return (error.code, error.field, error.message, error.found, error.allowed, error.suggestion)
    return tuple(getattr(decision, field) for field in Decision.__struct_fields__)


def by_reference(policy: Policy, arguments: dict[str, Any]) -> tuple[Any, ...]:
    arguments = arguments | {"given": frozenset(arguments.get("given", ()))}
    return answer_of(lambda: reference.decide(policy, Question(**arguments)))


def by_kernel(decision_point: DecisionPoint, arguments: dict[str, Any], *, encoded: bool) -> tuple[Any, ...]:
    def decide() -> Decision:
        choices = arguments.get("choices")
        if encoded and choices is not None:
            return decision_point.decide(**arguments | {"choices": decision_point.choices(choices)})
        return decision_point.decide(**arguments)

    return answer_of(decide)


def compare(rng: Random, cases: int) -> Counter[str]:
    """Compare on so many questions; return how often each reason and each kind of mistake was met."""
    met: Counter[str] = Counter()
    for _ in range(-(-cases // PER_POLICY)):
        policy = random_policy(rng)
        decision_point = DecisionPoint(policy)
        for _ in range(PER_POLICY):
            arguments = random_question(rng, policy)
            expected = by_reference(policy, arguments)
            # A mistake in the choices is found first where they are encoded, so encode only what is sound otherwise.
            encoded = isinstance(expected[0], bool) and rng.random() < 0.5
            assert by_kernel(decision_point, arguments, encoded=encoded) == expected, arguments
            met[expected[1] if isinstance(expected[0], bool) else expected[0]] += 1
    return met


@pytest.fixture
def no_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The decision point must not ask the reference: its tables have the answer to every sound question."""

    def decide(policy: Policy, question: Question) -> Decision:
        raise AssertionError(f"the tables have no answer to {question}")

    monkeypatch.setattr(point, "reference", type("Reference", (), {"decide": staticmethod(decide)}))


@pytest.mark.parametrize("part", range(4))
def test_on_random_policies(part: int, no_way_out: None) -> None:
    met = compare(Random(f"part {part}"), CASES // 4)
    assert met.total() >= CASES // 4
    # The random questions are worth asking: every reason and nearly every mistake is among the answers.
    assert set(REASONS) <= set(met)
    assert min(met[reason] for reason in REASONS) > 50
    assert {"unknown-data", "unknown-recipient", "missing", "not-taken", "bad-state", "bad-time"} <= set(met)


@hypothesis_given(rng=st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_shrunk_to_the_least_example(rng: Random) -> None:
    policy = random_policy(rng, versions=2, statements=4)
    decision_point = DecisionPoint(policy)
    for _ in range(5):
        arguments = random_question(rng, policy)
        assert by_kernel(decision_point, arguments, encoded=False) == by_reference(policy, arguments), arguments


# Faults that somebody could bring in; the comparison must find each of them.
FAULTS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "a term does not know what it is part of": lambda patch: patch.setattr(
        facets.Facets, "_path", _path_of_itself(facets.Facets._path)
    ),
    "the most specific statement does not come first": lambda patch: patch.setattr(
        table, "_most_specific_first", _sorted_by_file(table._most_specific_first)
    ),
    "a choice does not reach the choices below it": lambda patch: patch.setattr(
        bits.Encoding, "_inherited", lambda self, stated: stated
    ),
    "a claim does not expire": lambda patch: patch.setattr(bits.Encoding, "claims_at", lambda self, at: -1),
    "a statement without products is for none": lambda patch: patch.setattr(
        facets.Facets, "_products", _products_of_none(facets.Facets._products)
    ),
    "a gate is not looked at": lambda patch: patch.setattr(table, "Rule", _rule_without_its_last_gate()),
    "the older version is asked about everything": lambda patch: patch.setattr(
        Kernel, "agreed", lambda self, present, promised: present
    ),
}


def _path_of_itself(path: Any) -> Any:
    return lambda self, kind, term: path(self, kind, term)[-1:]


def _sorted_by_file(ordered: Any) -> Any:
    return lambda dimensions: tuple(sorted(ordered(dimensions)))


def _products_of_none(products: Any) -> Any:
    def faulty(self: Any, asked: Any) -> Any:
        dimension = products(self, asked)
        return dimension._replace(classes=dict.fromkeys(dimension.classes, 0))

    return faulty


def _rule_without_its_last_gate() -> Any:
    class Faulty(cells.Rule):
        __slots__ = ()

        def __init__(self, version: Any, statement: Any, encoding: Any) -> None:
            super().__init__(version, statement, encoding)
            self.look &= ~self.gates[-1][2] if self.gates else -1
            self.must_be &= self.look

    return Faulty


@pytest.mark.parametrize("fault", FAULTS)
def test_the_comparison_finds_a_fault(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    FAULTS[fault](monkeypatch)
    with pytest.raises(AssertionError):
        compare(Random(fault), 10_000)


def test_forgetting_changes_no_answer(monkeypatch: pytest.MonkeyPatch, no_way_out: None) -> None:
    """With next to no memory everything is forgotten again and again, large tables and wide cells included."""
    monkeypatch.setattr(cells, "OUTCOMES", 2)
    monkeypatch.setattr(cells, "NARROW", 3)
    rng = Random("forgetful")
    for _ in range(40):
        policy = random_policy(rng)
        pool = Pool(limit=5_000, dense=rng.choice((0, 200)))
        decision_point = DecisionPoint(policy, kernel=Kernel(policy, pool))
        for _ in range(100):
            arguments = random_question(rng, policy)
            assert by_kernel(decision_point, arguments, encoded=False) == by_reference(policy, arguments)


def test_a_full_pool_forgets() -> None:
    rng = Random("full")
    policy = random_policy(rng, versions=1, statements=40)
    pool = Pool(limit=20_000, dense=0)
    decision_point = DecisionPoint(policy, kernel=Kernel(policy, pool))
    most = 0
    for _ in range(3_000):
        arguments = random_question(rng, policy, mistaken=0)
        answer_of(lambda arguments=arguments: decision_point.decide(**arguments))
        tables = decision_point._kernel.books[policy.versions[0].id].tables.values()
        most = max(most, sum(len(table.cells) for table in tables))
    assert 10 < most <= 20_000 // 120


def test_threads_share_a_point() -> None:
    """Eight threads ask one point with next to no memory, in different eras; each gets the reference's answers."""
    rng = Random("threads")
    policy = random_policy(rng, versions=3, statements=40)
    questions = [random_question(rng, policy, mistaken=0) for _ in range(1_500)]
    expected = [by_reference(policy, arguments) for arguments in questions]
    decision_point = DecisionPoint(policy, kernel=Kernel(policy, Pool(limit=50_000, dense=0)))

    def ask(seed: int) -> list[int]:
        order = list(range(len(questions)))
        Random(seed).shuffle(order)
        return [i for i in order if by_kernel(decision_point, questions[i], encoded=False) != expected[i]]

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as threads:
            assert list(threads.map(ask, range(8))) == [[]] * 8
    finally:
        sys.setswitchinterval(before)


# --- the point itself -------------------------------------------------------------------------------------------------

FLAGSHIP = troth.Policy.read(Path(__file__).parents[2] / "examples" / "citrix-online")


def test_equal_questions_get_the_same_object() -> None:
    decision_point = DecisionPoint(FLAGSHIP)
    question = {"action": "use", "data": "contact.email", "purpose": "marketing.own"}
    for choices in ({}, {"marketing": "out"}, decision_point.choices({"marketing": "out"})):
        assert decision_point.decide(**question, choices=choices) is decision_point.decide(**question, choices=choices)
    first = {"at": datetime(2016, 1, 1, tzinfo=UTC), "collected_under": "2010-04-26"}
    assert decision_point.decide(**question, **first) is decision_point.decide(**question, **first)


def test_without_a_time_it_is_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock passes from one era to the next, and back."""
    decision_point = DecisionPoint(FLAGSHIP)
    question = {"action": "use", "data": "contact.email", "purpose": "service.register"}
    for date, version in (("2012-01-01", "2010-04-26"), ("2018-01-01", "2017-02-01"), ("2016-01-01", "2015-12-31")):
        now = datetime.fromisoformat(date).replace(tzinfo=UTC)
        clock = type("Clock", (), {"now": staticmethod(lambda zone, now=now: now)})
        monkeypatch.setattr(point, "time", now.timestamp)
        monkeypatch.setattr(point, "datetime", clock)
        assert decision_point.decide(**question).version == version
        assert decision_point.decide(**question, expires=now).reason == "expired"
        assert decision_point.decide(**question, expires=now + timedelta(seconds=1)).reason != "expired"


def test_another_zone_is_another_way_of_writing_the_same_time() -> None:
    decision_point = DecisionPoint(FLAGSHIP)
    question = {"action": "use", "data": "contact.email", "purpose": "service.register"}
    east = timezone(timedelta(hours=5))
    assert decision_point.decide(**question, at=datetime(2017, 2, 1, 5, tzinfo=east)).version == "2017-02-01"
    assert decision_point.decide(**question, at=datetime(2017, 2, 1, 4, 59, tzinfo=east)).version == "2015-12-31"


def test_the_ends_of_time() -> None:
    decision_point = DecisionPoint(FLAGSHIP)
    question = {"action": "use", "data": "contact.email", "purpose": "service.register"}
    assert decision_point.decide(**question, at=datetime.min.replace(tzinfo=UTC)).reason == "no-policy-in-force"
    assert decision_point.decide(**question, at=datetime.max.replace(tzinfo=UTC)).version == "2017-02-01"


def test_before_the_first_version_a_mistake_is_still_a_mistake() -> None:
    decision_point = DecisionPoint(FLAGSHIP)
    with pytest.raises(QuestionError, match="e-mail"):
        decision_point.decide(action="use", data="e-mail", purpose="x", at=datetime(1999, 1, 1, tzinfo=UTC))


def test_conditions_may_come_from_anything_that_can_be_read_once() -> None:
    decision_point = DecisionPoint(FLAGSHIP)
    question = {"action": "share", "data": "contact.email", "purpose": "legal.comply", "recipient": "authority"}
    decision = decision_point.decide(**question, given=["legal-process"])
    assert decision_point.decide(**question, given=iter(["legal-process"])) is decision
    with pytest.raises(QuestionError, match="legal-proces'"):
        decision_point.decide(**question, given=iter(["legal-process", "legal-proces"]))


def test_choices_are_checked_once_and_cannot_change() -> None:
    decision_point = DecisionPoint(FLAGSHIP)
    choices = decision_point.choices({"marketing": "out"})
    with pytest.raises(AttributeError):
        choices.bits = 0  # type: ignore[misc]
    for stated, code in (({"marketting": "out"}, "unknown-choice"), ({"marketing": "off"}, "bad-state")):
        with pytest.raises(QuestionError) as caught:
            decision_point.choices(stated)  # type: ignore[arg-type]
        assert (caught.value.code, caught.value.field) == (code, "choices")


def test_choices_serve_every_point_that_knows_them() -> None:
    """Another point of the same policy reads the bits; one that numbers the choices otherwise reads the words."""
    rng = Random("two points")
    one, other = DecisionPoint(FLAGSHIP), DecisionPoint(troth.Policy(FLAGSHIP.versions[-1:]))
    again = DecisionPoint(FLAGSHIP)
    question = {"action": "use", "data": "contact.email", "purpose": "marketing.own"}
    choices = one.choices({"marketing": "out"})
    assert {p.decide(**question, choices=choices).reason for p in (one, other, again)} == {"opted-out"}
    for _ in range(50):
        policies = random_policy(rng), random_policy(rng)
        points = [DecisionPoint(policy) for policy in policies]
        arguments = random_question(rng, policies[1], mistaken=0)
        try:
            encoded = points[0].choices(arguments.get("choices", {}))
        except QuestionError:
            continue
        expected = by_reference(policies[1], arguments)
        assert answer_of(lambda p=points[1], a=arguments, c=encoded: p.decide(**a | {"choices": c})) == expected
