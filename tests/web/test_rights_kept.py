"""Rights in the browser: a request is made, is late, is answered; the page of the right and its evidence tell so."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from complaining import Complaining, complaining
from running import EXAMPLE
from test_choices_browser import fits, page_of, violations

from troth.accountability.complaints.facts import Answered
from troth.accountability.verifying.run import Place, run
from troth.policy.reading import read_version
from troth.record.published import publish_version

DAY = timedelta(days=1)
ALL = ("record", "entries", "registers", "choices", "complaints", "rights")


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Complaining]:
    with complaining(tmp_path) as here:
        for file in sorted(EXAMPLE.glob("*.yaml")):
            publish_version(here.served.log, read_version(file), file.read_bytes())
        here.served.log.sign()
        yield here


def get(here: Complaining, path: str) -> httpx.Response:
    return httpx.get(here.url + path, trust_env=False)


def stands(here: Complaining, right: str = "access") -> tuple[str, str, str | None]:
    found = get(here, f"/promises/{right}.json").json()
    return found["state"], found["why"], found["since"]


def verified(here: Complaining) -> None:
    run(Place(here.served.log, here.served.people.policy, here.served.vault), ALL)
    here.served.log.sign()


def evidence(here: Complaining, folder: Path) -> tuple[int, str, dict[str, object]]:
    """What the program in the evidence of the right finds, and what the evidence says."""
    pack = zipfile.ZipFile(io.BytesIO(get(here, "/promises/access/evidence.zip").content))
    pack.extractall(folder)
    done = subprocess.run(
        [sys.executable, "-I", "-S", "verify.py", "--key", str(here.served.log.keys.public[0])],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr, json.loads((folder / "promise.json").read_bytes())


def test_a_right_is_kept_by_its_requests_and_no_other(here: Complaining, chromium, tmp_path: Path) -> None:
    verified(here)
    nobody = "Nobody has made such a request here yet, so nothing shows whether it is kept."
    assert stands(here) == ("not verified", nobody, None)
    with page_of(chromium, here.served, java_script_enabled=False) as page:
        page.goto(f"{here.url}/policy/s/access")
        page.get_by_role("link", name="Use this right").click()
        assert page.get_by_label("A request: I use one of my rights").is_checked()
        assert page.locator("#statement").input_value() == "access"
        page.get_by_label("What happened?").fill("Tell me what you hold of ann@example.org.")
        page.get_by_role("button", name="Send it").click()
        assert "We have your request, and answer it by 31 May 2016" in page.locator("main").inner_text()
        page.get_by_role("link", name="See how it stands").click()
        assert "About the right “Access”" in page.locator("main").inner_text()
        assert page.get_by_role("button", name=re.compile("Pass it on")).count() == 0
        (one,) = here.desk.standing().values()
        here.served.clock.now += 29 * DAY
        assert stands(here)[0] == "not verified"
        here.staff(one.id, Answered(by="staff"), "This is all.")
        page.reload()
        assert "This is all." in page.locator("main").inner_text()
    kept = "1 request was answered in time in the last twelve months, and none too late."
    verified(here)
    assert stands(here)[0] == "kept"
    assert kept in get(here, "/promises/access").text
    assert stands(here, "erase") == ("not verified", nobody, None)
    code, said, promise = evidence(here, tmp_path / "kept")
    assert (code, promise["state"]) == (0, "kept"), said
    assert "Test 'rights.access': passed" in said
    here.send(kind="request", statement="access")
    here.served.clock.now += 30 * DAY
    state, why, since = stands(here)  # before any test has run
    assert (state, since) == ("broken", here.served.clock.now.strftime("%Y-%m-%dT%H:%M:%SZ"))
    assert why.endswith("the first by 29 June 2016. 1 waits for an answer yet.")
    assert stands(here, "erase")[0] == "not verified"
    verified(here)
    code, said, promise = evidence(here, tmp_path / "broken")
    assert (code, promise["state"], promise["why"]) == (0, "broken", why), said
    assert "Test 'rights.access': failed" in said
    (late,) = (each for each in here.desk.standing().values() if each.state == "acknowledged")
    here.staff(late.id, Answered(by="staff"), "We are sorry.")
    assert stands(here)[1].endswith("1 was answered later, the last on 29 June 2016.")
    for width in (360, 1280):
        size = {"width": width, "height": 900}
        with page_of(chromium, here.served, viewport=size) as page:
            for path in (
                "/promises/access",
                "/promises",
                "/complaints?kind=request&statement=access",
                "/policy/s/access",
            ):
                page.goto(here.url + path)
                assert fits(page), (path, width)
                assert violations(page) == [], (path, width)


def test_a_request_without_a_right_is_asked_for_one_and_keeps_its_words(here: Complaining) -> None:
    sent = {"kind": "request", "statement": "sale", "what": "Tell me all.", "way": "code"}
    answer = httpx.post(f"{here.url}/complaints", data=sent, trust_env=False)
    assert answer.status_code == 422
    assert "Say which right you use. The policy has: access" in answer.text
    assert ">Tell me all.</textarea>" in answer.text
