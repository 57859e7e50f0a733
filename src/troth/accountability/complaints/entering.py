"""What may become of a complaint, in which state, and by whom. Whatever is not here may not be.

Nothing that staff do keeps a person from the recourse body: who was answered, who waited too long, and whose complaint
staff closed may go there.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from troth.accountability.complaints.deadlines import overdue
from troth.accountability.complaints.facts import (
    Acknowledged,
    Added,
    Agreed,
    Answered,
    Appealed,
    Asked,
    By,
    Closed,
    Determined,
    Erased,
    Escalated,
    Mediated,
    Received,
    Remedied,
    Said,
    Settled,
    what_of,
)
from troth.accountability.complaints.standing import ENDED, WITH_BODY, ComplaintStanding, State
from troth.accountability.errors import CaseError
from troth.accountability.staff import ROLES, Role

APPEAL = timedelta(days=30)  # within which a determination may be appealed
SILENT = timedelta(days=30)  # after which an answer that nothing was said to may close a complaint
MOST = 200  # facts of one complaint

BEFORE_BODY: tuple[State, ...] = ("received", "acknowledged", "answered")
OPEN: tuple[State, ...] = (*BEFORE_BODY, *WITH_BODY)

MAY: Mapping[type[Said], Mapping[By, tuple[State, ...]]] = {
    Acknowledged: {"staff": ("received",), "troth": ("received",)},
    Added: {"person": OPEN, "staff": OPEN, "body": WITH_BODY},
    Answered: {"staff": ("acknowledged",)},
    Settled: {"person": ("answered", "escalated", "mediated")},
    Escalated: {"person": (*BEFORE_BODY, "closed"), "staff": BEFORE_BODY, "troth": ("received", "acknowledged")},
    Agreed: {"person": WITH_BODY},
    Asked: {"body": ("escalated", "mediated", "appealed")},
    Mediated: {"body": ("escalated",)},
    Determined: {"body": ("escalated", "mediated", "appealed")},
    Appealed: {"person": ("determined",), "staff": ("determined",), "body": ("determined",)},
    Remedied: {"staff": ("determined",)},
    Closed: {"person": OPEN, "staff": BEFORE_BODY, "body": WITH_BODY, "troth": ("determined",)},
    Erased: {"staff": ENDED, "troth": (*OPEN, *ENDED)},
}
# Who of the staff may sign for it.
WHO: Mapping[type[Said], tuple[Role, ...]] = {
    Received: ROLES,
    Acknowledged: ROLES,
    Added: ROLES,
    Answered: ("desk", "counsel", "officer"),
    Escalated: ("desk", "counsel", "officer"),
    Appealed: ("counsel", "officer"),
    Remedied: ("counsel", "officer"),
    Closed: ("counsel", "officer"),
    Erased: ("officer",),
}
_ENDINGS: Mapping[By, tuple[str, ...]] = {
    "person": ("withdrawn",),
    "staff": ("ineligible", "silent", "noted"),
    "body": ("ineligible", "withdrawn", "done"),
    "troth": ("final",),
}


def check(one: ComplaintStanding | None, said: Said, at: datetime) -> None:
    """Raise CaseError unless a fact may be entered about a complaint that stands like this, at a moment."""
    if isinstance(said, Received):
        if one is not None:
            raise CaseError(f"The complaint '{one.id}' was received before.")
        return
    if one is None:
        raise CaseError("There is no such complaint. `troth complaint list` has all.")
    what = what_of(said)
    states = MAY[type(said)].get(said.by, ())
    if not states:
        raise CaseError(f"'{what}' is not for {_SPOKEN[said.by]} to do.")
    if one.state not in states:
        raise CaseError(
            f"The complaint is {one.state}, so '{what}' cannot be now; it can while it is {', '.join(states)}."
        )
    if len(one.facts) >= MOST and one.open and isinstance(said, Added):
        raise CaseError(f"A complaint has {MOST} steps at most. Write to the address in the policy.")
    match said:
        case Escalated():
            _check_escalation(one, said, at)
        case Agreed():
            if one.handed:
                raise CaseError("The body may read it already.")
        case Appealed():
            _check_appeal(one, at)
        case Remedied():
            if not one.upheld:
                raise CaseError("The complaint was dismissed, so there is nothing to remedy.")
        case Determined():
            if (said.outcome == "dismissed") != (said.remedy_by is None):
                raise CaseError("A complaint that is right, in part too, has a day by which it is remedied; no other.")
            if said.remedy_by is not None and said.remedy_by <= at:
                raise CaseError("The day of the remedy has to be one to come.")
        case Closed():
            _check_closing(one, said, at)
        case Mediated() | Asked() | Answered() | Added():
            if not said.kept:
                raise CaseError(f"'{what}' says something: there is no text.")


def may_escalate(one: ComplaintStanding, at: datetime) -> bool:
    """Whether the person may ask for the recourse body at a moment."""
    if one.kind != "complaint" or one.received.then is None or one.body is not None:
        return False
    if one.state == "closed":
        return one.ending is not None and one.ending.by == "staff"
    return one.state == "answered" or (one.state in BEFORE_BODY and overdue(one, at))


def final(one: ComplaintStanding, at: datetime) -> bool:
    """Whether a determination that dismissed a complaint stands for good: it was appealed, or nobody did in time."""
    found = one.last(Determined)
    if one.state != "determined" or found is None or one.upheld:
        return False
    return one.last(Appealed) is not None or at >= found.at + APPEAL


def _check_escalation(one: ComplaintStanding, said: Escalated, at: datetime) -> None:
    if one.kind != "complaint":
        what = "a request" if one.kind == "request" else "feedback"
        raise CaseError(f"This is {what}, which no body settles. Make a complaint of it.")
    if one.body is not None:
        raise CaseError(f"It is with {one.body} already.")
    if said.by == "troth" and not overdue(one, at):
        raise CaseError("No deadline was passed, so it does not go to the body by itself.")
    if said.by == "person" and not may_escalate(one, at):
        raise CaseError("It can go to the body once there is an answer, or the time for one is over.")
    if said.by == "troth" and said.handed and not one.received.agreed:
        raise CaseError("Nobody agreed that what they wrote is handed over.")
    if said.by == "staff" and said.handed and not one.received.agreed:
        raise CaseError("The person did not agree that what they wrote is handed over; they can on their own page.")


def _check_appeal(one: ComplaintStanding, at: datetime) -> None:
    found = one.last(Determined)
    if one.last(Appealed) is not None:
        raise CaseError("It was appealed once, and what was determined then stands.")
    if found is not None and at >= found.at + APPEAL:
        raise CaseError(f"A determination can be appealed within {APPEAL.days} days.")


def _check_closing(one: ComplaintStanding, said: Closed, at: datetime) -> None:
    if said.why not in _ENDINGS[said.by]:
        raise CaseError(f"{_SPOKEN[said.by].capitalize()} cannot close it as '{said.why}'.")
    if said.why == "noted" and one.kind != "feedback":
        raise CaseError("Only feedback is noted; a complaint or a request is answered.")
    if said.why == "ineligible" and not said.rule:
        raise CaseError("What is not eligible fails a rule: name the rule.")
    if said.why == "ineligible" and one.kind != "complaint":
        raise CaseError("Rules of a programme are for complaints only.")
    if said.why == "ineligible" and one.determination is not None:
        raise CaseError("It was determined already, so it was taken.")
    answered = one.last(Answered)
    if said.why == "silent" and (one.state != "answered" or answered is None or at < answered.at + SILENT):
        raise CaseError(f"Nobody was silent for {SILENT.days} days after the answer.")
    if said.why == "done" and (one.determination is None or one.upheld):
        raise CaseError("What was found to be right is done when it is remedied; the organisation says so.")
    if said.why == "final" and not final(one, at):
        raise CaseError("The determination can still be appealed.")


_SPOKEN: Mapping[By, str] = {
    "person": "the person",
    "staff": "staff",
    "body": "the recourse body",
    "troth": "Troth itself",
}
