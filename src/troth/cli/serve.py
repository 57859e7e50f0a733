"""`troth up` and `troth serve`: the notice, people's choices, the decision point and the record over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from troth.cli.opening import vault_in
from troth.cli.record import opened_log, publish_checked
from troth.cli.settings import flagship
from troth.cli.terminal import configured, fail, moment, out, read_policy
from troth.cli.verify import declared_ports

if TYPE_CHECKING:
    from troth.policy.history import Policy
    from troth.record.log import Log
    from troth.vault import Vault

Draft = Annotated[
    Path | None, typer.Option("--policy", "-p", help="Show this policy as it stands in its files; nothing is published")
]
Port = Annotated[int | None, typer.Option(help="The port to listen on; 0 takes any free one (default: 8768)")]
At = Annotated[
    str | None, typer.Option("--at", help="Show the policy as it stands at another time: a date, or a time with zone")
]

SOON = 10.0  # seconds after which an example is tested, so that its promises can be looked at


def up(port: Port = None, policy: Draft = None, at: At = None) -> None:
    """Publish the configured policy (without one, the flagship example) and serve it on this machine."""
    if policy is not None:
        _serve(read_policy(policy), None, None, port, at)
        return
    with opened_log(create=True) as log:
        publish_checked(log, read_policy(None))
        _serve_published(log, None, port, at, demonstrate=True)


def serve(
    host: Annotated[
        str | None, typer.Option(help="The address to listen on; beyond this machine with a service key")
    ] = None,
    port: Port = None,
    policy: Draft = None,
    at: At = None,
) -> None:
    """Serve the published policy: the notice for people, the decision point for machines, the record for both."""
    if policy is not None:
        _serve(read_policy(policy), None, host, port, at)
        return
    with opened_log() as log:
        _serve_published(log, host, port, at)


def _serve_published(
    log: Log, host: str | None, port: int | None, at: str | None, *, demonstrate: bool = False
) -> None:
    from troth.record.published import published_policy

    read = published_policy(log.store)
    if read is None:
        fail("Nothing is published yet.", "`troth publish` publishes the configured policy; `--policy` shows a draft.")
    log.sign()
    vault = vault_in(log.store, read, begin=True)
    _serve(read, log, host, port, at, vault, demonstrate)


def _serve(
    policy: Policy,
    log: Log | None,
    host: str | None,
    port: int | None,
    at: str | None,
    vault: Vault | None = None,
    demonstrate: bool = False,
) -> None:
    configuration = configured()
    fixed = moment(at, "--at") if at else None
    # What people choose is chosen now; at another time the pages can only be looked at.
    vault = None if fixed else vault
    people = vault.people if vault else None
    pages = flagship() / "site" if demonstrate and people and configuration.policy == flagship() else None

    from troth.cli.legal import terms_of
    from troth.gates.mail.streams import StreamError
    from troth.web import server
    from troth.web.choices.mail import make_post
    from troth.web.demonstration import sites
    from troth.web.mail.desk import MailPlace
    from troth.web.verifying import FIRST, Schedule

    sink = Path(configuration.relay) if "://" not in configuration.relay else None
    known: list[str] = []  # the address of the pages, once they are served
    taken: Sequence[str] = ()  # where mail is
    back = ""  # where what comes back is

    def ready(url: str) -> None:
        known.append(url)
        shown = policy.in_force(fixed or datetime.now(UTC))
        if shown is None:
            out.print(
                Text(f"No version of the policy is in force yet; the first one comes on {policy.versions[0].id}.")
            )
        else:
            told = f"version {shown.id}, as of {at}" if at else f"version {shown.id}"
            draft = "" if log else " It is a draft: nothing is published."
            who = f" serves “{shown.title}” of {shown.publisher.name}, {told}.{draft}"
            out.print(Text.assemble(("Troth", "bold"), who))
        out.print(Text.assemble("  the overview    ", (f"{url}/", "bold underline")))
        out.print(Text.assemble("  the policy      ", f"{url}/policy"))
        if people:
            out.print(Text.assemble("  your choices    ", f"{url}/choices"))
        if log:
            out.print(Text.assemble("  the record      ", f"{url}/log/"))
            out.print(Text.assemble("  is it kept?     ", f"{url}/promises"))
        out.print(Text.assemble("  the decisions   ", f"{url}/access/v1/evaluation  (OpenID AuthZEN 1.0)"))
        if pages and shown:
            for name in list(sites(shown))[:1]:
                address = f"http://{name}:{url.rpartition(':')[2]}/"
                out.print(
                    Text.assemble("  a covered site  ", (address, "bold underline"), "  with the banner, as an example")
                )
        if people:
            out.print(Text.assemble("  the desk        ", f"{url}/desk", "  (for staff, on this machine)"))
            out.print(Text.assemble("  the mail        ", f"{url}/mail", "  (for staff, on this machine)"))
        if taken:
            out.print(Text.assemble("  mail is taken   ", ", ".join(taken), "  (SMTP, by a credential of a stream)"))
            if "://" not in configuration.relay:
                kept = f"It is not sent on but kept in {configuration.relay}; `relay` in troth.toml changes that."
                out.print(Text(kept))
        if back:
            out.print(Text.assemble("  what comes back ", back, "  (LMTP)"))
        if people and "://" not in configuration.mail:
            out.print(Text(f"Mail is not sent but kept in {configuration.mail}; `mail` in troth.toml changes that."))
        out.print(Text("Stop it with Ctrl-C.", style="dim"))

    with ExitStack() as opened:
        if people and (demonstrate or configuration.submission):
            from troth.cli.mail_queue import serving

            site = configuration.site
            taken = opened.enter_context(
                serving(
                    people,
                    policy,
                    site or (lambda: known[0] if known else None),
                    any_port=port == 0,
                    trying=demonstrate,
                )
            )
        if people:
            from troth.cli.mail_lists import receiving

            back = opened.enter_context(receiving(people))
        try:
            server.serve(
                policy,
                host or configuration.host,
                configuration.port if port is None else port,
                clock=(lambda: fixed) if fixed else None,
                ready=ready,
                log=log,
                site=configuration.site,
                people=people,
                post=make_post(configuration.mail),
                vault=vault,
                demonstration=pages,
                names=configuration.names,
                deliver_to_loopback=configuration.deliver_to_loopback,
                terms=terms_of(),
                files=configuration.data / "files",
                mail=MailPlace(configuration.streams, sink=sink, kept=timedelta(days=configuration.mail_days)),
                schedule=Schedule(declared_ports(port), SOON if demonstrate else FIRST),
            )
        except server.ServerError as error:
            fail(error.message)
        except StreamError as error:
            fail(str(error))
