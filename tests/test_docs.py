"""The documents are true: their links lead somewhere, their commands and their Python run and print what they show."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from troth.cli import app

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")])
# These run until they are stopped; tests of the server start them. The rest are shell, not Troth.
NOT_RUN = ("troth up", "troth serve", "make ", "curl ", "git ", "cp ")


def blocks(language: str) -> list[tuple[str, str]]:
    """The fenced blocks of a language, each with the page it stands in."""
    fence = re.compile(rf"^```{language}\n(.*?)^```$", re.M | re.S)
    return [(str(page.relative_to(ROOT)), block) for page in PAGES for block in fence.findall(page.read_text("utf-8"))]


def commands() -> list[tuple[str, str, str]]:
    found = []
    for page, block in blocks("console"):
        for command, shown in re.findall(r"^\$ (.*(?:\\\n.*)*)\n((?:(?!\$ ).*\n)*)", block, re.M):
            line = command.replace("\\\n", " ").split(" #")[0].strip()
            if not line.startswith(NOT_RUN) and " > " not in line and " | " not in line:
                found.append((page, line, shown))
    return found


@pytest.mark.parametrize(("page", "command", "shown"), commands())
def test_a_command_prints_what_the_page_shows(
    page: str, command: str, shown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, *arguments = shlex.split(command)
    assert name == "troth", f"{page}: {command}"
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    (tmp_path / "mine.yaml").write_bytes((ROOT / "examples/citrix-online/2015-12-31.yaml").read_bytes())
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "120", "NO_COLOR": "1", "TERM": "dumb"})
    assert result.exit_code in (0, 1), result.output
    if shown.strip():
        # `…` in a page stands for lines left out.
        pattern = re.escape(shown.strip()).replace("…\\\n", ".*").replace("…", ".*")
        assert re.fullmatch(pattern, result.output.strip(), re.S), result.output


# A block that begins with the name of a file is part of an application; the tests of that application run it.
ALONE = [(page, block) for page, block in blocks("python") if not re.match(r"# [\w/]+\.py\n", block)]


@pytest.mark.parametrize(("page", "block"), ALONE)
def test_python_in_a_page_runs(page: str, block: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    exec(compile(block, page, "exec"), {})


def test_links_lead_somewhere() -> None:
    broken = []
    for page in PAGES:
        text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.M | re.S)
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            path, _, anchor = target.partition("#")
            if re.match(r"[a-z]+:", target):
                continue
            file = (page.parent / path) if path else page
            if not file.exists():
                broken.append(f"{page.relative_to(ROOT)}: {target}")
            elif anchor and file.suffix == ".md":
                headings = re.findall(r"^#+ (.*)$", file.read_text("utf-8"), re.M)
                slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
                if anchor not in slugs:
                    broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert broken == []


def test_the_index_leads_to_every_page() -> None:
    index = (ROOT / "docs/README.md").read_text("utf-8")
    leads = {(ROOT / "docs" / link).resolve() for link in re.findall(r"\]\(([^)#:]+\.md)", index)}
    assert {page for page in PAGES if page.is_relative_to(ROOT / "docs")} - leads == {ROOT / "docs/README.md"}
