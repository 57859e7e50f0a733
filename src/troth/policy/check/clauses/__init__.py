"""The clauses that laws, frameworks and programmes require a policy to state: one small function for each."""

from troth.policy.check.clauses import (  # noqa: F401 - importing these files fills the table of clauses
    accountability,
    choices,
    collection,
    identity,
    mail,
    rights,
    sharing,
)
from troth.policy.check.clauses.shape import FRAMEWORKS, REGISTERED, ROWS, Clause
from troth.policy.check.shape import Subject, Verdict

# In the order of `clauses.csv`.
CLAUSES: dict[str, Clause] = {id: REGISTERED[id] for id in ROWS}


def verdicts_on(subject: Subject) -> tuple[Verdict, ...]:
    """The verdicts on the clauses of the frameworks that the subject is asked about."""
    asked = set(subject.frameworks)
    return tuple(each.verdict(subject) for each in CLAUSES.values() if asked.intersection(each.frameworks))


__all__ = ["CLAUSES", "FRAMEWORKS", "Clause", "verdicts_on"]
