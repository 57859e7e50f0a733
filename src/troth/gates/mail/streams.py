"""The streams of mail: which kind of mail a message is, said once in the configuration and never guessed from it.

A stream has a purpose of the policy, the domains that it may be From, and perhaps a product. It is **marketing** if its
purpose is `marketing` or below it, if a statement that covers it has the duty `offer-opt-out`, or if the policy does
not know the purpose: what nobody knows is marketing. Everything else is **service** mail, such as `service.notice`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import datetime

import msgspec

from troth.decision.question import Known
from troth.gates.mail.taking.addresses import is_address
from troth.policy.history import Policy
from troth.policy.model import Collects, Uses, Version
from troth.policy.problems import nearest

EMAIL = "contact.email"
MARKETING = "marketing"
OPT_OUT = "offer-opt-out"  # the duty of a statement whose mail says how to opt out

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?", re.ASCII)
_DOMAIN = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}", re.ASCII)
_LANGUAGE = re.compile(r"[a-zA-Z]{2,3}(-[a-zA-Z0-9]{1,8})*", re.ASCII)

KEYS = {
    "purpose": "What the mail is for: a purpose of the policy. Without it, marketing.",
    "from": "The domains that the mail may be From, one or several. Without it, that of the publisher's address.",
    "product": "The covered site or product that the mail is of.",
    "data": "The data that the address is, where it is no plain contact.email.",
    "choice": "The choice that its opt-out link refuses. Without it, the first one that the statement depends on.",
    "strict": "Whether recipients who may not get it are refused with 550 5.7.1, and not dropped.",
    "address": "The postal address in the footer. Without it, that of the publisher.",
    "language": "The language of the footer where the message says none. Without it, that of the policy.",
    "replies": "Whether marketing gets a Reply-To of its own, so that a reply that says unsubscribe counts.",
    "returns": "The domain to which bounces and unsubscribe messages come back. Without it, the first of `from`.",
    "bounces": "An address to which is passed on what comes back to an envelope sender of the stream.",
}


class StreamError(ValueError):
    """A stream that cannot be used; the text names the place, what was found, and the nearest right spelling."""


class Stream(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of mail. `domains` are those of its From, `returns` the one that mail about it comes back to.

    `strict`: whoever may not get it is refused, not dropped. `choice`, `address` (postal) and `language` are None where
    the policy says them. `bounces` is whom bounces are passed on to, or None.
    """

    id: str
    purpose: str = MARKETING
    product: str | None = None
    domains: tuple[str, ...] = ()
    strict: bool = False
    replies: bool = False
    choice: str | None = None
    address: str | None = None
    language: str | None = None
    data: str = EMAIL
    returns: str = ""
    bounces: str | None = None

    def is_marketing(self, version: Version | None) -> bool:
        """Whether the mail must say how to opt out, under a version of the policy; without one, it must."""
        if version is None or not version.vocabulary.knows("purpose", self.purpose):
            return True
        if MARKETING in version.vocabulary.path("purpose", self.purpose):
            return True
        return any(OPT_OUT in statement.must for statement in self.covering(version))

    def covering(self, version: Version) -> Iterator[Uses | Collects]:
        """The statements of a version that speak of this use of an address, whatever their gates say."""
        vocabulary = version.vocabulary
        for statement in version.statements:
            if (
                isinstance(statement, Uses | Collects)
                and any(vocabulary.covers("purpose", one, self.purpose) for one in statement.purposes)
                and any(vocabulary.covers("data", one, self.data) for one in statement.data)
                and (not statement.where or self.product in statement.where)
            ):
                yield statement

    @property
    def tag(self) -> bytes:
        """Two bytes that stand for it in addresses that mail comes back to."""
        return hashlib.sha256(f"stream {self.id}".encode()).digest()[:2]


# What serves the flagship where nothing is configured.
FLAGSHIP = "citrix-online"
EMBEDDED: Mapping[str, Mapping[str, object]] = {
    "newsletter": {"purpose": "marketing.own", "product": "gototraining", "from": "news.gototraining.example"},
    "invitations": {"purpose": "marketing.events", "product": "gotowebinar", "from": "events.gotowebinar.example"},
    "account": {"purpose": "service.notice", "from": "account.logmein.example"},
}


class Streams(Mapping[str, Stream]):
    """The configured streams by their ids, under a policy."""

    def __init__(self, streams: Mapping[str, Stream], policy: Policy) -> None:
        self._streams = dict(streams)
        self.policy = policy
        tags: dict[bytes, str] = {}
        for stream in self._streams.values():
            other = tags.setdefault(stream.tag, stream.id)
            if other != stream.id:  # one in 65,536 for two of them
                raise StreamError(f"[streams.{stream.id}]: its short form is that of '{other}'. Give it another name.")

    def __getitem__(self, id: str) -> Stream:
        """The stream. KeyError: there is none; `find` says it in words."""
        return self._streams[id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._streams)

    def __len__(self) -> int:
        return len(self._streams)

    def find(self, id: str) -> Stream:
        """The stream. StreamError: there is none of that id, with the nearest one."""
        stream = self._streams.get(id)
        if stream is None:
            near = nearest(id, list(self._streams))
            known = f"Did you mean '{near}'?" if near else f"There are: {', '.join(self._streams) or 'none'}."
            raise StreamError(f"There is no stream '{id[:100]}'. {known}")
        return stream

    def by_tag(self, tag: bytes) -> Stream | None:
        """The stream that two bytes stand for, or None."""
        return next((stream for stream in self._streams.values() if stream.tag == tag), None)

    def is_marketing(self, stream: Stream, at: datetime) -> bool:
        """Whether the mail of a stream must say how to opt out, by the version in force."""
        return stream.is_marketing(self.policy.in_force(at))

    @property
    def domains(self) -> frozenset[str]:
        """Every domain to which mail about a stream comes back."""
        return frozenset(stream.returns for stream in self._streams.values())


