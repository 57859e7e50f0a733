"""Answering for it, as one path on the flagship: a seal is signed for and ends, nobody answers, a body determines."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from choosing import Clock
from playwright.sync_api import Browser, Page
from running import EXAMPLE, running
from typer.testing import CliRunner

import troth
import troth.store
from troth.cli import app
from troth.cli import terminal as consoles
from troth.cli.record import opened_log
from troth.cli.settings import KEYS
from troth.people import open_people
from troth.record.published import published_policy
from troth.vault import open_vault
from troth.web.app import make_app
from troth.web.choices.mail import FolderPost
from troth.web.live import LiveApp

SENTENCE = "TRUSTe checks our web sites, but not downloaded software."
DAY = timedelta(days=1)


class Way(msgspec.Struct):
    """A server over the store that the commands work on, in one place and at one time."""

    url: str
    live: LiveApp
    clock: Clock
    place: Path

    def move(self, to: datetime) -> None:
        """The time is another, and the running server has looked, as it does each second."""
        self.clock.now = to
        self.live.look()
        self.live.look()  # and has signed for what the first look did


def command(*arguments: str, code: int = 0, width: int = 80) -> str:
    """What a command prints in a terminal of so many columns."""
    before = consoles.out._width
    consoles.out._width = width
    try:
        result = CliRunner().invoke(app, list(arguments), env={"COLUMNS": str(width), "NO_COLOR": "1", "TERM": "dumb"})
    finally:
        consoles.out._width = before
    assert result.exit_code == code, result.stdout + result.stderr
    return result.stdout + result.stderr


def listed(*arguments: str, code: int = 0) -> str:
    """What a list prints at 80 and at 60 columns: no line is longer, and no word and no date is broken."""
    for width in (60, 80):
        printed = command(*arguments, code=code, width=width)
        assert max(len(line.rstrip()) for line in printed.splitlines()) <= width, printed
    narrow, wide = (re.findall(r"[\w-]{9,}", command(*arguments, code=code, width=width)) for width in (60, 80))
    assert set(narrow) <= set(wide)
    return printed


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Way]:
    """The flagship, published on 1 May 2017 and served, with an officer and somebody at a desk."""
    clock = Clock(datetime(2017, 5, 1, 10, tzinfo=UTC))
    opening = troth.store.open_store
    monkeypatch.setattr("troth.store.open_store", lambda url, **more: opening(url, clock=clock, **more))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for key in KEYS:
        monkeypatch.delenv(f"TROTH_{key.upper()}", raising=False)
    (tmp_path / "troth.toml").write_text('log = "acme.example/log"\n')
    (tmp_path / "scan.pdf").write_text("The sites speak TLS 1.2 and 1.3.")
    (tmp_path / "trained.pdf").write_text("Everybody was there.")
    command("publish", "--policy", str(EXAMPLE))
    command("staff", "add", "olga", "--role", "officer")
    command("staff", "add", "mary", "--role", "desk", "--as", "olga")
    with opened_log() as log:
        policy = published_policy(log.store)
        assert policy is not None
        people = open_people(log.store, log.folder, policy)
        vault = open_vault(log.store, people)
        post = FolderPost(tmp_path / "mail")

        def make(policy: troth.Policy) -> object:
            return make_app(policy, clock=clock, log=log, people=people, post=post, vault=vault)

        live = LiveApp(log, policy, make, every=3600, people=people, vault=vault)  # type: ignore[arg-type]
        with running(live) as url:
            yield Way(url, live, clock, tmp_path)


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(java_script_enabled=False, accept_downloads=True)
    yield context.new_page()
    context.close()


def test_from_a_signature_to_its_end_and_from_a_complaint_to_its_remedy(path: Way, page: Page) -> None:
    seal = signed_for(path)
    shown_and_validated(path, page, seal)
    path.clock.now = datetime(2017, 8, 15, tzinfo=UTC)
    gone_by_itself(path, page, seal)
    token = re.search(r"/recourse/[0-9a-f]{64}", command("complaint", "body", "add", "truste", "--as", "olga"))
    assert token is not None
    mine = complained(path, page)
    nobody_answers(path, page, mine)
    determined(path, page, token[0], mine)
    told_on_the_promises(path, page)
    remedied(path, page, mine)
    verified_offline(path, page)


def signed_for(path: Way) -> str:
    """An officer signs for what was assessed; a paper stands where no test can tell. The id of the seal."""
    command("claim", "draft", "truste", "--programme", "truste", "--as", "mary")
    command("verify", "tls", "record", "entries", "registers", "choices", "complaints", "rights")
    found = ["--met", "self-assessment=I went through all sites.", "--paper", "training=trained.pdf@2017-04-02"]
    said = command("claim", "assess", "truste", *found, "--as", "mary", code=1)
    assert "unmet  secure-transport" in said
    said = command("claim", "sign", "truste", "--until", "2017-08-15", "--as", "olga", code=2)
    assert "not met yet: secure-transport" in said
    said = command(
        "claim", "assess", "truste", *found, "--paper", "secure-transport=scan.pdf@2017-04-20", "--as", "mary"
    )
    assert "met    secure-transport: A paper of 2017-04-20." in said
    assert "this takes officer" in command("claim", "sign", "truste", "--until", "2017-08-15", "--as", "mary", code=2)
    found_seal = re.search(
        r"/seals/([0-9a-f]{32})\.svg", command("claim", "sign", "truste", "--until", "2017-08-15", "--as", "olga")
    )
    assert found_seal is not None
    assert re.search(r"truste +TRUSTe +current +2017-08-15", listed("claim", "list"))
    path.live.look()
    return found_seal[1]


def shown_and_validated(path: Way, page: Page, seal: str) -> None:
    page.goto(path.url)
    assert SENTENCE in page.locator("main").inner_text()
    page.locator("a.seal").click()
    assert page.url == f"{path.url}/seals/{seal}"
    assert "This seal is valid." in page.locator("main").inner_text()
    assert "which the latest checkpoint covers" in page.locator("main").inner_text()
    assert "Checked 1 May 2017" in page.request.get(f"{path.url}/seals/{seal}.svg").text()


def gone_by_itself(path: Way, page: Page, seal: str) -> None:
    """The day has come: the seal is grey before anything has run, the sentence is gone with the next look."""
    page.goto(f"{path.url}/seals/{seal}")
    assert "This seal is not valid: ended." in page.locator("main").inner_text()
    assert SENTENCE not in page.locator("main").inner_text()
    picture = page.request.get(f"{path.url}/seals/{seal}.svg").text()
    assert ("Ended" in picture, "Checked" in picture, "#9b2d1f" in picture) == (True, False, False)
    path.live.look()
    page.goto(path.url)  # which the browser has kept, and asks for again
    assert SENTENCE not in page.locator("main").inner_text()
    assert page.locator("a.seal").count() == 0
    answer = page.goto(f"{path.url}/policy/s/truste")
    assert answer is not None
    assert answer.status == 410
    assert re.search(r"truste +TRUSTe +lapsed", listed("claim", "list", code=1))


def complained(path: Way, page: Page) -> str:
    """A person complains about a promise; the address of the page that the code leads to."""
    path.move(datetime(2017, 8, 16, 9, tzinfo=UTC))
    page.goto(f"{path.url}/promises/sale")
    page.get_by_role("link", name="The rule, word for word").click()
    page.get_by_role("link", name="Complain about this promise").click()
    page.get_by_label("What happened?").fill("A shop knew my name.")
    page.get_by_label("TRUSTe, which is independent of you, may read what I wrote").check()
    page.get_by_role("button", name="Send it").click()
    assert "answer it by 30 September 2017" in page.locator("main").inner_text()
    page.get_by_role("link", name="See how it stands").click()
    assert "It is here, and waits for an answer." in page.locator("main").inner_text()
    assert "complaint about sale, came 2017-08-16\n  answer by 2017-09-30" in listed("complaint", "list")
    return page.url


def nobody_answers(path: Way, page: Page, mine: str) -> None:
    path.move(datetime(2017, 9, 30, 8, 59, 59, tzinfo=UTC))
    page.goto(mine)
    assert "waits for an answer" in page.locator("main").inner_text()
    path.move(datetime(2017, 9, 30, 9, tzinfo=UTC))
    page.goto(mine)
    said = page.locator("main").inner_text()
    assert "It is with TRUSTe." in said
    assert "No answer came in the promised days." in said
    mails = [mail.read_text() for mail in (path.place / "mail").glob("*.eml")]
    assert any("Overdue: answer complaint cmp_" in mail for mail in mails)


def determined(path: Way, page: Page, token: str, mine: str) -> None:
    """The body reads the case, which is all that it can, and says who is right."""
    path.move(datetime(2017, 10, 4, 12, tzinfo=UTC))
    page.goto(path.url + token)
    assert page.locator(".part a[href*=cmp_]").count() == 1
    page.get_by_role("link", name=re.compile("^cmp_")).click()
    assert "A shop knew my name." in page.locator("main").inner_text()
    with page.expect_download() as fetched:
        page.get_by_role("link", name="The signed case file").click()
    assert "manifest.note" in zipfile.ZipFile(fetched.value.path()).namelist()
    page.get_by_label("Write to both").fill("They are right.")
    page.get_by_role("button", name="Determine").click()
    assert "Say whether the complaint is right" in page.get_by_role("alert").inner_text()
    assert page.get_by_label("Write to both").input_value() == "They are right."  # it is not written twice
    page.get_by_label("The complaint is right").check()
    page.get_by_label("to be remedied by").fill("2017-11-01")
    page.get_by_role("button", name="Determine").click()
    assert "It has to be remedied by 1 November 2017" in page.locator("main").inner_text()
    page.goto(mine)
    assert "TRUSTe has determined." in page.locator("main").inner_text()


def told_on_the_promises(path: Way, page: Page) -> None:
    command("verify", "record", "entries", "registers", "choices", "complaints", code=1)
    path.live.look()
    page.goto(f"{path.url}/promises")
    said = page.locator("main").inner_text()
    assert SENTENCE not in said
    assert "Lapsed since 15 August 2017." in said
    broken = page.locator("#sale").inner_text()
    assert "Broken since 4 October 2017, 12:00 UTC. A complaint about it was found to be right" in broken
    assert "1 open complaint about it." in broken
    assert "Broken" in page.locator("#complaints").inner_text()  # a deadline was passed
    page.locator("#sale a").first.click()
    assert "1 is open, 1 found to be right and not remedied yet." in page.locator("main").inner_text()
    answer = page.goto(f"{path.url}/promises/truste")
    assert answer is not None
    assert answer.status == 410


def remedied(path: Way, page: Page, mine: str) -> None:
    path.move(datetime(2017, 10, 20, 12, tzinfo=UTC))
    (one,) = json.loads(command("complaint", "list", "--format", "json"))
    assert f"{one['id']}  determined" in listed("complaint", "list")
    command("complaint", "remedy", one["id"], "--text", "It was a mistake, and is undone.", "--as", "olga")
    path.live.look()
    page.goto(mine)
    assert "It is remedied." in page.locator("main").inner_text()
    page.goto(f"{path.url}/promises/sale")
    said = page.locator("main").inner_text()
    assert "Kept." in said
    assert "1 found to be right and remedied." in said


def verified_offline(path: Way, page: Page) -> None:
    """The evidence of "never sold", by the page and by the command, verifies with Python and nothing else."""
    with page.expect_download() as fetched:
        page.get_by_role("link", name="The evidence, to verify it yourself").click()
    printed = command("evidence", "sale", "-o", "pack.zip")
    key = re.search(r'--key "([^"]+)"', printed)
    assert key is not None
    alone = [sys.executable, "-I", "-S"]  # no site-packages: Troth is not there
    assert subprocess.run([*alone, "-c", "import troth"], capture_output=True, check=False).returncode == 1
    for name, pack in (("page", fetched.value.path()), ("command", path.place / "pack.zip")):
        zipfile.ZipFile(pack).extractall(path.place / name)
        done = subprocess.run(
            [*alone, "verify.py", "--key", key[1]], cwd=path.place / name, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
        assert done.stdout.endswith("VERIFIED.\n")
        assert "We never sell, trade or rent your data." in done.stdout
        assert json.loads((path.place / name / "promise.json").read_bytes())["complaints"]["remedied"] == 1
