"""What marketing to one recipient must offer: header lines and a footer that say how to get no more of it.

The links are passes: whoever has the message can refuse, without a login, for as long as Troth runs. The same message
to the same recipient has the same links.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import msgspec

from troth.gates.mail.content.footer import Footer
from troth.gates.mail.content.list_headers import list_headers
from troth.gates.mail.streams import Stream
from troth.gates.mail.verp import Verp
from troth.people.keys import IndexKey
from troth.people.passes import Passes
from troth.policy.model import Version

LINK_WORKS = timedelta(days=60)  # how long the link to all choices works; 30 days at least (16 CFR 316.5)


class Offer(msgspec.Struct, frozen=True):
    """The header lines, as names and values, and the footer."""

    headers: tuple[tuple[str, str], ...]
    footer: Footer


class Offering:
    """Makes offers, with the passes and addresses of one key."""

    def __init__(self, key: IndexKey, verp: Verp) -> None:
        self._passes = Passes(key)
        self._verp = verp

    def offer(  # noqa: PLR0917
        self,
        stream: Stream,
        version: Version,
        statement: str | None,
        person: str,
        blind: bytes,
        choice: str,
        site: str,
        language: str | None,
        at: datetime,
    ) -> Offer:
        """The offer in a message of a stream to one recipient. `language` is that of the message, if it says one."""
        spoken = language or version.language
        site = site.rstrip("/")
        unsubscribe = f"{site}/unsubscribe/{self._passes.unsubscribe(person, choice, stream.product)}"
        until = (at + LINK_WORKS).replace(hour=0, minute=0, second=0, microsecond=0)
        says = next((one.says for one in version.statements if one.id == statement), None)
        address = f"{self._verp.unsubscribe(stream, blind, choice)}@{stream.returns}"
        footer = Footer(
            sentence="" if says is None else says.in_(spoken),
            unsubscribe_url=unsubscribe,
            preferences_url=f"{site}/choices/{self._passes.choices(person, until)}",
            postal_address=stream.address or f"{version.publisher.name}, {version.publisher.address}",
            language=spoken,
        )
        covered = None if stream.product is None else version.covered(stream.product)
        headers = list(
            list_headers(
                # RFC 8058, section 3.1: https. What is tried out on this machine alone has none, and says so truly.
                unsubscribe_url=re.sub(r"^http:", "https:", unsubscribe),
                unsubscribe_mailto=f"mailto:{address}?subject=unsubscribe",
                list_id=f"{stream.id}.{stream.returns}",
                list_name="" if covered is None else f"{covered.name} {stream.id}",
                feedback=(stream.id, stream.product or "all", version.id[:40], _sender(version)),
            )
        )
        if unsubscribe.startswith("http:"):
            headers[0] = (headers[0][0], headers[0][1].replace("<https:", "<http:", 1))
        if stream.replies:
            headers.append(("Reply-To", f"<{self._verp.reply(stream, blind, choice)}@{stream.returns}>"))
        return Offer(tuple(headers), footer)


def leads_to_pages(site: str | None) -> bool:
    """Whether a link in a mail may lead to a site: https (RFC 8058, section 3.1), or this machine, to try it out."""
    parts = urlsplit(site or "")
    host = parts.hostname or ""
    here = host in ("localhost", "127.0.0.1", "::1") or host.endswith(".localhost")
    return parts.scheme == "https" or (parts.scheme == "http" and here)


def _sender(version: Version) -> str:
    """Who sends, in the 5 to 15 characters that Feedback-ID takes."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", version.policy)[:15].ljust(5, "-")
