"""The pages about legal requests in a browser: without fault, wide and narrow, by day and by night."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from choosing import choosing

sys.path.append(str(Path(__file__).parents[1] / "accountability"))
from test_choices_browser import fits, page_of, violations
from test_legal_pages import Court

from troth.accountability.legal.facts import Refused

SHOTS = os.environ.get("TROTH_SHOTS")  # a folder into which pictures are put, to be looked at


def test_the_report_and_the_notice_are_without_fault(chromium, tmp_path: Path) -> None:
    with choosing(tmp_path) as served:
        court = Court(served)
        refused = court.request()
        court.desk.do(court.staff["cara"], refused, Refused(why="no basis"))
        court.request(process="warrant")
        court.request()
        served.app.teller.run()
        served.clock.now = datetime(2026, 7, 2, tzinfo=UTC)
        court.request(process="subpoena")
        entry = served.passes.choices(court.ann, served.clock.now + timedelta(hours=1))
        for name, path in (("report", "/transparency"), ("notice", f"/choices/{entry}")):
            for width in (1280, 360):
                for scheme in ("light", "dark"):
                    size = {"width": width, "height": 900}
                    with page_of(chromium, served, viewport=size, color_scheme=scheme) as page:
                        page.goto(served.url + path)
                        assert fits(page), (name, width)
                        assert violations(page) == []
                        if SHOTS:
                            page.screenshot(path=f"{SHOTS}/{name}-{width}-{scheme}.png", full_page=True)
