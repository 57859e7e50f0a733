"""The policy as it was published: read back from the store, version by version, each held against its hash."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import msgspec

from troth.policy.check import Finding, check
from troth.policy.history import Policy
from troth.policy.model import Version
from troth.policy.reading import parse_version
from troth.record.errors import RecordError
from troth.record.log import Log
from troth.record.publishing import Publication, PublishedVersion, publish, published_source, published_versions
from troth.store import Store


def _read(version: Version) -> bytes:
    return Path(version.file).read_bytes()


def publish_version(log: Log, version: Version, source: bytes) -> PublishedVersion:
    """Publish a version that was read from `source`, the bytes of its file. Raises what `publish` raises.

    ValueError: the bytes are not those that the version was read from; the file changed in between.
    """
    if hashlib.sha256(source).hexdigest() != version.sha256:
        raise ValueError(f"{version.file} changed while it was being published; nothing was published. Try again.")
    title = version.title.in_(version.language)
    return publish(log, Publication(version.policy, version.id, version.effective, title, source))


class Publishing(msgspec.Struct, frozen=True):
    """What became of a version: its entry in the record, and whether it was published now."""

    version: PublishedVersion
    new: bool


class FaultyPolicyError(RecordError):
    """A version was not published since the check of the policy found errors in it; `findings` has them."""

    def __init__(self, version: str, findings: tuple[Finding, ...]) -> None:
        self.findings = findings
        count = f"{len(findings)} error{'s' if len(findings) > 1 else ''}"
        super().__init__(f"Version {version} was not published: `troth check` finds {count} in it. Mend it first.")


def publish_policy(log: Log, policy: Policy, read: Callable[[Version], bytes] = _read) -> list[Publishing]:
    """Check and publish every version of a policy that is not published yet, the earliest first.

    All new versions are checked, each as of the day on which it comes into force, before the first is published.
    FaultyPolicyError: a check found an error (warnings do not stop a publication); nothing was published. Raises what
    `publish` raises; what was published before that stays published.
    """
    before = {(one.policy, one.version) for one in published_versions(log.store)}
    for version in policy.versions:
        if (version.policy, version.id) not in before:
            older = policy.versions[: policy.number(version) - 1]
            report = check(version, at=version.effective, older=older)
            errors = tuple(finding for finding in report.findings if finding.severity == "error")
            if errors:
                raise FaultyPolicyError(version.id, errors)
    return [
        Publishing(publish_version(log, version, read(version)), (version.policy, version.id) not in before)
        for version in policy.versions
    ]


def published_policy(store: Store, policy: str | None = None, *, known: Policy | None = None) -> Policy | None:
    """The published versions of a policy as a policy to decide and render by; None when nothing is published.

    `policy` is its id, needed only when the store holds several. `known` is given back when nothing is new since it.
    RecordError: there are several, or a stored file is
    not the one that was published (nothing is served then). PolicyError: this Troth cannot read it.
    """
    all_versions = published_versions(store)
    ids = list(dict.fromkeys(version.policy for version in all_versions))
    if policy is None and len(ids) > 1:
        raise RecordError(f"The store holds several policies: {', '.join(ids)}. Say which one is to be served.")
    wanted = policy or (ids[0] if ids else None)
    if known is not None and {one.sha256 for one in all_versions if one.policy == wanted} == {
        version.sha256 for version in known.versions
    }:
        return known
    versions = []
    for published in all_versions:
        if published.policy != wanted:
            continue
        source = published_source(store, published.policy, published.version) or b""
        if hashlib.sha256(source).hexdigest() != published.sha256:
            raise RecordError(
                f"The stored file of version {published.version} of {published.policy} is not the one that was "
                "published: the database was altered. Restore the newest backup."
            )
        versions.append(parse_version(source, f"{published.policy}/{published.version}.yaml"))
    return Policy(versions) if versions else None
