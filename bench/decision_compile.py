"""What it takes to have a decision point: reading the policy file, compiling it, and the memory it holds.

    python -m bench.decision_compile

CPU time for 200 and for 10,000 statements. Memory is what Python has allocated since the policy was read (tracemalloc,
in a run of its own): after compiling, and after the 10,000 questions of `decision_problem.py`.
"""

from __future__ import annotations

import tracemalloc
from functools import partial

from bench.decision_problem import AT, Question, people, policy_text, questions, read
from bench.machine import cpu, in_turns, machine, middle
from troth.decision.point import DecisionPoint
from troth.policy.history import Policy

ROUNDS = 5
SIZES = (200, 10_000)


def ask_all(point: DecisionPoint, asked: list[Question]) -> None:
    """Ask everything once."""
    for question in asked:
        point.decide(
            action=question.action,
            data=question.data,
            purpose=question.purpose,
            recipient=question.recipient,
            choices=people()[question.person],
            given=question.given,
            at=AT,
        )


def memory(policy: Policy) -> tuple[float, float]:
    """Return the MiB that a decision point holds when it is made, and after the questions."""
    asked = questions()
    people()
    tracemalloc.start()
    point = DecisionPoint(policy)
    made = tracemalloc.get_traced_memory()[0]
    ask_all(point, asked)
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return made / 2**20, after / 2**20


def main() -> None:
    """Measure and print the table in Markdown."""
    assert len(people()) * len(questions())  # made now, to be no part of what is measured
    print("### Reading and compiling\n")
    print("Seconds of CPU time, the median of the rounds; memory of the decision point in MiB.\n")
    print(f"{machine()}\n")
    print(
        "| statements | read the file | compile | first time of 10,000 questions | again | MiB compiled | MiB after |"
    )
    print("|--:|--:|--:|--:|--:|--:|--:|")
    for size in SIZES:
        text = policy_text(size)
        policy = read(text)
        times = in_turns({"read": partial(read, text), "compile": partial(DecisionPoint, policy)}, ROUNDS)
        point = DecisionPoint(policy)
        first, again = (cpu(lambda point=point: ask_all(point, questions())) for _ in range(2))
        made, after = memory(policy)
        print(
            f"| {size:,} | {middle(times['read']):.3f} | {middle(times['compile']):.3f} | {first:.3f} | {again:.3f} "
            f"| {made:.1f} | {after:.1f} |"
        )


if __name__ == "__main__":
    main()
