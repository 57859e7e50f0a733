"""The pages about files are true: their tables have every code and state, and their program fetches a file."""

import re
import subprocess
import sys
from pathlib import Path

import pyrage
import pytest
from test_files_http import FIRM, serving

from troth.gates.share.files import fetching
from troth.gates.share.files.fetching import REFUSALS
from troth.gates.share.files.formats import FORMATS, MEDIA_TYPES
from troth.gates.share.files.row import STATES, Manifest
from troth.people import Identifier

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "reference/files.md").read_text("utf-8")
HOW_TO = (DOCS / "how-to/fetch-a-file.md").read_text("utf-8")


def test_the_codes_the_states_and_the_formats_are_in_the_tables() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| (\d{3}) \| (.*) \|$", PAGE, re.M)
    assert {code: (int(status), text) for code, status, text in rows} == REFUSALS
    table = PAGE.split("| state | meaning |")[1].split("\n\n")[0]
    assert tuple(re.findall(r"^\| `([a-z]+)` \|", table, re.M)) == STATES
    rows = re.findall(r"^\| `(\w+)`(?: \(also `json`\))? \| `([a-z]+/[^`]+)` \|", PAGE, re.M)
    assert dict(rows) == dict(MEDIA_TYPES)
    assert tuple(name for name, _ in rows) == FORMATS
    told = PAGE.split("its **manifest**, says")[1].split("known only once")[0]
    assert set(Manifest.__struct_fields__) <= set(re.findall(r"`(\w+)`", told))


def test_the_program_fetches_a_file_by_pieces_and_says_its_duties(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "fetch_file.py"
    found = re.search(r"^```python\n(# fetch_file\.py\n.*?)^```$", HOW_TO, re.M | re.S)
    program.write_text(found[1])
    monkeypatch.setattr(fetching, "PIECE", 50)
    with serving(tmp_path) as at:
        id, path = at.made()
        at.people.choose(Identifier("email", "ann@example.org"), {"marketing": "out"}, how="one-click")
        assert at.get(path).status_code == 503
        at.files.make_next()
        target = tmp_path / "file.age"

        def fetch(secret: str) -> subprocess.CompletedProcess:
            return subprocess.run(
                [sys.executable, str(program), at.url + path, str(target)], capture_output=True, text=True,
                env={"TROTH_FETCH_SECRET": secret}, timeout=60, check=False,
            )  # fmt: skip

        wrong = fetch(at.secrets[FIRM] + "x")
        assert wrong.returncode == 1
        assert wrong.stderr.startswith("401: ")
        # A part is there from a download that broke off.
        begun = at.files.fetching.open(path.rpartition("/")[2], FIRM)
        target.write_bytes(next(begun.pieces()))
        begun.close()
        done = fetch(at.secrets[FIRM])
        assert done.stderr == ""
        assert done.stdout == f"{target}: 1 persons, for marketing.own. Duties: minimise.\n"
        assert b"bob@example.org" in pyrage.decrypt(target.read_bytes(), [at.identity])
        assert at.row(id).state == "fetched"
        assert len(at.entries("file-fetched")) == 1
        assert fetch(at.secrets[FIRM]).stderr.startswith("410: ")
