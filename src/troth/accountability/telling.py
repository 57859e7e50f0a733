"""Everybody who is to be told of something now is told: a server does that every second, a command by hand."""

from __future__ import annotations

from troth.accountability.legal.requests import LegalRequests
from troth.accountability.legal.telling import TellingOfRequests
from troth.accountability.letters import Post, Telling
from troth.accountability.terms import Terms
from troth.accountability.transfer.transfers import TellingOfTransfers, Transfers
from troth.decision.point import DecisionPoint
from troth.gates.tally import Tally
from troth.gates.use import Using
from troth.people import ChoiceIndex
from troth.policy.model import Version
from troth.vault import Vault


class Teller:
    """Tells people of legal requests and transfers of the business. `page` is the address at which they see it, too."""

    def __init__(  # noqa: PLR0917
        self,
        vault: Vault,
        point: DecisionPoint,
        index: ChoiceIndex,
        terms: Terms,
        post: Post,
        page: str,
        tally: Tally | None = None,
    ) -> None:
        store, policy = vault.store, point.policy

        def version() -> Version:
            return policy.in_force(store.clock()) or policy.versions[-1]

        telling = Telling(Using(vault, point, index, tally), version, post, page)
        self._requests = TellingOfRequests(LegalRequests(store), policy, terms, telling)
        self._transfers = TellingOfTransfers(Transfers(store, policy), telling)

    def run(self) -> int:
        """Tell whoever is to be told now; how many were. It may be called every second, and again after an error."""
        return self._requests.run() + self._transfers.run()
