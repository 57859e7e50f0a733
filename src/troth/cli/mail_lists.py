"""`troth mail suppress`, `unsuppress`, `import`, `suppressed`: which addresses get no mail; and what comes back."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from troth.cli.mail import mail
from troth.cli.mail_streams import Staff, streams_of
from troth.cli.opening import opened_people
from troth.cli.terminal import configured, err, fail, out

if TYPE_CHECKING:
    from troth.people import People
    from troth.policy.history import Policy

Address = Annotated[str, typer.Argument(metavar="ADDRESS", help="An e-mail address")]
OfStream = Annotated[
    str | None, typer.Option("--stream", help="The mail that the address gets no more: what the stream's link refuses")
]
Scope = Annotated[
    str | None,
    typer.Option("--scope", help="The same by its scope: choice:ID, purpose:TERM, or * for all mail"),
]


@mail.command("suppress")
def suppress(address: Address, name: OfStream = None, scope: Scope = None, staff: Staff = None) -> None:
    """Let an address get no more mail of a stream, whoever has it, and whether it is known or not.

    Example: troth mail suppress ann@example.org --stream newsletter
    """
    from troth.gates.mail.suppression import New, Suppression
    from troth.people.errors import IdentifierError

    with opened_people(write=True) as people:
        where = _scope(people.policy, name, scope)
        try:
            added = Suppression(people).suppress(
                [New(address, where, "opt-out")], source="staff", by=staff or getpass.getuser()
            )
        except IdentifierError as error:
            fail(f"ADDRESS: {error}")
    out.print(f"The address {'gets' if added else 'got'} no mail of this kind{'' if added else ' before'}: {where}")


@mail.command("unsuppress")
def unsuppress(
    address: Address,
    why: Annotated[str, typer.Option("--why", help="For what reason; it is in the record under a commitment")],
    name: OfStream = None,
    scope: Scope = None,
    staff: Staff = None,
) -> None:
    """Take an address off the list, in one scope or all. What a person chose themselves stays.

    Ends with 1 if it is not on the list. Example: troth mail unsuppress ann@example.org --why "the mailbox works again"
    """
    from troth.gates.mail.suppression import Suppression
    from troth.people.errors import IdentifierError

    with opened_people(write=True) as people:
        where = None if name is None and scope is None else _scope(people.policy, name, scope)
        try:
            lifted = Suppression(people).lift(address, where, by=staff or getpass.getuser(), why=why)
        except IdentifierError as error:
            fail(f"ADDRESS: {error}")
    if not lifted:
        out.print("The address is not on the list.")
        raise typer.Exit(1)
    out.print(f"The address is off the list: {', '.join(lifted)}")


@mail.command("import")
def import_(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="Of Mailchimp, SendGrid, SES, Postmark, Mailgun, listmonk, Troth"),
    ],
    name: OfStream = None,
    scope: Scope = None,
    reason: Annotated[
        str | None, typer.Option("--reason", help="Where the file says none: opt-out, bounce, complaint or import")
    ] = None,
    service: Annotated[str | None, typer.Option("--service", help="The service, where the columns do not tell")] = None,
    staff: Staff = None,
) -> None:
    """Put the addresses of a suppression file on the list. If a line cannot be read, it is named, and nothing is taken.

    Opt-outs and complaints are for the stream, bounces for all mail. Example:
    troth mail import unsubscribed.csv --stream newsletter
    """
    from troth.gates.mail.importing import SERVICES, SHOWN, UnreadableFileError, read_file
    from troth.gates.mail.suppression import Suppression
    from troth.people.suppressions import REASONS

    known = {one: one for one in REASONS}
    if reason is not None and reason not in known:
        fail(f"--reason '{reason}' is none.", f"Allowed: {', '.join(REASONS)}.")
    if service is not None and service not in {one.name for one in SERVICES}:
        fail(f"--service '{service}' is not known.", f"Allowed: {', '.join(dict.fromkeys(o.name for o in SERVICES))}.")
    try:
        data = file.read_bytes()
    except OSError as error:
        fail(f"{file}: the file cannot be read: {error.strerror}.")
    with opened_people(write=True) as people:
        where = _scope(people.policy, name, scope)
        try:
            read = read_file(data, where, None if reason is None else known[reason], service)
        except UnreadableFileError as error:
            fail(f"{file}: {error}")
        if read.broken:
            for one in read.broken[:SHOWN]:
                err.print(f"{file}, line {one.line}: {one.why.rstrip('.')}.")
            lines = _counted(len(read.broken), "line")
            fail(f"{lines} cannot be read; nothing was taken.", "Mend the file and import it again.")
        added = Suppression(people).suppress(read.entries, source=read.service, by=staff or getpass.getuser())
    out.print(f"Put on the list: {_counted(added, 'address')}; on it before: {len(read.entries) - added}")
    if read.passed:
        out.print(f"Passed over, since they are not suppressed there: {_counted(read.passed, 'line')}")


@mail.command("suppressed")
def suppressed(
    address: Annotated[str | None, typer.Argument(metavar="ADDRESS", help="Whether this address is on it")] = None,
    export: Annotated[
        bool, typer.Option("--export", help="Print every line as JSON, which `import` takes where the same keys are")
    ] = False,
) -> None:
    """Count the addresses on the list, or say whether one is on it: then it ends with 1 if it is not."""
    import msgspec

    from troth.gates.mail.importing import exported
    from troth.gates.mail.suppression import Suppression
    from troth.people.errors import IdentifierError

    with opened_people() as people:
        found = Suppression(people)
        if export:
            for row in found.export():
                out.file.write(msgspec.json.encode(exported(row)).decode() + "\n")
            return
        if address is None:
            for scope, reason, count in found.counts():
                out.print(f"{scope}: {count} ({reason})")
            return
        try:
            rows = found.of(address)
        except IdentifierError as error:
            fail(f"ADDRESS: {error}")
    for row in rows:
        out.print(f"{row.scope}: {row.reason}, from {row.source}, since {row.since:%Y-%m-%d %H:%M} UTC")
    if not rows:
        out.print("The address is not on the list.")
        raise typer.Exit(1)


@contextmanager
def receiving(people: People) -> Iterator[str]:
    """Take what comes back over LMTP meanwhile, where `lmtp` says so; where that is, or nothing."""
    from functools import partial

    from troth.gates.mail.returning import lmtp
    from troth.gates.mail.streams import StreamError, read_streams

    configuration = configured()
    if configuration.lmtp is None:
        yield ""
        return
    try:
        host, port = lmtp.read_lmtp(configuration.lmtp)
        returns = lmtp.following(people, partial(read_streams, configuration.streams))
        opened = lmtp.receiving(returns, host, port)
    except (lmtp.LmtpError, StreamError) as error:
        fail(str(error))
    with ExitStack() as stack:
        try:
            thread = stack.enter_context(opened)
        except lmtp.LmtpError as error:
            fail(str(error))
        yield f"{host}:{thread.port}"


# --- inside -----------------------------------------------------------------------------------------------------------


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}{'es' if what.endswith('s') else 's'}"


def _scope(policy: Policy, name: str | None, scope: str | None) -> str:
    """The scope that the options name; ends with an error if they name none, or two."""
    from troth.gates.mail.streams import StreamError
    from troth.gates.mail.suppression import check_scope, scope_of_stream

    if (name is None) == (scope is None):
        fail("Say which mail: --stream NAME, or --scope with choice:ID, purpose:TERM or *.")
    try:
        if scope is not None:
            return check_scope(scope, policy)
        assert name is not None  # noqa: S101 - one of the two is there
        return scope_of_stream(streams_of(policy).find(name), policy.versions[-1])
    except StreamError as error:
        fail(str(error))
