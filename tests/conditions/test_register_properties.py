"""Random policies, registers and moments: `contract` is given exactly when the plain model says so, and never else."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_policies import CLAIMS, DATA, DAY, KINDS, PURPOSES, RECIPIENTS, START, random_policy, some
from register_clock import Clock
from register_oracle import Row, contract_holds

from store_oracle import sqlite_url
from troth.conditions import Conditions, RecipientError, Register, standing
from troth.conditions.facts import (
    Contract,
    Profile,
    Returned,
    Revoked,
    Said,
    Signed,
    Terminated,
    Transfer,
    read_said,
    what_of,
    written,
)
from troth.conditions.findings import FINDINGS, findings
from troth.conditions.lacks import LACKS, Sharing, contract_lack, transfer_lacks
from troth.conditions.listing import as_json, changes, recipient_list
from troth.policy.history import Policy
from troth.policy.model import Transfer as Stated
from troth.policy.values import write_moment
from troth.store import open_store

COUNTRIES = ("US", "IN", "DE")
BASES = ("adequacy", "standard-clauses", "framework")
SPAN = 900  # days in which everything happens
MEMBERS = (*RECIPIENTS, "emil")


def policy_with_transfers(rng: Random) -> Policy:
    """A random policy in which a third of the shares speak of a transfer, and most recipients are somewhere."""
    versions = []
    for version in random_policy(rng, statements=25).versions:
        shares = []
        for share in version.shares:
            transfer = None
            if rng.random() < 0.35:
                by = rng.choice(BASES)
                claim = rng.choice(CLAIMS) if by == "framework" and rng.random() < 0.7 else None
                transfer = Stated(to=some(rng, COUNTRIES, 2, least=1), by=by, claim=claim)
            shares.append(msgspec.structs.replace(share, transfer=transfer))
        recipients = tuple(
            msgspec.structs.replace(one, country=rng.choice((*COUNTRIES, None))) for one in version.recipients
        )
        versions.append(msgspec.structs.replace(version, shares=tuple(shares), recipients=recipients))
    return Policy(versions)


def moment(rng: Random) -> datetime:
    """A day on which much begins and ends, so that edges meet, and sometimes a moment beside it."""
    return START + DAY * (30 * rng.randint(0, SPAN // 30)) + timedelta.resolution * rng.choice((-1, 0, 0, 0, 1))


def later(rng: Random) -> datetime | None:
    return None if rng.random() < 0.4 else moment(rng)


def random_fact(rng: Random, policy: Policy) -> Said:
    ids = ("one", "two", "three")
    what = rng.choices(("profile", "contract", "signed", "terminated", "returned", "transfer", "revoked"),
                       (2, 6, 2, 2, 1, 5, 2))[0]  # fmt: skip
    id = rng.choice(ids)
    if what == "profile":
        return Profile(name="N", kind=rng.choice(KINDS), countries=some(rng, COUNTRIES, 2))
    if what == "contract":
        return Contract(
            id=id, begins=moment(rng), ends=later(rng), accepts=rng.choice(policy.versions).id,
            data=some(rng, DATA, 4, least=1), purposes=some(rng, PURPOSES, 3, least=1),
            signed=moment(rng) if rng.random() < 0.8 else None,
        )  # fmt: skip
    if what == "signed":
        return Signed(contract=id, on=moment(rng))
    if what == "terminated":
        return Terminated(contract=id, on=moment(rng), owed="delete", due=moment(rng))
    if what == "returned":
        return Returned(contract=id, on=moment(rng), how="deleted")
    if what == "transfer":
        by = rng.choice(BASES)
        claim = rng.choice(CLAIMS) if by == "framework" else None
        return Transfer(id=id, country=rng.choice(COUNTRIES), by=by, begins=moment(rng), ends=later(rng), claim=claim)
    return Revoked(transfer=id, on=moment(rng))


def row_of(recipient: str, at: datetime, said: Said) -> Row:
    fields = {name: getattr(said, name) for name in said.__struct_fields__}
    return {**fields, "of": recipient, "what": what_of(said), "at": at}


def random_asking(rng: Random, policy: Policy) -> dict[str, str]:
    return {
        "recipient": rng.choice(MEMBERS), "data": rng.choice(DATA), "purpose": rng.choice(PURPOSES),
        "version": rng.choice(policy.versions).id,
    }  # fmt: skip


def near_a_contract(rng: Random, policy: Policy, rows: list[Row]) -> tuple[dict[str, str], datetime] | None:
    """What a contract is about, on a day on which it might hold."""
    contracts = [row for row in rows if row["what"] == "contract"]
    if not contracts:
        return None
    row = rng.choice(contracts)
    asking = {
        "recipient": row["of"], "data": rng.choice(row["data"]), "purpose": rng.choice(row["purposes"]),
        "version": rng.choice((row["accepts"], policy.versions[0].id)),
    }  # fmt: skip
    begins = max(row["begins"], row["at"], row["signed"] or row["at"])
    return asking, max(begins, min(moment(rng), row["ends"] or begins)) - timedelta.resolution * rng.choice((0, 0, 1))


def test_a_contract_is_given_exactly_when_the_plain_model_says_so(tmp_path: Path) -> None:
    """Facts come in through the register's own door while the clock goes on; any moment is asked for."""
    clock, rng = Clock(), Random(11)
    yes = no = 0
    with open_store(sqlite_url(tmp_path), create=True, clock=clock) as store:
        for _ in range(25):
            policy = policy_with_transfers(rng)
            register = Register(store, policy)
            rows: list[Row] = []
            clock.now = START - DAY
            kinds = {name: rng.choice(KINDS) for name in MEMBERS}
            declared = {one.id: one.kind for version in policy.versions for one in version.recipients}
            for _ in range(120):
                clock.move(days=rng.choice((0, 0, 1, 10)))
                recipient = rng.choice(MEMBERS)
                said = random_fact(rng, policy)
                if isinstance(said, Profile):
                    said = msgspec.structs.replace(said, kind=declared.get(recipient, kinds[recipient]))
                try:
                    register.add(recipient, said, by="mary")
                except RecipientError:
                    continue
                rows.append(row_of(recipient, clock.now, said))
            conditions = Conditions(store, policy)
            for _ in range(150):
                asking, at = random_asking(rng, policy), moment(rng)
                if rng.random() < 0.6:
                    asking, at = near_a_contract(rng, policy, rows) or (asking, at)
                expected = contract_holds(policy, rows, **_model(asking), at=at)
                answer = conditions.given(**asking, at=at)
                assert answer == (frozenset({"contract"}) if expected else frozenset()), (asking, at)
                lacks = {lack.code for lack in conditions.explain(**asking, at=at)}
                assert lacks <= set(LACKS)
                yes, no = yes + expected, no + (not expected)
            _forget(store)
    assert yes > 100
    assert no > 1000


