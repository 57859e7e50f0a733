"""`troth evidence`: one file, verified as its reader would; it is never written over, and a mistyped id is met."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from terminal import laid_out, settle, troth


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    settle(tmp_path, monkeypatch)
    return laid_out(tmp_path)


def test_the_command_that_it_prints_verifies_what_it_wrote(place: Path) -> None:
    assert troth("publish")[0] == 0
    assert troth("verify", "record", "entries", "registers")[0] == 0
    code, out, err = troth("evidence", "sale", "-o", "pack.zip")
    assert code == 0, err
    zipfile.ZipFile(place / "pack.zip").extractall(place / "pack")
    (line,) = re.findall(r"^python (-I verify.py .*)$", out, re.M)
    done = subprocess.run(
        [sys.executable, *shlex.split(line)], cwd=place / "pack", capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert done.stdout.endswith("VERIFIED.\n")
    assert "Test 'entries': passed" in done.stdout


def test_without_a_name_it_is_named_after_the_promise_and_nothing_is_written_over(place: Path) -> None:
    assert troth("publish")[0] == 0
    assert troth("evidence", "news")[0] == 0
    (file,) = place.glob("*-news-evidence.zip")
    before = file.read_bytes()
    code, _, err = troth("evidence", "news")
    assert code == 2
    assert "exists" in err
    assert file.read_bytes() == before
    assert "cannot be written" in troth("evidence", "news", "-o", "nowhere/pack.zip")[2]


def test_what_is_not_promised_has_no_evidence(place: Path) -> None:
    assert "`troth publish`" in troth("evidence", "sale")[2]
    assert troth("publish")[0] == 0
    code, _, err = troth("evidence", "sael")
    assert code == 2
    assert "Did you mean 'sale'?" in err
    assert not list(place.glob("*.zip"))
