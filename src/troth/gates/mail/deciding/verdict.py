"""What is decided about one recipient of a message: whether it goes there, why, and what it must bear."""

from __future__ import annotations

from typing import Literal

import msgspec

from troth.gates.mail.content.footer import Footer
from troth.gates.mail.deciding.offering import Offer

Outcome = Literal["send", "suppressed", "refused"]

# What a verdict can be besides the reasons of decisions; the codes are stable.
MAIL_REASONS: dict[str, str] = {
    "bounced": "Mail to the address does not arrive: its server said for good that it does not work.",
    "suppressed": "The address is on the list of those that get no such mail.",
    "bad-address": "This is no e-mail address.",
    "no-opt-out": "The mail must say how to opt out, and there is no choice, or no page over https, to lead to.",
    "no-postal-address": "The mail must name a postal address, and neither the stream nor the policy has one.",
}
# The reasons of a decision that are about the recipient; the others are about the mail, which goes to nobody then.
OF_RECIPIENT = frozenset({"opted-out", "not-opted-in", "collected-under", "expired"})


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of one recipient.

    `send`, with what to add to marketing: `offer` has the headers and the footer. `suppressed`: this recipient gets
    none. `refused`: such mail goes to nobody, or the address is none. `reason` is a code of `MAIL_REASONS` or
    `REASONS`, `sentence` that of the policy, or of the code where the policy says nothing. `person` is None for an
    address that nobody has. `verp` is the local part of the envelope sender, `returns` its domain.
    """

    address: str
    person: str | None = None
    outcome: Outcome
    reason: str
    sentence: str
    statement: str | None = None
    version: str | None = None
    offer: Offer | None = None
    verp: str = ""
    returns: str = ""

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """The header lines to add, as names and values."""
        return () if self.offer is None else self.offer.headers

    @property
    def footer(self) -> Footer | None:
        """The footer to add, for marketing."""
        return None if self.offer is None else self.offer.footer

    @property
    def allowed(self) -> bool:
        """Whether it is sent."""
        return self.outcome == "send"


def kept_back(address: str, person: str | None, reason: str) -> Verdict:
    """The verdict on a recipient who is on a list of those that get no such mail; `reason` is one of `MAIL_REASONS`."""
    return Verdict(
        address=address, person=person, outcome="suppressed", reason=reason, sentence=MAIL_REASONS[reason]
    )  # fmt: skip


def refused(address: str, reason: str, verdict: Verdict | None = None) -> Verdict:
    """The verdict on mail that goes to nobody, for a reason of `MAIL_REASONS`, in place of one that allowed it."""
    return Verdict(
        address=address, person=verdict.person if verdict else None, outcome="refused", reason=reason,
        sentence=MAIL_REASONS[reason], statement=verdict.statement if verdict else None,
        version=verdict.version if verdict else None,
    )  # fmt: skip
