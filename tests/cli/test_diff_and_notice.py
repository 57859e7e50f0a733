"""`troth diff` and `troth notice` in a terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from terminal import troth

from troth.cli.settings import flagship


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_difference_says_that_marketing_to_attendees_became_broader() -> None:
    code, out, _ = troth("diff", "2015-12-31", "2017-02-01")
    assert code == 0
    assert "This change is material." in out
    assert "To be asked again:" in out
    asked = out.split("To be asked again:")[1].split("\n\n")[0]
    assert "'attendee-news', because of news-to-attendees" in asked
    assert "never.attendee-marketing: gone, broader" in out


def test_files_and_dates_name_versions_and_json_has_the_same() -> None:
    old = str(flagship() / "2015-12-31.yaml")
    code, out, _ = troth("diff", old, "2017-02-01", "--format", "json", "--exit-code")
    read = json.loads(out)
    assert code == 1
    assert (read["old"], read["new"], read["material"]) == ("2015-12-31", "2017-02-01", True)
    assert any(audience.get("choice") == "attendee-news" for audience in read["asked"])


def test_a_version_and_itself_say_the_same() -> None:
    code, out, _ = troth("diff", "2017-02-01", "2017-02-01", "--exit-code")
    assert (code, "say the same" in out) == (0, True)


def test_a_version_that_is_none_is_an_error_that_lists_them() -> None:
    code, out, err = troth("diff", "2015-12-31", "2018-01-01")
    assert (code, out) == (2, "")
    assert "2010-04-26, 2015-12-31, 2017-02-01" in err


def test_the_static_site_is_written_as_a_whole(tmp_path: Path) -> None:
    code, out, _ = troth("notice", "site", "--at", "2016-01-15")
    assert code == 0
    assert "files written to site" in out
    assert "GoToTraining" in (tmp_path / "site/index.html").read_text("utf-8")
    assert (tmp_path / "site/policy.json").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["site"]  # nothing is left beside it

    (tmp_path / "site/mine.txt").write_text("mine")
    code, _, err = troth("notice", "site")
    assert (code, "--replace" in err) == (2, True)
    assert (tmp_path / "site/mine.txt").exists()

    code, _, _ = troth("notice", "site", "--replace")
    assert code == 0
    assert not (tmp_path / "site/mine.txt").exists()


def test_a_site_cannot_take_the_place_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "site").write_text("mine")
    code, _, err = troth("notice", "site", "--replace")
    assert (code, "is a file" in err) == (2, True)
    assert (tmp_path / "site").read_text() == "mine"
