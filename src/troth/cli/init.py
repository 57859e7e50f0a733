"""`troth init`: eight questions, and a first policy that follows from the answers."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from troth.cli.settings import FILE
from troth.cli.terminal import fail, out

Answer = str | None


def init(
    directory: Annotated[Path, typer.Argument(help="The directory to write the policy to")] = Path("policy"),
    name: Annotated[Answer, typer.Option(help="The name of your organisation")] = None,
    address: Annotated[Answer, typer.Option(help="Its postal address, in one line")] = None,
    email: Annotated[Answer, typer.Option(help="The e-mail address that answers about privacy")] = None,
    country: Annotated[Answer, typer.Option(help="The country, by its two letters")] = None,
    site: Annotated[Answer, typer.Option(help="The address of your site")] = None,
    gathers: Annotated[Answer, typer.Option(help="What people give you: account, orders, enquiries")] = None,
    newsletter: Annotated[Answer, typer.Option(help="Whether you send a newsletter: yes or no")] = None,
    analytics: Annotated[Answer, typer.Option(help="Whether you count visits: none, own or service")] = None,
) -> None:
    """Ask eight questions and write a first policy; answers that are given as options are not asked for.

    Example: troth init policy
    """
    from troth.policy.schema import policy_schema
    from troth.policy.starter import QUESTIONS, Question, read_answer, read_answers, write_policy

    given = {
        "name": name, "address": address, "email": email, "country": country, "site": site, "gathers": gathers,
        "newsletter": newsletter, "analytics": analytics,
    }  # fmt: skip
    if directory.exists() and (not directory.is_dir() or any(directory.glob("*.y*ml"))):
        fail(f"{directory} holds a policy already, or is a file.", "Name another directory.")

    def asked(question: Question) -> str:
        out.print(Text(f"\n{question.text}", style="bold"))
        out.print(Text(question.help, style="dim"))
        for option, meaning in question.options.items():
            out.print(Text(f"  {option:<10} {meaning}"))
        while True:
            hint = f" [{question.default}]" if question.default else ""
            try:
                return read_answer(question, out.input(f"{hint}> "))
            except ValueError as error:
                out.print(Text(str(error), style="red"))
            except EOFError:
                fail("The questions were not answered to the end; nothing was written.", _remedy(QUESTIONS))

    answers = {}
    for question in QUESTIONS:
        value = given[question.id]
        if value is None:
            if not sys.stdin.isatty() and question.default is None:
                fail(f"--{question.id} is missing: {question.text}", _remedy(QUESTIONS))
            answers[question.id] = asked(question) if sys.stdin.isatty() else ""
            continue
        try:
            answers[question.id] = read_answer(question, value)
        except ValueError as error:
            fail(f"--{question.id}: {error}")
    today = datetime.now(UTC).date()
    text = write_policy(read_answers(answers), on=today)
    file = directory / f"{today.isoformat()}.yaml"
    configuration = Path(FILE)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        schema = json.dumps(policy_schema(), indent=1, ensure_ascii=False) + "\n"
        (directory / "policy.schema.json").write_text(schema, "utf-8")
        with file.open("x", encoding="utf-8") as written:
            written.write(text)
        new = not configuration.exists()
        if new:
            configuration.write_text(f"policy = {json.dumps(str(directory))}\n", "utf-8")
    except OSError as error:
        fail(f"{error.filename} cannot be written: {error.strerror}.")
    out.print(Text.assemble(("\nWritten: ", "bold green"), str(file), f" and {FILE}" if new else ""))
    out.print("Read it, change what is not true of you, then:")
    out.print(f"  troth check {directory}         is it consistent, honest and complete?")
    out.print(f"  troth up --policy {directory}   see it in a browser")
    out.print("  troth publish              put it into force")


def _remedy(questions: object) -> str:
    assert isinstance(questions, tuple)  # noqa: S101 - typed so late to keep the start quick
    return "Answer with options: " + " ".join(f"--{question.id}" for question in questions) + "."
