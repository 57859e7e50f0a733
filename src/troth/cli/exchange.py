"""`troth people export` and `troth people import`: the choices of everybody, taken out and in."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from troth.cli.opening import opened_people
from troth.cli.people import Staff
from troth.cli.terminal import fail, out


def export(
    file: Annotated[Path | None, typer.Argument(help="The file to write; it must not exist (default: print)")] = None,
) -> None:
    """Write every choice of everybody as JSON Lines, with what counts. `troth people import` reads them again.

    Example: troth people export choices.jsonl
    """
    from troth.people.exchange import export_lines

    with opened_people() as found:
        lines = export_lines(found)
        if file is None:
            for line in lines:
                out.file.write(line.decode())
            return
        try:
            # For the owner alone: ids and choices are personal data.
            with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as written:
                count = sum(1 for line in lines if written.write(line))
        except FileExistsError:
            fail(f"{file} exists.", "Name another file.")
        except OSError as error:
            fail(f"{file} cannot be written: {error.strerror}.")
    out.print(f"{count} choices written to {file}.")


def import_(
    file: Annotated[Path, typer.Argument(help="A file of JSON Lines: who, choice, state, made_at on each")],
    staff: Staff,
    explain: Annotated[bool, typer.Option("--explain", help="Tell what became of each line")] = False,
) -> None:
    """Take over choices that were made elsewhere, where that weakens none that was made here.

    Example: troth people import choices.jsonl --staff mary
    """
    from troth.people.exchange import OUTCOMES, BadLineError, import_lines

    counts: Counter[str] = Counter()
    passed, bad = 0, None
    try:
        lines = file.open("rb")
    except OSError as error:
        fail(f"{file} cannot be read: {error.strerror}.")
    with lines, opened_people(write=True) as found:
        try:
            for line in import_lines(found, lines, staff=staff):
                if line.record is None or line.taken is None:
                    passed += 1
                    told = "passed over"
                else:
                    outcome = line.taken.outcome
                    counts[outcome] += 1
                    entry = "" if line.taken.leaf is None else f", entry {line.taken.leaf}"
                    told = f"{line.record.choice}={line.record.state}  {outcome}{entry}: {OUTCOMES[outcome]}"
                if explain:
                    out.print(Text(f"line {line.number}  {told}"))
        except BadLineError as error:
            bad = error
    for name, meaning in OUTCOMES.items():
        if counts[name]:
            out.print(Text(f"{counts[name]:>7} {name:<7} {meaning}"))
    if passed:
        out.print(Text(f"{passed:>7} passed over: they only tell what follows from others"))
    if bad is not None:
        before = "The lines before it are done, as told above. " if counts or passed else ""
        fail(f"{file}: {bad}", f"{before}Mend it, and import the file again: what is there already stays the same.")
    if not counts and not passed:
        out.print(f"{file} is empty.")