def _model(asking: dict[str, str]) -> dict[str, str]:
    return {name if name != "version" else "version_id": value for name, value in asking.items()}


def _forget(store: object) -> None:
    from sqlalchemy import delete

    from troth.store.schema import recipient_facts

    store.write(lambda unit: unit.change(delete(recipient_facts)))  # type: ignore[attr-defined]


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32))
def test_states_follow_from_the_facts_and_the_moment_alone(seed: int) -> None:
    """The same with facts that no door would let in: contracts replaced, ended before they began, ended twice."""
    from troth.conditions.facts import Fact

    rng = Random(seed)
    policy = policy_with_transfers(rng)
    facts: list[Fact] = []
    now = START
    for leaf in range(60):
        now += DAY * rng.choice((0, 1, 10))
        recipient = rng.choice(MEMBERS)
        said = random_fact(rng, policy)
        facts.append(Fact(leaf, recipient, read_said(what_of(said), written(said)), now, "mary"))
        assert facts[-1].said == said
    at = moment(rng)
    found = standing(facts, at)
    assert found == standing([fact for fact in facts if fact.at <= at], at + DAY * 10_000)
    rows = [row_of(fact.recipient, fact.at, fact.said) for fact in facts]
    for _ in range(40):
        asking = random_asking(rng, policy)
        version = policy.version(asking["version"])
        sharing = Sharing(**{**asking, "version": version}, at=at)
        if contract_lack(policy, found, sharing) is None and not transfer_lacks(found, sharing):
            # What was registered again under one id counts as it was registered last, and from then.
            assert contract_holds(policy, _last(rows, at), **_model(asking), at=at)
    listed = recipient_list(policy.versions[-1], found, at)
    assert changes(listed, listed) == ()
    assert as_json(listed)
    assert {one.code for one in findings(policy, found, at)} <= set(FINDINGS)


def _last(rows: list[Row], at: datetime) -> list[Row]:
    """The rows that count by a moment, without those of contracts and bases that were registered again since."""
    kept: list[Row] = []
    began: set[str] = set()
    for row in rows:
        key = row.get("id") or row.get("contract") or row.get("transfer")
        if row["at"] > at or (row["what"] != "registered" and row["of"] not in began):
            continue
        began.add(row["of"])
        if row["what"] in ("contract", "transfer"):
            family = ("contract", "signed", "terminated", "returned") if row["what"] == "contract" else (
                "transfer", "revoked")  # fmt: skip
            kept = [
                one
                for one in kept
                if one["of"] != row["of"]
                or one["what"] not in family
                or (one.get("id") or one.get("contract") or one.get("transfer")) != key
            ]
        elif row["what"] in ("signed", "terminated", "revoked"):
            # Only the last word on one contract counts.
            kept = [
                one
                for one in kept
                if (one["of"], one["what"], one.get("contract"), one.get("transfer"))
                != (row["of"], row["what"], row.get("contract"), row.get("transfer"))
            ]
        kept.append(row)
    return kept


@pytest.mark.parametrize("seed", range(5))
def test_a_lapse_needs_nothing_to_run(seed: int) -> None:
    """From the end of the last contract on nothing is given, however far the clock goes."""
    from troth.conditions.facts import Fact

    rng = Random(seed)
    policy = policy_with_transfers(rng)
    ends = [START + DAY * rng.randint(10, 50) for _ in range(3)]
    said: list[Said] = [Profile(name="N", kind="k")]
    said += [
        Contract(id=f"c{n}", begins=START, ends=end, accepts=policy.versions[-1].id, data=DATA, purposes=PURPOSES,
                 signed=START)
        for n, end in enumerate(ends)
    ]  # fmt: skip
    facts = [Fact(n, "emil", one, START, "mary") for n, one in enumerate(said)]
    for days in range(0, 60):
        at = START + DAY * days
        gives = any(contract.gives(at) for contract in standing(facts, at)["emil"].contracts.values())
        assert gives is (at < max(ends)), write_moment(at)
