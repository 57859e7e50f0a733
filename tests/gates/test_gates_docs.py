"""The page about the gates has every code that a gate refuses with, in its own words."""

import re
from pathlib import Path

from troth.gates.errors import GATE_ERRORS
from troth.web.v1.bodies import MOST_BYTES, MOST_LINE_BYTES, MOST_LINES

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "gates.md").read_text("utf-8")


def test_every_code_is_explained() -> None:
    table = PAGE[PAGE.index("| code of a gate |") :]
    assert dict(re.findall(r"^\| `([a-z-]+)` \| (.*) \|$", table, re.M)) == GATE_ERRORS


def test_the_limits_are_those_of_the_code() -> None:
    assert (MOST_LINE_BYTES, MOST_BYTES, MOST_LINES) == (8 * 2**20, 2**20, 10_000)
    assert "8 MiB at most for `collect` and 1 MiB for `use`" in PAGE
    assert "up to 10,000 of these objects" in PAGE
