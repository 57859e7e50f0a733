"""A disclosure as it is kept: what was asked for, how far it came, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import bindparam, select

from troth.gates.share.wanted import Channel, Format, Refused, Segment, Shared, State, Wanted
from troth.policy.model import Version
from troth.store.schema import disclosures, from_micros, to_micros

COLUMNS = [
    disclosures.c[name]
    for name in (
        "id", "recipient", "purpose", "product", "data", "service", "policy", "version", "channel", "format", "under",
        "identified", "state", "segment", "cursor", "steps", "batches", "asked", "persons", "released", "refused",
        "created_at", "ended_at", "outcome", "why",
    )
]  # fmt: skip
ONE = select(*COLUMNS).where(disclosures.c.id == bindparam("of_id"))
BY_KEY = select(*COLUMNS, disclosures.c.digest).where(disclosures.c.key == bindparam("of_key"))
ADD = disclosures.insert().values({column.name: bindparam(column.name) for column in disclosures.columns})


class Outcome(msgspec.Struct, frozen=True):
    """What came of it: values by the statement that allowed them, and the refusals, each with its number of persons."""

    statements: Mapping[str, int] = {}
    refusals: tuple[Refused, ...] = ()

    def and_also(self, other: Outcome) -> Outcome:
        """Both together."""
        counts = dict(self.statements)
        for id, number in other.statements.items():
            counts[id] = counts.get(id, 0) + number
        refused: dict[tuple[str, str, str, str | None], int] = {}
        for one in (*self.refusals, *other.refusals):
            what = (one.data, one.reason, one.sentence, one.statement)
            refused[what] = refused.get(what, 0) + one.persons
        return Outcome(counts, tuple(Refused(*what, number) for what, number in refused.items()))


class Disclosure(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the table. `under` is the id of what it was done for; `steps` counts the transactions of its job."""

    id: str
    recipient: str
    purpose: str
    product: str | None
    data: tuple[str, ...]
    service: str
    policy: str
    version: str
    channel: Channel
    format: Format
    under: str | None
    identified: bool
    state: State
    segment: Segment | None
    cursor: str | None
    steps: int
    batches: int
    asked: int | None
    persons: int
    released: int
    refused: int
    created_at: datetime
    ended_at: datetime | None
    outcome: Outcome
    why: str | None

    @property
    def wanted(self) -> Wanted:
        """What was asked for, as it is asked again when something leaves."""
        return Wanted(
            recipient=self.recipient, purpose=self.purpose, data=self.data, product=self.product, service=self.service,
            channel=self.channel, format=self.format, under=self.under, identified=self.identified,
        )  # fmt: skip

    def shared(self, version: Version | None) -> Shared:
        """The answer to who asked for it; `version` is the one by which it was decided."""
        duties: dict[str, None] = {}
        for statement in version.shares if version is not None else ():
            if statement.id in self.outcome.statements:
                duties |= dict.fromkeys(statement.must)
        return Shared(
            id=self.id, state=self.state, recipient=self.recipient, purpose=self.purpose, version=self.version,
            channel=self.channel, asked=self.asked, persons=self.persons, released=self.released, refused=self.refused,
            batches=self.batches, created_at=self.created_at, ended_at=self.ended_at, why=self.why,
            statements=self.outcome.statements, duties=tuple(duties), refusals=self.outcome.refusals,
        )  # fmt: skip


def new_disclosure(id: str, wanted: Wanted, version: Version, at: datetime, state: State, **more: Any) -> Disclosure:
    """A disclosure that begins, or was refused; `more` are fields that are not as they are at the beginning."""
    begun: dict[str, Any] = {
        "segment": None, "cursor": None, "steps": 0, "batches": 0, "asked": None, "persons": 0, "released": 0,
        "refused": 0, "ended_at": None if state == "running" else at, "outcome": Outcome(), "why": None,
    }  # fmt: skip
    return Disclosure(
        id=id, recipient=wanted.recipient, purpose=wanted.purpose, product=wanted.product, data=wanted.data,
        service=wanted.service, policy=version.policy, version=version.id, channel=wanted.channel,
        format=wanted.format, under=wanted.under, identified=wanted.identified, state=state, created_at=at,
        **(begun | more),
    )  # fmt: skip


def row_of(one: Disclosure, key: bytes | None = None, digest: bytes | None = None) -> dict[str, Any]:
    """The row that it is kept as. `key` and `digest` are those of the request, if it had a key."""
    row = {name: getattr(one, name) for name in one.__struct_fields__}
    return row | {
        "data": _text(one.data), "identified": int(one.identified), "outcome": _text(one.outcome), "key": key,
        "segment": None if one.segment is None else _text(one.segment), "digest": digest,
        "created_at": to_micros(one.created_at),
        "ended_at": None if one.ended_at is None else to_micros(one.ended_at),
    }  # fmt: skip


def read_disclosure(row: Sequence[Any]) -> Disclosure:
    """The disclosure in a row of COLUMNS."""
    values = dict(zip((column.name for column in COLUMNS), row, strict=False))
    decode = msgspec.json.decode
    values |= {
        "data": decode(values["data"], type=tuple[str, ...]), "identified": bool(values["identified"]),
        "segment": None if values["segment"] is None else decode(values["segment"], type=Segment),
        "outcome": decode(values["outcome"], type=Outcome), "created_at": from_micros(values["created_at"]),
        "ended_at": None if values["ended_at"] is None else from_micros(values["ended_at"]),
    }  # fmt: skip
    return Disclosure(**values)


def written_outcome(outcome: Outcome) -> str:
    """An outcome as it is kept."""
    return _text(outcome)


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()
