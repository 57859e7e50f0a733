"""Runs a command as a terminal would, for the tests of the command line."""

from __future__ import annotations

from typer.testing import CliRunner

from troth.cli import app
from troth.cli import terminal as consoles

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
