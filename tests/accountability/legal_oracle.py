"""A plain model of legal requests, written apart from them: lists of what was done, and comparisons."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

ROLES = {"otto": "officer", "olga": "officer", "cara": "counsel", "carl": "counsel", "dora": "desk"}
CEILING, AHEAD, REVIEW = 2, timedelta(days=7), timedelta(days=7)


class Request:
    """A request: what was asked, and every act that was taken, in order: what, who, when, and more."""

    def __init__(self, id: str, by: str, at: datetime, **asked: Any) -> None:
        self.id, self.by, self.at, self.asked = id, by, at, asked
        self.acts: list[tuple[str, str, datetime, Any]] = []
        self.persons: set[str] = set(asked["persons"])
        self.data: set[str] = set(asked["data"])
        self.told: dict[str, datetime] = {}
        self.gag: Any = asked["gag"]  # None, or (until or None,)

    def did(self, what: str) -> list[tuple[str, str, datetime, Any]]:
        return [act for act in self.acts if act[0] == what]

    def gagged(self, now: datetime) -> bool:
        return self.gag is not None and (self.gag[0] is None or now < self.gag[0])

    def after_last(self, *whats: str) -> list[tuple[str, str, datetime, Any]]:
        """The acts after the last one of some kinds."""
        last = max((n for n, act in enumerate(self.acts) if act[0] in whats), default=-1)
        return self.acts[last + 1 :]

    def approved(self) -> bool:
        """By two different ones of counsel and officers, neither of whom took it in, for this very scope."""
        acts = self.after_last("narrow", "challenge")
        who = {act[1] for act in acts if act[0] == "approve"}
        return len({one for one in who if ROLES[one] != "desk" and one != self.by}) >= 2

    def emergency(self) -> tuple[str, datetime] | None:
        """Who approved it as an emergency, and when, if that is what it was approved as."""
        acts = [act for act in self.after_last("narrow", "challenge") if act[0] == "emergency"]
        acts = [act for act in acts if act[1] != self.by and ROLES[act[1]] != "desk"]
        return (acts[-1][1], acts[-1][2]) if acts else None

    def dead(self, now: datetime) -> bool:
        over = bool(self.did("refuse") or self.did("close") or [a for a in self.did("decide") if a[3] == "dismissed"])
        open_challenge = len(self.did("challenge")) > len(self.did("decide"))
        return over or open_challenge or (self.asked["ends"] is not None and self.asked["ends"] <= now)

    def within(self) -> bool:
        raised = [act[3] for act in self.did("raise") if ROLES[act[1]] == "officer" and act[1] != self.by]
        return len(self.persons) <= max([CEILING, *raised])

    def may_leave(self, purpose: str, now: datetime) -> dict[str, set[str]]:
        """Which data of whom may leave now."""
        if self.dead(now) or not self.within() or purpose != self.asked["purpose"]:
            return {}
        urgent = self.emergency()
        if purpose == "legal.comply":
            if not self.approved():
                return {}
            told = {name for name, at in self.told.items() if at + AHEAD <= now}
            who = self.persons if self.gagged(now) else self.persons & told
            return {name: set(self.data) for name in who} if self.data else {}
        if urgent is None:
            return {}
        looked = [act for act in self.did("look") if act[1] not in (self.by, urgent[0])]
        if (looked and not looked[-1][3]) or (not looked and urgent[1] + REVIEW <= now):
            return {}
        return {name: self.data - {"usage.clickstream"} for name in self.persons}

    def to_tell(self, now: datetime) -> set[str]:
        """Who is to be told now, and was not."""
        coming = self.approved() and not self.dead(now) and not self.did("release")
        if self.gagged(now) or not (self.did("release") or coming):
            return set()
        return self.persons - set(self.told)
