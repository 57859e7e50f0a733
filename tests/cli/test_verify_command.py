"""`troth verify` with what it cannot understand: the place and the remedy, and no test was run."""

from __future__ import annotations

from pathlib import Path

import pytest
from terminal import copied, lines, troth


@pytest.fixture(autouse=True)
def place(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return copied(published, tmp_path, monkeypatch)


def entries() -> str:
    """What the record has to say of how many entries there are."""
    return lines("record", "verify")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("firewal",), "Did you mean 'firewall'?"),
        (("record", "weather"), "There is no test 'weather'."),
        (("firewall", "--port", "99999"), "--port"),
        (("firewall", "--port", "0"), "--port"),
    ],
)
def test_what_is_no_test_or_no_port_is_refused(arguments: tuple[str, ...], says: str) -> None:
    before = entries()
    code, out, err = troth("verify", *arguments)
    assert (code, out) == (2, "")
    assert says in err
    assert entries() == before
