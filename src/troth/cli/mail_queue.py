"""`troth mail serve`, `queue` and `dns`: taking mail without the pages, what waits, and the records of a domain."""

from __future__ import annotations

import gc
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer
from rich.table import Table
from rich.text import Text

from troth.cli.mail import mail
from troth.cli.mail_lists import receiving
from troth.cli.opening import opened_vault, vault_in
from troth.cli.record import opened_log
from troth.cli.terminal import Format, configured, err, fail, out

if TYPE_CHECKING:
    from ssl import SSLContext

    from troth.gates.mail.post_office import PostOffice
    from troth.gates.mail.sending.waiting import Clerk
    from troth.gates.mail.taking.listening import Listener
    from troth.people import People
    from troth.policy.history import Policy

queue = typer.Typer(no_args_is_help=True, help="Mail that waits to be handed over.")

Id = Annotated[str, typer.Argument(metavar="ID", help="The id of a message, or the number of a line")]


@mail.command("serve")
def serve() -> None:
    """Take mail from applications and send it on, without serving pages, until it is stopped."""
    from troth.gates.mail.remembering import forget
    from troth.record.published import published_policy
    from troth.store import StoreError

    kept = timedelta(days=configured().mail_days)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with opened_log() as log:
        policy = published_policy(log.store)
        if policy is None:
            fail("Nothing is published yet.", "`troth publish` publishes the configured policy.")
        log.sign()
        vault = vault_in(log.store, policy, begin=True)
        with (
            serving(vault.people, policy, configured().site) as places,
            receiving(vault.people) as back,
        ):
            out.print(Text.assemble(("Troth", "bold"), f" takes mail at {', '.join(places)}."))
            if back:
                out.print(f"What comes back is taken at {back} (LMTP).")
            if configured().site is None:
                out.print("No marketing leaves until `site` says where people reach the pages to refuse it.")
            out.print(Text("Stop it with Ctrl-C.", style="dim"))
            # What was built for the start stays until the end; the garbage collector need not look at it ever again.
            gc.collect()
            gc.freeze()
            while not stop.wait(1.0):
                try:
                    log.sign()
                    forget(log.store, kept)
                except StoreError as error:  # the relay answers 451 meanwhile, and goes on when the store is back
                    err.print(Text(f"The store is away; it is tried again. {error}"))


@contextmanager
def serving(
    people: People,
    policy: Policy,
    site: str | Callable[[], str | None] | None,
    *,
    any_port: bool = False,
    trying: bool = False,
) -> Iterator[Sequence[str]]:
    """Take mail and send it on meanwhile; where it is taken. Ends with an error that teaches if that cannot be.

    `any_port`: at a port that is free. `trying`: keys are made for domains that have none, and where another listens at
    the place that nobody configured, mail is not taken, which is said.
    """
    from troth.gates.mail.taking.listening import ListeningError, running

    configuration = configured()
    if configuration.submission == ("off",):
        yield ()
        return
    office = office_of(people, policy, site, trying=trying)
    try:
        listeners, tls = listeners_of(any_port)
        server = office.server(listeners, tls)
    except ListeningError as error:
        fail(str(error))
    with ExitStack() as opened:
        try:
            places = opened.enter_context(running(server)).addresses
        except ListeningError as error:
            if not trying or configuration.submission:
                fail(str(error))
            err.print(Text(str(error)))
            places = []
        yield tuple(places)


def office_of(
    people: People, policy: Policy, site: str | Callable[[], str | None] | None, *, trying: bool = False
) -> PostOffice:
    """The configured gate of mail; ends with an error that teaches."""
    from troth.gates.mail.post_office import PostOffice
    from troth.gates.mail.streams import StreamError

    configuration = configured()
    known = site if isinstance(site, str) else configuration.site
    try:
        return PostOffice(
            people, policy, streams=configuration.streams, site=site, keys=configuration.keys,
            relay=configuration.relay, name=urlsplit(known or "").hostname or "localhost", make_dkim_keys=trying,
        )  # fmt: skip
    except (StreamError, ValueError) as error:
        fail(str(error))


def listeners_of(any_port: bool = False) -> tuple[list[Listener], SSLContext | None]:
    """Where mail is taken, and the TLS for it. ListeningError."""
    from troth.gates.mail.taking.listening import Listener, read_listener, tls_context

    configuration = configured()
    certificate = configuration.certificate
    tls = tls_context(certificate[0], certificate[1] if len(certificate) > 1 else None) if certificate else None
    if not configuration.submission:
        return [Listener(port=0) if any_port else Listener()], tls
    return [read_listener(text) for text in configuration.submission], tls


