"""`troth decide`: ask the policy one question and read the answer in words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.text import Text

from troth.cli.people import WHO_HELP, stored_choices, with_claims
from troth.cli.terminal import POLICY_HELP, Format, fail, moment, out, read_policy


def decide(
    action: Annotated[str, typer.Argument(help="collect, use, share, sell, trade or rent")],
    data: Annotated[str, typer.Argument(help="A data term, such as contact.email")],
    purpose: Annotated[str | None, typer.Option("--for", help="The purpose, such as marketing.own")] = None,
    recipient: Annotated[str | None, typer.Option("--with", help="Who gets it: a declared recipient or a kind")] = None,
    product: Annotated[str | None, typer.Option("--product", help="The covered site or product")] = None,
    when: Annotated[str | None, typer.Option("--when", help="The moment of a collection")] = None,
    opted_out: Annotated[list[str] | None, typer.Option("--out", help="A choice the person is out of")] = None,
    opted_in: Annotated[list[str] | None, typer.Option("--in", help="A choice the person is in")] = None,
    person: Annotated[str | None, typer.Option("--person", help=f"Decide on the stored choices. {WHO_HELP}")] = None,
    given: Annotated[list[str] | None, typer.Option("--given", help="A condition that holds, such as contract")] = None,
    at: Annotated[str | None, typer.Option("--at", help="The time: a date, or a time with zone [default: now]")] = None,
    collected_under: Annotated[str | None, typer.Option(help="The version the data was collected under")] = None,
    expires: Annotated[str | None, typer.Option(help="When the data may no longer be kept")] = None,
    accepted: Annotated[str | None, typer.Option(help="The latest version that the person agreed to")] = None,
    policy: Annotated[Path | None, typer.Option("--policy", "-p", help=POLICY_HELP)] = None,
    format: Annotated[Format, typer.Option(help="text for people, json for programs")] = Format.text,
) -> None:
    """Ask whether something may happen. Ends with 0 for yes, 1 for no, 2 for a question that cannot be asked.

    Example: troth decide use contact.email --for marketing.own --product gototraining --out marketing
    """
    from troth.decision.point import DecisionPoint
    from troth.decision.question import Question, QuestionError
    from troth.decision.words import words

    both = set(opted_in or ()) & set(opted_out or ())
    if both:
        fail(f"'{min(both)}' is given as --in and as --out.", "A person is in a choice or out of it.")
    if person is not None and (opted_in or opted_out):
        fail(
            "--person decides on the choices that are stored, and --in and --out state others.",
            "Give one or the other.",
        )
    read, when_asked = read_policy(policy), moment(at, "--at")
    if person is not None:
        read = with_claims(read, when_asked)
    point = DecisionPoint(read)
    stored = stored_choices(person, point) if person is not None else {}
    asked = {
        "action": action,
        "data": data,
        "purpose": purpose,
        "recipient": recipient,
        "product": product,
        "moment": when,
        "choices": {**dict.fromkeys(opted_in or (), "in"), **dict.fromkeys(opted_out or (), "out"), **stored},
        "given": frozenset(given or ()),
        "at": when_asked,
        "collected_under": collected_under,
        "expires": moment(expires, "--expires") if expires else None,
        "accepted": accepted,
    }
    try:
        decision = point.decide(**asked)  # type: ignore[arg-type]
    except QuestionError as error:
        remedy = f"Allowed: {', '.join(error.allowed[:60])}." if error.allowed and not error.suggestion else ""
        fail(error.message, remedy)
    if format is Format.json:
        out.file.write(msgspec.json.format(msgspec.json.encode(decision), indent=2).decode() + "\n")
        raise typer.Exit(0 if decision.allowed else 1)
    told = words(read, Question(**asked), decision)  # type: ignore[arg-type]
    mark, style = ("✔", "bold green") if decision.allowed else ("✘", "bold red")
    out.print(Text.assemble((f"{mark} {told.answer}", style)))
    out.print(Text(f"  {told.why}"))
    if told.sentence:
        out.print(Text.assemble("  ", (f"“{told.sentence}”", "italic")))
        names = ", ".join(decision.statements)
        out.print(Text(f"  — promise {names}, version {decision.version}", style="dim"))
    for duty in told.duties:
        out.print(Text(f"  Must: {duty}."))
    raise typer.Exit(0 if decision.allowed else 1)
