"""Whether a person must be asked again: only when the policy changed in a way that the choice was not about.

The difference of the version that the person chose under and the one in force says whom its changes ask again
(`troth.policy.diff`, by GDPR articles 6(4), 7 and 13(3)). Nobody is asked for any other reason: whoever asks until the
answer suits has not asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from troth.people.changes import Current
from troth.policy.diff import Audience, diff
from troth.policy.history import Policy
from troth.policy.model import Version
from troth.policy.vocabulary import dotted_path


def must_ask(policy: Policy, current: Mapping[str, Current], choice: str, version: Version) -> bool:
    """Whether a person with these choices must be asked again about `choice` under `version`.

    Somebody who never chose, or took the choice back, is not asked *again*. Somebody who is out is asked only when a
    change asks everybody: what needs the choice does not happen to them, so nothing changed for them.
    """
    row = _deciding(current, choice)
    if row is None:
        return False
    made_under = policy.version(row.version)
    if made_under.effective >= version.effective:
        return False
    for audience in _asked(made_under, version):
        if audience.everybody or (audience.choice == choice and row.state == "in"):
            return True
    return False


def _deciding(current: Mapping[str, Current], choice: str) -> Current | None:
    """The row from which the choice takes its state: its own, else that of the nearest ancestor that has one."""
    for name in reversed(dotted_path(choice)):
        row = current.get(name)
        if row is not None and row.state != "unset":
            return row
    return None


class _Pair:
    """Two versions as the key of what is remembered: versions are compared by which they are, not field by field."""

    __slots__ = ("new", "old")

    def __init__(self, old: Version, new: Version) -> None:
        self.old, self.new = old, new

    def __hash__(self) -> int:
        return hash((self.old.sha256, self.new.sha256))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Pair) and self.old is other.old and self.new is other.new


def _asked(old: Version, new: Version) -> tuple[Audience, ...]:
    return _difference(_Pair(old, new))


@lru_cache(maxsize=64)
def _difference(pair: _Pair) -> tuple[Audience, ...]:
    return diff(pair.old, pair.new).asked
