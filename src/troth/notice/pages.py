"""Every page of a policy: which addresses there are, and the bytes that lie at each of them.

`find` is a pure function of the policy, the address, the moment and the language. The server and the static site both
take their pages from it, so they cannot differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import lru_cache

import msgspec

from troth.notice import finding, grid, machine, moments, parts, words
from troth.notice.differences import differences
from troth.notice.drawing import draw
from troth.notice.view import HERE, Published, View, languages, render
from troth.policy.history import Policy
from troth.policy.model import Version

HTML = "text/html; charset=utf-8"
STATIC = {"static/troth.css": "text/css; charset=utf-8", "static/troth.svg": "image/svg+xml"}


class Page(msgspec.Struct, frozen=True):
    """What lies at an address."""

    body: bytes
    media_type: str
    language: str | None = None
    status: int = 200


def find(  # noqa: PLR0917
    policy: Policy,
    address: str,
    at: datetime,
    language: str | None = None,
    published: tuple[Published, ...] = (),
    choices: bool = False,
    seals: tuple[tuple[str, str], ...] = (),
    complained: tuple[int, int] | None = None,
) -> Page | None:
    """The page at an address (a path without its leading slash), or None where there is none.

    `language` is what the reader prefers; an address that begins with a language of the policy says it itself.
    `published` says which versions are in the record: their pages then lead to their proofs. `choices`: there are pages
    on which people choose, and these lead there. `seals` are the claims whose seals this server validates.
    `complained`: how many complaints there are about the promise at the address, open ones and all.
    """
    if address in STATIC:
        return Page((HERE / address).read_bytes(), STATIC[address])
    moment = moments.last_change(policy, at)
    return _found(policy, address, moment, language, published, choices, seals, complained)


def addresses(policy: Policy, at: datetime) -> Iterator[str]:
    """Every address at which there is a page, those of stylesheet and picture too."""
    version = policy.in_force(at)
    plain: list[str] = []
    if version is not None:
        plain += ["", "policy", "policy/grid", *(f"policy.{form}" for form in machine.FORMS)]
        plain += [f"policy/s/{statement.id}" for statement in version.stated_on(at)]
        plain += [f"products/{covered.id}" for covered in version.covers]
    plain.append("policy/versions")
    for index, old in enumerate(policy.versions):
        plain.append(f"policy/versions/{old.id}")
        plain += [f"policy/versions/{old.id}.{form}" for form in machine.FORMS]
        plain += [f"policy/versions/{old.id}..{new.id}" for new in policy.versions[index + 1 :]]
    yield from STATIC
    yield from plain
    several = languages(version) if version is not None else ()
    if len(several) > 1:
        for language in several:
            yield from (f"{language}/{address}" for address in plain)


def missing(policy: Policy, address: str, at: datetime, *, rooted: bool = False) -> Page:
    """The page that helps where there is none: the promises and names that the address may have meant.

    A promise that was part of an earlier version is gone, not unknown: its page leads to where it still stands.
    """
    moment = moments.last_change(policy, at)
    version = policy.in_force(moment) or policy.versions[0]
    view = View(policy, version, moment, address, version.language, rooted=rooted)
    gone = finding.gone(policy, moment, address)
    if gone or finding.ended(policy, moment, address):
        text = "This promise is not part of the policy now." + (
            " It stands in the versions that had it." if gone else ""
        )
        values = _Missing(410, "No longer promised", text, "Where it stands", gone)
    else:
        text = "Nothing lies at this address."
        values = _Missing(404, "There is no such page", text, "Did you mean", finding.near(version, moment, address))
    body = render("missing.html", view, **msgspec.structs.asdict(values))
    return Page(body, HTML, view.language, values.status)


def refused(policy: Policy, address: str, at: datetime, method: str) -> Page:
    """The page for a method that an address does not take."""
    moment = moments.last_change(policy, at)
    version = policy.in_force(moment) or policy.versions[0]
    view = View(policy, version, moment, address, version.language)
    text = f"This page can be read; it takes no {method}."
    body = render("missing.html", view, **msgspec.structs.asdict(_Missing(405, "This page is for reading", text)))
    return Page(body, HTML, view.language, 405)


class _Missing(msgspec.Struct, frozen=True):
    status: int
    heading: str
    explanation: str
    found_heading: str = ""
    found: tuple[tuple[str, str], ...] = ()


@lru_cache(maxsize=1024)
def _found(  # noqa: PLR0917
    policy: Policy,
    address: str,
    at: datetime,
    language: str | None,
    published: tuple[Published, ...],
    choices: bool,
    seals: tuple[tuple[str, str], ...],
    complained: tuple[int, int] | None,
) -> Page | None:
    version = policy.in_force(at)
    known = languages(version) if version is not None else languages(policy.versions[0])
    first, _, rest = address.partition("/")
    prefixed = len(known) > 1 and first in known and "/" in address
    if prefixed:
        address, language = rest, first
    shown = language if language in known else known[0]
    if address.startswith("policy/versions"):
        policy = policy.archive

    def view_of(shown_version: Version, moment: datetime) -> View:
        return View(
            policy, shown_version, moment, address, shown, prefixed, now=at, published=published, choices=choices,
            seals=seals, complained=complained,
        )  # fmt: skip

    if address.startswith("policy/versions"):
        return _archived(policy, address, at, view_of)
    return _present(view_of(version, at)) if version is not None else None


def _present(view: View) -> Page | None:
    """A page of the version in force."""
    version, at, address = view.version, view.at, view.address
    if address == "":
        glance = grid.summary(version, at)
        values: dict[str, object] = {"parts": parts.overview(version, at), "drawing": draw(version, glance)}
        return _html("overview.html", view, grid=glance, **values)
    if address == "policy":
        dateline = (f"In force since {words.day(version.effective)}", f"Version {view.number()}")
        return _complete(view, "The complete policy", parts.complete(version, at), dateline)
    if address == "policy/grid":
        whole = grid.detailed(version, at)
        grids = [
            ("grid-purposes", "What it is used for", whole.purposes()),
            ("grid-recipients", "Who gets it", whole.recipients()),
        ]
        return _html("grid.html", view, grids=grids)
    folder, _, name = address.rpartition("/")
    if folder == "policy/s":
        return _statement(view, name)
    if folder == "products" and (covered := version.covered(name)):
        dateline = (f"What applies on {covered.name}", f"In force since {words.day(version.effective)}")
        return _complete(view, covered.name, parts.at_product(version, at, name), dateline, product=covered)
    form = address.removeprefix("policy.")
    if form != address and form in machine.FORMS:
        return _machine(view, form)
    return None


def _archived(policy: Policy, address: str, at: datetime, view_of: Callable[[Version, datetime], View]) -> Page | None:
    """A page of the history."""
    name = address.removeprefix("policy/versions").removeprefix("/")
    if address == "policy/versions":
        return _html("versions.html", view_of(policy.in_force(at) or policy.versions[0], at))
    for version in policy.versions:
        view = view_of(version, moments.shown_at(policy, version, at))
        if name == version.id:
            return _version(view, at)
        form = name.removeprefix(f"{version.id}.")
        if form != name and form in machine.FORMS:
            return _machine(view, form)
        for later in policy.versions:
            if name == f"{version.id}..{later.id}" and later.effective > version.effective:
                return _differences(view_of(policy.in_force(at) or later, at), version, later)
    return None


def _version(view: View, at: datetime) -> Page:
    version = view.version
    end = view.end(version)
    if version.effective > at:
        when, notice = f"Comes into force on {words.day(version.effective)}", "This version is not in force yet."
    elif end is not None and end <= at:
        when, notice = f"In force from {words.day(version.effective)} until {words.day(end)}", "This is an old version."
    else:
        when, notice = f"In force since {words.day(version.effective)}", ""
    stated = parts.complete(version, view.at)
    return _complete(view, view.plain(version.title), stated, (when, f"Version {view.number()}"), notice=notice)


def _statement(view: View, name: str) -> Page | None:
    stated = {statement.id: statement for statement in view.version.stated_on(view.at)}
    statement = stated.get(name)
    if statement is None:
        return None
    history = []
    for old in reversed(view.policy.versions):
        if old.effective <= view.at:
            found = next((other for other in old.statements if other.id == name), None)
            history.append((old, found.says if found else None, found is not None and found.says == statement.says))
    return _html("statement.html", view, statement=statement, heading=parts.part_of(statement), history=history)


def _complete(view: View, heading: str, stated: object, dateline: tuple[str, ...], **more: object) -> Page:
    values: dict[str, object] = {"product": None, "notice": "", "notice_link": "Read the one in force", **more}
    return _html("policy.html", view, heading=heading, parts=stated, dateline=dateline, **values)


def _differences(view: View, old: Version, new: Version) -> Page:
    shown = [moments.shown_at(view.policy, version, view.at) for version in (old, new)]
    return _html("differences.html", view, old=old, new=new, found=differences(old, new, (shown[0], shown[1])))


def _machine(view: View, form: str) -> Page:
    media_type, write = machine.FORMS[form]
    return Page(write(view), media_type, view.language)


def _html(template: str, view: View, **values: object) -> Page:
    return Page(render(template, view, **values), HTML, view.language)
