"""Complaining in a browser: by keyboard, without a script, up to the determination; without fault, wide and narrow."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

from complaining import PNG, complaining
from test_choices_browser import fits, page_of, violations

from troth.accountability.complaints.facts import Answered, Determined

SHOTS = os.environ.get("TROTH_SHOTS")  # a folder into which pictures are put, to be looked at
DAY = timedelta(days=1)


def test_a_complaint_goes_from_the_promise_to_the_body_and_back(chromium, tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(PNG)
    with complaining(tmp_path) as here, page_of(chromium, here.served, java_script_enabled=False) as page:
        page.goto(f"{here.url}/policy/s/sale")
        page.get_by_role("link", name="Complain about this promise").click()
        assert page.locator("#statement").input_value() == "sale"
        page.get_by_label("What happened?").fill("A shop knew my name.\nWho told them?")
        page.get_by_label("What do you want us to do?").fill("Tell me to whom.")
        page.set_input_files("#file", tmp_path / "photo.png")
        page.get_by_label("may read what I wrote").check()
        page.get_by_role("button", name="Send it").click()
        assert page.get_by_role("heading", name="It is here.").is_visible()
        code = page.locator(".code code").inner_text()
        page.goto(f"{here.url}/complaints")
        page.get_by_label("The code that you got").fill(code)
        page.keyboard.press("Enter")
        page.wait_for_url("**/complaints/" + code.replace(" ", ""))
        assert "Who told them?" in page.locator("main").inner_text()
        page.get_by_label("Add something").fill("It was on a Monday.")
        page.get_by_role("button", name="Add it").click()
        assert "It was on a Monday." in page.locator("main").inner_text()
        assert page.get_by_role("button", name="Pass it on").count() == 0
        (one,) = here.desk.standing().values()
        here.staff(one.id, Answered(by="staff"), "Nobody did.")
        page.reload()
        assert "Nobody did." in page.locator("main").inner_text()
        page.get_by_role("button", name="Pass it on to TRUSTe").click()
        assert "It is with TRUSTe." in page.locator("main").inner_text()
        mine = page.url
        page.goto(f"{here.url}/recourse/{here.token}")
        page.get_by_role("link", name=one.id).click()
        with page.expect_download() as fetched:
            page.get_by_role("link", name="photo.png").click()
        assert fetched.value.path().read_bytes() == PNG
        page.get_by_label("Write to both").fill("They are right.")
        page.get_by_label("The complaint is right").check()
        page.get_by_label("to be remedied by").fill("2016-06-01")
        page.get_by_role("button", name="Determine").click()
        assert "It has to be remedied by 1 June 2016" in page.locator("main").inner_text()
        page.goto(mine)
        assert "They are right." in page.locator("main").inner_text()
        page.goto(f"{here.url}/policy/s/sale")
        assert "Complaints about it: 1 open, 1 in all." in page.locator("main").inner_text()


def test_the_pages_are_without_fault(chromium, tmp_path: Path) -> None:
    with complaining(tmp_path) as here:
        code = here.send(files=[("photo.png", PNG)], wanted="Tell me to whom, and " + "x" * 90)
        (one,) = here.desk.standing().values()
        here.served.clock.now += 45 * DAY
        here.look()
        until = here.served.clock.now + 20 * DAY
        here.desk.do_as_body(
            here.token, one.id, Determined(by="body", outcome="upheld", remedy_by=until), here_text("They are right.")
        )
        answered = here.send(what="You wrote to me twice.", statement="")
        other = next(each for each in here.desk.standing().values() if each.state == "acknowledged")
        here.staff(other.id, Answered(by="staff"), "Once was by mistake.")
        pages = {
            "complaints": "/complaints?statement=sale",
            "complaint": f"/complaints/{answered}",
            "determined": f"/complaints/{code}",
            "missing": f"/complaints/{'0' * 32}",
            "statistics": "/complaints/statistics",
            "recourse": f"/recourse/{here.token}",
            "case": f"/recourse/{here.token}/{one.id}",
            "statement": "/policy/s/sale",
        }
        for width in (1280, 360):
            for scheme in ("light", "dark"):
                size = {"width": width, "height": 900}
                with page_of(chromium, here.served, viewport=size, color_scheme=scheme) as page:
                    for name, path in pages.items():
                        page.goto(here.url + path)
                        assert fits(page), (name, width)
                        assert violations(page) == [], (name, width, scheme)
                        if SHOTS:
                            page.screenshot(path=f"{SHOTS}/{name}-{width}-{scheme}.png", full_page=True)
                    page.goto(f"{here.url}/complaints")
                    page.get_by_label("What happened?").fill(f"Something, seen at {width} {scheme}.")
                    with page.expect_navigation():
                        page.get_by_role("button", name="Send it").click()
                    assert violations(page) == []
                    if SHOTS:
                        page.screenshot(path=f"{SHOTS}/received-{width}-{scheme}.png", full_page=True)


def here_text(said: str):
    from troth.accountability.complaints.texts import text

    return text("text", said)
