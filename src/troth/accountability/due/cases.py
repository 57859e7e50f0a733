"""What is due of legal requests and of transfers of the business. Pure: the cases, the terms and the moment say it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from troth.accountability.due.due import Due, Level, level_of, many
from troth.accountability.legal.standing import APPROVERS, RequestStanding
from troth.accountability.terms import Terms
from troth.accountability.transfer.facts import TransferStanding

GAG_AHEAD = timedelta(days=30)  # how long before its end a gag is told of
AS = "--as NAME"


def due_of_legal(
    requests: Iterable[RequestStanding],
    terms: Terms,
    at: datetime,
    *,
    ready: Mapping[str, int] | None = None,
    waiting: Mapping[str, int] | None = None,
    fetching: Collection[str] = (),
) -> Iterator[Due]:
    """What is due of legal requests: the next step of each, gags that end, and persons to be told.

    `ready` is of how many persons each allows a release now, `waiting` how many of each are to be told now, `fetching`
    of which a file was released that its authority may still fetch.
    """
    for one in requests:
        step = next_step(one, terms, at, None if ready is None else ready.get(one.id, 0), one.id in fetching)
        if step is not None:
            what, command = step
            when = due_by(one, terms)
            yield Due(room="legal", level=level_of(when, at), what=what, about=one.id, when=when, command=command)
        gag = one.gag
        if gag is not None and gag.until is not None and at < gag.until <= at + GAG_AHEAD:
            command = f"troth legal gag {one.id} --until DATE --basis LAW {AS}"
            what = "A gag ends, and people are told from then on. If the law forbids it for longer, say so before."
            level = level_of(gag.until, at)
            yield Due(room="legal", level=level, what=what, about=one.id, when=gag.until, command=command)
        untold = (waiting or {}).get(one.id, 0)
        if untold:
            what = f"{many(untold, 'person is', 'persons are')} to be told now. A running server does it by itself."
            yield Due(room="legal", level="soon", what=what, about=one.id, when=None, command="troth legal tell")


def due_by(one: RequestStanding, terms: Terms) -> datetime | None:
    """By when something has to be done about a request: its deadline while it is not answered, or its review."""
    answered = one.released or one.refused is not None or one.closed
    days = [None if answered else one.received.deadline, one.review_due(terms)]
    return min((day for day in days if day is not None), default=None)


def next_step(
    one: RequestStanding, terms: Terms, at: datetime, ready: int | None = None, fetching: bool = False
) -> tuple[str, str] | None:
    """What staff does next about a request, and by which command; None where nothing is left to be done.

    `ready` is of how many persons it allows a release now; None: that is not known, and it is taken to be all.
    `fetching`: a file of it may still be fetched, which closing it would stop.
    """
    id, state = one.id, one.state
    if state in ("refused", "closed"):
        return None
    if state == "received":
        return "Nobody has reviewed it yet.", f"troth legal review {id} {AS}"
    if state == "challenged":
        return "It is contested. Say what the court decided.", f"troth legal decide {id} OUTCOME {AS}"
    if one.review_due(terms) is not None:
        return "An emergency was approved by one. Another reviews it.", (
            f"troth legal look {id} --justified --why REASON {AS}"
        )
    if one.ended(at):
        return "Its end has come; nothing is released by it any more.", f"troth legal close {id} {AS}"
    if one.over(terms) and state != "released":
        most = max(terms.ceiling, one.ceiling or 0)
        what = (
            f"It is about {many(one.scope.persons, 'person')}, more than {most}: an officer raises that, or narrow it."
        )
        return what, f"troth legal raise {id} {one.scope.persons} --why REASON {AS}"
    if state == "under review":
        if one.outcome == "narrowed":
            return "A court narrowed it. Narrow it as the court says.", (
                f"troth legal narrow {id} --data TERM --why REASON {AS}"
            )
        what = f"Approve or refuse it. {len(one.approvers)} of {APPROVERS} approved it as its scope stands."
        return what, f"troth legal approve {id} {AS}"
    if state == "released" and fetching:
        return "Its file is still there to be fetched, which closing it would stop.", f"troth legal show {id}"
    if state == "released":
        return "Something was released. Close it once nothing more is to be.", f"troth legal close {id} {AS}"
    why = one.releasable(terms, at)
    if why is not None:
        return why, f"troth legal close {id} {AS}"
    if ready == 0:
        return "It is approved. Whoever it is about is told first, and has some days.", f"troth legal show {id}"
    told = "" if ready is None else f" of {many(ready, 'person')}"
    return f"It is approved, and data{told} may be released.", f"troth legal release {id} --out FILE {AS}"


def due_of_transfers(transfers: Iterable[TransferStanding], at: datetime) -> Iterator[Due]:
    """What is due of transfers of the business that were neither called off nor handed over."""
    for one in transfers:
        state = one.state(at)
        if state == "cancelled" or one.archives:
            continue
        effective = one.planned.effective
        if state == "in force":
            what = f"The archive may be handed over to '{one.planned.successor}'."
            command = f"troth transfer archive {one.id} FILE --to KEY {AS}"
            yield Due(room="transfers", level="soon", what=what, about=one.id, when=effective, command=command)
            continue
        what = f"{one.lacks(at) or ''} {many(one.told, 'person was', 'persons were')} told so far.".strip()
        late = one.everybody is None and effective <= at
        level: Level = "overdue" if late else "soon" if level_of(effective, at) != "open" else "open"
        command = f"troth transfer show {one.id}"
        yield Due(room="transfers", level=level, what=what, about=one.id, when=effective, command=command)
