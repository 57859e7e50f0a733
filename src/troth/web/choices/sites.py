"""A covered site as its banner and its tag need it: what may load there, what to ask, and the cookie as stated."""

from __future__ import annotations

from urllib.parse import urlsplit

import msgspec

from troth.decision.loading import Loading, loading
from troth.notice import moments
from troth.people.browsers import COOKIE, Browser, read_digits
from troth.policy.model import Covered, Statement, Tracker, Version
from troth.web.choices.desk import Desk
from troth.web.choices.shown import changed_for
from troth.web.choices.signals import signalled


class NotCoveredError(Exception):
    """The policy covers no such site."""


class Site(msgspec.Struct, frozen=True):
    """A covered site with what its banner needs: what may load, the cookie as the policy states it."""

    version: Version
    covered: Covered
    loading: Loading
    cookie: Tracker | None
    asked: tuple[str, ...]
    signalled: tuple[str, ...]

    def about(self, choice: str) -> tuple[Statement, ...]:
        """What a visitor is asked for when asked about a choice: the statements that wait for it."""
        ids = dict.fromkeys(rule.statement for _, rules in self.loading.rules for rule in rules if rule.asks == choice)
        return tuple(statement for statement in self.version.statements if statement.id in ids)

    @property
    def seconds(self) -> int:
        """How long the cookie lives; 0 for a session. No longer than the shortest agreement that it holds."""
        if self.cookie is None:
            return 0
        lasting = [choice.lasts for choice in self.version.choices if choice.id in self.asked and choice.lasts]
        agreed = [int(period.days * 86_400) for period in lasting if period.after is None]
        return min([seconds_of(self.cookie), *agreed])


def site_of(desk: Desk, product: str) -> Site:
    """A covered site by its id. NotCoveredError: the version in force covers none of that id."""
    moment = moments.last_change(desk.policy, desk.clock())  # until the next change it is the same
    known = desk.sites.get((product, moment))
    if known is None:
        version = desk.version()
        covered = version.covered(product)
        if covered is None:
            raise NotCoveredError(product)
        table = loading(desk.point, version, product, moment)
        order = {choice.id: place for place, choice in enumerate(version.choices)}
        asked = tuple(sorted(table.asked, key=order.__getitem__))
        known = Site(version, covered, table, stated_cookie(version, product), asked, signalled(version))
        desk.sites[product, moment] = known
    return known


def asked_anywhere(desk: Desk) -> frozenset[str]:
    """The choices that some covered site asks its visitors about."""
    return frozenset(name for covered in desk.version().covers for name in site_of(desk, covered.id).asked)


def stated_cookie(version: Version, product: str) -> Tracker | None:
    """The cookie as the policy states it for a site: a strictly necessary first-party tracker of that name."""
    for statement in version.collects:
        if statement.where and product not in statement.where:
            continue
        for tracker in statement.trackers:
            if COOKIE in (tracker.name, tracker.id) and tracker.necessary and tracker.party == "first":
                return tracker
    return None


def again_for(desk: Desk, site: Site, browser: Browser | None) -> tuple[Statement, ...]:
    """The statements because of which a browser is asked again what it had agreed to."""
    if browser is None:
        return ()
    agreed = [name for name, state in read_digits(browser.digits, desk.order).items() if state == "in"]
    return changed_for(desk.policy, browser.version, [name for name in agreed if name in site.asked], site.version)


def seconds_of(tracker: Tracker) -> int:
    """The lifetime of a tracker that the policy states, in seconds; 0 for the length of a session."""
    return 0 if tracker.lifetime.after is not None else int(tracker.lifetime.days * 86_400)


def covered_origin(origin: str, covered: Covered) -> bool:
    """Whether an origin is that of a covered site: scheme, host and port, `www.` before the host or not.

    A site on a `.localhost` name is on this machine (RFC 6761, section 6.3): there any scheme and port will do.
    """
    if covered.site is None:
        return False
    ours, theirs = urlsplit(covered.site), urlsplit(origin)
    host, other = (ours.hostname or "").removeprefix("www."), (theirs.hostname or "").removeprefix("www.")
    if not host or host != other:
        return False
    if host.endswith(".localhost"):
        return theirs.scheme in ("http", "https")
    return (ours.scheme, ours.port) == (theirs.scheme, theirs.port)
