"""Runs a command as a terminal would, for the tests of the command line."""

from __future__ import annotations

from typer.testing import CliRunner

from troth.cli import app


def troth(*arguments: str) -> tuple[int, str, str]:
    """Run `troth` with arguments: exit code, standard output, standard error."""
    result = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "120", "NO_COLOR": "1", "TERM": "dumb"})
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr
