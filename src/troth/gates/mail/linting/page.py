"""The HTML of a message as its reader sees it: what is shown, what it links to, and what it loads."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_ALONE = "area base br col embed hr img input link meta source track wbr"
_VOID = frozenset(_ALONE.split())  # have no end tag
_ACTIVE = frozenset(("script", "iframe", "frame", "object", "embed", "form", "applet"))
_UNSEEN = frozenset(("script", "style", "title", "head", "template", "noscript"))
_HIDDEN = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*[01](\.\d+)?(px|pt|%)?\s*(;|!|$)|opacity\s*:\s*0(\.0\d*)?\s*(;|!|$)"
    r"|mso-hide\s*:\s*all|max-height\s*:\s*0",
    re.I,
)
_TINY = re.compile(r"font-size\s*:\s*([2-6])(\.\d+)?(px|pt)", re.I)
_COLOUR = re.compile(r"(?<![\w-])color\s*:\s*([^;]+)", re.I)
_BEHIND = re.compile(r"(?<![\w-])background(?:-color)?\s*:\s*([^;]+)", re.I)


class Link:
    """A link: where it leads, what it shows, and whether it can be seen."""

    def __init__(self, href: str, seen: bool) -> None:
        self.href = href
        self.text = ""
        self.seen = seen


class Page(HTMLParser):
    """What was found in a document."""

    def __init__(self, document: str) -> None:
        super().__init__(convert_charrefs=True)
        self.links: list[Link] = []
        self.shown: list[str] = []
        self.active: set[str] = set()
        self.pictures = 0
        self.without_alt = 0
        self.pixels = 0
        self.odd_colours = 0
        self.language = ""
        self._open: list[tuple[str, bool]] = []
        self._link: Link | None = None
        self.feed(document)
        self.close()

    @property
    def text(self) -> str:
        """The text that is shown, in one line."""
        return " ".join("".join(self.shown).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take in an element."""
        having = {name: value or "" for name, value in attrs}
        style = having.get("style", "")
        hidden = bool(_HIDDEN.search(style)) or bool(_TINY.search(style)) or _same_colours(style) or "hidden" in having
        seen = not hidden and tag not in _UNSEEN and (not self._open or self._open[-1][1])
        if tag in _ACTIVE:
            self.active.add(tag)
        if tag == "html":
            self.language = having.get("lang", "").strip()
        if tag == "img":
            self._picture(having, style)
        if (
            style
            and bool(_COLOUR.search(style)) != bool(_BEHIND.search(style))
            and tag in ("body", "table", "td", "div")
        ):
            self.odd_colours += 1
        if tag == "a" and having.get("href", "").strip():
            self._link = Link(having["href"].strip(), seen)
            self.links.append(self._link)
        if tag in ("br", "p", "div", "td", "tr", "li", "h1", "h2", "h3", "h4"):
            self.shown.append("\n")
        if tag not in _VOID:
            self._open.append((tag, seen))

    def handle_endtag(self, tag: str) -> None:
        """Close an element, and those within it that were left open."""
        if tag == "a":
            self._link = None
        for index in range(len(self._open) - 1, -1, -1):
            if self._open[index][0] == tag:
                del self._open[index:]
                break
        if tag in ("p", "div", "td", "li"):
            self.shown.append("\n")

    def handle_data(self, data: str) -> None:
        """Take in text."""
        if self._link is not None:
            self._link.text += data
        if not self._open or self._open[-1][1]:
            self.shown.append(data)

    def _picture(self, having: dict[str, str], style: str) -> None:
        sizes = [having.get("width", ""), having.get("height", "")]
        sizes += re.findall(r"(?:width|height)\s*:\s*(\d+)px", style)
        tiny = sum(size.strip().removesuffix("px") in ("0", "1") for size in sizes) >= 2
        if having.get("src", "").startswith(("http:", "https:", "//")) and (tiny or _HIDDEN.search(style)):
            self.pixels += 1
            return
        self.pictures += 1
        if "alt" not in having:
            self.without_alt += 1
        elif self._link is not None:
            self._link.text += having["alt"]


def _same_colours(style: str) -> bool:
    colour, behind = _COLOUR.search(style), _BEHIND.search(style)
    return bool(colour and behind and _plain(colour[1]) == _plain(behind[1]))


def _plain(colour: str) -> str:
    made = colour.lower().replace("!important", "").strip()
    names = {"white": "#ffffff", "black": "#000000"}
    made = names.get(made, made)
    return "#" + "".join(one * 2 for one in made[1:]) if re.fullmatch(r"#[0-9a-f]{3}", made) else made
