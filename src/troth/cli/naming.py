"""`troth recipient page`: the pages that name a recipient to those who give their data there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from troth.cli.recipient import Id, recipient
from troth.cli.registering import Staff, Until, moment_of, register
from troth.cli.terminal import date_of

if TYPE_CHECKING:
    from troth.conditions import RecipientStanding
    from troth.conditions.facts import Said
    from troth.policy.history import Policy

__all__ = ["recipient"]


@recipient.command("page")
def page(
    id: Id,
    url: Annotated[str, typer.Argument(metavar="URL", help="The address of the page")],
    product: Annotated[
        str | None, typer.Option("--product", help="The covered site or product that it is a page of")
    ] = None,
    since: Annotated[str | None, typer.Option("--since", help="From when it names it (default: now)")] = None,
    until: Until = None,
    staff: Staff = None,
) -> None:
    """Register a page that names the recipient, or with --until when it ceases to. It is what `notice-given` goes by.

    Notice was given to those whose data came in on that product meanwhile. Example:
    troth recipient page co-brand-partner https://gotomeeting.localhost/partner --product gotomeeting
    """
    from troth.conditions import RecipientError
    from troth.conditions.facts import Page

    starts, ends = moment_of(since, "--since"), date_of(until, "--until")

    def make(one: RecipientStanding | None, policy: Policy) -> Said:
        known = [before for before in (one.pages if one is not None else ()) if before.url == url]
        latest = known[-1] if known else None
        if since is None and latest is not None and latest.ends is None:
            if ends is None:
                raise RecipientError(f"{url} names '{id}' already. Say --until for when it ceases to.")
            return Page(url=url, product=product or latest.product, begins=latest.begins, ends=ends)
        of_product = product or (latest.product if latest is not None else None)
        if of_product is None:
            raise RecipientError("Say on which covered site or product the page is, such as --product gotomeeting.")
        return Page(url=url, product=of_product, begins=starts, ends=ends)

    register(id, make, staff)
