"""`troth mail`: the gate of mail. Further commands lie in files beside this one, which add them to the group `mail`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from troth.cli.terminal import Format, configured, fail, moment, out

if TYPE_CHECKING:
    from troth.gates.mail.signing.dkim import SigningKey

mail = typer.Typer(no_args_is_help=True, help="The gate of mail: who may be written to, and what a message bears.")

_SIGNS = {"error": ("✘", "bold red"), "warning": ("!", "yellow"), "note": ("·", "")}


@mail.command("lint")
def lint(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The message, as a file with its header and body")],
    service: Annotated[
        bool, typer.Option("--service", help="It is no marketing: leave out what only marketing has to bear")
    ] = False,
    at: Annotated[str | None, typer.Option("--at", help="As of another time (default: now)")] = None,
    format: Annotated[Format, typer.Option(help="text for people, json for programs")] = Format.text,
) -> None:
    """Say whether a message is ready for the large mailbox providers, and for CAN-SPAM, CASL and PECR.

    Ends with 0 when nothing but notes is found, 1 with findings, 2 when there is no message. Example:
    troth mail lint newsletter.eml
    """
    from troth.gates.mail.linting import lint as linting

    try:
        raw = file.read_bytes()
    except OSError as error:
        fail(f"{file}: the file cannot be read: {error.strerror}.")
    if not raw.strip():
        fail(f"{file}: the file is empty.", "It is a message with its header, an empty line and its body.")
    report = linting.lint(raw, moment(at, "--at"), marketing=not service)
    if format is Format.json:
        out.file.write(linting.as_json(report).decode() + "\n")
    else:
        for severity, line in linting.as_lines(report):
            out.print(Text.assemble(_SIGNS[severity], f" {line}") if severity else Text(line))
        if not report.findings:
            out.print("✔ Nothing was found.", style="bold green")
    raise typer.Exit(0 if report.clean else 1)


@mail.command("key")
def key(
    domain: Annotated[str, typer.Argument(metavar="DOMAIN", help="The domain in From, such as example.org")],
    new: Annotated[
        bool, typer.Option("--new", help="Make new keys, which wait until their records stand in DNS")
    ] = False,
    switch: Annotated[bool, typer.Option("--switch", help="Sign with the keys that wait from now on")] = False,
) -> None:
    """Make the keys with which a domain signs its mail (DKIM), and print the records for DNS.

    The first ones sign at once. Later, `--new` makes the next ones, and `--switch` puts them to use once their records
    stand in DNS. Example: troth mail key example.org
    """
    from troth.gates.mail.signing import dkim_keys

    keys = configured().keys
    try:
        if switch:
            _show(dkim_keys.switch_keys(keys, domain), f"These keys sign for {domain} from now on.")
            out.print("Leave the records of those before in DNS for a week, for mail that is still on its way.")
            return
        signing = dkim_keys.read_keys(keys, domain)
        if new or not signing:
            made = dkim_keys.make_keys(keys, domain, datetime.now(UTC))
            waits = f"Put these records into DNS, then `troth mail key {domain} --switch` signs with them."
            _show(made, waits if signing else f"These keys sign for {domain}. Put their records into DNS.")
            return
        _show(signing, f"These keys sign for {domain}. Their records in DNS:")
        if waiting := dkim_keys.waiting_keys(keys, domain):
            _show(waiting, f"These wait. `troth mail key {domain} --switch` signs with them:")
    except dkim_keys.DkimKeyError as error:
        fail(str(error))
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}.")


def _show(keys: tuple[SigningKey, ...], told: str) -> None:
    """The records of keys, as a zone file has them: strings of at most 255 characters."""
    from troth.gates.mail.signing.dkim_keys import dns_record

    out.print(told)
    for one in keys:
        name, value = dns_record(one)
        strings = " ".join(f'"{value[at : at + 255]}"' for at in range(0, len(value), 255))
        out.file.write(f"{name}. IN TXT {strings}\n")
