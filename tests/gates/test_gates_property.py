"""Nothing that the policy does not state is ever stored or released: random policies, submissions and questions.

The reference evaluator says what may be; the gates are only watched through what they did.
"""

import sys
import tempfile
from collections import Counter
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parents[1] / "decision"))

from gate_oracle import Clock, gated
from random_policies import DATA, MOMENTS, PRODUCTS, random_policy

from troth.decision import reference
from troth.decision.question import Known, Question
from troth.gates.collect import Submission
from troth.gates.errors import GateError
from troth.gates.use import Purpose
from troth.people import Identifier

WHOS = [Identifier("account", str(n)) for n in range(4)]


def maybe(rng: Random, words, often: float = 0.6):
    return rng.choice(tuple(words)) if words and rng.random() < often else None


def one_policy(rng: Random, met: Counter) -> None:
    policy = random_policy(rng, statements=25)
    known = Known(policy)
    clock = Clock(policy.versions[0].effective)
    with tempfile.TemporaryDirectory() as folder, gated(Path(folder), policy, clock) as at:
        kept: dict[Identifier, list[tuple[str, object, str]]] = {who: [] for who in WHOS}
        states: dict[Identifier, dict[str, str]] = {who: {} for who in WHOS}
        agreed: dict[Identifier, str | None] = dict.fromkeys(WHOS)
        for number in range(70):
            if rng.random() < 0.15:
                clock.move(hours=rng.choice([1, 30, 60]))
            version = policy.in_force(clock.now)
            assert version is not None
            who = rng.choice(WHOS)
            kind = rng.random()
            declared = [choice.id for choice in version.choices]
            if kind < 0.15 and declared:
                choice, state = rng.choice(declared), rng.choice(["in", "out", "unset"])
                at.people.choose(who, {choice: state}, how="page")
                states[who].pop(choice, None)
                if state != "unset":
                    states[who][choice] = state
            elif kind < 0.2:
                at.people.accept(who, how="page")
                agreed[who] = version.id
            elif kind < 0.7 and version.collects:
                statement = rng.choice(version.collects)
                fields = {
                    data: f"{number} {data}"
                    for data in rng.sample(DATA, rng.randint(1, 3))
                    if version.vocabulary.knows("data", data)
                }
                submission = Submission(
                    statement=statement.id, fields=fields, who=who, product=maybe(rng, [c.id for c in version.covers]),
                    moment=maybe(rng, [m for m in MOMENTS if version.vocabulary.knows("moment", m)], 0.3),
                )  # fmt: skip
                before = stored(at)
                try:
                    done = at.collecting.collect(submission)
                except GateError as problem:
                    assert stored(at) == before
                    met[problem.code] += 1
                    continue
                for data in done.stored:
                    decision = reference.decide(
                        policy,
                        Question(
                            action="collect", data=data, product=submission.product, moment=submission.moment,
                            choices=states[who], at=clock.now,
                        ),
                    )  # fmt: skip
                    assert decision.allowed, (data, decision)
                    assert statement.id in decision.statements
                    kept[who].append((data, fields[data], version.id))
                    met["stored"] += 1
                assert sorted(stored(at)) == sorted([*before, *(fields[data] for data in done.stored)])
            else:
                purpose, product = (
                    rng.choice(tuple(known.purpose)),
                    maybe(rng, [p for p in PRODUCTS if p in known.product]),
                )
                (one,) = at.using.use(Purpose(purpose=purpose, data=tuple(known.data), product=product), [who]).persons
                expected: dict[str, object] = {}
                for data, value, under in kept[who]:
                    decision = reference.decide(
                        policy,
                        Question(
                            action="use", data=data, purpose=purpose, product=product, choices=states[who],
                            at=clock.now, collected_under=under, accepted=agreed[who],
                        ),
                    )  # fmt: skip
                    met[f"use {decision.reason}"] += 1
                    if decision.allowed:
                        expected[data] = value
                assert one.values == expected


def stored(at) -> list[object]:
    opener = at.vault.opener()
    return [opener.open(item) for item in at.vault.read(None, DATA)]


def test_nothing_unstated_is_stored_or_released() -> None:
    rng, met = Random(11), Counter()
    for _ in range(50):
        one_policy(rng, met)
    assert met["stored"] > 150, met
    assert met["use stated"] > 30, met
    assert met["use collected-under"] > 3, met
    for code in ("not-stated", "undeclared", "opted-out", "not-opted-in", "condition-not-met"):
        assert met[code] > 0, (code, met)
