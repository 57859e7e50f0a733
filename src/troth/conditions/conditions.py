"""The answers: which conditions hold for a sharing now. A caller's word for it is never taken.

`contract` and `notice-given` are answered from the register. Claims are the decision point's own. The other conditions
(`legal-process`, `emergency`, `acquisition`, `request`, and those that a policy adds) are answered by whatever keeps
them, which is handed in; until there is something, they never hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol, runtime_checkable

from troth.conditions.entering import NOTICE
from troth.conditions.facts import RecipientError
from troth.conditions.lacks import CONTRACT, Lack, Sharing, contract_lack, transfer_lacks
from troth.conditions.notice import NoticeGiven
from troth.conditions.register import Register
from troth.conditions.stated import statements_for
from troth.policy.history import Policy
from troth.policy.model import Version
from troth.policy.problems import nearest
from troth.store import Store


class Condition(Protocol):
    """What answers for one condition: a room that keeps what it depends on."""

    def holds(self, sharing: Sharing) -> bool:
        """Whether the condition holds for a sharing. What cannot be known now raises, and is no yes.

        One that holds for certain persons only has a method `persons`, too: see `Limited`.
        """
        ...


@runtime_checkable
class Limited(Protocol):
    """A condition that may hold for certain persons only, such as those that a court names."""

    def persons(self, sharing: Sharing) -> frozenset[str] | None:
        """The ids of the persons for whom the condition holds, if it does; None: for everybody."""
        ...


class Conditions:
    """What holds for sharing with the recipients in `store`, by `policy`. Safe to share between threads.

    `others` answers for further conditions, by name. ValueError: one of them is the register's own. Every answer reads
    what was registered since the last one, so that an end counts at once in every process; StoreUnavailableError: it
    cannot be read, and nothing is given.
    """

    def __init__(self, store: Store, policy: Policy, others: Mapping[str, Condition] | None = None) -> None:
        self.register = Register(store, policy)
        self.policy = policy
        self._others: dict[str, Condition] = {NOTICE: NoticeGiven(self.register), **(others or {})}
        if CONTRACT in self._others:
            raise ValueError("The register answers for `contract`, and nothing else does.")

    def given(
        self, *, recipient: str, data: str, purpose: str, version: str, at: datetime, under: str | None = None
    ) -> frozenset[str]:
        """The conditions that hold for a sharing at a moment, as a question of the decision point takes them.

        Where statements about it speak of a transfer to a country of the recipient and the basis does not stand, none
        do: what may not go there (GDPR article 44) is not made lawful by a contract. Some may hold for certain persons
        only: see `limits`. RecipientError: no such version.
        """
        sharing = self._sharing(recipient, data, purpose, version, at, under)
        known = self.register.standing(at)
        if transfer_lacks(known, sharing):
            return frozenset()
        found = {name for name, other in self._others.items() if other.holds(sharing)}
        if contract_lack(self.policy, known, sharing) is None:
            found.add(CONTRACT)
        return frozenset(found)

    def limits(
        self, *, recipient: str, data: str, purpose: str, version: str, at: datetime, under: str | None = None
    ) -> dict[str, frozenset[str]]:
        """The conditions that hold for certain persons only, with the ids of these; for anybody else they do not hold.

        RecipientError: no such version.
        """
        sharing = self._sharing(recipient, data, purpose, version, at, under)
        found = {}
        for name, other in self._others.items():
            persons = other.persons(sharing) if isinstance(other, Limited) else None
            if persons is not None:
                found[name] = persons
        return found

    def explain(
        self, *, recipient: str, data: str, purpose: str, version: str, at: datetime, under: str | None = None
    ) -> tuple[Lack, ...]:
        """What a sharing lacks by the statements that speak of it, and when that ended; empty if it lacks nothing.

        A gate that shares refuses what lacks the basis of a transfer (`condition` is then `transfer`), also where the
        statement is not given under any condition. Claims are left to the decision. RecipientError: no such version.
        """
        sharing = self._sharing(recipient, data, purpose, version, at, under)
        known = self.register.standing(at)
        one = known.get(recipient)
        kind = one.profile.kind if one is not None else None
        statements = statements_for(sharing.version, recipient, kind, data, purpose)
        if not statements:
            message = f"No statement of version {version} shares '{data}' with '{recipient}' for '{purpose}'."
            return (Lack("", "not-stated", message),)
        found = list(transfer_lacks(known, sharing))
        claims = {claim.id for claim in sharing.version.claims}
        for name in dict.fromkeys(name for statement in statements for name in statement.given):
            if name == CONTRACT:
                lack = contract_lack(self.policy, known, sharing)
            elif name in claims:
                lack = None
            elif name not in self._others:
                lack = Lack(name, "unanswered", f"Nothing here answers for '{name}' yet, so it never holds.")
            elif not self._others[name].holds(sharing):
                lack = Lack(name, "not-held", f"'{name}' does not hold for this sharing.")
            else:
                lack = None
            if lack is not None:
                found.append(lack)
        return tuple(found)

    def asked_as(self, recipient: str, version: str) -> str:
        """The word by which the decision point is asked about a recipient: its id where the version declares it.

        Else the kind it is registered as, since a decision knows declared recipients and kinds; the id of one that is
        not registered either, which the decision point refuses. RecipientError: no such version.
        """
        if self._version(version).recipient(recipient) is not None:
            return recipient
        one = self.register.standing().get(recipient)
        return recipient if one is None else one.profile.kind

    def _sharing(  # noqa: PLR0917
        self, recipient: str, data: str, purpose: str, version: str, at: datetime, under: str | None
    ) -> Sharing:
        found = self._version(version)
        return Sharing(recipient=recipient, data=data, purpose=purpose, version=found, at=at, under=under)

    def _version(self, id: str) -> Version:
        versions = {version.id: version for version in self.policy.versions}
        if id not in versions:
            near = nearest(id, list(versions))
            raise RecipientError(f"The policy has no version '{id}'.{f' Did you mean {near}?' if near else ''}")
        return versions[id]
