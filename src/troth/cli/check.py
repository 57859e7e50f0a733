"""`troth check`: is the policy consistent, complete and honest, and does it state what a framework asks for?"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from troth import __version__
from troth.cli.terminal import POLICY_HELP, configured, fail, moment, out, read_policy


class Output(StrEnum):
    """How the findings are printed."""

    text = "text"
    json = "json"
    sarif = "sarif"


_STYLES = {
    "error": "bold red",
    "warning": "yellow",
    "missing": "bold red",
    "satisfied": "green",
    "✔": "green",
    "✘": "red",
}


def check(
    policy: Annotated[Path | None, typer.Argument(help=POLICY_HELP)] = None,
    framework: Annotated[
        list[str] | None,
        typer.Option("--framework", "-f", help="safe-harbor, dpf, gdpr, ccpa, can-spam or truste; may be repeated"),
    ] = None,
    version: Annotated[str | None, typer.Option("--version", help="A version by its effective date")] = None,
    at: Annotated[str | None, typer.Option("--at", help="As of another time (default: now)")] = None,
    pages: Annotated[
        Path | None, typer.Option("--pages", help="Rendered pages to look at too: do they load from third parties?")
    ] = None,
    seals: Annotated[
        bool, typer.Option("--seals", help="On those pages, find seals of your claims that may not stand there")
    ] = False,
    site: Annotated[
        str | None, typer.Option("--site", help="The site that those pages are a copy of, such as https://example.org")
    ] = None,
    format: Annotated[Output, typer.Option(help="text for people, json or sarif for programs")] = Output.text,
) -> None:
    """Check the version in force and those to come: ends with 0 when clean, 1 with findings, 2 when it is unreadable.

    Example: troth check --framework gdpr
    """
    from troth.policy import check as checks

    read = read_policy(policy)
    when = moment(at, "--at")
    wanted = tuple(framework or ())
    for name in wanted:
        if name not in checks.FRAMEWORKS:
            fail(f"'{name}' is not a framework.", f"Allowed: {', '.join(checks.FRAMEWORKS)}.")
    if version is None:
        reports = checks.check_versions(read, at=when, frameworks=wanted)
    else:
        try:
            chosen = read.version(version)
        except KeyError:
            ids = ", ".join(one.id for one in read.versions)
            fail(f"The policy has no version '{version}'.", f"Its versions: {ids}.")
        # A past version is looked at as of the day it came into force, not by what holds today.
        moment_of = when if at else chosen.effective
        older = read.versions[: read.number(chosen) - 1]
        reports = (checks.check(chosen, at=moment_of, frameworks=wanted, older=older),)
    if pages is None and (seals or site):
        fail("--seals and --site are about pages.", "Name a folder with a copy of the site: --pages DIRECTORY.")
    if seals and site is None:
        fail("Where a seal may stand depends on the site.", "Say of which the pages are a copy: --site https://….")
    on_pages: tuple[checks.Finding, ...] = ()
    if pages is not None:
        own = [one for one in (site, configured().site) if one]
        on_pages = checks.check_pages(pages, origins=own, seals=_seals() if seals else None, site=site)
    if format is Output.json:
        out.file.write(checks.as_json(reports).decode() + "\n")
    elif format is Output.sarif:
        out.file.write(checks.as_sarif(reports, tool_version=__version__).decode() + "\n")
    else:
        for index, report in enumerate(reports):
            for line in ([""] if index else []) + checks.as_lines(report):
                _print(line)
        for line in checks.findings_as_lines(on_pages):
            _print(line)
    clean = not on_pages and all(report.exit_code == 0 for report in reports)
    raise typer.Exit(0 if clean else 1)


def _seals() -> dict[str, frozenset[str]]:
    """The seals in the configured store, with the hosts on which each may stand now."""
    from troth.cli.record import opened_store
    from troth.conditions.claims.register import ClaimRegister
    from troth.record.published import published_policy

    with opened_store() as store:
        policy = published_policy(store)
        if policy is None:
            fail("Nothing is published yet, so there is no seal.", "`troth publish` publishes the policy.")
        return ClaimRegister(store, policy).seal_places()


def _print(line: str) -> None:
    text = Text(line)
    for word, style in _STYLES.items():
        text.highlight_regex(rf"(?<![\w-]){word}(?![\w-])", style)
    out.print(text)
