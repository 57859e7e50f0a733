"""Who answers for which condition: everything that keeps one, put together for the gates.

`contract` and `notice-given` are answered by the register of recipients, `legal-process` and `emergency` by the legal
requests, `acquisition` by the transfers of the business. What nothing here answers never holds.
"""

from __future__ import annotations

from collections.abc import Mapping

from troth.accountability.legal.conditions import Emergency, LegalProcess
from troth.accountability.legal.requests import LegalRequests
from troth.accountability.terms import Terms
from troth.accountability.transfer.transfers import Acquisition, Transfers
from troth.conditions import Condition, Conditions
from troth.policy.history import Policy
from troth.store import Store


def make_conditions(
    store: Store, policy: Policy, terms: Terms | None = None, others: Mapping[str, Condition] | None = None
) -> Conditions:
    """The conditions of a store by a policy, answered by all that this Troth has; `others` answers for more of them."""
    requests, terms = LegalRequests(store), terms or Terms()
    known: dict[str, Condition] = {
        "legal-process": LegalProcess(requests, policy, terms),
        "emergency": Emergency(requests, policy, terms),
        "acquisition": Acquisition(Transfers(store, policy)),
    }
    return Conditions(store, policy, {**known, **(others or {})})
