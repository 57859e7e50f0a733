"""The check of a large policy stays within bounds: statements that all speak of the same are the worst case."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from troth.policy.check import check
from troth.policy.diff import diff
from troth.policy.reading import parse_version

HEAD = """
policy: large
title: Large
effective: 2020-01-01
publisher: {name: Acme, address: 1 Road}
covers: {shop: {name: Shop}}
choices: {marketing: {says: You can refuse., model: opt-out}}
collects:
  account: {says: We ask for your name., data: [identity.name, contact.email], for: service.account, keeps: account}
uses:
"""


def test_two_thousand_statements_on_the_same() -> None:
    uses = "".join(
        f"  use{n}: {{says: We use this for reason {n}., data: [contact.email, identity.name], "
        "for: [service.support, improve.product], unless: marketing}\n"
        for n in range(2000)
    )
    version = parse_version((HEAD + uses).encode(), "large.yaml")
    began = time.process_time()
    report = check(version, at=datetime(2020, 6, 1, tzinfo=UTC))
    assert len(report.found("unreachable")) == 1999  # each but the first is one too many
    assert not diff(version, version)
    assert time.process_time() - began < 30  # seconds; measured at about 2
