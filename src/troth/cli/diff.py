"""`troth diff`: what changed between two versions, which way, and who must be asked again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.text import Text

from troth.cli.terminal import POLICY_HELP, Format, fail, out, read_policy
from troth.policy.history import Policy
from troth.policy.model import Version

_STYLES = {"broader": "yellow", "narrower": "green"}


def diff(
    old: Annotated[str, typer.Argument(help="A version: its file, or its effective date in the policy")],
    new: Annotated[str, typer.Argument(help="The version to compare it with")],
    policy: Annotated[Path | None, typer.Option("--policy", "-p", help=POLICY_HELP)] = None,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="End with 1 when the change is material")] = False,
    format: Annotated[Format, typer.Option(help="text for people, json for programs")] = Format.text,
) -> None:
    """Tell what changed between two versions: which way, whether it is material, and who must be asked again.

    Example: troth diff 2015-12-31 2017-02-01
    """
    from troth.policy.diff import as_json, as_lines
    from troth.policy.diff import diff as compare

    history: list[Policy] = []  # read once, and only when a version is named by its date

    def version(name: str) -> Version:
        if Path(name).is_file():
            return read_policy(Path(name)).versions[0]
        if not history:
            history.append(read_policy(policy))
        try:
            return history[0].version(name)
        except KeyError:
            ids = ", ".join(one.id for one in history[0].versions)
            fail(f"'{name}' is neither a file nor a version of the policy '{history[0].id}'.", f"Its versions: {ids}.")

    before, after = version(old), version(new)
    difference = compare(before, after)
    if format is Format.json:
        out.file.write(msgspec.json.format(as_json(difference), indent=2).decode() + "\n")
    else:
        for line in as_lines(difference, before, after):
            text = Text(line)
            for word, style in _STYLES.items():
                text.highlight_words([word], style)
            out.print(text)
    raise typer.Exit(1 if exit_code and difference.material else 0)
