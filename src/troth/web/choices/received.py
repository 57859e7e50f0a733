"""Who received data about a person, for the page of their choices, and the proof of each line to download.

What a law forbids to tell at this moment, such as a request of an authority under a gag, is not in it, and neither is
what was withheld before it left.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from litestar import Request, Response

from troth.accountability.legal.requests import hidden
from troth.gates.following.following import follow_ups_of
from troth.gates.following.followups import FollowUp
from troth.gates.following.received import family_of
from troth.gates.share.register import Received, Register
from troth.people.errors import ExpiredPassError, NotProvableYetError, UnknownPassError, UnknownPersonError
from troth.web.choices.desk import Desk, json

SUFFIX = ".json"
MOST = 200  # lines on the page, the latest

TOLD = {
    "opt-out": "You refused",
    "correction": "What they have has changed",
    "erasure": "You were erased",
}
STATES = {
    "deciding": "We look whether the new value may go there.",
    "sent": "We are passing that on, until they confirm it.",
    "staff": "Our staff passes that on by letter or telephone.",
    "done": "They know of that.",
    "refused": "The new value may not go there now.",
}


class Line(msgspec.Struct, frozen=True):
    """One departure: the data that left, when, and where its proof is."""

    data: tuple[str, ...]
    at: datetime
    proof: str


class Followed(msgspec.Struct, frozen=True):
    """What was passed on to a recipient since, in words, and how far that is."""

    text: str
    choice: str | None
    state: str
    at: datetime


class Recipient(msgspec.Struct, frozen=True, kw_only=True):
    """What a recipient received for a purpose, the latest first, by which promises, and what followed.

    `promises` are the ids of statements that the version in force still has; `sentences` what they said then.
    """

    id: str
    name: str
    purpose: str
    data: tuple[str, ...]
    sentences: tuple[str, ...]
    promises: tuple[str, ...]
    lines: tuple[Line, ...]
    followed: tuple[Followed, ...]


def recipients_of(desk: Desk, person: str) -> tuple[Recipient, ...]:
    """Who received something of a person, the latest first, and partners who were told of a refusal alone."""
    people = desk.people
    found = [one for one in Register(people, desk.policy).of_person(person) if one.withheld_at is None]
    secret = hidden(people.store, {one.disclosure for one in found}, desk.clock())
    found = [one for one in found if one.disclosure not in secret][::-1][:MOST]
    followed = follow_ups_of(people.store, family_of(people.store, person))
    groups: dict[tuple[str, str], list[Received]] = {}
    for one in found:
        groups.setdefault((one.recipient, one.purpose), []).append(one)
    seen: set[str] = set()
    told = []
    for (recipient, purpose), some in groups.items():
        # What followed is told once for a recipient, beside the first thing that it received.
        mine = () if recipient in seen else tuple(_followed(one) for one in followed if one.recipient == recipient)
        seen.add(recipient)
        told.append(_recipient(desk, recipient, purpose, some, mine))
    for follow_up in followed:
        if follow_up.recipient not in seen and follow_up.kind == "opt-out":
            seen.add(follow_up.recipient)
            mine = tuple(_followed(other) for other in followed if other.recipient == follow_up.recipient)
            told.append(_partner(desk, follow_up.recipient, mine))
    return tuple(told)


class Proofs:
    """The downloads of proofs, `/disclosures/<pass>.json`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def get(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """`GET /disclosures/<pass>.json`."""
        desk, name = self._desk, request.path_params["entry"]
        try:
            entry = desk.passes.read(name.removesuffix(SUFFIX), "disclosure", desk.clock())
            if not name.endswith(SUFFIX) or entry.leaf is None or entry.position is None:
                raise UnknownPassError("A proof ends in .json.")
            proof = await asyncio.to_thread(self._proof, entry.leaf, entry.position)
        except (UnknownPassError, ExpiredPassError, UnknownPersonError):
            return json({"error": "There is no such proof."}, status=404)
        except NotProvableYetError as problem:
            return json({"error": str(problem)}, status=503, headers={"Retry-After": "1"})
        body = msgspec.json.format(msgspec.json.encode(proof), indent=2)
        headers = {
            "Cache-Control": "no-store",
            "Content-Disposition": f'attachment; filename="disclosure-{entry.leaf}-{entry.position}.json"',
        }
        return Response(body, media_type="application/json", headers=headers)

    def _proof(self, leaf: int, position: int) -> dict[str, Any]:
        desk = self._desk
        proof = Register(desk.people, desk.policy).proof(leaf, position)
        disclosure = str(proof.line["disclosure"])
        if hidden(desk.people.store, [disclosure], desk.clock()):
            raise UnknownPersonError("Nobody may be told of it now.")
        receipt = desk.log.receipt(leaf)
        if receipt is None:
            desk.log.sign()
            receipt = desk.log.receipt(leaf)
        if receipt is None:
            raise NotProvableYetError("No signed checkpoint covers this yet; ask again later.")
        return {
            "type": "troth.disclosure-proof",
            **msgspec.to_builtins(proof),
            "tlogProof": base64.b64encode(receipt).decode("ascii"),
        }


def _recipient(
    desk: Desk, id: str, purpose: str, some: Sequence[Received], followed: tuple[Followed, ...]
) -> Recipient:
    version = desk.version()
    there = {one.id for one in version.shares}
    data = dict.fromkeys(term for one in some for term in one.data if term not in one.withheld)
    statements = dict.fromkeys(
        pair for one in some for pair in zip(one.statements, one.sentences, strict=True)
    )  # fmt: skip
    lines = tuple(
        Line(
            tuple(term for term in one.data if term not in one.withheld),
            one.at,
            f"disclosures/{desk.passes.disclosure(one.entry, one.position)}{SUFFIX}",
        )
        for one in some
    )
    return Recipient(
        id=id, name=_name(desk, id, some[0].recipient_name), purpose=purpose, data=tuple(data),
        sentences=tuple(sentence for _, sentence in statements),
        promises=tuple(statement if statement in there else "" for statement, _ in statements),
        lines=lines, followed=followed,
    )  # fmt: skip


def _partner(desk: Desk, id: str, followed: tuple[Followed, ...]) -> Recipient:
    return Recipient(
        id=id, name=_name(desk, id, id), purpose="", data=(), sentences=(), promises=(), lines=(), followed=followed
    )


def _name(desk: Desk, id: str, known: str) -> str:
    """The name of a recipient: that of the policy, else of the register."""
    declared = next((one for v in reversed(desk.policy.versions) if (one := v.recipient(id)) is not None), None)
    if declared is not None:
        return declared.name
    registered = desk.register.standing().get(id)
    return known if registered is None else registered.profile.name


def _followed(one: FollowUp) -> Followed:
    return Followed(TOLD[one.kind], one.choice, STATES[one.state], one.made_at)
