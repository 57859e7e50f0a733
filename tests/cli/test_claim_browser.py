"""The flagship's claim by commands and in the browser: assessed, signed, sealed and validated, and gone on its day."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from terminal import troth

import troth as package
from troth.accountability.verifying.results import Found, Results
from troth.cli.record import opened_store
from troth.cli.settings import KEYS
from troth.record.log import open_log
from troth.record.published import published_policy
from troth.store import open_store
from troth.web.app import WebApp, make_app
from troth.web.choices.mail import FolderPost
from troth.web.live import LiveApp

sys.path.append(str(Path(__file__).parents[1] / "web"))
from running import EXAMPLE, running

SENTENCE = "TRUSTe checks our web sites, but not downloaded software."


class Clock:
    """The time of the server, ahead of that of the commands when a test says so."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


def run(*arguments: str) -> str:
    code, said, err = troth(*arguments)
    assert code == 0, said + err
    return said


def days(number: int) -> str:
    return (datetime.now(UTC) + timedelta(days=number)).date().isoformat()


@pytest.fixture
def seal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of the seal that an officer signed for, by commands."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for key in KEYS:
        monkeypatch.delenv(f"TROTH_{key.upper()}", raising=False)
    (tmp_path / "trained.pdf").write_text("Everybody was there.")
    run("publish", "--policy", str(EXAMPLE))
    run("staff", "add", "olga", "--role", "officer")
    run("claim", "draft", "truste", "--programme", "truste", "--site", "gotomeeting", "--as", "olga")
    answers = ("--met", "self-assessment=I went through the sites.", "--paper", f"training=trained.pdf@{days(-3)}")
    code, said, _ = troth("claim", "assess", "truste", *answers, "--as", "olga")
    assert (code, "secure-transport" in said) == (1, True)  # what nobody tested is not met
    with opened_store() as store:
        # The sites of the example are nowhere, so no hand can be shaken; on real ones `troth verify tls` enters this.
        Results(store).enter([Found("tls", "passed", "Each of the covered sites speaks TLS 1.3.")])
    assert "everything is met" in run("claim", "assess", "truste", *answers, "--as", "olga")
    signed = run("claim", "sign", "truste", "--until", days(30), "--as", "olga")
    found = re.search(r"/seals/([0-9a-f]{32})", signed)
    assert found is not None
    return found[1]


def test_an_officer_signs_the_seal_validates_and_on_its_day_both_are_gone(
    seal: str, chromium: Browser, tmp_path: Path
) -> None:
    clock = Clock()
    troth_data = next(tmp_path.rglob("troth.db"))
    with open_store(f"sqlite:///{troth_data}", clock=clock) as store:
        log = open_log(store, next(tmp_path.rglob("keys")))
        policy = published_policy(store)
        assert policy is not None

        def make(policy: package.Policy) -> WebApp:
            return make_app(policy, clock=clock, log=log)

        live = LiveApp(log, policy, make, every=3600, post=FolderPost(tmp_path / "mail"))
        live.look()
        with running(live) as url:
            page = chromium.new_page()
            page.goto(url)
            assert page.get_by_text(SENTENCE).count() == 1
            page.locator("a.seal").click()
            assert page.url == f"{url}/seals/{seal}"
            assert page.get_by_text("This seal is valid").count() == 1
            page.goto(f"{url}/promises/truste")
            assert page.get_by_text("no officer").count() == 0
            assert "within 30 days" in "".join(file.read_text() for file in (tmp_path / "mail").glob("*.eml"))

            clock.ahead = timedelta(days=31)
            assert live.look()
            page.close()
            # Another browser: this one may keep the page for minutes, by a clock that did not move with the server's.
            page = chromium.new_context().new_page()
            page.goto(url)
            assert page.get_by_text(SENTENCE).count() == 0
            assert page.locator("a.seal").count() == 0
            page.goto(f"{url}/seals/{seal}")
            assert page.get_by_text("This seal is valid").count() == 0
            assert "not valid: ended" in page.inner_text("main")
            page.close()
    assert troth("claim", "list", "--at", days(31))[0] == 1


def test_a_copy_of_the_seal_on_another_site_is_found_by_command(seal: str, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "index.html").write_text(f'<a href="/seals/{seal}"><img src="/seals/{seal}.svg" alt="TRUSTe"></a>')
    check = ("check", str(EXAMPLE), "--pages", str(copy))
    site = package.Policy.read(EXAMPLE).versions[-1].covered("gotomeeting")
    assert site is not None
    assert site.site is not None

    def found(where: str) -> str:
        code, said, _ = troth(*check, "--seals", "--site", where)
        assert (code == 1) is ("seal-elsewhere" in said)
        return " ".join(said.split())

    assert "seal" not in found(site.site)
    assert "this is other.example" in found("https://other.example")
    run("claim", "suspend", "truste", "--why", "The fee was not paid.", "--as", "olga")
    assert "is not valid now" in found(site.site)
    assert troth(*check, "--seals")[0] == 2
    assert troth("check", str(EXAMPLE), "--site", "https://other.example")[0] == 2
