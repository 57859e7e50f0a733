"""When a notice changes by itself: a version comes into force, a claim begins or ends.

Between two such moments every page is the same, byte for byte. So pages are made for the moment of the last change, not
for the time of the request, and can be kept until the next one.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import datetime

from troth.policy.history import Policy
from troth.policy.model import Version


def changes(policy: Policy) -> list[datetime]:
    """Every moment at which some page can change, earliest first."""
    moments: set[datetime] = set()
    for version in policy.versions:
        moments.add(version.effective)
        for claim in version.claims:
            moments.add(claim.since)
            if claim.end is not None:
                moments.add(claim.end)
    return sorted(moments)


def last_change(policy: Policy, at: datetime) -> datetime:
    """The last moment of change that has come; `at` itself before the first."""
    moments = changes(policy)
    index = bisect_right(moments, at)
    return moments[index - 1] if index else at


def next_change(policy: Policy, at: datetime) -> datetime | None:
    """The next moment of change, or None."""
    moments = changes(policy)
    index = bisect_right(moments, at)
    return moments[index] if index < len(moments) else None


def end_of(policy: Policy, version: Version) -> datetime | None:
    """When a version stops being the one in force: the `effective` of its successor, or None."""
    index = policy.versions.index(version) + 1
    return policy.versions[index].effective if index < len(policy.versions) else None


def shown_at(policy: Policy, version: Version, at: datetime) -> datetime:
    """The moment for which a version is shown: now for the one in force, its first day for any other."""
    return at if policy.in_force(at) is version else version.effective
