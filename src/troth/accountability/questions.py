"""The questions about what was done that a machine can answer, by the names under which programmes ask them.

A question that nothing here can answer has no answer, which is never taken for a yes.
"""

from __future__ import annotations

from troth.accountability.claims.asking import answers, record_holds
from troth.accountability.claims.assessing import Ask
from troth.policy.history import Policy
from troth.record.log import Log
from troth.store import Store


def record_questions(log: Log, policy: Policy) -> Ask:
    """What the record of a policy is asked: see `programmes.RECORD_QUESTIONS`."""
    return answers({"record-holds": lambda: record_holds(log)})


def safeguard_questions(store: Store) -> Ask:
    """What the latest tests of safeguards are asked, by the terms of the vocabulary such as `tls`."""
    return answers({})
