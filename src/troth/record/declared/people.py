"""The policy itself, people and what they chose, what was collected, used, kept and erased."""

from __future__ import annotations

from troth.record.declared.shape import Field, Kind

PEOPLE: tuple[Kind, ...] = (
    Kind(
        "published",
        "A version of the policy was published; it is in force from its effective date.",
        (
            Field("policy", "id", "the id of the policy"),
            Field("version", "id", "the version: its effective date as it is written in the policy"),
            Field("effective", "date", "when the version comes into force, UTC"),
            Field("title", "text", "the title of the policy"),
            Field("sha256", "sha256", "SHA-256 of the bytes of the policy file"),
        ),
    ),
    Kind(
        "choice",
        "Somebody made a choice, or it was made for them; it is in force from this entry on.",
        (
            Field("policy", "id", "the id of the policy whose choice it is"),
            Field("person", "commitment", "the pseudonymous id of the person"),
            Field("change", "commitment", "the choice, its state, who acted, how, on which version and product"),
        ),
    ),
    Kind(
        "linked",
        "An identifier was linked to a person.",
        (
            Field("person", "commitment", "the pseudonymous id of the person"),
            Field("identifier", "commitment", "the kind of the identifier and its blind index"),
        ),
    ),
    Kind(
        "unlinked",
        "An identifier was taken from a person, and is that of a person of its own from now on.",
        (
            Field("person", "commitment", "the pseudonymous id of the person"),
            Field("identifier", "commitment", "the kind of the identifier and its blind index"),
            Field("other", "commitment", "the pseudonymous id of the person that it is of now"),
        ),
    ),
    Kind(
        "merged",
        "Two persons turned out to be one; the choices of both were merged, the stricter one each time.",
        (
            Field("person", "commitment", "the pseudonymous id that stays"),
            Field("other", "commitment", "the pseudonymous id that means the same person from now on"),
        ),
    ),
    Kind(
        "collected",
        "Data was collected from or about a person, as a statement of the policy says.",
        (
            Field("policy", "id", "the id of the policy"),
            Field("version", "id", "the version under which it was collected"),
            Field("statement", "id", "the statement that it was collected by"),
            Field("person", "commitment", "the pseudonymous id of the person"),
            Field("collection", "commitment", "the data terms in the order of the items, the product, the moment"),
        ),
    ),
    Kind(
        "expired",
        "Data was deleted since the time was over for which the policy lets it be kept.",
        (
            Field("policy", "id", "the id of the policy"),
            Field("items", "counts", "how many items were deleted, by the statement that they were collected by"),
        ),
    ),
    Kind(
        "erased",
        "Persons were erased: their keys were destroyed, and what was kept of them was deleted.",
        (
            Field("persons", "integer", "how many"),
            Field("erasure", "commitment", "their pseudonymous ids, who did it, and why"),
        ),
    ),
    Kind(
        "rotated",
        "Something was done to the keys that wrap the keys of persons.",
        (
            Field("epoch", "integer", "the number of the key"),
            Field("act", "id", "created, rewrapped (keys of persons moved to it), or retired (and destroyed)"),
            Field("keys", "integer", "how many keys of persons were moved; 0 for the other acts"),
        ),
    ),
    Kind(
        "service",
        "The key of a service was made, got a new secret, or was revoked.",
        (
            Field("change", "id", "created, rotated or revoked"),
            Field("key", "id", "the id of the key"),
            Field("name", "id", "the name of the service"),
            Field("scope", "text", "what the service may ask for, as JSON"),
        ),
    ),
    Kind(
        "used",
        "Values were released for a purpose within a minute that is over.",
        (
            Field("minute", "date", "when the minute began"),
            Field("service", "text", "the service that asked, or anybody"),
            Field("statement", "id", "the statement that allowed it"),
            Field("version", "text", "the version of the policy that was in force"),
            Field("purpose", "text", "what the values were for"),
            Field("product", "text", "the covered site or product, if one was named"),
            Field("persons", "integer", "of how many persons, counted once for each request"),
            Field("values", "integer", "how many values"),
        ),
    ),
)
