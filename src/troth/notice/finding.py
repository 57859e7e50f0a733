"""What somebody may have meant who asked for a page that does not exist."""

from __future__ import annotations

import difflib
import re
from datetime import datetime

from troth.policy.history import Policy
from troth.policy.model import Version

MOST = 6
_IDLE = frozenset({"policy", "products", "s", "versions", "the", "and", "for", "our", "your", "html", "php", "index"})


def near(version: Version, at: datetime, address: str) -> tuple[tuple[str, str], ...]:
    """Addresses and names of promises and covered names that are spelled like the address or hold its words."""
    asked = [word for word in re.findall(r"[\w-]+", address.lower()[:200]) if word not in _IDLE][:12]
    if not asked:
        return ()
    scores: list[tuple[float, int, str, str]] = []
    for order, covered in enumerate(version.covers):
        score = _score(asked, covered.id, covered.name)
        scores.append((-score, order, f"products/{covered.id}", covered.name))
    for statement in version.stated_on(at):
        sentence = statement.says.in_(version.language)
        score = _score(asked, statement.id, sentence)
        scores.append((-score, 1000 + statement.order, f"policy/s/{statement.id}", sentence))
    return tuple((address, label) for score, _, address, label in sorted(scores)[:MOST] if score <= -1)


def _score(asked: list[str], id: str, text: str) -> float:
    """How well words fit an id and a text: 3 for an id spelled nearly so, 1 for each word that the text holds."""
    held = set(re.findall(r"\w+", f"{id} {text}".lower()))
    score = 0.0
    for word in asked:
        ratio = difflib.SequenceMatcher(None, word, id.lower()).ratio()
        if ratio >= 0.72:
            score += 3 * ratio
        for piece in re.split(r"[-_]", word):
            if len(piece) > 2 and any(piece == other or piece.rstrip("s") == other.rstrip("s") for other in held):
                score += 1
    return score


def ended(policy: Policy, at: datetime, address: str) -> bool:
    """Whether an address is that of a claim which the policy made, and which is not current now."""
    id = address.removeprefix("policy/s/")
    known = {claim.id for version in policy.versions if version.effective <= at for claim in version.claims}
    return id != address and id in known


def gone(policy: Policy, at: datetime, address: str) -> tuple[tuple[str, str], ...]:
    """Where a promise that is not part of the notice now still stands: the versions that had it, latest first."""
    id = address.removeprefix("policy/s/")
    if id == address:
        return ()
    found = []
    for version in reversed(policy.archive.versions):
        if version.effective <= at and any(statement.id == id for statement in version.stated_on(version.effective)):
            label = f"{version.statement(id).says.in_(version.language)} (version of {version.id})"
            found.append((f"policy/versions/{version.id}#{id}", label))
    return tuple(found)
