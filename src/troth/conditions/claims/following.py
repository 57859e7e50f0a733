"""The published policy with its claims as they stand, for whoever decides by it for longer than a moment.

A command asks once, by `as_claims_stand`. What runs on looks every second: a new version, a fact about a claim, or a
moment at which a claim turns, means another policy.
"""

from __future__ import annotations

from datetime import datetime

from troth.conditions.claims.register import ClaimRegister
from troth.policy.history import Policy
from troth.record.published import published_policy
from troth.store import Store


def as_claims_stand(store: Store, policy: Policy, at: datetime | None = None) -> Policy:
    """A policy with its claims as the register in `store` has them at a moment, or now. StoreUnavailableError."""
    return ClaimRegister(store, policy).apply(at)[0]


class FollowedPolicy:
    """A policy that follows what is published and what is entered about its claims. For one thread at a time.

    `published` is as it was published, `applied` with its claims as they stood at the last look. Everything raises
    StoreUnavailableError, and nothing is changed then.
    """

    def __init__(self, store: Store, policy: Policy) -> None:
        self._store = store
        self.published = policy
        self._claims = ClaimRegister(store, policy)
        self._apply()

    def look(self) -> bool:
        """Follow what is so now; whether `applied` is another. Raises what `published_policy` raises, too."""
        policy = published_policy(self._store, self.published.id, known=self.published)
        if policy is not None and policy is not self.published:
            claims = ClaimRegister(self._store, policy)
            self.published, self._claims = policy, claims
        elif not self._turned():
            return False
        self._apply()
        return True

    def _turned(self) -> bool:
        over = self._until is not None and self._store.clock() >= self._until
        return over or len(self._claims.facts()) != self._facts

    def _apply(self) -> None:
        facts = len(self._claims.facts())
        self.applied, self._until = self._claims.apply()
        self._facts = facts
