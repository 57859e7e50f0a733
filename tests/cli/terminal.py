"""Runs a command as a terminal would, for the tests of the command line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from troth.cli import app
from troth.cli import terminal as consoles
from troth.cli.settings import KEYS, flagship

WIDTH, HEIGHT = 120, 50


def troth(*arguments: str) -> tuple[int, str, str]:
    """Run `troth` with arguments: exit code, standard output, standard error.

    The terminal is 120 wide, whatever the one is in which the tests run, unless a test has made it wider.
    """
    before = [(one, one._width, one._height) for one in (consoles.out, consoles.err)]
    for one, width, _ in before:
        one._width, one._height = max(width or 0, WIDTH), HEIGHT
    try:
        env = {"COLUMNS": str(WIDTH), "NO_COLOR": "1", "TERM": "dumb"}
        result = CliRunner().invoke(app, list(arguments), env=env)
    finally:
        for one, width, height in before:
            one._width, one._height = width, height
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def lines(*arguments: str) -> str:
    """The standard output of a command that does what it is told."""
    code, out, err = troth(*arguments)
    assert code == 0, err
    return out


def refusal(*arguments: str) -> str:
    """The error of a command whose input cannot be understood; it says nothing else."""
    code, out, err = troth(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    return err


def laid_out(place: Path, more: str = "") -> Path:
    """A place with the flagship's policy, not published yet, and its configuration with some more lines."""
    shutil.copytree(flagship(), place / "policy")
    (place / "troth.toml").write_text(f'policy = "policy"\nlog = "acme.example/log"\n{more}')
    return place


def settle(place: Path, patched: pytest.MonkeyPatch) -> None:
    """Work in a place, with its configuration alone."""
    patched.chdir(place)
    for key in KEYS:
        patched.delenv(f"TROTH_{key.upper()}", raising=False)


def copied(made: Path, tmp_path: Path, patched: pytest.MonkeyPatch, width: int = WIDTH) -> Path:
    """Work in a copy of a place, in a terminal that is so wide."""
    place = tmp_path / "place"
    shutil.copytree(made, place)
    settle(place, patched)
    patched.setattr(consoles.out, "_width", width)
    return place
