"""What a decision costs: the kernel, the reference and two other engines on the same questions, answers compared.

    python -m bench.decision_speed

CPU time, in one process and in turns. Everything that can be prepared is prepared beforehand for everybody: policies,
entities and rules are parsed, questions are in the form that the engine takes.
"""

from __future__ import annotations

from collections import Counter
from functools import partial

from bench.decision_peers import Cedar, JsonLogic
from bench.decision_problem import AT, QUESTIONS, people, policy_text, questions, read
from bench.machine import cpu, in_turns, machine, middle
from troth.decision import reference
from troth.decision.bits import Choices
from troth.decision.point import DecisionPoint
from troth.decision.question import Decision, Question, State

ROUNDS = 9
# The reference and the peers are slow enough to be measured on fewer questions, in fewer rounds.
SLOW_ROUNDS = 3
FEW = 1_000


def decide(point: DecisionPoint, choices: list[dict[str, State]] | list[Choices]) -> list[Decision]:
    """Ask the kernel, with string arguments."""
    ask = point.decide
    return [
        ask(
            action=question.action,
            data=question.data,
            purpose=question.purpose,
            recipient=question.recipient,
            choices=stated,
            given=question.given,
            at=AT,
        )
        for question, stated in zip(questions(), choices, strict=True)
    ]


def main() -> None:
    """Measure, compare the answers, and print the table in Markdown."""
    policy = read(policy_text())
    version = policy.versions[0]
    point = DecisionPoint(policy)
    plain: list[dict[str, State]] = [people()[question.person] for question in questions()]
    everybody = [point.choices(stated) for stated in people()]
    encoded = [everybody[question.person] for question in questions()]
    fresh = DecisionPoint(policy)
    first_times = cpu(lambda: decide(fresh, encoded))
    asked = [
        Question(
            action=question.action, data=question.data, purpose=question.purpose, recipient=question.recipient,
            choices=stated, given=question.given, at=AT,
        )
        for question, stated in zip(questions(), plain, strict=True)
    ]  # fmt: skip

    cedar, logic = Cedar(version), JsonLogic(version)
    requests = [cedar.request(question) for question in questions()]
    keys = [(question.action, question.data, question.purpose) for question in questions()]
    data = [logic.data(question) for question in questions()]
    handles = [logic.handle(question) for question in questions()]

    answers = decide(point, plain)
    assert answers == decide(point, encoded)
    assert answers[:FEW] == [reference.decide(policy, question) for question in asked[:FEW]]
    compare(answers, cedar, requests)
    assert [answer.allowed for answer in answers] == logic.decide(keys, data) == logic.decide_parsed(keys, handles)

    times = in_turns(
        {
            "kernel, choices encoded before": partial(decide, point, encoded),
            "kernel, choices as a mapping": partial(decide, point, plain),
            "datalogic-py, data parsed before, no reason": partial(logic.decide_parsed, keys, handles),
            "datalogic-py, data as a mapping, no reason": partial(logic.decide, keys, data),
        },
        ROUNDS,
    )
    times |= in_turns(
        {
            "cedarpy, all in one call": partial(cedar.decide_together, requests[:FEW]),
            "cedarpy, one by one": partial(cedar.decide, requests[:FEW]),
            "reference": lambda: [reference.decide(policy, question) for question in asked[:FEW]],
        },
        SLOW_ROUNDS,
    )
    counts = {name: QUESTIONS if len(found) == ROUNDS else FEW for name, found in times.items()}
    each = {name: [1e6 * time / counts[name] for time in found] for name, found in times.items()}
    fastest = middle(each["kernel, choices encoded before"])
    reasons = Counter(answer.reason for answer in answers)
    met = ", ".join(f"{count:,} {reason}" for reason, count in reasons.most_common())
    print("## The decision\n")
    print(
        "One policy of 200 statements, 40 purposes, 60 data terms, 30 recipients; 100,000 people with up to 8 choices;"
    )
    print(f"{QUESTIONS:,} random questions ({met}).")
    print(
        "Microseconds of CPU time per decision: the median of the rounds, the lowest, the highest. All agree on every"
    )
    print(f"question; cedarpy also on the statements that decide, the reference ({FEW:,} questions) on every field.\n")
    print(f"{machine('cedarpy', 'datalogic-py')}\n")
    print("| | µs a decision | from – to | times the kernel's |")
    print("|---|--:|--:|--:|")
    for name, found in each.items():
        ratio = middle(found) / fastest
        print(f"| {name} | {middle(found):,.2f} | {min(found):,.2f} – {max(found):,.2f} | {ratio:,.1f} |")
    each_first = 1e6 * first_times / QUESTIONS
    print(
        f"\nWhen it is asked these questions for the first time, it makes its cells: {each_first:,.2f} µs a decision."
    )


def compare(answers: list[Decision], cedar: Cedar, requests: list[dict[str, object]]) -> None:
    """Refuse to go on if Cedar decides anything otherwise, or by other statements."""
    for answer, result in zip(answers, cedar.decide_together(requests), strict=True):
        assert answer.allowed == result.allowed, (answer, result)
        if answer.reason in ("stated", "never"):
            assert set(answer.statements) == cedar.statements(result), (answer, result)


if __name__ == "__main__":
    main()
