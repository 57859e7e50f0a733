"""docs/reference/decisions.md has every reason, code and field as the code has them, and its example runs."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from troth.decision.question import QUESTION_ERRORS, REASONS, Decision, Question

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "decisions.md").read_text()


def rows(heading: str) -> dict[str, str]:
    """Return the first two cells of the table whose first heading is this, without backticks around the first."""
    table = PAGE.split(f"\n| {heading} |", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in table]
    return {cell[0].strip("`"): cell[1] for cell in cells}


@pytest.mark.parametrize(("heading", "codes"), [("reason", REASONS), ("code", QUESTION_ERRORS)])
def test_every_code_is_there_and_means_what_it_says(heading: str, codes: dict[str, str]) -> None:
    assert rows(heading) == codes


def test_every_field_is_there() -> None:
    asked, answered = (part.split("\n#")[0] for part in PAGE.split("\n| field | what it says |\n")[1:])
    for part, struct in ((asked, Question), (answered, Decision)):
        documented = re.findall(r"^\| `(\w+)` \|", part, re.MULTILINE)
        assert [name for name in documented if name in struct.__struct_fields__] == documented
        assert set(documented) == {field.name for field in msgspec.structs.fields(struct)}


def test_the_example_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    code = PAGE.split("```python\n")[1].split("```")[0]
    names: dict[str, object] = {}
    exec(code, names)
    for expression, value in re.findall(r"^(decision\.\w+) +# (.*)$", code, re.MULTILINE):
        assert repr(eval(expression, names)) == value
