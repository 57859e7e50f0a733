"""People are told of a legal request before anything is released by it, unless that is forbidden, and then afterwards.

`run` is called every second by a server, and by hand: it tells whoever is to be told at that moment and was not yet.
So what a gag forbade is told as soon as the gag has ended, whether or not anybody thinks of it.
"""

from __future__ import annotations

from datetime import datetime

from troth.accountability import notices
from troth.accountability.ledger import Ledger
from troth.accountability.legal.facts import Said, Told
from troth.accountability.legal.requests import LegalRequests
from troth.accountability.legal.standing import RequestStanding
from troth.accountability.letters import Letter, Telling
from troth.accountability.terms import Terms
from troth.conditions.register import Register
from troth.notice import words
from troth.policy.history import Policy
from troth.store import Unit

MOST = 500  # persons told of one request in one run


class TellingOfRequests:
    """Tells the persons of legal requests. `names` are the names of authorities, by id, from the register."""

    def __init__(self, requests: LegalRequests, policy: Policy, terms: Terms, telling: Telling) -> None:
        self._requests = requests
        self._register = Register(requests.store, policy)
        self._policy = policy
        self._terms = terms
        self._telling = telling
        self._done: dict[str, RequestStanding] = {}  # everybody was told of these, as they stood then

    def run(self) -> int:
        """Tell whoever is to be told now; how many were."""
        told = 0
        at = self._requests.store.clock()
        for one in self._requests.standing().values():
            if not one.tells(at) or self._done.get(one.id) == one:
                continue
            waiting = due(self._requests, one, at)
            if waiting:
                some = dict(list(waiting.items())[:MOST])
                told += self._tell(one, some, at)
            else:
                self._done[one.id] = one
        return told

    def _tell(self, one: RequestStanding, persons: dict[str, str], at: datetime) -> int:
        ledger: Ledger[Said] = self._requests.ledger

        def enter(unit: Unit, number: int) -> object:
            return ledger.add(unit, one.id, Told(persons=number))

        letter = letter_of(self._register, self._policy, one, self._terms, at)
        return self._telling.tell(self._requests.store.write, one.id, persons, letter, at, enter)


def due(requests: LegalRequests, one: RequestStanding, at: datetime) -> dict[str, str]:
    """Whom a request is about who are to be told at a moment and were not, by the id that the request has."""
    if not one.tells(at):
        return {}
    told = notices.told(requests.store, one.id)
    return {id: now for id, now in requests.ledger.persons(one.id).items() if id not in told}


def letter_of(register: Register, policy: Policy, one: RequestStanding, terms: Terms, at: datetime) -> Letter:
    """What somebody is told of a request at a moment; on the page, `at` is when they were told."""
    said, version = one.received, policy.in_force(at) or policy.versions[-1]
    profile = register.standing().get(said.authority)
    name = profile.profile.name if profile is not None else said.authority
    labels = [version.vocabulary.label("data", data) if version.vocabulary.knows("data", data) else data
              for data in one.scope.data]  # fmt: skip
    asks = f"{name} asks for data about you: {words.listed(labels)}. It rests this on {said.basis}."
    if one.released_at is not None and one.released_at <= at:
        return Letter(
            "We gave data about you to an authority",
            (
                asks,
                f"Two of us reviewed it, and we gave the data on {words.day(one.released_at)}."
                if one.emergency is None
                else f"It was an emergency: {one.emergency}. We gave the data on {words.day(one.released_at)}.",
                "The law forbade us to tell you before. It no longer does."
                if said.gag is not None
                else "You can object to this, to us or before a court.",
            ),
        )
    return Letter(
        "An authority asks for data about you",
        (
            asks,
            f"Two of us reviewed it and found that the law requires it. We give the data on "
            f"{words.day((at + one.ahead(terms)).replace(second=0, microsecond=0))} at the earliest.",
            "Until then you can object to it, to us or before a court. If a court forbids it, we give nothing.",
        ),
    )
