"""The page about recipients is true: its tables have every code, with the words of the program."""

import re
from pathlib import Path

from troth.conditions.findings import FINDINGS
from troth.conditions.lacks import LACKS
from troth.conditions.standing import BEST, GIVING

PAGE = (Path(__file__).parents[2] / "docs/reference/recipients.md").read_text("utf-8")


def test_the_codes_are_in_the_tables() -> None:
    assert dict(re.findall(r"^\| `([a-z-]+)` \| ([A-Z].*\.) \|$", PAGE, re.M)) == LACKS
    rows = re.findall(r"^\| `([a-z-]+)` \| (?:error|warning|note) \| (.*\.) \|$", PAGE, re.M)
    assert dict(rows) == FINDINGS


def test_the_states_are_in_the_table_and_which_of_them_give() -> None:
    rows = dict(re.findall(r"^\| ([a-z ]+) \| .* \| (no|\*\*yes\*\*) \|$", PAGE, re.M))
    assert rows.keys() == set(BEST)
    assert {state for state, gives in rows.items() if gives == "**yes**"} == set(GIVING)
