"""A plain model of what the register says of a sharing, written apart from it: dictionaries and comparisons."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from troth.policy.history import Policy

Row = dict[str, Any]


def contract_holds(
    policy: Policy, rows: list[Row], recipient: str, data: str, purpose: str, version_id: str, at: datetime
) -> bool:
    """Whether `contract` is given, by what was registered: rows with `of`, `what`, `at` and the fields of the fact."""
    mine = [row for row in rows if row["of"] == recipient and row["at"] <= at]
    if not any(row["what"] == "registered" for row in mine):
        return False
    (version,) = [one for one in policy.versions if one.id == version_id]
    return all_transfers_stand(version, mine, recipient, data, purpose, at) and any(
        one_holds(policy, version, mine, row, data, purpose, at) for row in mine if row["what"] == "contract"
    )


def one_holds(policy: Policy, version: Any, mine: list[Row], row: Row, data: str, purpose: str, at: datetime) -> bool:
    about = [other for other in mine if other.get("contract") == row["id"]]
    signed = row["signed"] is not None and row["signed"] <= at
    signed = signed or any(other["what"] == "signed" and other["on"] <= at for other in about)
    ended = any(other["what"] == "terminated" and other["on"] <= at for other in about)
    ended = ended or (row["ends"] is not None and row["ends"] <= at)
    accepted = [one.effective for one in policy.versions if one.id == row["accepts"]]
    return (
        signed
        and not ended
        and row["begins"] <= at
        and accepted >= [version.effective]
        and under(version, "data", data, row["data"])
        and under(version, "purpose", purpose, row["purposes"])
    )


def under(version: Any, kind: str, term: str, terms: tuple[str, ...]) -> bool:
    vocabulary = version.vocabulary
    return vocabulary.knows(kind, term) and any(vocabulary.covers(kind, one, term) for one in terms)


def all_transfers_stand(version: Any, mine: list[Row], recipient: str, data: str, purpose: str, at: datetime) -> bool:
    profile = [row for row in mine if row["what"] == "registered"][-1]
    declared = [one for one in version.recipients if one.id == recipient]
    above = version.vocabulary.path("recipient", declared[0].kind if declared else profile["kind"])
    where = set(profile["countries"]) | {one.country for one in declared if one.country}
    for share in version.shares:
        speaks = (
            set(share.recipients) & {*above, recipient}
            and (not share.data or under(version, "data", data, share.data))
            and under(version, "purpose", purpose, share.purposes)
        )
        if speaks and share.transfer is not None:
            for country in share.transfer.to:
                if (not where or country in where) and not any(
                    stands(version, mine, row, share.transfer, country, at) for row in mine
                ):
                    return False
    return True


def stands(version: Any, mine: list[Row], row: Row, transfer: Any, country: str, at: datetime) -> bool:
    if row["what"] != "transfer" or (row["country"], row["by"]) != (country, transfer.by):
        return False
    if transfer.claim is not None and row["claim"] != transfer.claim:
        return False
    if row["by"] == "framework" and not any(one.id == row["claim"] and one.current(at) for one in version.claims):
        return False
    revoked = any(o["what"] == "revoked" and o["transfer"] == row["id"] and o["on"] <= at for o in mine)
    return row["begins"] <= at and not (row["ends"] is not None and row["ends"] <= at) and not revoked
