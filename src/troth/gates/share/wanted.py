"""What is asked of the gate `share`, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, get_args

import msgspec

from troth.gates.held import Part as Segment
from troth.gates.use import ANYBODY

__all__ = ["CHANNELS", "Channel", "Contents", "Format", "Leaving", "Refused", "Segment", "Shared", "State", "Wanted"]

Channel = Literal["webhook", "file", "answer"]
Format = Literal["json", "csv", "jsonl", "parquet"]
State = Literal["running", "done", "stopped", "refused"]
CHANNELS: tuple[Channel, ...] = get_args(Channel)
FORMATS: tuple[Format, ...] = get_args(Format)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be shared: with whom, what for, which data, on which site or product, asked by which service.

    `channel` is how it leaves: to the recipient's endpoint, as a file for the recipient, or in the answer to a caller
    who carries it. `consideration` is whatever of value is given in return, which makes it a sale. `under` is the id
    of what it is done for, such as a legal request. `identified` asks for data that says who a person is; without it,
    statements whose duty is to pseudonymise may be used, too.
    """

    recipient: str
    purpose: str
    data: tuple[str, ...]
    product: str | None = None
    service: str = ANYBODY
    channel: Channel = "webhook"
    format: Format = "json"
    consideration: str | None = None
    under: str | None = None
    identified: bool = False


class Refused(msgspec.Struct, frozen=True):
    """Data that was not shared: the reason of the decision, its sentence, and of how many persons."""

    data: str
    reason: str
    sentence: str = ""
    statement: str | None = None
    persons: int = 0


class Leaving(msgspec.Struct, frozen=True):
    """What leaves of one person, who is known to the recipient by a pseudonym: values by data term."""

    subject: str
    values: Mapping[str, object]


class Contents(msgspec.Struct, frozen=True, kw_only=True):
    """What of a batch may leave at this moment, with the sentences that say so and the duties that come with them.

    `version` is the one of the policy that is in force, nothing if none is.
    """

    disclosure: str
    batch: int
    recipient: str
    purpose: str
    product: str | None
    duties: tuple[str, ...]
    sentences: tuple[str, ...]
    persons: tuple[Leaving, ...]
    policy: str = ""
    version: str = ""


class Shared(msgspec.Struct, frozen=True, kw_only=True):
    """How far a disclosure came.

    `asked` is how many persons it is about (None: not known), `persons` of how many something was released, `released`
    how many values that were, and `refused` of how many persons nothing was. `statements` counts the values by the
    statement that allowed them; `why` says why it stopped or was refused. `contents` are there for the channel
    `answer`, if there is one batch.
    """

    id: str
    state: State
    recipient: str
    purpose: str
    version: str
    channel: Channel
    asked: int | None
    persons: int
    released: int
    refused: int
    batches: int
    created_at: datetime
    ended_at: datetime | None = None
    why: str | None = None
    statements: Mapping[str, int] = {}
    duties: tuple[str, ...] = ()
    refusals: tuple[Refused, ...] = ()
    contents: tuple[Contents, ...] = ()
