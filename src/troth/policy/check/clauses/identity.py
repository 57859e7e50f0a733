"""Who makes the promises, and for which sites: ID1 to ID3, SC1 and SC2."""

from __future__ import annotations

from datetime import timedelta

from troth.policy.check.clauses.shape import Missing, NotApplicable, Outcome, Satisfied, answer, clause
from troth.policy.check.shape import Subject
from troth.policy.values import write_moment

# The European Economic Area (ISO 3166-1): who is established there needs no representative.
EEA = frozenset(
    {"AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IS", "IT", "LI", "LT",
     "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK"}
)  # fmt: skip
_YEAR = timedelta(days=366)


@clause("ID1", "State `publisher:` with `name`, `address` and `email` or `phone`.")
def id1(subject: Subject) -> Outcome:
    """The publisher, with a way to reach it."""
    publisher = subject.version.publisher
    ways = [f"publisher.{field}" for field in ("email", "phone") if getattr(publisher, field)]
    contact = answer(subject, "contact")
    if contact is not None and (contact.email or contact.at):
        ways.append(subject.path(contact))
    if not ways:
        return Missing("The publisher has no e-mail address, telephone number or contact page.", "publisher")
    return Satisfied(("publisher.name", "publisher.address", *ways))


@clause("ID2", "State `publisher.representative:` with a name and address, or `none:` with the reason.")
def id2(subject: Subject) -> Outcome:
    """The representative in the Union; who is established there needs none."""
    publisher = subject.version.publisher
    if publisher.representative is not None:
        return Satisfied(("publisher.representative",))
    if publisher.country in EEA:
        return NotApplicable("The publisher is established in the European Economic Area.")
    return Missing("Nothing is said about a representative in the European Union.", "publisher")


@clause("ID3", "State `publisher.officer:` with a name or e-mail address, or `none:` with the reason.")
def id3(subject: Subject) -> Outcome:
    """The data protection officer."""
    if subject.version.publisher.officer is not None:
        return Satisfied(("publisher.officer",))
    return Missing("Nothing is said about a data protection officer.", "publisher")


@clause("SC1", "List the sites and products under `covers:`.")
def sc1(subject: Subject) -> Outcome:
    """What the policy covers."""
    covers = subject.version.covers
    if not covers:
        return Missing("The policy covers no site or product.", "covers")
    return Satisfied(tuple(f"covers.{covered.id}" for covered in covers))


@clause("SC2", "Review the policy and set `reviewed:` to that day.")
def sc2(subject: Subject) -> Outcome:
    """The effective date, and a review within the last twelve months."""
    version = subject.version
    reviewed = max(version.reviewed or version.effective, version.effective)
    path = "reviewed" if version.reviewed else "effective"
    if subject.at - reviewed > _YEAR:
        return Missing(f"The last review was on {write_moment(reviewed)}, more than twelve months ago.", path)
    return Satisfied(("effective", path))
