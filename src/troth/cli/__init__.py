"""The `troth` command. Each command is one small file here and holds no logic: it calls the room that does.

Exit codes: 0 done or yes, 1 no (a refusal, findings), 2 the input cannot be understood.
"""

from __future__ import annotations

import sys

import typer

from troth.cli import (
    backup,
    check,
    claim_acts,
    complaint_acts,
    decide,
    delivery,
    diff,
    disclosure,
    due,
    endpoint,
    evidence,
    exchange,
    file,
    follow,
    init,
    key,
    keying,
    legal_acts,
    mail,
    mail_queue,
    mail_streams,
    naming,
    notice,
    people,
    record,
    schema,
    serve,
    sharing,
    staff,
    subscribing,
    transfer,
    vault,
    verify,
)

app = typer.Typer(
    name="troth",
    help="Troth runs a privacy policy: each promise is a sentence that people read and a rule that the machine keeps.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("up")(serve.up)
app.command("serve")(serve.serve)
app.command("init")(init.init)
app.command("check")(check.check)
app.command("verify")(verify.verify)
app.command("due")(due.due)
app.command("evidence")(evidence.evidence)
app.command("decide")(decide.decide)
app.command("diff")(diff.diff)
app.command("notice")(notice.notice)
app.command("publish")(record.publish)
app.add_typer(record.record, name="record")
app.add_typer(record.receipt, name="receipt")
people.people.command("export")(exchange.export)
people.people.command("import")(exchange.import_)
app.add_typer(people.people, name="people")
naming.recipient.command("key")(keying.key)
naming.recipient.command("keys")(keying.keys)
app.add_typer(subscribing.recipient, name="recipient")
app.add_typer(file.file, name="file")
app.add_typer(sharing.share, name="share")
app.add_typer(disclosure.disclosure, name="disclosure")
app.add_typer(endpoint.endpoint, name="endpoint")
app.add_typer(delivery.delivery, name="delivery")
app.add_typer(follow.follow, name="follow")
app.add_typer(key.key, name="key")
app.add_typer(staff.staff, name="staff")
app.add_typer(claim_acts.claim, name="claim")
app.add_typer(complaint_acts.complaint, name="complaint")
app.add_typer(legal_acts.legal, name="legal")
app.add_typer(transfer.transfer, name="transfer")
mail.mail.add_typer(mail_queue.queue, name="queue")
mail.mail.add_typer(mail_streams.stream, name="stream")
mail.mail.add_typer(mail_streams.credential, name="credential")
app.add_typer(mail.mail, name="mail")
app.add_typer(vault.vault, name="vault")
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
app.command("migrate")(backup.migrate)
app.command("schema")(schema.schema)


def _version(value: bool) -> None:
    if value:
        from troth import __version__

        typer.echo(f"troth {__version__}")
        raise typer.Exit


@app.callback()
def _troth(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    pass


def main() -> None:
    """Run the command line. Of all commands only those under the first word are made: all take a fifth of a second."""
    commands = [one for one in app.registered_commands if one.name in sys.argv[1:2]]
    groups = [one for one in app.registered_groups if one.name in sys.argv[1:2]]
    if commands or groups:
        app.registered_commands, app.registered_groups = commands, groups
    app()
