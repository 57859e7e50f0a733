"""The rules of `troth mail lint` about what people read."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

from troth.gates.mail.content.encoded import decoded
from troth.gates.mail.content.message import Message
from troth.gates.mail.content.parts import Part
from troth.gates.mail.content.places import HTML, body_parts
from troth.gates.mail.content.splicing import codec_of
from troth.gates.mail.errors import MailError
from troth.gates.mail.linting.header import Found, aligned
from troth.gates.mail.linting.page import Link, Page

CLIPPED = 102 * 1024  # bytes of HTML
_FEW = 80  # characters
# How an opt-out is called in the languages of the footer and some more.
_OPT_OUT = re.compile(
    r"unsubscrib|opt[ -]?out|stop receiving|abmeld|abbestell|austragen|d[ée]sabonn|d[ée]sinscri|se retirer"
    r"|darse de baja|cancelar (?:la |a )?(?:suscripci|subscri|inscri)|afmeld|uitschrij|annulla(?:re)? l.iscrizion"
    r"|disiscri|cancellarsi|descadastr|frameld|avprenumerer|avsluta prenumeration|avregistrer|meld deg av"
    r"|peru(?:uta|a) til|wypisz|rezygnuj"
    r"|odhl[áa]s|配信停止|登録解除|退订|إلغاء الاشتراك|退訂|수신거부|отпис",
    re.I,
)
_URL = re.compile(r"https?://[^\s<>\"')\]]+|mailto:[^\s<>\"')\]]+", re.I)
_POSTAL = re.compile(
    r"\b[A-Z]{2},?\s+\d{5}(?:-\d{4})?\b"  # Goleta, CA 93117
    r"|\b[A-Z]\d[A-Z]\s?\d[A-Z]\d\b"  # K1A 0B1
    r"|\b[A-Z]{1,2}\d[A-Z\d]?\s?\d[A-Z]{2}\b"  # SW1A 1AA
    # D-80331 München, 1011 AB Amsterdam, 8001 Zürich; not the year before a name
    r"|\b(?:[A-Z]{1,2}-)?(?!(?:19|20)\d\d\b)\d{4,5}\s?(?:[A-Z]{2}\s)?\s*[A-ZÀ-Ž][\w’À-ž]+"
    r"|\b\d{2}-\d{3}\s+[A-ZÀ-Ž]"  # 00-001 Warszawa
    r"|\b\d{3}\s\d{2}\s+[A-ZÀ-Ž]"  # 110 00 Praha
    r"|〒\s?\d{3}-\d{4}"
    r"|\bP\.?\s?O\.?\s?Box\s+\d+|\bPostfach\s+\d+|\bEircode\b",
)
_SHORT = "bit.ly tinyurl.com goo.gl t.co ow.ly is.gd buff.ly rebrand.ly cutt.ly lnkd.in"
_SHORTENERS = frozenset(_SHORT.split())
_PROGRAMS = re.compile(
    r"\.(?:ade|adp|apk|appx|bat|cab|chm|cmd|com|cpl|dll|dmg|exe|hta|img|ins|iso|isp|jar|jse?|lib|lnk|mde|msc|msi|msp|mst|nsh"
    r"|pif|ps1|scr|sct|shb|sys|vbe?|vbs|vhd|vxd|wsc|wsf|wsh|xll)\Z",
    re.I,
)


def body_findings(message: Message, marketing: bool) -> Iterator[Found]:
    """What the parts break that people read, and the attachments."""
    try:
        parts = body_parts(message)
        read = [(part, _text(message, part)) for part in parts]
    except MailError:
        read = []  # `bears-opt-out` says so for marketing; of the rest nobody can look into it
    pages = [(part, Page(text)) for part, text in read if part.type in HTML]
    texts = [text for part, text in read if part.type == "text/plain"]
    if pages and not any(text.strip() for text in texts):
        yield "plain-text", "There is HTML and no plain text." if not texts else "The plain text is empty."
    if marketing:
        yield from _opt_out(message, texts, [page for _, page in pages])
    for part, page in pages:
        yield from _page(message, part, page)
    for part, _ in read:
        if part.charset not in ("utf-8", "utf8", "us-ascii", "ascii", ""):
            yield "charset", f"A part {part.type} is in {part.charset[:40]}."
    yield from _attachments(message)


def _text(message: Message, part: Part) -> str:
    return decoded(message.raw, part).decode(codec_of(part) or "latin-1", "replace")


def _opt_out(message: Message, texts: list[str], pages: list[Page]) -> Iterator[Found]:
    known = set(re.findall(r"<\s*(https[^>]*?)\s*>", message.text("list-unsubscribe") or ""))
    for text in texts:
        if text.strip() and not any(_says(text, url[0], url.start(), known) for url in _URL.finditer(text)):
            yield "opt-out-text", "The plain text has no address at which to opt out."
    for page in pages:
        links = [link for link in page.links if _opts_out(link, known)]
        if not links:
            yield "opt-out-html", "The HTML has no link to opt out."
        elif not any(link.seen for link in links):
            yield "opt-out-hidden", "The link to opt out is there and cannot be seen."
    shown = [*texts, *(page.text for page in pages)]
    if shown and not all(_POSTAL.search(one) for one in shown if one.strip()):
        which = "The message" if not any(_POSTAL.search(one) for one in shown) else "One form of the message"
        yield "postal-address", f"{which} seems to have no postal address."


def _says(text: str, url: str, at: int, known: set[str]) -> bool:
    """Whether an address in plain text opts out: it is that of the header, or its line or the one before says so."""
    before = text[:at].split("\n")[-2:]
    around = " ".join((*before, text[at:].split("\n", 1)[0]))
    return url.rstrip(".,;") in known or bool(_OPT_OUT.search(around))


def _opts_out(link: Link, known: set[str]) -> bool:
    return link.href in known or bool(_OPT_OUT.search(link.text) or _OPT_OUT.search(link.href))


def _page(message: Message, part: Part, page: Page) -> Iterator[Found]:
    size = part.end - part.body
    if size > CLIPPED:
        yield "size", f"The HTML has {size // 1024} kB; Gmail cuts it off after {CLIPPED // 1024}."
    if page.pictures and len(page.text) < _FEW:
        yield "images-only", f"The HTML has {page.pictures} pictures and {len(page.text)} characters of text."
    if page.without_alt:
        yield "image-alt", f"{page.without_alt} of {page.pictures} pictures have no alt."
    if page.pixels:
        yield "tracking-pixel", f"{page.pixels} invisible pictures report who opens the message, and when and where."
    if page.active:
        yield "active-content", f"The HTML has {', '.join(sorted(page.active))}."
    if page.odd_colours:
        yield "dark-mode", f"{page.odd_colours} elements set the colour of text or what is behind it, and not both."
    if not page.language and part.type == "text/html" and "content-language" not in {one.name for one in part.fields}:
        yield "language", "The HTML does not say its language."
    yield from _links(message, page)


def _links(message: Message, page: Page) -> Iterator[Found]:
    others: set[str] = set()
    for link in page.links:
        host = _host(link.href)
        shown = re.match(r"\s*(?:https?://)?((?:[a-z0-9-]+\.)+[a-z]{2,})(?:[/?#:]\S*)?\s*\Z", link.text, re.I)
        if shown and host and not aligned(host, shown[1].lower().removeprefix("www.")):
            yield "link-text", f"A link shows {shown[1][:60]} and leads to {host[:60]}."
        if problem := _bad_address(link.href, host):
            yield "link-address", f"A link {problem}: {link.href[:80]}"
        if host and not aligned(host, message.sender.domain):
            others.add(host)
    if others:
        yield "link-hosts", f"From is {message.sender.domain}, and links lead to {', '.join(sorted(others))[:200]}."


def _bad_address(href: str, host: str) -> str | None:
    scheme = href.partition(":")[0].lower() if ":" in href else ""
    if scheme in ("javascript", "data", "vbscript", "file"):
        return f"begins with {scheme}"
    if scheme == "http":
        return "begins with http"
    if host in _SHORTENERS:
        return "hides where it leads behind a shortener"
    with suppress(ValueError):
        ipaddress.ip_address(host)
        return "leads to a number and no name"
    return None if scheme or href.startswith("#") else "is no whole address"


def _host(href: str) -> str:
    try:
        return (urlsplit(href).hostname or "").lower() if href.lower().startswith(("http:", "https:")) else ""
    except ValueError:
        return ""


def _attachments(message: Message) -> Iterator[Found]:
    for part in message.root.walk():
        named = (part.fields.text("content-disposition") or "") + ";" + (part.fields.text("content-type") or "")
        for name in re.findall(r'name\*?=\s*"?([^";]+)', named):
            if _PROGRAMS.search(name.strip()):
                yield "attachment", f"An attachment is a program: {name.strip()[:60]}."
                break
