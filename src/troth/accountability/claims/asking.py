"""What a machine can be asked about a claim: the record itself, and the latest tests of safeguards."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from troth.accountability.claims.assessing import Answer, Ask
from troth.record.log import Log
from troth.record.pinned import read_pinned
from troth.record.verification import verify_record
from troth.record.verifier import VerifyError

Question = Callable[[], Answer]


def answers(questions: Mapping[str, Question]) -> Ask:
    """What answers questions by their names; a name that is none of them has no answer."""
    return lambda what: questions[what]() if what in questions else None


def record_holds(log: Log) -> Answer:
    """Whether the record verifies as a whole, against the checkpoint that is kept outside of it."""
    try:
        verified = verify_record(log, log.keys.trusted, read_pinned(log.folder, log.keys))
    except VerifyError as error:
        return Answer(False, f"The record does not verify: {error}")
    size = verified.head.size if verified.head is not None else 0
    return Answer(True, f"All {size + verified.unsigned} entries verify, {size} of them under the latest checkpoint.")
