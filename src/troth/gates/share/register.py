"""The register of disclosures: who received what about whom, when, why, and under which sentence.

A person sees their own, and can have each line proven; staff see all of them, without anybody's name. It is what the
records of processing activities need about recipients (GDPR article 30(1)(d)), and what is told to whoever asks for
access (article 15(1)(c)).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import bindparam, or_, select
from sqlalchemy.sql import func

from troth.gates.share.disclosure import COLUMNS, ONE, Disclosure, read_disclosure
from troth.gates.share.lines import FIELD, Proof, bound_to, open_line, path_to, root_of
from troth.people import People
from troth.people.errors import UnknownPersonError
from troth.people.reading import Who
from troth.policy.history import Policy
from troth.store.schema import disclosed, disclosure_batches, disclosures, from_micros, persons, to_micros

MOST = 1_000  # disclosures in one answer
_FIRST, _LAST = 0, 2**62  # moments before and after all others

_LINE = (
    disclosed.c.leaf, disclosed.c.position, disclosed.c.disclosure, disclosed.c.recipient, disclosed.c.purpose,
    disclosures.c.product, disclosures.c.channel, disclosures.c.under, disclosed.c.pseudonym, disclosed.c.data,
    disclosed.c.statements, disclosed.c.version, disclosed.c.at, disclosed.c.withheld, disclosed.c.withheld_at,
)  # fmt: skip
OF_PERSON = (
    select(*_LINE)
    .join(disclosures, disclosures.c.id == disclosed.c.disclosure)
    .where(
        or_(
            disclosed.c.person == bindparam("of_person"),
            disclosed.c.person.in_(select(persons.c.id).where(persons.c.merged_into == bindparam("of_person_too"))),
        )
    )
    .order_by(disclosed.c.leaf, disclosed.c.position)
)
LISTED = (
    select(*COLUMNS)
    .where(
        disclosures.c.created_at >= bindparam("since"),
        disclosures.c.created_at < bindparam("until"),
        or_(
            disclosures.c.created_at < bindparam("before_at"),
            (disclosures.c.created_at == bindparam("before_at_too")) & (disclosures.c.id < bindparam("before_id")),
        ),
    )
    .order_by(disclosures.c.created_at.desc(), disclosures.c.id.desc())
    .limit(bindparam("at_most"))
)
LISTED_OF = LISTED.where(disclosures.c.recipient == bindparam("of_recipient"))
BATCHES = (
    select(*(disclosure_batches.c[name] for name in ("number", "leaf", "persons", "released", "root")))
    .where(disclosure_batches.c.disclosure == bindparam("of_id"))
    .order_by(disclosure_batches.c.number)
)
PLACE = (
    select(
        disclosed.c.person, disclosed.c.opening, disclosure_batches.c.disclosure, disclosure_batches.c.number,
        disclosure_batches.c.root, persons.c.sealing_key,
    )
    .join(disclosure_batches, disclosure_batches.c.leaf == disclosed.c.leaf)
    .join(persons, persons.c.id == disclosed.c.person)
    .where(disclosed.c.leaf == bindparam("of_leaf"), disclosed.c.position == bindparam("of_position"))
)  # fmt: skip
COMMITMENTS = (
    select(disclosed.c.commitment).where(disclosed.c.leaf == bindparam("of_leaf")).order_by(disclosed.c.position)
)
BY_RECIPIENT = (
    select(
        disclosures.c.recipient, disclosures.c.purpose, disclosures.c.product, disclosures.c.channel,
        func.count(), func.sum(disclosures.c.persons), func.sum(disclosures.c.released),
        func.min(disclosures.c.created_at), func.max(disclosures.c.created_at),
    )
    .where(
        disclosures.c.persons > 0,
        disclosures.c.created_at >= bindparam("since"),
        disclosures.c.created_at < bindparam("until"),
    )
    .group_by(disclosures.c.recipient, disclosures.c.purpose, disclosures.c.product, disclosures.c.channel)
    .order_by(disclosures.c.recipient, disclosures.c.purpose, disclosures.c.product, disclosures.c.channel)
)  # fmt: skip
WHAT = (
    select(disclosures.c.data, disclosures.c.version, disclosures.c.outcome)
    .where(
        disclosures.c.persons > 0,
        disclosures.c.created_at >= bindparam("since"),
        disclosures.c.created_at < bindparam("until"),
        disclosures.c.recipient == bindparam("of_recipient"),
        disclosures.c.purpose == bindparam("of_purpose"),
        disclosures.c.channel == bindparam("of_channel"),
        func.coalesce(disclosures.c.product, "") == bindparam("of_product"),
    )
    .distinct()
)  # fmt: skip


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """What a recipient received of one person in one batch, as the register has it.

    `sentences` are what the statements say, each with the data that it allowed. `withheld` is the data that stayed
    after all, and if that was everything, `withheld_at` is when. `entry` and `position` name the line, for `proof`.
    """

    entry: int
    position: int
    disclosure: str
    recipient: str
    recipient_name: str
    purpose: str
    product: str | None
    channel: str
    under: str | None
    pseudonym: str
    data: tuple[str, ...]
    statements: tuple[str, ...]
    sentences: tuple[str, ...]
    version: str
    at: datetime
    withheld: tuple[str, ...] = ()
    withheld_at: datetime | None = None


class BatchOf(msgspec.Struct, frozen=True):
    """One batch of a disclosure: its number, the index of its entry in the record, and what the entry counts."""

    number: int
    entry: int
    persons: int
    released: int
    root: str


class Activity(msgspec.Struct, frozen=True, kw_only=True):
    """What went to a recipient for a purpose in a time, for the records of processing activities (GDPR article 30).

    `kind` and `country` are what the latest version that declares the recipient says of it.
    """

    recipient: str
    recipient_name: str
    kind: str | None
    country: str | None
    purpose: str
    product: str | None
    channel: str
    data: tuple[str, ...]
    statements: tuple[str, ...]
    sentences: tuple[str, ...]
    versions: tuple[str, ...]
    disclosures: int
    persons: int
    values: int
    first: datetime
    last: datetime


class Register:
    """The register of the people's store. Reads only; everything raises StoreUnavailableError."""

    def __init__(self, people: People, policy: Policy | None = None) -> None:
        self._people = people
        self._store = people.store
        self._policy = policy or people.policy
        self._versions = {version.id: version for version in self._policy.versions}

    def of_person(self, who: Who) -> tuple[Received, ...]:
        """What was disclosed of a person, the earliest first, also from before persons were merged. Nobody: nothing."""
        person = self._people.find(who)
        if person is None:
            return ()
        with self._store.read() as connection:
            rows = connection.execute(OF_PERSON, {"of_person": person, "of_person_too": person}).all()
        return tuple(self._received(tuple(row)) for row in rows)

    def list(
        self,
        recipient: str | None = None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> tuple[Disclosure, ...]:
        """Disclosures, the latest first: to a recipient, from a time on, until before another, at most `limit`.

        `after` is the id of the last one seen, from which the list goes on; an unknown one is a ValueError.
        """
        values: dict[str, Any] = _within(since, until) | {
            "before_at": _LAST, "before_at_too": _LAST, "before_id": "", "at_most": max(1, min(limit, MOST)),
        }  # fmt: skip
        with self._store.read() as connection:
            if after is not None:
                row = connection.execute(ONE, {"of_id": after}).first()
                if row is None:
                    raise ValueError(f"There is no disclosure '{after[:100]}' from which the list could go on.")
                values |= {"before_at": row.created_at, "before_at_too": row.created_at, "before_id": after}
            if recipient is None:
                rows = connection.execute(LISTED, values).all()
            else:
                rows = connection.execute(LISTED_OF, values | {"of_recipient": recipient}).all()
        return tuple(read_disclosure(tuple(row)) for row in rows)

    def one(self, id: str) -> Disclosure | None:
        """A disclosure, or None."""
        with self._store.read() as connection:
            row = connection.execute(ONE, {"of_id": id}).first()
        return None if row is None else read_disclosure(tuple(row))

    def batches(self, id: str) -> tuple[BatchOf, ...]:
        """The batches of a disclosure, in their order."""
        with self._store.read() as connection:
            rows = connection.execute(BATCHES, {"of_id": id}).all()
        return tuple(BatchOf(row.number, row.leaf, row.persons, row.released, bytes(row.root).hex()) for row in rows)

    def proof(self, entry: int, position: int) -> Proof:
        """What proves a line against the root in its entry; for the person and for whoever they show it to.

        UnknownPersonError: there is no such line, or the person was erased.
        """
        with self._store.read() as connection:
            row = connection.execute(PLACE, {"of_leaf": entry, "of_position": position}).first()
            rows = connection.execute(COMMITMENTS, {"of_leaf": entry}).all()
        if row is None or row.opening is None:
            raise UnknownPersonError("There is no such line, or the person was erased, and it can be proven no more.")
        commitments = [bytes(one.commitment) for one in rows]
        key = None if row.sealing_key is None else bytes(row.sealing_key)
        place = bound_to(row.disclosure, row.number, position)
        opening = open_line(self._people.scribe, row.person, key, place, bytes(row.opening))
        line = opening.values[FIELD]
        assert isinstance(line, dict)  # noqa: S101 - authenticated: it is what `commit_line` wrote
        return Proof(
            leaf=entry, salt=opening.salt.hex(), line=line, position=position, size=len(commitments),
            path=tuple(one.hex() for one in path_to(position, commitments)), root=root_of(commitments).hex(),
        )  # fmt: skip

    def article_30(self, since: datetime | None = None, until: datetime | None = None) -> tuple[Activity, ...]:
        """What went to whom, by recipient, purpose, product and channel, from a time on until before another."""
        within = _within(since, until)
        found = []
        with self._store.read() as connection:
            for row in connection.execute(BY_RECIPIENT, within).all():
                recipient, purpose, product, channel, count, people, values, first, last = row
                of = {
                    "of_recipient": recipient, "of_purpose": purpose, "of_product": product or "",
                    "of_channel": channel,
                }  # fmt: skip
                some = connection.execute(WHAT, within | of).all()
                found.append(
                    self._activity(
                        recipient, purpose, product, channel, int(count), int(people), int(values), from_micros(first),
                        from_micros(last), [tuple(one) for one in some],
                    )
                )  # fmt: skip
        return tuple(found)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _received(self, row: Sequence[Any]) -> Received:
        (
            entry, position, disclosure, recipient, purpose, product, channel, under, pseudonym, data, statements,
            version, at, withheld, withheld_at,
        ) = row  # fmt: skip
        decode = msgspec.json.decode
        ids = decode(statements, type=tuple[str, ...])
        return Received(
            entry=entry, position=position, disclosure=disclosure, recipient=recipient,
            recipient_name=self._name(recipient), purpose=purpose, product=product, channel=channel, under=under,
            pseudonym=pseudonym, data=decode(data, type=tuple[str, ...]), statements=ids,
            sentences=tuple(self._sentence(version, id) for id in ids), version=version, at=from_micros(at),
            withheld=() if withheld is None else decode(withheld, type=tuple[str, ...]),
            withheld_at=None if withheld_at is None else from_micros(withheld_at),
        )  # fmt: skip

    def _activity(  # noqa: PLR0917
        self,
        recipient: str,
        purpose: str,
        product: str | None,
        channel: str,
        count: int,
        people: int,
        values: int,
        first: datetime,
        last: datetime,
        some: Sequence[Sequence[Any]],
    ) -> Activity:
        data: dict[str, None] = {}
        statements: dict[str, None] = {}
        sentences: dict[str, None] = {}
        versions: dict[str, None] = {}
        for terms, version, outcome in some:
            data |= dict.fromkeys(msgspec.json.decode(terms, type=list[str]))
            versions[version] = None
            for id in msgspec.json.decode(outcome)["statements"]:
                statements[id] = None
                sentences[self._sentence(version, id)] = None
        declared = self._declared(recipient)
        return Activity(
            recipient=recipient, recipient_name=self._name(recipient),
            kind=None if declared is None else declared.kind, country=None if declared is None else declared.country,
            purpose=purpose, product=product, channel=channel, data=tuple(sorted(data)),
            statements=tuple(sorted(statements)), sentences=tuple(sentences), versions=tuple(sorted(versions)),
            disclosures=count, persons=people, values=values, first=first, last=last,
        )  # fmt: skip

    def _declared(self, recipient: str) -> Any:
        found = [one for version in self._policy.versions if (one := version.recipient(recipient)) is not None]
        return found[-1] if found else None

    def _name(self, recipient: str) -> str:
        declared = self._declared(recipient)
        return recipient if declared is None else str(declared.name)

    def _sentence(self, version: str, statement: str) -> str:
        known = self._versions.get(version)
        for one in known.shares if known is not None else ():
            if one.id == statement:
                return str(one.says)
        return ""


def _within(since: datetime | None, until: datetime | None) -> dict[str, Any]:
    return {
        "since": _FIRST if since is None else to_micros(since),
        "until": _LAST if until is None else to_micros(until),
    }
