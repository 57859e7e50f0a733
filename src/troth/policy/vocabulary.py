"""The words of the field: terms for data, purposes, recipients and the smaller lists, in hierarchies.

`data/vocabulary.csv` holds the terms that every policy has. Each has a label and, where one fits, an IRI of the W3C
Data Privacy Vocabulary, a fideslang key and a P3P category. A policy may add its own terms, each with a parent.

Terms are dotted: `contact` covers `contact.email`. *Covers* (equal or an ancestor) and *overlaps* (either covers the
other) are defined on a term's `path`, from its root to itself. Own terms without a dot hang below their stated parent.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources

import msgspec

# Kinds that form hierarchies; the others are flat lists.
HIERARCHIES = ("data", "purpose", "recipient")
KINDS = (*HIERARCHIES, "moment", "condition", "duty", "means", "safeguard", "action")
ACTIONS = ("collect", "use", "share", "sell", "trade", "rent")


class Term(msgspec.Struct, frozen=True):
    """One term. `path` runs from its root to the term itself; `own` is true for terms that the policy added."""

    kind: str
    slug: str
    label: str
    path: tuple[str, ...]
    dpv: str | None = None
    fideslang: str | None = None
    p3p: str | None = None
    own: bool = False
    sensitive: bool = False


class Vocabulary:
    """The terms that one version of a policy knows. Immutable once made."""

    __slots__ = ("_terms",)

    def __init__(self, terms: Iterable[Term]) -> None:
        self._terms: Mapping[tuple[str, str], Term] = {(term.kind, term.slug): term for term in terms}

    def knows(self, kind: str, slug: str) -> bool:
        """Whether there is such a term; the inner nodes of the hierarchy (`contact`) are terms too."""
        return (kind, slug) in self._terms

    def term(self, kind: str, slug: str) -> Term:
        """The term; KeyError when unknown."""
        return self._terms[kind, slug]

    def path(self, kind: str, slug: str) -> tuple[str, ...]:
        """From the root to the term; a term that is not known here has itself as its only segment."""
        term = self._terms.get((kind, slug))
        return (slug,) if term is None else term.path

    def covers(self, kind: str, wider: str, narrower: str) -> bool:
        """Whether `wider` equals `narrower` or is one of its ancestors."""
        return wider in self.path(kind, narrower)

    def overlaps(self, kind: str, one: str, other: str) -> bool:
        """Whether either term covers the other."""
        return self.covers(kind, one, other) or self.covers(kind, other, one)

    def slugs(self, kind: str) -> tuple[str, ...]:
        """All terms of a kind, in the order of the list."""
        return tuple(slug for term_kind, slug in self._terms if term_kind == kind)

    def terms(self, kind: str) -> tuple[Term, ...]:
        """All terms of a kind, in the order of the list."""
        return tuple(term for term in self._terms.values() if term.kind == kind)

    def label(self, kind: str, slug: str) -> str:
        """The label for people; the slug itself where there is none."""
        term = self._terms.get((kind, slug))
        return slug if term is None else term.label

    def extended(self, own: Iterable[Term]) -> Vocabulary:
        """This vocabulary and the terms of a policy."""
        return Vocabulary((*self._terms.values(), *own))


def dotted_path(slug: str) -> tuple[str, ...]:
    """`contact.email` → (`contact`, `contact.email`)."""
    parts = slug.split(".")
    return tuple(".".join(parts[: length + 1]) for length in range(len(parts)))


@cache
def built_in() -> Vocabulary:
    """The vocabulary that every policy has."""
    terms: dict[tuple[str, str], Term] = {}
    text = resources.files(__package__).joinpath("data/vocabulary.csv").read_text("utf-8")
    for row in csv.DictReader(text.splitlines()):
        kind, slug = row["kind"], row["slug"]
        path = dotted_path(slug) if kind in HIERARCHIES else (slug,)
        for ancestor in path[:-1]:
            label = _INNER_LABELS.get((kind, ancestor), ancestor.capitalize())
            terms.setdefault((kind, ancestor), Term(kind, ancestor, label, dotted_path(ancestor)))
        terms[kind, slug] = Term(
            kind=kind,
            slug=slug,
            label=row["label"],
            path=path,
            dpv=row["dpv"] or None,
            fideslang=row["fideslang"] or None,
            p3p=row["p3p"] or None,
        )
    return Vocabulary(terms.values())


# The roots of the hierarchies have no row of their own: they are there because their children are.
_INNER_LABELS = {
    ("data", "identity"): "Identity",
    ("data", "contact"): "Contact details",
    ("data", "payment"): "Payment",
    ("data", "account"): "Account",
    ("data", "work"): "Work",
    ("data", "content"): "Content",
    ("data", "usage"): "Use of sites and products",
    ("data", "device"): "Device",
    ("data", "location"): "Location",
    ("data", "social"): "Social networks",
    ("purpose", "service"): "Provide the service",
    ("purpose", "security"): "Security",
    ("purpose", "marketing"): "Marketing",
    ("purpose", "improve"): "Improvement",
    ("purpose", "advertising"): "Advertising",
    ("purpose", "partner"): "Partners",
    ("purpose", "legal"): "Law",
    ("recipient", "customer"): "Customer",
    ("recipient", "third_party"): "Third party",
}
