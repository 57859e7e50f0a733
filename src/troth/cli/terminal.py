"""What the commands share: reading the policy, printing for people, and ending with an error that teaches."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import NoReturn

import typer
from rich.console import Console
from rich.text import Text

from troth.cli.settings import Settings, SettingsError, settings
from troth.policy.history import Policy
from troth.policy.problems import PolicyError
from troth.policy.values import read_moment

# highlight=False: colour means something here (yes, no, error) and is never decoration.
out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


class Format(StrEnum):
    """How a command prints what it found."""

    text = "text"
    json = "json"


POLICY_HELP = (
    "The policy: a file, or a directory of its versions. (default: that of troth.toml, else the flagship example)"
)


def fail(message: str, remedy: str = "") -> NoReturn:
    """Print an error, with its remedy, and end with exit code 2."""
    err.print(Text.assemble(("error: ", "bold red"), message, f"\n{remedy}" if remedy else ""))
    raise typer.Exit(2)


def read_policy(path: Path | None) -> Policy:
    """The policy at a path, or the configured one; ends with every problem of the file if it cannot be read."""
    where = path if path is not None else configured().policy
    try:
        return Policy.read(where)
    except PolicyError as error:
        for problem in error.problems:
            err.print(Text.assemble(("error: ", "bold red"), str(problem)))
        count = len(error.problems)
        err.print(f"{where}: {count} problem{'s' if count != 1 else ''}; nothing was done.")
        raise typer.Exit(2) from None


def configured() -> Settings:
    """The configuration; ends with an error that names the place if it cannot be used."""
    try:
        return settings()
    except SettingsError as error:
        fail(str(error))


def moment(text: str | None, option: str) -> datetime:
    """The time that an option gives, or now."""
    if text is None:
        return datetime.now(UTC)
    try:
        return read_moment(text)
    except ValueError:
        fail(f"{option} '{text}' is no time.", "Write a date (2016-01-15) or a time with zone (2016-01-15T09:00:00Z).")


def date_of(text: str | None, option: str) -> datetime | None:
    """The time that an option gives, None without the option."""
    return None if text is None else moment(text, option)


def sha256_of_paper(document: str) -> str:
    """The SHA-256 of a paper: of a file, or as it was given. The paper itself is kept nowhere here."""
    if re.fullmatch(r"[0-9a-f]{64}", document):
        return document
    try:
        return hashlib.sha256(Path(document).read_bytes()).hexdigest()
    except OSError as error:
        fail(f"{document} cannot be read: {error.strerror}.", "Name the file of the paper, or its SHA-256.")
