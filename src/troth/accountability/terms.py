"""What an organisation sets for its legal requests; the configuration has a key for each (`legal_…`)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import msgspec


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """The terms: a ceiling on persons, days that people are told ahead, days until an emergency has been reviewed.

    `bands` are the widths of the ranges in which the transparency report gives counts, by the process of a request; a
    process without one is counted exactly. In the law of the United States demands for national security may be
    reported in bands of 250 that begin with 0 (50 U.S.C. 1874(a)(3)).
    """

    ceiling: int = 100
    ahead: timedelta = timedelta(days=7)
    review: timedelta = timedelta(days=7)
    bands: Mapping[str, int] = msgspec.field(default_factory=lambda: {"national-security": 250})
