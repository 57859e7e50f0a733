"""Gathers what the evidence of a promise is made of: how it stands under a checkpoint, and the entries that tell of it.

Only what the checkpoint covers is taken, so that all that the evidence says of the record can be verified with it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import bindparam, select

from troth.accountability.complaints.bodies import Bodies
from troth.accountability.complaints.counting import ledger_of
from troth.accountability.complaints.requests import requested
from troth.accountability.complaints.standing import standing as standing_of
from troth.accountability.promises import verify
from troth.accountability.promises.status import Complaints, Promise, promises
from troth.accountability.verifying.results import Result, Results
from troth.conditions.claims.register import ClaimRegister
from troth.gates.tally import counts_by_statement
from troth.policy.history import Policy
from troth.policy.model import Never, Version
from troth.record.kinds import write_time
from troth.record.log import Log
from troth.record.publishing import published_source, published_versions
from troth.store import Store
from troth.store.schema import leaves

MOST_PROOFS = 1000  # entries with a proof of their own; more of them are larger than the whole record mostly is
MOST_RESULTS = 20  # of each test, the latest ones

BEFORE = (
    select(leaves.c["index"], leaves.c.entry)
    .where(leaves.c["index"] < bindparam("size"))
    .order_by(leaves.c["index"])
)  # fmt: skip
_ACTS = tuple(f'"kind":"{kind}"'.encode() for kind in verify.ACTS)  # as canonical JSON has it
_PUBLISHED = b'"kind":"published"'
# Entries were checked as they were written, `troth verify` checks them again, and so does whoever has the evidence.
_read = msgspec.json.Decoder(dict[str, Any]).decode


class Entries(msgspec.Struct, frozen=True):
    """The entries for the evidence. `whole`: all of the record; else those at `indices`. `groups`: see `verify`."""

    whole: bool
    indices: tuple[int, ...]
    groups: verify.Numbers


def standing(  # noqa: PLR0917 - called in one place
    log: Log, policy: Policy, id: str, at: datetime, size: int, complaints: Mapping[str, Complaints]
) -> tuple[Version, Promise, dict[str, list[Result]]]:
    """A promise as it stands by what the first `size` entries say, with the results of its tests, the latest first.

    LookupError: the version in force does not make it.
    """
    version = policy.in_force(at)
    if version is None:
        raise LookupError("No version of the policy is in force.")
    results = Results(log.store)
    covered = {name: [one for one in results.of(name, 10_000) if one.leaf < size] for name in results.latest()}
    covered = {name: some for name, some in covered.items() if some}
    found = promises(
        version,
        at,
        results={name: some[0] for name, some in covered.items()},
        failing={name: since for name, some in covered.items() if (since := _failing(some)) is not None},
        claims=ClaimRegister(log.store, policy).standing(at),
        counted=counts_by_statement(log.store, at),
        complaints=complaints,
        requests=requested(standing_of(fact for fact in ledger_of(log.store).facts() if fact.leaf < size).values(), at),
        taking=Bodies(log.store).taking(),
    )
    one = next((each for each in found if each.statement.id == id), None)
    if one is None:
        raise LookupError(f"The version in force, {version.id}, does not promise '{id}'.")
    return version, one, {rest.name: covered.get(rest.name, [])[:MOST_RESULTS] for rest in one.rests}


def entries_for(log: Log, policy: str, promise: Promise, results: Mapping[str, Sequence[Result]], size: int) -> Entries:
    """Which of the first `size` entries the evidence has. All, where it is about what is never done, or too many."""
    if isinstance(promise.statement, Never):
        return Entries(True, (), _groups_of_all(log.store, size))
    found = [one.leaf for some in results.values() for one in some]
    groups: verify.Numbers = {}
    named = f'"{promise.statement.id}"'.encode()
    with log.store.read() as connection:
        rows = connection.execute(BEFORE, {"size": size}, execution_options={"yield_per": 10_000})
        for index, data in rows:
            entry = bytes(data)
            if named not in entry and _PUBLISHED not in entry:
                continue
            body = _read(entry)
            if _tells(body, policy, promise.statement.id):
                found.append(int(index))
                if body["kind"] in verify.ACTS:
                    verify.count(groups, body)
            if len(found) > MOST_PROOFS:
                break
    if len(found) > MOST_PROOFS:
        return Entries(True, (), _groups_of_all(log.store, size))
    return Entries(False, tuple(sorted(found)), groups)


def sources(store: Store, policy: str, size: int) -> dict[str, bytes]:
    """The files of the versions that were published within the first `size` entries, by version."""
    found: dict[str, bytes] = {}
    for one in published_versions(store):
        if one.policy == policy and one.leaf < size:
            found[one.version] = published_source(store, policy, one.version) or b""
            if hashlib.sha256(found[one.version]).hexdigest() != one.sha256:
                raise LookupError(f"The stored file of version {one.version} is not the one that was published.")
    return found


def lines_of(promise: Promise, source: bytes) -> tuple[int, int]:
    """The first and last line of a statement in the file of its version, counted from 1."""
    text = source.decode().split("\n")
    first = promise.statement.place.line
    indent = _indent(text[first - 1])
    last = first
    while last < len(text) and text[last].strip() and _indent(text[last]) > indent:
        last += 1
    return first, last


def never_rules(policy: Policy, id: str) -> list[dict[str, Any]]:
    """What each version rules out under an id, in the words of entries: each purpose and recipient that it covers."""
    found: list[dict[str, Any]] = []
    for version in policy.versions:
        for never in version.never:
            if never.id != id:
                continue
            terms, ids = version.vocabulary.slugs("purpose"), [one.id for one in version.recipients]
            purposes = {term for term in terms if set(version.vocabulary.path("purpose", term)) & set(never.purposes)}
            recipients = [one for one in ids if set(version.recipient_path(one)) & set(never.recipients)]
            found.append(
                {
                    "version": version.id,
                    "actions": sorted(never.actions),
                    "where": sorted(never.where),
                    "purposes": sorted(purposes | set(never.purposes)),
                    "recipients": sorted({*recipients, *never.recipients}),
                    "data": bool(never.data),
                }
            )
    return found


def told(one: Result) -> dict[str, object]:
    """A result as `verifications.json` has it."""
    return {"index": one.leaf, "result": one.state, "sentence": one.sentence, "at": write_time(one.at)}


def _groups_of_all(store: Store, size: int) -> verify.Numbers:
    groups: verify.Numbers = {}
    with store.read() as connection:
        rows = connection.execute(BEFORE, {"size": size}, execution_options={"yield_per": 10_000})
        for _, data in rows:
            entry = bytes(data)
            if any(kind in entry for kind in _ACTS):
                body = _read(entry)
                if body["kind"] in verify.ACTS:
                    verify.count(groups, body)
    return groups


def _tells(body: Mapping[str, Any], policy: str, id: str) -> bool:
    kind = body["kind"]
    if kind == "published":
        return bool(body["policy"] == policy)
    if kind == "claim":
        return bool(body["claim"] == id)
    return kind in verify.ACTS and (id in body["statements"] if "statements" in body else body["statement"] == id)


def _failing(results: Sequence[Result]) -> datetime | None:
    """Since when a test fails, of its results, the latest first; None if it does not."""
    since = None
    for one in results:
        if one.state != "failed":
            break
        since = one.at
    return since


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
