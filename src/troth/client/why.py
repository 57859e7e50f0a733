"""Why something is asked for: the sentence of the policy, to be shown at the form that collects.

A `Why` is kept for five minutes, so that a page that shows it does not ask each time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.parse import urlsplit

from troth.client.reading import NonsenseError, maybe, text, texts

KEPT = 300.0  # seconds
MOST = 1000  # answers that are kept


class Html(str):
    """HTML that is escaped already. Jinja and Django put it into a page as it is, by the method that both look for."""

    __slots__ = ()

    def __html__(self) -> str:
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """What a form says of what it asks for. As a text it is the sentence; in a Jinja template it is `html()`."""

    statement: str
    sentence: str
    details: str = ""
    data: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()
    required: bool = False
    otherwise: str = ""
    kept: str = ""
    page: str | None = None

    def html(self, summary: str = "Why we ask") -> Html:
        """A folded piece of HTML, everything in it escaped. `summary` is what stands on the fold."""
        rows = [
            ("Data", ", ".join(self.data)),
            ("Used for", ", ".join(self.purposes)),
            ("Kept", self.kept),
            ("If you do not", self.otherwise),
        ]
        listed = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in rows if value)
        more = f'<p><a href="{escape(self.page)}">{escape("The whole promise")}</a></p>' if self.page else ""
        return Html(
            f'<details class="troth-why"><summary>{escape(summary)}</summary><p>{escape(self.sentence)}</p>'
            f"<dl>{listed}</dl>{more}</details>"
        )

    def __html__(self) -> str:
        return self.html()

    def __str__(self) -> str:
        return self.sentence


def read_why(told: dict[str, Any], site: str) -> Why:
    """A `Why` as Troth tells it; `site` is the address that a path of its pages is below. NonsenseError."""
    required = told.get("required", False)
    if not isinstance(required, bool):
        raise NonsenseError("`required` is neither true nor false")
    page = maybe(told, "page")
    if page is not None and page.startswith("/") and not page.startswith("//"):
        page = site + page
    return Why(
        statement=text(told, "statement"),
        sentence=text(told, "sentence"),
        details=maybe(told, "details") or "",
        data=texts(told, "data"),
        purposes=texts(told, "purposes"),
        required=required,
        otherwise=maybe(told, "otherwise") or "",
        kept=maybe(told, "kept") or "",
        page=page if page is not None and urlsplit(page).scheme in ("http", "https") else None,
    )


class Whys:
    """The answers of the last five minutes. Safe to share between threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: dict[object, tuple[float, Why]] = {}

    def get(self, key: object, ask: Callable[[], Why]) -> Why:
        """The answer that is kept under `key`, or a new one. Raises what `ask` raises: an old one is not shown then."""
        with self._lock:
            found = self._kept.get(key)
        now = self._clock()
        if found is not None and now - found[0] < KEPT:
            return found[1]
        why = ask()
        with self._lock:
            self._kept.pop(key, None)  # so that the oldest stays the first
            if len(self._kept) >= MOST:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = (now, why)
        return why
