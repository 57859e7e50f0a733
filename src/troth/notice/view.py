"""What a template sees of a page: the version it shows, and how it writes addresses, sentences and dates.

Links are relative to the page that holds them, so that a site can lie in any directory of any server.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from functools import cache
from pathlib import Path

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from troth.notice import words
from troth.notice.moments import end_of
from troth.notice.rule import Item, Line, rule
from troth.policy.history import Policy
from troth.policy.model import Claim, Covered, Statement, Version
from troth.policy.values import Text

FRAME = "en"  # the language of all words that are not the policy's own
RIGHT_TO_LEFT = frozenset(
    {"ar", "arc", "ckb", "dv", "fa", "he", "iw", "ku", "nqo", "ps", "sd", "syr", "ug", "ur", "yi"}
)
HERE = Path(__file__).parent


def direction(language: str) -> str:
    """`rtl` for languages that are written from right to left."""
    parts = language.lower().split("-")
    return "rtl" if parts[0] in RIGHT_TO_LEFT or "arab" in parts or "hebr" in parts else "ltr"


def languages(version: Version) -> tuple[str, ...]:
    """The languages in which a version has sentences, its own first."""
    found = {version.language: None}
    for text in (version.title, version.says, *(statement.says for statement in version.statements)):
        if text is not None:
            found |= dict.fromkeys(tag for tag, _ in text.languages)
    return tuple(found)


class Published(msgspec.Struct, frozen=True):
    """That a version was published: when, and as which entry of the record."""

    version: str
    at: datetime
    entry: int


class View(msgspec.Struct, frozen=True):
    """One page about one version.

    `at` is the moment for which the version is shown, `now` the present. `address` is that of the page, without a
    leading slash and without its language; `prefixed`: it lies below `/xx/`. `rooted`: its links begin with a slash.
    `published` says which versions are in the record; a notice from files has none. `choices`: people can choose here,
    on pages that a server has and a notice from files has not. `seals` are the claims whose seals a server validates,
    each with the name of that page.
    """

    policy: Policy
    version: Version
    at: datetime
    address: str
    language: str
    prefixed: bool = False
    rooted: bool = False
    now: datetime | None = None
    published: tuple[Published, ...] = ()
    choices: bool = False
    seals: tuple[tuple[str, str], ...] = ()
    complained: tuple[int, int] | None = None

    def seal_url(self, claim: Claim) -> str | None:
        """The page that says whether the seal of a claim is valid: this server's, or else the programme's own."""
        seal = dict(self.seals).get(claim.id)
        return self.url(f"seals/{seal}") if seal else claim.site

    def publication(self, version: Version) -> Published | None:
        """That a version was published, if it was."""
        return next((one for one in self.published if one.version == version.id), None)

    @property
    def root(self) -> str:
        """The way from the page to the overview."""
        return "/" if self.rooted else "../" * self.address.count("/") or "./"

    def url(self, address: str) -> str:
        """The link to another page of the same language."""
        return self.root + address if address or self.rooted else self.root

    def static(self, name: str) -> str:
        """The link to a file that all languages share."""
        return f"{self.root}{'../' if self.prefixed and not self.rooted else ''}static/{name}"

    def in_language(self, language: str) -> str:
        """The link to this page in another language."""
        return f"{self.root}{'../' if self.prefixed else ''}{language}/{self.address}"

    def languages(self) -> tuple[str, ...]:
        """The languages of the version."""
        return languages(self.version)

    def direction(self) -> str:
        """The direction of the page."""
        return direction(self.language)

    def current(self) -> bool:
        """Whether the version is the one in force."""
        return self.policy.in_force(self.now or self.at) is self.version

    def number(self) -> int:
        """The number of the version."""
        return self.policy.number(self.version)

    def answers_authorities(self) -> bool:
        """Whether the version gives anything to authorities, of which this server then reports."""
        if not self.choices:
            return False
        version = self.version
        return any("authority" in version.recipient_path(one) for share in version.shares for one in share.recipients)

    def end(self, version: Version) -> datetime | None:
        """When a version stops being in force, or None."""
        return end_of(self.policy, version)

    def statement_url(self, id: str) -> str:
        """The link to a promise of the version that the page is about."""
        if self.current():
            return self.url(f"policy/s/{id}")
        own = f"policy/versions/{self.version.id}"
        return f"#{id}" if self.address == own else self.url(f"{own}#{id}")

    def rule(self, statement: Statement) -> tuple[Line, ...]:
        """The rule of a statement in plain words."""
        return rule(self.version, statement, self.language)

    def item_url(self, item: Item) -> str | None:
        """What a word of a rule leads to."""
        if item.statement is not None:
            gone = any(one.id == item.statement and not one.current(self.at) for one in self.version.claims)
            return None if gone else self.statement_url(item.statement)
        if item.product is not None:
            return self.url(f"products/{item.product}") if self.current() else None
        if item.page is not None:
            return self.url(item.page) if self.choices else None
        return item.link

    def say(self, text: Text) -> Markup:
        """A text in the language of the page, marked with its language where the frame has another."""
        language, said = text.entry(self.language)
        if language.split("-")[0].lower() == FRAME:
            return escape(said)
        return Markup('<span lang="{}" dir="{}">{}</span>').format(language, direction(language), said)

    def plain(self, text: Text) -> str:
        """A text in the language of the page, as it is."""
        return text.in_(self.language)

    def holds(self, covered: Covered) -> int:
        """How many promises are limited to a covered site or product."""
        return sum(covered.id in statement.where for statement in self.version.statements)


@cache
def _environment(folder: Path | None) -> Environment:
    environment = Environment(
        loader=FileSystemLoader([*([folder] if folder else []), HERE / "templates"]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
    )
    filters: dict[str, Callable[..., object]] = {
        "day": words.day,
        "period": words.period,
        "title_of": words.title,
        "small": words.small,
        "listed": words.listed,
    }
    environment.filters.update(filters)
    return environment


def render(template: str, view: View, **values: object) -> bytes:
    """The bytes of a page: the template filled, indentation and empty lines taken out."""
    return render_from(None, template, view, **values)


def render_from(folder: Path | None, template: str, view: View, **values: object) -> bytes:
    """The same from a folder with templates of another room, which may build on those of the notice."""
    found = _environment(folder).get_template(template)
    text = found.render(view=view, version=view.version, policy=view.policy, **values)
    return re.sub(r"\n\s+", "\n", text).strip().encode() + b"\n"
