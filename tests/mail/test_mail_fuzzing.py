"""Ten minutes of Atheris on the reader and the splicer of mail."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from generated_mails import mails, mutated
from hypothesis import HealthCheck, given, settings

pytest.importorskip("atheris")
HARNESS = Path(__file__).parent / "fuzz_splicing.py"
SECONDS = 600


@pytest.mark.soak
def test_no_bytes_make_the_splicer_change_what_is_not_its_own(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()

    @settings(max_examples=300, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(mails(), mutated())
    def sow(whole: bytes, broken: bytes) -> None:
        for some in (whole, broken):
            (corpus / f"{len(list(corpus.iterdir())):04}").write_bytes(some)

    sow()
    done = fuzz(corpus, tmp_path, SECONDS)
    assert done.returncode == 0, done.stderr[-4000:]
    runs = re.search(r"Done (\d+) runs", done.stderr)
    assert runs is not None
    assert int(runs[1]) > 10_000


def fuzz(corpus: Path, folder: Path, seconds: int) -> subprocess.CompletedProcess[str]:
    """Run the harness for so many seconds on a corpus; what it finds is put into the folder."""
    options = (f"-max_total_time={seconds}", "-max_len=4096", "-timeout=20", f"-artifact_prefix={folder}/")
    return subprocess.run(
        [sys.executable, str(HARNESS), str(corpus), *options], capture_output=True, text=True, check=False
    )
