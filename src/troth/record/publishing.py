"""Publish a version of the policy: its file to the byte into the store, its hash into the record, in one transaction.

A published version never changes. Publishing the same bytes again is done already; other bytes under the same version
are refused. Whether the file is a good policy was settled before by the room `policy`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import bindparam, select

from troth.record.commitment import new_event
from troth.record.errors import AlreadyPublishedError
from troth.record.kinds import make_entry, write_time
from troth.record.log import Log, append
from troth.store import Store, Unit
from troth.store.schema import from_micros, policy_versions, to_micros

_COLUMNS = [policy_versions.c[n] for n in ("policy", "version", "effective", "title", "sha256", "published_at", "leaf")]
VERSION = select(*_COLUMNS).where(
    policy_versions.c.policy == bindparam("policy"), policy_versions.c.version == bindparam("version")
)
VERSIONS = select(*_COLUMNS).order_by(policy_versions.c.policy, policy_versions.c.effective, policy_versions.c.leaf)
SOURCE = select(policy_versions.c.source).where(
    policy_versions.c.policy == bindparam("policy"), policy_versions.c.version == bindparam("version")
)
ADD_VERSION = policy_versions.insert().values(
    {column.name: bindparam(column.name) for column in policy_versions.columns}
)


class Publication(msgspec.Struct, frozen=True):
    """What is to be published: the checked policy's id, version, effective date, title, and its file's bytes."""

    policy: str
    version: str
    effective: datetime
    title: str
    source: bytes


class PublishedVersion(msgspec.Struct, frozen=True):
    """A published version: `sha256` is that of the file, in hex; `leaf` is the index of its entry in the record."""

    policy: str
    version: str
    effective: datetime
    title: str
    sha256: str
    published_at: datetime
    leaf: int


def publish(log: Log, publication: Publication) -> PublishedVersion:
    """Publish, sign, and return the version; when this returns, its receipt can be had from `log.receipt(leaf)`.

    AlreadyPublishedError: this version was published with other contents. ContradictedHistoryError: the record cannot
    be signed for; nothing was published. StoreUnavailableError: not acknowledged; publish the same again.
    """
    log.check()
    published = log.store.write(lambda unit: _publish(unit, publication))
    log.sign()
    return published


def published_versions(store: Store) -> list[PublishedVersion]:
    """All published versions, by policy and effective date."""
    with store.read() as connection:
        return [_version(row) for row in connection.execute(VERSIONS)]


def published_source(store: Store, policy: str, version: str) -> bytes | None:
    """The bytes of the file of a published version, or None."""
    with store.read() as connection:
        source = connection.execute(SOURCE, {"policy": policy, "version": version}).scalar()
    return None if source is None else bytes(source)


def _publish(unit: Unit, wanted: Publication) -> PublishedVersion:
    sha256 = hashlib.sha256(wanted.source).hexdigest()
    rows = unit.rows(VERSION, {"policy": wanted.policy, "version": wanted.version})
    if rows:
        there = _version(rows[0])
        if (there.sha256, there.effective, there.title) != (sha256, wanted.effective, wanted.title):
            raise AlreadyPublishedError(
                f"Version {wanted.version} of {wanted.policy} was published on {write_time(there.published_at)} with "
                "other contents, and a published version never changes. Give the changed policy a new effective date."
            )
        return there
    entry = make_entry(
        "published",
        new_event(),
        unit.at,
        {
            "policy": wanted.policy,
            "version": wanted.version,
            "effective": write_time(wanted.effective),
            "title": wanted.title,
            "sha256": sha256,
        },
    )
    leaf = append(unit, entry)
    values = {**msgspec.structs.asdict(wanted), "sha256": sha256, "leaf": leaf}
    unit.change(ADD_VERSION, {**values, "effective": to_micros(wanted.effective), "published_at": to_micros(unit.at)})
    return PublishedVersion(
        wanted.policy, wanted.version, wanted.effective, wanted.title, sha256, from_micros(to_micros(unit.at)), leaf
    )


def _version(row: Sequence[Any]) -> PublishedVersion:
    policy, version, effective, title, sha256, published_at, leaf = row
    return PublishedVersion(policy, version, from_micros(effective), title, sha256, from_micros(published_at), leaf)
