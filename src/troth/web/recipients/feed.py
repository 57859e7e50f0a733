"""The changes in the list of recipients as an Atom feed (RFC 4287), so that whoever must know of them can subscribe.

The ids of feed and entries are tags (RFC 4151) of the name of the record, so they stay when the server moves.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from xml.etree import ElementTree

from troth.conditions.telling import Happening
from troth.policy.model import Version

ATOM = "http://www.w3.org/2005/Atom"
MOST = 100  # entries, the latest


def write_feed(version: Version, origin: str, site: str, happened: Sequence[Happening], at: datetime) -> bytes:
    """The feed of what happened, the latest first. `origin` is the name of the record, `site` where the pages are."""
    ElementTree.register_namespace("", ATOM)
    feed = ElementTree.Element(f"{{{ATOM}}}feed", {"{http://www.w3.org/XML/1998/namespace}lang": "en"})
    tag = f"tag:{origin.partition('/')[0].partition(':')[0]},"
    _add(feed, "id", f"{tag}{_day(version.effective)}:{version.policy}/recipients")
    _add(feed, "title", f"Who receives data from {version.publisher.name}")
    _add(feed, "updated", _time(happened[0].at if happened else version.effective))
    _add(_add(feed, "author"), "name", version.publisher.name)
    _add(feed, "link", rel="self", href=f"{site}/recipients.atom", type="application/atom+xml")
    _add(feed, "link", rel="alternate", href=f"{site}/recipients", type="text/html")
    for one in happened[:MOST]:
        entry = _add(feed, "entry")
        ended = "/end" if one.ended else ""
        _add(entry, "id", f"{tag}{_day(one.at)}:{version.policy}/recipients/{one.leaf}{ended}")
        _add(entry, "title", f"{one.name}: {one.text}")
        _add(entry, "updated", _time(one.at))
        _add(entry, "link", rel="alternate", href=f"{site}/recipients#{one.recipient}", type="text/html")
        _add(entry, "content", f"{one.text}", type="text")
    ElementTree.indent(feed)
    written: bytes = ElementTree.tostring(feed, "utf-8", xml_declaration=True)
    return written + b"\n"


def _add(parent: ElementTree.Element, name: str, text: str | None = None, **attributes: str) -> ElementTree.Element:
    child = ElementTree.SubElement(parent, f"{{{ATOM}}}{name}", attributes)
    child.text = text
    return child


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _day(at: datetime) -> str:
    return at.astimezone(UTC).date().isoformat()
