"""Everybody who is to be told of something now is told: a server does that every second, a command by hand."""

from __future__ import annotations

from troth.accountability.legal.requests import LegalRequests
from troth.accountability.legal.telling import TellingOfRequests
from troth.accountability.letters import Post, Telling
from troth.accountability.terms import Terms
from troth.decision.point import DecisionPoint
from troth.gates.use import Using
from troth.people import ChoiceIndex
from troth.policy.model import Version
from troth.vault import Vault


def tell_everybody(  # noqa: PLR0917
    vault: Vault, point: DecisionPoint, index: ChoiceIndex, terms: Terms, post: Post, page: str
) -> int:
    """Tell whoever is to be told now of legal requests; how many were. `page` is where people see it, too."""
    store, policy = vault.store, point.policy

    def version() -> Version:
        return policy.in_force(store.clock()) or policy.versions[-1]

    telling = Telling(Using(vault, point, index), version, post, page)
    return TellingOfRequests(LegalRequests(store), policy, terms, telling).run()
