"""All tests by name, run one after the other. A test that breaks has found nothing: it says `unknown`, and why.

One may find several things: each right has a result of its own, under a name that begins with that of the test.
`DUE` is how old a result may be before the running server tests again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import timedelta
from typing import cast

import msgspec

from troth.accountability.claims.asking import choices_in_force, record_holds
from troth.accountability.complaints.counting import on_time, requests_of_rights
from troth.accountability.promises.status import RIGHTS, Requested, right_test
from troth.accountability.verifying.contradictions import contradictions
from troth.accountability.verifying.entries import walk
from troth.accountability.verifying.results import Found, Result, Results, State
from troth.accountability.verifying.safeguards import encryption_at_rest, firewall, key_rotation, tls
from troth.conditions import Register
from troth.policy.history import Policy
from troth.policy.model import Version
from troth.record.log import Log
from troth.vault import Vault

DUE = timedelta(days=1)


class Place(msgspec.Struct, frozen=True):
    """What is tested: the record and the vault, the policy, and the ports of this machine that may answer to others.

    `ports` are None where nobody declared them.
    """

    log: Log
    policy: Policy
    vault: Vault
    ports: Collection[int] | None = None

    @property
    def version(self) -> Version:
        """The version in force. LookupError: there is none."""
        version = self.policy.in_force(self.log.store.clock())
        if version is None:
            raise LookupError("No version of the policy is in force.")
        return version


def _record(place: Place) -> Found:
    answer = record_holds(place.log)
    return Found("record", "passed" if answer.holds else "failed", answer.sentence)


def _entries(place: Place) -> Found:
    walked = walk(place.log.store, place.policy)
    if walked.faults:
        more = f" And {len(walked.faults) - 3} more." if len(walked.faults) > 3 else ""
        return Found("entries", "failed", " ".join(walked.faults[:3]) + more)
    kinds = ", ".join(f"{sum(of.values())} {kind}" for kind, of in walked.counts.items())
    return Found(
        "entries", "passed", f"Each rests on a statement that says it, and none on what is never done: {kinds}."
    )


def _registers(place: Place) -> Found:
    found = contradictions(place.log.store) + Register(place.log.store, place.policy).contradictions()
    if found:
        return Found("registers", "failed", " ".join(found[:3]))
    return Found("registers", "passed", "Recipients, contracts, claims, staff and cases are what the record says.")


def _choices(place: Place) -> Found:
    found = choices_in_force(place.log.store)
    return Found("choices", "passed" if found.holds else "failed", found.sentence)


def _complaints(place: Place) -> Found:
    found = on_time(place.log.store)
    return Found("complaints", "passed" if found.holds else "failed", found.sentence)


def _rights(place: Place) -> tuple[Found, ...]:
    """What became of the requests of all rights, and of each right by itself: each is a promise of its own."""
    rights = place.version.rights
    found = requests_of_rights(place.log.store, place.log.store.clock())
    each = [(right.id, found.get(right.id, Requested())) for right in rights]
    every = tuple(Found(right_test(id), AS_A_TEST[one.state], one.sentence) for id, one in each)
    states = {one.state for one in every}
    worst = next((state for state in ("failed", "passed") if state in states), "unknown")
    told = [f"{id}: {one.sentence}" for id, one in each if one.ever]
    return (Found(RIGHTS, cast("State", worst), " ".join(told) or "Nobody has made a request yet."), *every)


AS_A_TEST: Mapping[str, State] = {"kept": "passed", "broken": "failed", "not verified": "unknown"}
TESTS: Mapping[str, Callable[[Place], Found | tuple[Found, ...]]] = {
    "record": _record,
    "entries": _entries,
    "registers": _registers,
    "choices": _choices,
    "complaints": _complaints,
    RIGHTS: _rights,
    "tls": lambda place: tls(place.version, place.log.store.clock()),
    "encryption_at_rest": lambda place: encryption_at_rest(place.vault),
    "key_rotation": lambda place: key_rotation(place.vault, place.log.store.clock()),
    "firewall": lambda place: firewall(place.ports),
}


def run(place: Place, names: Iterable[str] | None = None) -> tuple[Result, ...]:
    """Run tests by their names, all of them without, and keep what was found. KeyError: there is no such test."""
    found = [one for name in (names or TESTS) for one in _run(place, name, TESTS[name])]
    return Results(place.log.store).enter(found)


def run_due(place: Place) -> tuple[Result, ...]:
    """Run the tests whose latest result is a day old, or that never ran."""
    now, latest = place.log.store.clock(), Results(place.log.store).latest()
    due = [name for name in TESTS if name not in latest or now - latest[name].at >= DUE]
    return run(place, due) if due else ()


def _run(place: Place, name: str, test: Callable[[Place], Found | tuple[Found, ...]]) -> tuple[Found, ...]:
    try:
        found = test(place)
    except Exception as error:
        return (Found(name, "unknown", "The test could not be done.", f"{type(error).__name__}: {error}"),)
    return found if isinstance(found, tuple) else (found,)
