"""Requests by which people use a right: how many there were, and whether each was answered in the promised days. Pure.

A request comes in as complaints do, and has their steps and deadlines. Where the policy states no days, an answer is
due within a month (GDPR, article 12(3)).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from troth.accountability.complaints.deadlines import YEAR, Deadline, deadlines
from troth.accountability.complaints.facts import Answered, Settled
from troth.accountability.complaints.standing import ComplaintStanding
from troth.accountability.promises.status import Requested


def requested(known: Iterable[ComplaintStanding], at: datetime) -> dict[str, Requested]:
    """What became of the requests of each right in the last twelve months, by its id; a right without one is not there.

    A request counts by its deadline: one that was late is told of until twelve months after it should have been
    answered. One that was taken back in time does not count.
    """
    found: dict[str, list[Deadline]] = {}
    for one in known:
        right = one.received.statement
        if one.kind == "request" and right is not None and one.at <= at:
            taken_back = not one.facts_of(Answered, Settled)
            found.setdefault(right, []).extend(
                due
                for due in deadlines(one)
                if due.what == "answer" and not (taken_back and due.met is not None and not due.late(at))
            )
    return {right: _counted(some, at) for right, some in found.items()}


def _counted(some: list[Deadline], at: datetime) -> Requested:
    recent = [due for due in some if at < due.until + YEAR]
    late = sorted((due for due in recent if due.late(at)), key=lambda due: due.until)
    return Requested(
        ever=len(some),
        in_time=sum(due.met is not None and not due.late(at) for due in recent),
        waiting=sum(due.met is None and not due.late(at) for due in recent),
        overdue=sum(due.met is None for due in late),
        answered_late=sum(due.met is not None for due in late),
        since=late[0].until if late else None,
        mended=max((due.met for due in late if due.met is not None), default=None),
    )
