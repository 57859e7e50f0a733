"""Whether help by an independent body is kept as promised: it outlives the claim while the body takes cases."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from troth.accountability.complaints.bodies import next_body
from troth.accountability.promises.status import Promise, promises
from troth.accountability.verifying.results import Result
from troth.policy.reading import parse_version

VERSION = parse_version(
    b"""
policy: small
title: Small
effective: 2015-01-01
publisher: {name: Small Ltd, address: 1 Lane}
covers: {shop: {name: Shop, site: "https://shop.example"}}
answers:
  complaints: {says: We answer within 20 days., within: 20 days, then: recourse}
  recourse: {says: Then the seal of the town helps., then: town}
claims:
  town: {says: We have the seal of the town., programme: Town, since: 2015-01-01, until: 2016-01-01, recourse: true}
""",
    "small.yaml",
)
BEFORE, AFTER = datetime(2015, 12, 31, 23, 59, tzinfo=UTC), datetime(2016, 1, 1, tzinfo=UTC)


def recourse(at: datetime, taking: set[str]) -> Promise:
    results = {name: Result(1, name, "passed", "It holds.", at) for name in ("record", "registers", "complaints")}
    found = promises(
        VERSION, at, results=results, failing={}, claims={}, counted={}, complaints={}, requests={}, taking=taking
    )
    return next(one for one in found if one.statement.id == "recourse")


@pytest.mark.parametrize(
    ("at", "taking", "to", "state"),
    [
        (BEFORE, set(), "town", "kept"),
        (AFTER, {"town"}, "town", "kept"),
        (AFTER, set(), None, "broken"),
        (AFTER, {"another"}, None, "broken"),
    ],
)
def test_help_lasts_as_long_as_the_claim_or_the_token(
    at: datetime, taking: set[str], to: str | None, state: str
) -> None:
    assert next_body(VERSION, at, taking) == to
    one = recourse(at, taking)
    assert one.state == state
    assert ("Nobody takes complaints" in one.why) == (state == "broken")
