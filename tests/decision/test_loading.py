"""What may load in a browser is what the reference allows there, less what nobody has agreed to yet."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest
from random_policies import CHOICES, random_moment, random_policy

import troth
from troth.decision import reference
from troth.decision.loading import MOMENT, loading
from troth.decision.point import DecisionPoint
from troth.decision.question import Question
from troth.people.strictness import effective
from troth.policy.reading import parse_version

EXAMPLE = Path(__file__).parents[2] / "examples" / "citrix-online"
FLAGSHIP = troth.Policy.read(EXAMPLE)


def may_load(policy, version, product, purpose, states, at) -> bool:
    """The meaning, word by word: some statement has all its data allowed, and something of it was agreed to."""
    path = version.vocabulary.path("purpose", purpose)
    for statement in version.collects:
        gates = (*statement.unless, *statement.only_if)
        if statement.when and MOMENT not in statement.when:
            continue
        if not set(path) & set(statement.purposes):
            continue
        if gates and not any(effective(states, gate) == "in" for gate in gates):
            continue
        if not gates and not all(tracker.necessary for tracker in statement.trackers):
            continue
        decisions = [
            reference.decide(
                policy,
                Question(
                    action="collect", data=data, purpose=purpose, product=product, moment=MOMENT, choices=states, at=at
                ),
            )
            for data in statement.data
        ]
        if all(decision.allowed and statement.id in decision.statements for decision in decisions):
            return True
    return False


def test_it_is_what_the_reference_says():
    rng, met = Random(7), Counter()
    while sum(met.values()) < 20_000:
        policy = random_policy(rng, statements=30)
        at = random_moment(rng)
        version = policy.in_force(at)
        if version is None or not any(one.vocabulary.knows("moment", MOMENT) for one in policy.versions):
            continue
        point = DecisionPoint(policy)
        declared = [choice for choice in CHOICES if any(choice == one.id for v in policy.versions for one in v.choices)]
        for covered in version.covers:
            table = loading(point, version, covered.id, at)
            for _ in range(4):
                states = {choice: rng.choice(["in", "out"]) for choice in declared if rng.random() < 0.7}
                counts = {choice: effective(states, choice) for choice in declared}
                for purpose in version.vocabulary.slugs("purpose"):
                    expected = may_load(policy, version, covered.id, purpose, states, at)
                    assert table.loads(purpose, counts) == expected, (purpose, states)
                    met[expected] += 1
    assert min(met.values()) > 1500, met


def test_the_flagship_asks_for_what_waits_and_for_nothing_else():
    point = DecisionPoint(FLAGSHIP)
    version = FLAGSHIP.versions[-1]
    table = loading(point, version, "gotomeeting", datetime(2026, 1, 1, tzinfo=UTC))
    assert set(table.asked) == {"settings", "analytics", "advertising"}
    assert not table.loads("improve.analytics", {})
    assert table.loads("service.sign_in", {})
    assert table.loads("improve.analytics", {"analytics": "in"})
    assert not table.loads("improve.analytics", {"analytics": "in", "optional-data": "out"})
    assert not table.loads("advertising.targeted", {"analytics": "in"})
    assert not table.loads("no.such.purpose", {"analytics": "in"})
    assert set(table.undecided({"analytics": "in"})) == {"settings", "advertising"}
    assert table.undecided({"optional-data": "out"}) == ()


@pytest.mark.parametrize(
    ("statement", "loads"),
    [
        ("for: improve.analytics", True),
        ("for: improve.analytics, trackers: {t: {party: first, lifetime: session, necessary: true}}", True),
        # Whatever the legal basis is: a tracker that is not strictly necessary waits for a choice, and there is none.
        ("for: improve.analytics, basis: contract, trackers: {t: {party: first, lifetime: session}}", False),
        ("for: improve.analytics, when: purchase", False),
        ("for: improve.analytics, from: third_party", False),
        ("for: improve.analytics, given: contract", False),
        ("for: improve.analytics, where: shop", True),
        ("for: improve.analytics, where: blog", False),
        ("for: improve", True),
    ],
)
def test_without_a_choice(statement: str, loads: bool):
    text = f"""
policy: p
title: P
effective: 2020-01-01
publisher: {{name: P, address: A}}
covers: {{shop: {{name: Shop}}, blog: {{name: Blog}}}}
collects:
  it: {{says: We look., data: [device.cookie, usage.clickstream], {statement}}}
"""
    policy = troth.Policy([parse_version(text.encode(), "p.yaml")])
    version = policy.versions[0]
    table = loading(DecisionPoint(policy), version, "shop", datetime(2021, 1, 1, tzinfo=UTC))
    assert table.loads("improve.analytics", {}) == loads
    assert table.asked == ()