def read_streams(tables: Mapping[str, object] | None, policy: Policy, place: str = "troth.toml") -> Streams:
    """The streams of the tables `[streams.NAME]`; without any, the embedded ones of the flagship, or none.

    StreamError: the first thing that is wrong with them, with its place and the nearest right spelling.
    """
    if tables is None:
        embedded = {name: table for name, table in EMBEDDED.items() if policy.id == FLAGSHIP and _fits(table, policy)}
        return Streams({name: _read(name, table, policy, "embedded") for name, table in embedded.items()}, policy)
    if not isinstance(tables, Mapping):
        raise StreamError(f"{place}: `streams` holds a table for each stream, such as [streams.newsletter].")
    return Streams({name: _read(name, table, policy, place) for name, table in tables.items()}, policy)


def _fits(table: Mapping[str, object], policy: Policy) -> bool:
    known = Known(policy)
    return table["purpose"] in known.purpose and table.get("product") in (None, *known.product)


def _read(name: str, table: object, policy: Policy, place: str) -> Stream:
    where = f"{place}, [streams.{name}]"
    if not _NAME.fullmatch(name):
        raise StreamError(f"{where}: a stream is called by up to 40 small letters, digits and dashes.")
    if not isinstance(table, Mapping):
        raise StreamError(f"{where}: this is a table, with keys such as purpose and from.")
    for key in table:
        if key not in KEYS:
            near = nearest(str(key), list(KEYS))
            hint = f" Did you mean '{near}'?" if near else ""
            raise StreamError(f"{where}: there is no key '{key}'.{hint} Allowed: {', '.join(KEYS)}.")

    def text(key: str) -> str | None:
        value = table.get(key)
        if value is None:
            return None
        if not isinstance(value, str) or not value.strip():
            raise StreamError(f"{where}: `{key}` is a text in quotes, and not empty.")
        return value.strip()

    known = Known(policy)
    for key, words, what in (
        ("purpose", known.purpose, "a purpose"),
        ("product", known.product, "a covered site or product"),
        ("data", known.data, "a data term"),
        ("choice", known.choice, "a choice"),
    ):
        value = text(key)
        if value is not None and value not in words:
            near = nearest(value, list(words))
            hint = f" Did you mean '{near}'?" if near else f" There are: {', '.join(list(words)[:20])}."
            raise StreamError(f"{where}: '{value[:100]}' is not {what} of the policy.{hint}")
    flags: dict[str, bool] = {}
    for key in ("strict", "replies"):
        flag = table.get(key, False)
        if not isinstance(flag, bool):
            raise StreamError(f"{where}: `{key}` is true or false.")
        flags[key] = flag
    language = text("language")
    if language is not None and not _LANGUAGE.fullmatch(language):
        raise StreamError(f"{where}: `language` is a language such as en or pt-BR, not '{language[:40]}'.")
    bounces = text("bounces")
    if bounces is not None and not is_address(bounces):
        raise StreamError(f"{where}: `bounces` is an address that takes mail, not '{bounces[:100]}'.")
    domains = _domains(table.get("from"), policy, f"{where}: `from`")
    returns = text("returns")
    return Stream(
        id=name, purpose=text("purpose") or MARKETING, product=text("product"), domains=domains,
        strict=flags["strict"], replies=flags["replies"], choice=text("choice"), address=text("address"),
        language=language, data=text("data") or EMAIL,
        returns=domains[0] if returns is None else _domain(returns, f"{where}: `returns`"), bounces=bounces,
    )  # fmt: skip


def _domains(value: object, policy: Policy, where: str) -> tuple[str, ...]:
    if value is None:
        own = policy.versions[-1].publisher.email
        if own is None:
            raise StreamError(f"{where}: say which domains the mail may be From; the publisher has no address.")
        return (_domain(own.rpartition("@")[2], where),)
    several = [value] if isinstance(value, str) else value
    if not isinstance(several, list | tuple) or not several or not all(isinstance(one, str) for one in several):
        raise StreamError(f"{where} is a domain in quotes, or several in brackets.")
    return tuple(dict.fromkeys(_domain(one, where) for one in several))


def _domain(text: str, where: str) -> str:
    domain = text.strip().lower().removesuffix(".")
    if not _DOMAIN.fullmatch(domain):
        raise StreamError(f"{where}: '{text[:100]}' is no domain, such as news.example.org; one in A-labels, no @.")
    return domain
