"""The names that a policy uses: each must be a term of the vocabulary or something that the policy declares.

Also here: how the policy's own terms join the vocabulary, each below its parent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from troth.policy.model import OwnTerm, OwnTerms
from troth.policy.problems import Place, Problems
from troth.policy.vocabulary import HIERARCHIES, KINDS, Term, Vocabulary, built_in


class Use(msgspec.Struct, frozen=True):
    """A name in a policy file, the kind of thing that it must name, and where it stands."""

    kind: str
    name: str
    place: Place


def extend_vocabulary(own: OwnTerms | None, problems: Problems) -> Vocabulary:
    """The built-in vocabulary with the policy's own terms; problems of those are noted."""
    vocabulary = built_in()
    if own is None:
        return vocabulary
    terms: list[Term] = []
    for kind in KINDS:
        entries: dict[str, OwnTerm] = {entry.id: entry for entry in getattr(own, kind, ())}
        for entry in entries.values():
            if vocabulary.knows(kind, entry.id):
                message = f"'{entry.id}' is a {kind} term of the vocabulary already; use it as it is or choose a name."
                problems.add("vocabulary-clash", entry.place, message, found=entry.id)
                continue
            path = _path(kind, entry, entries, vocabulary, problems)
            if path is not None:
                terms.append(
                    Term(
                        kind=kind,
                        slug=entry.id,
                        label=entry.label,
                        path=path,
                        dpv=entry.dpv,
                        fideslang=entry.fideslang,
                        own=True,
                        sensitive=entry.sensitive,
                    )
                )
    return vocabulary.extended(terms)


def _path(
    kind: str, entry: OwnTerm, entries: Mapping[str, OwnTerm], vocabulary: Vocabulary, problems: Problems
) -> tuple[str, ...] | None:
    """From the root to an own term, through parents that may be own terms too; None with a problem noted."""
    if kind not in HIERARCHIES:
        if entry.parent is not None:
            message = f"Terms of the kind {kind} have no parents; leave `parent` out."
            problems.add("bad-value", entry.place, message, found=entry.parent)
        return (entry.id,)
    path = [entry.id]
    current = entry
    while True:
        dotted = current.id.rpartition(".")[0] or None
        parent = current.parent or dotted
        if parent is None:
            message = f"The term '{entry.id}' has no parent. Give it `parent:`, a {kind} term."
            problems.add("missing-key", entry.place, message, allowed=vocabulary.slugs(kind))
            return None
        if dotted is not None and parent != dotted:
            message = f"By its dots the parent of '{current.id}' is '{dotted}', not '{parent}'."
            problems.add("bad-value", current.place, message, found=parent, allowed=(dotted,))
            return None
        if vocabulary.knows(kind, parent):
            return (*vocabulary.path(kind, parent), *reversed(path))
        if parent in path:
            circle = " → ".join([*path[path.index(parent) :], parent])
            problems.add("vocabulary-cycle", entry.place, f"Terms are parents of each other in a circle: {circle}.")
            return None
        if parent not in entries:
            message = f"The parent of '{current.id}', '{parent}', is not a {kind} term."
            allowed = (*vocabulary.slugs(kind), *entries)
            problems.add("unknown-term", current.place, message, found=parent, allowed=allowed)
            return None
        path.append(parent)
        current = entries[parent]


def check_names(
    uses: Iterable[Use],
    values: Mapping[str, Any],
    declared: Mapping[str, Sequence[str]],
    vocabulary: Vocabulary,
    problems: Problems,
) -> None:
    """Note every use of a name that names nothing.

    `values` are the top-level values that could be read; `declared` has the ids below each key, readable or not.
    """

    def ids(key: str) -> tuple[str, ...]:
        return tuple(declared.get(key, ()))

    claims = ids("claims")
    recipients = ids("recipients")
    known: dict[str, tuple[str, ...]] = {
        kind: tuple(dict.fromkeys((*vocabulary.slugs(kind), *ids(f"vocabulary.{kind}")))) for kind in KINDS
    }
    known["kind"] = known["recipient"]
    known["recipient"] = (*recipients, *known["recipient"])
    known["condition"] = (*known["condition"], *claims)
    known["choice"] = ids("choices")
    known["product"] = ids("covers")
    lookup = {kind: frozenset(names) for kind, names in known.items()}
    for use in uses:
        if use.name in lookup[use.kind]:
            continue
        code, message = _UNKNOWN.get(use.kind, ("unknown-term", "'{name}' is not a {kind} term."))
        message = message.format(name=use.name, kind=use.kind)
        problems.add(code, use.place, message, found=use.name, allowed=known[use.kind])
    for recipient in values.get("recipients", ()):
        if recipient.id in lookup["kind"]:
            message = f"'{recipient.id}' is a kind of recipient; give the recipient another id."
            problems.add("vocabulary-clash", recipient.place, message, found=recipient.id)
    for claim in values.get("claims", ()):
        if vocabulary.knows("condition", claim.id):
            message = f"'{claim.id}' is a condition of the vocabulary; give the claim another id."
            problems.add("vocabulary-clash", claim.place, message, found=claim.id)
    for share in values.get("shares", ()):
        if share.transfer is not None and share.transfer.claim is not None and share.transfer.claim not in claims:
            message = f"The transfer of '{share.id}' rests on '{share.transfer.claim}', which is not a claim."
            problems.add("unknown-term", share.place, message, found=share.transfer.claim, allowed=claims)
    then = (*ids("answers"), *claims, *recipients)
    for answer in values.get("answers", ()):
        if answer.then is not None and answer.then not in then:
            message = f"After '{answer.id}' comes '{answer.then}', which is no answer, claim or recipient."
            problems.add("unknown-answer", answer.place, message, found=answer.then, allowed=then)


_UNKNOWN = {
    "choice": ("unknown-choice", "'{name}' is not among the choices of the policy."),
    "product": ("unknown-product", "'{name}' is not among the sites and products that the policy covers."),
    "recipient": ("unknown-term", "'{name}' is neither a declared recipient nor a kind of recipient."),
    "kind": ("unknown-term", "'{name}' is not a kind of recipient."),
    "condition": ("unknown-term", "'{name}' is neither a condition nor a claim of the policy."),
}
