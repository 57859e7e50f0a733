"""The questions about what was done that a machine can answer, by the names under which programmes ask them.

A question that nothing here can answer has no answer, which is never taken for a yes.
"""

from __future__ import annotations

from troth.accountability.claims.asking import answers, choices_in_force, record_holds
from troth.accountability.claims.assessing import Answer, Ask
from troth.accountability.complaints.counting import on_time
from troth.accountability.verifying.results import Results
from troth.policy.history import Policy
from troth.policy.values import write_moment
from troth.record.log import Log
from troth.store import Store


def record_questions(log: Log, policy: Policy) -> Ask:
    """What the record of a policy is asked: see `programmes.RECORD_QUESTIONS`."""
    return answers(
        {
            "record-holds": lambda: record_holds(log),
            "choices-in-force": lambda: choices_in_force(log.store),
            "complaints-on-time": lambda: on_time(log.store),
        }
    )


def safeguard_questions(store: Store) -> Ask:
    """What the latest tests are asked, by their names such as `tls`: those that are not too old and could tell."""

    def answer(name: str) -> Answer | None:
        result = Results(store).latest().get(name)
        if result is None or not result.fresh(store.clock()) or result.state == "unknown":
            return None
        return Answer(result.state == "passed", f"{result.sentence} Tested on {write_moment(result.at)}.")

    return answer
