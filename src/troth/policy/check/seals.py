"""Seals on pages: one that stands on a site for which nobody signed, or that does not lead to its own page.

A seal is known by its address, `/seals/` and 32 hex digits. Whose it is and where it may stand is for the caller to
say: the check itself knows no register.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from html.parser import HTMLParser
from urllib.parse import urlsplit

from troth.policy.check.shape import Found, Subject, check_that

CODE = "seal-elsewhere"
_SEAL = re.compile(r"/seals/([0-9a-f]{32})(?![0-9a-f])(\.svg)?", re.ASCII)


@check_that(
    CODE,
    "error",
    "A page bears the seal of a claim that does not cover its site, or that leads elsewhere than to its own page.",
    "Take the seal off the page, or have an officer sign for this site too. Around it, link to `/seals/` and its id.",
)
def seal_elsewhere(_: Subject) -> Iterable[Found]:
    """Found on rendered pages, by `check_pages`; a policy file has none."""
    return ()


def seals_on(
    text: str, suffix: str, seals: Mapping[str, Collection[str]], host: str | None
) -> Iterator[tuple[int, str]]:
    """The line and a sentence for each seal of a page that is not right. `suffix` is that of its file.

    `seals` are the hosts on which each seal may stand now, none where it is not valid. `host` is that of the site, None
    where it is not known.
    """
    told: set[str] = set()
    for line, id, link in _seals(text, suffix):
        fault = _fault(id, seals, host)
        if fault is not None and id not in told:
            told.add(id)
            yield line, fault
        if link is not None and f"/seals/{id}" != urlsplit(link.strip()).path:
            yield line, f"The seal {id} leads to {link}, which is not the page that says whether it is valid."


def _fault(id: str, seals: Mapping[str, Collection[str]], host: str | None) -> str | None:
    if id not in seals:
        return f"The seal {id} is none that an officer signed for here."
    if not seals[id]:
        return f"The seal {id} is not valid now, on any site."
    if host is not None and host not in seals[id]:
        return f"The seal {id} may stand on {', '.join(sorted(seals[id]))}, and this is {host}."
    return None


def _seals(text: str, suffix: str) -> list[tuple[int, str, str | None]]:
    """Each seal with its line and, of a picture within a link, the address of the link."""
    if suffix in (".css", ".js"):
        return [(text.count("\n", 0, found.start()) + 1, found[1], None) for found in _SEAL.finditer(text)]
    page = _Page()
    page.feed(text)
    page.close()
    return page.seals


class _Page(HTMLParser):
    """Gathers the seals of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.seals: list[tuple[int, str, str | None]] = []
        self._link: str | None = None
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self._inside = tag in ("style", "script")
        if tag == "a":
            self._link = values.get("href")
        for value in values.values():
            for found in _SEAL.finditer(value):
                self.seals.append((self.getpos()[0], found[1], None if tag == "a" else self._link))

    def handle_endtag(self, tag: str) -> None:
        self._inside = False
        if tag == "a":
            self._link = None

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.seals += [(self.getpos()[0], found[1], None) for found in _SEAL.finditer(data)]
