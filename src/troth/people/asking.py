"""Whether a person must be asked again: only when the policy changed in a way that the choice was not about.

The difference of the version that the person chose under and the one in force says which choices its changes ask
about again (`troth.policy.diff`, by GDPR articles 6(4), 7 and 13(3)). Nobody is asked for any other reason: whoever
asks until the answer suits has not asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from troth.people.changes import Current
from troth.policy.diff import Audience, diff
from troth.policy.history import Policy
from troth.policy.model import Version
from troth.policy.vocabulary import dotted_path


def why_ask(policy: Policy, current: Mapping[str, Current], choice: str, version: Version) -> tuple[str, ...]:
    """The statements of `version` because of which a person with these choices must be asked again about `choice`.

    Empty for most people at most times. Somebody who never chose, or took the choice back, is not asked *again*, and
    somebody who is out is not asked: what needs the choice does not happen to them, so nothing changed for them. A
    change that no choice decides about is no reason either. People hear of it, but no answer to a choice would stop it.
    """
    row = _deciding(current, choice)
    return () if row is None or row.state != "in" else changed_since(policy, row.version, choice, version)


def changed_since(policy: Policy, made_under: str, choice: str, version: Version) -> tuple[str, ...]:
    """The statements of `version` for which an agreement by `choice`, given under an older version, does not do."""
    old = policy.version(made_under)
    if old.effective >= version.effective:
        return ()
    audiences = (audience for audience in _asked(old, version) if audience.choice == choice)
    return tuple(dict.fromkeys(id for audience in audiences for id in audience.because))


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