@queue.command("list")
def list_(
    format: Annotated[Format, typer.Option(help="text for people, json for programs")] = Format.text,
) -> None:
    """List what waits, what is due first.

    Example: troth mail queue list --format json
    """
    import msgspec

    with _clerk() as clerk:
        lines = clerk.lines()
    if format is Format.json:
        out.file.write(msgspec.json.encode(lines).decode() + "\n")
        return
    if not lines:
        out.print("Nothing waits.")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("line", "message", "stream", "to", "state", "tries", "next (UTC)", "reply"):
        table.add_column(heading, overflow="fold")
    for line in lines:
        table.add_row(
            str(line.id), line.message, line.stream, line.recipient or "(erased)", line.state, str(line.tries),
            f"{line.next_at:%Y-%m-%d %H:%M}", line.reply or "",
        )  # fmt: skip
    out.print(table)


@queue.command("show")
def show(id: Id) -> None:
    """Print a message that waits, as it would leave. Ends with 1 if there is none."""
    from troth.gates.mail.sending.envelopes import EnvelopeError

    with _clerk() as clerk:
        try:
            content = clerk.content(id)
        except EnvelopeError as error:
            fail(str(error))
        lines = clerk.find(id)
    if content is None:
        out.print(f"Nothing that waits is called '{id}'. `troth mail queue list` has what does.")
        raise typer.Exit(1)
    for line in lines:
        when = f"next {line.next_at:%Y-%m-%d %H:%M} UTC"
        out.print(Text(f"{line.state}: to {line.recipient}, tried {line.tries} times, {when}"))
    out.file.write("\n" + content.decode("utf-8", "replace").replace("\r\n", "\n"))


@queue.command("retry")
def retry(
    id: Annotated[
        str | None, typer.Argument(metavar="ID", help="Of a message or a line; what is held is let go")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Whatever waits, but not what is held")] = False,
) -> None:
    """Try what waits now; a message that is held is released by naming it. Ends with 1 if there is none."""
    if (id is None) != every:
        fail("Say which: troth mail queue retry ID, or --all.")
    with _clerk(write=True) as clerk:
        count = clerk.retry(id)
    out.print(f"{count} line{'' if count == 1 else 's'} will be tried now.")
    raise typer.Exit(0 if count else 1)


@queue.command("drop")
def drop(id: Id) -> None:
    """Drop a message that waits, or a line of it, which the record tells. Ends with 1 if there is none."""
    with _clerk(write=True) as clerk:
        count = clerk.drop(id)
    out.print(f"{count} line{'' if count == 1 else 's'} dropped.")
    raise typer.Exit(0 if count else 1)


@mail.command("dns")
def dns(
    domain: Annotated[str, typer.Argument(metavar="DOMAIN", help="A domain that mail is From")],
    check: Annotated[bool, typer.Option("--check", help="Ask DNS, and end with 1 if a record is not there")] = False,
) -> None:
    """Print the records that a domain needs in DNS: DKIM, SPF, DMARC and the MX for what comes back.

    Example: troth mail dns news.example.org --check
    """
    from troth.gates.mail.signing.dkim_keys import DkimKeyError, keys_for
    from troth.gates.mail.signing.dns import checked, records, resolve

    configuration = configured()
    try:
        keys = keys_for(configuration.keys, domain)
    except DkimKeyError as error:
        fail(str(error))
    host = urlsplit(configuration.relay).hostname if "://" in configuration.relay else None
    found = records(domain, keys, host, domain)
    if check:
        found = [checked(record, resolve) for record in found]
    styles = {"there": "green", "missing": "red", "other": "red", "unknown": "yellow"}
    for record in found:
        state = Text.assemble("  ", (record.found, styles[record.found])) if check else Text()
        out.print(Text.assemble((record.what, "bold"), state))
        out.print(Text(f"  {record.name}. {record.type} {record.value}"))
        if record.found == "other":
            out.print(Text(f"  DNS says: {record.says}"))
    if not keys:
        out.print(f"There is no key for {domain}: `troth mail key {domain}` makes one.")
    if check and (not keys or any(record.found != "there" for record in found)):
        raise typer.Exit(1)


@contextmanager
def _clerk(*, write: bool = False) -> Iterator[Clerk]:
    from troth.gates.mail.sending.queue import Queue
    from troth.gates.mail.sending.waiting import Clerk

    with opened_vault(write=write) as vault:
        yield Clerk(Queue(vault.people))
