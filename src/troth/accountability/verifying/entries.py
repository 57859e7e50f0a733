"""Holds the record against the policy: each entry of a gate names a statement that says it, none falls under a `never`.

What an entry says in the clear is asked again of the version that it names: that there is such a statement, that it is
of the verb of the gate, and that it speaks of the recipient and the purpose. What the entry only commits to, the data
and the person, cannot be asked here; the gate asked it, and the opening shows it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from sqlalchemy import select

from troth.policy.history import Policy
from troth.policy.model import Collects, Never, Shares, Statement, Uses, Version
from troth.record.kinds import read_entry
from troth.store import Store
from troth.store.schema import leaves

ENTRIES = select(leaves.c["index"], leaves.c.entry).order_by(leaves.c["index"])
# What an entry of a kind may rest on: the action that it tells of, and the statements that can allow that.
RESTS_ON: Mapping[str, tuple[str, tuple[type[Statement], ...]]] = {
    "collected": ("collect", (Collects,)),
    "used": ("use", (Uses, Collects)),
    "disclosed": ("share", (Shares,)),
    "mailed": ("use", (Uses, Collects)),
}
_KINDS = tuple(f'"kind":"{kind}"'.encode() for kind in RESTS_ON)


class Walked(msgspec.Struct, frozen=True):
    """What was seen: how many entries of each kind rest on each statement, and a sentence for each that does not."""

    counts: dict[str, dict[str, int]]
    faults: tuple[str, ...]

    @property
    def total(self) -> int:
        """How many entries of gates there are."""
        return sum(sum(of.values()) for of in self.counts.values())


def walk(store: Store, policy: Policy) -> Walked:
    """Go through the whole record. StoreUnavailableError: it cannot be read."""
    counts: dict[str, dict[str, int]] = {kind: {} for kind in RESTS_ON}
    faults: list[str] = []
    versions = {version.id: version for version in policy.versions}
    with store.read() as connection:
        for index, data in connection.execute(ENTRIES, execution_options={"yield_per": 10_000}):
            entry = bytes(data)
            if not any(kind in entry for kind in _KINDS):
                continue
            body = read_entry(entry)
            kind = str(body["kind"])
            if kind not in RESTS_ON:
                continue
            for statement, number in _named(body):
                counts[kind][statement] = counts[kind].get(statement, 0) + number
            faults += (f"Entry {index}, {kind}: {fault}" for fault in _faults(kind, body, versions))
    return Walked(counts, tuple(faults))


def _named(body: Mapping[str, Any]) -> list[tuple[str, int]]:
    """The statements that an entry names, and how often."""
    if "statements" in body:
        return [(str(id), int(number)) for id, number in body["statements"].items()]
    return [(str(body["statement"]), 1)] if body["statement"] else []


def _faults(kind: str, body: Mapping[str, Any], versions: Mapping[str, Version]) -> Iterator[str]:
    if kind == "mailed" and body["outcome"] != "taken":
        return  # nothing left
    version = versions.get(body["version"])
    if version is None:
        yield f"it names version '{body['version']}', which was never published."
        return
    action, types = RESTS_ON[kind]
    named = [id for id, _ in _named(body)]
    if not named:
        yield "it names no statement that allows it."
    for id in named:
        statement = next((one for one in version.statements if one.id == id), None)
        if not isinstance(statement, types):
            yield f"version {version.id} has no statement '{id}' that could allow it."
        elif isinstance(statement, Shares) and not _speaks(version, statement, body):
            yield f"'{id}' of version {version.id} shares nothing with '{body['recipient']}' for '{body['purpose']}'."
    for never in version.never:
        if _forbids(version, never, action, body):
            yield f"'{never.id}' of version {version.id} says that it never happens: {never.says}"


def _speaks(version: Version, statement: Shares, body: Mapping[str, Any]) -> bool:
    """Whether a statement speaks of the recipient and the purpose of an entry.

    A recipient that the policy does not declare went by its kind, which the entry does not say; then any will do.
    """
    purposes = version.vocabulary.path("purpose", body["purpose"]) if body["purpose"] else ()
    if statement.purposes and not set(statement.purposes) & set(purposes):
        return False
    declared = version.recipient(body["recipient"])
    return declared is None or bool(set(statement.recipients) & set(version.recipient_path(body["recipient"])))


def _forbids(version: Version, never: Never, action: str, body: Mapping[str, Any]) -> bool:
    """Whether a `never` speaks of all that an entry could be, whatever the data was."""
    if action not in never.actions or never.data or (never.where and body.get("product") not in never.where):
        return False
    purposes = version.vocabulary.path("purpose", str(body["purpose"])) if body.get("purpose") else ()
    if never.purposes and not set(never.purposes) & set(purposes):
        return False
    recipient = str(body.get("recipient") or "")
    if never.recipients:
        known = version.recipient(recipient) is not None
        return known and bool(set(never.recipients) & set(version.recipient_path(recipient)))
    return True
