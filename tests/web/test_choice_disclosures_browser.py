"""The disclosures on the page of choices in a browser: they fit, are accessible, and a proof can be taken along."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from choosing import ANN, Choosing, choosing
from test_choice_disclosures import collect, share

from troth.web.choices.centre import VISIT


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Choosing]:
    with choosing(tmp_path_factory.mktemp("disclosed")) as served:
        collect(served)
        for _ in range(2):
            share(served, "logmein-group", "service.provide", ANN)
        yield served


def address(served: Choosing) -> str:
    return f"{served.url}/choices/{served.passes.choices(served.people.know(ANN), served.clock() + VISIT)}"


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (360, "light"), (360, "dark")])
def test_it_fits_and_axe_finds_nothing(chromium, served, width, scheme):
    context = chromium.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme, bypass_csp=True)
    page = context.new_page()
    page.goto(address(served))
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    assert [(one["id"], one["nodes"][0]["target"]) for one in found] == []
    context.close()


def test_a_proof_is_taken_along(chromium, served):
    context = chromium.new_context(java_script_enabled=False, accept_downloads=True)
    page = context.new_page()
    page.goto(address(served))
    page.get_by_text("The proofs").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Proof 1 of what Companies of the LogMeIn group received").click()
    assert download.value.suggested_filename.startswith("disclosure-")
    assert json.loads(Path(download.value.path()).read_text())["type"] == "troth.disclosure-proof"
    context.close()
