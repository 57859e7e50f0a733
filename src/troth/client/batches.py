"""Many submissions in few requests: NDJSON, a submission a line there and what became of it a line back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from troth.client.errors import TrothError, WrongRequest
from troth.client.reading import NonsenseError, as_object, load, nonsense, read_collected, told_error
from troth.client.transport import Answer
from troth.client.values import Collected, Submission

LINES = "application/x-ndjson"
MOST_LINES = 10_000
MOST_BYTES = 4 * 1024 * 1024  # of a request; the server takes twice as much
_OF_THE_REQUEST = {"bad-request", "bad-person", "unsupported", "too-many"}


def encode(value: object) -> bytes:
    """A value as JSON. WrongRequest: it is none that JSON can write, or the text in it is none."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError):
        pass  # these errors hold the value, and errors end up in logs
    raise WrongRequest("bad-field", "A value is none that JSON can write.")


def written(submission: Submission, product: str | None = None) -> dict[str, Any]:
    """A submission as the gate reads it; the statement is in the address."""
    found: dict[str, Any] = {
        "fields": dict(submission.fields),
        "person": submission.person,
        "product": submission.product or product,
        "moment": submission.moment,
    }
    return {name: value for name, value in found.items() if value is not None}


@dataclass(slots=True)
class Batch:
    """Submissions under one statement, as lines; a line that cannot be written is the error."""

    statement: str
    lines: list[bytes | TrothError] = field(default_factory=list)
    size: int = 0

    @property
    def count(self) -> int:
        """How many submissions there are."""
        return len(self.lines)

    def takes(self, submission: Submission, line: bytes | TrothError) -> bool:
        """Whether one more fits."""
        more = len(line) if isinstance(line, bytes) else 0
        return (
            submission.statement == self.statement
            and self.count < MOST_LINES
            and (not self.lines or self.size + more <= MOST_BYTES)
        )


def batches(submissions: Iterable[Submission], product: str | None) -> Iterator[Batch]:
    """Submissions in batches, in their order."""
    batch: Batch | None = None
    for submission in submissions:
        line: bytes | TrothError
        try:
            line = encode(written(submission, product))
        except WrongRequest as problem:
            line = problem
        if batch is None or not batch.takes(submission, line):
            if batch is not None:
                yield batch
            batch = Batch(submission.statement)
        batch.lines.append(line)
        batch.size += len(line) + 1 if isinstance(line, bytes) else 0
    if batch is not None:
        yield batch


def read_lines(answer: Answer, count: int) -> list[Collected | TrothError]:
    """What became of each of `count` submissions. Unavailable: the answer does not say so of every one."""
    try:
        if answer.media_type != LINES:
            raise NonsenseError("it is no NDJSON")
        lines = [line for line in answer.body.split(b"\n") if line]
        if len(lines) != count:
            raise NonsenseError(f"it has {len(lines)} lines for {count} submissions")
        return [_outcome(as_object(load(line))) for line in lines]
    except NonsenseError as problem:
        raise nonsense(problem, unknown=True) from problem


def _outcome(told: Mapping[str, Any]) -> Collected | TrothError:
    if "error" not in told:
        return read_collected(dict(told))
    code = told["error"]
    status = 403 if code == "scope" else 400 if code in _OF_THE_REQUEST else 422
    return told_error(status, dict(told))
