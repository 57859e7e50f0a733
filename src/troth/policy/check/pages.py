"""Notice pages that load something from somebody else: the page about privacy tells others who reads it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from html.parser import HTMLParser
from os import PathLike
from pathlib import Path
from urllib.parse import urlsplit

from troth.policy.check import seals as sealing
from troth.policy.check.shape import CHECKS, Finding, Found, Subject, check_that
from troth.policy.problems import Place

CODE = "third-party-content"


@check_that(
    CODE,
    "error",
    "A page of the notice loads something from another origin, or sends its reader there without being asked.",
    "Serve it from the same origin, or leave it out. A link that people click is fine.",
)
def third_party_content(_: Subject) -> Iterable[Found]:
    """Found on rendered pages, by `check_pages`; a policy file has none."""
    return ()


# Attributes whose address a browser fetches by itself. A link (`a href`) waits for a click.
_FETCHED = {
    "script": ("src",), "img": ("src", "srcset"), "iframe": ("src",), "frame": ("src",), "embed": ("src",),
    "object": ("data",), "audio": ("src",), "video": ("src", "poster"), "source": ("src", "srcset"),
    "track": ("src",), "input": ("src",), "image": ("href", "xlink:href"), "use": ("href", "xlink:href"),
    "body": ("background",), "link": ("href",), "a": ("ping",), "area": ("ping",), "form": ("action",),
    "button": ("formaction",), "base": ("href",),
}  # fmt: skip
_FETCHING_LINKS = frozenset(
    {"stylesheet", "icon", "preload", "prefetch", "preconnect", "dns-prefetch", "modulepreload", "manifest",
     "apple-touch-icon", "prerender", "shortcut"}
)  # fmt: skip
_CSS = re.compile(r"(?:url\(\s*|@import\s+)[\"']?([^\"')\s;]+)", re.IGNORECASE)
_SCRIPT = re.compile(r"[\"'`]((?:https?:)?//[^\"'`\s]+)[\"'`]", re.IGNORECASE)


def check_pages(
    directory: str | PathLike[str],
    *,
    origins: Iterable[str] = (),
    seals: Mapping[str, Collection[str]] | None = None,
    site: str | None = None,
) -> tuple[Finding, ...]:
    """Every request that the HTML, CSS and scripts below a directory make to another origin than their own.

    `origins` are origins (`https://privacy.example`) under which the pages themselves are served. With `seals`, every
    seal too that may not stand on `site`, of which the directory is a copy; see `seals_on`. Files are looked at
    as they are; nothing is fetched and no script runs. OSError when the directory cannot be read.
    """
    host = urlsplit(site).hostname if site else None
    own = frozenset(origin.rstrip("/").lower() for origin in origins)
    findings: list[Finding] = []
    for file in sorted(Path(directory).rglob("*")):
        if not file.is_file() or file.suffix.lower() not in (".html", ".htm", ".css", ".js", ".svg"):
            continue
        text = file.read_text("utf-8", errors="replace")
        for line, what, address in _requests(text, file.suffix.lower()):
            if _foreign(address, own):
                findings.append(_finding(CODE, Place(str(file), line, 1), f"{what} loads {address}."))
        if seals is not None:
            for line, message in sealing.seals_on(text, file.suffix.lower(), seals, host):
                findings.append(_finding(sealing.CODE, Place(str(file), line, 1), message))
    return tuple(findings)


def _finding(code: str, place: Place, message: str) -> Finding:
    check = CHECKS[code]
    return Finding(code=code, severity=check.severity, place=place, message=message, remedy=check.remedy)


def _requests(text: str, suffix: str) -> list[tuple[int, str, str]]:
    if suffix == ".css":
        return _in_text(text, 1, _CSS, "The style sheet")
    if suffix == ".js":
        return _in_text(text, 1, _SCRIPT, "The script")
    page = _Page()
    page.feed(text)
    page.close()
    return page.requests


def _in_text(text: str, first_line: int, pattern: re.Pattern[str], what: str) -> list[tuple[int, str, str]]:
    return [(first_line + text.count("\n", 0, match.start()), what, match[1]) for match in pattern.finditer(text)]


def _foreign(address: str, own: frozenset[str]) -> bool:
    parts = urlsplit(address.strip())
    if not parts.netloc:
        return False
    return f"{parts.scheme or 'https'}://{parts.netloc}".lower() not in own


class _Page(HTMLParser):
    """Gathers what a browser would fetch from a page."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[tuple[int, str, str]] = []
        self._inside: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        line = self.getpos()[0]
        self._inside = tag if tag in ("style", "script") else None
        rel = set(values.get("rel", "").lower().split())
        if tag != "link" or rel & _FETCHING_LINKS:
            for name in _FETCHED.get(tag, ()):
                for address in _addresses(name, values.get(name, "")):
                    self.requests.append((line, f"<{tag} {name}>", address))
        if "style" in values:
            self.requests += _in_text(values["style"], line, _CSS, f"The style of <{tag}>")
        if tag == "meta" and values.get("http-equiv", "").lower() == "refresh":
            _, _, address = values.get("content", "").partition("=")
            self.requests.append((line, "<meta http-equiv=refresh>", address.strip("'\" ")))

    def handle_endtag(self, tag: str) -> None:
        self._inside = None

    def handle_data(self, data: str) -> None:
        if self._inside == "style":
            self.requests += _in_text(data, self.getpos()[0], _CSS, "<style>")
        elif self._inside == "script":
            self.requests += _in_text(data, self.getpos()[0], _SCRIPT, "<script>")


def _addresses(name: str, value: str) -> list[str]:
    if name == "srcset":
        return [part.split()[0] for part in value.split(",") if part.split()]
    return value.split() if name == "ping" else [value] if value else []
