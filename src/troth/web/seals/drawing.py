"""The seal as a picture: SVG that says what it is, for whom, and of when it is; grey, with a word, where it is none.

It is made for every request and kept by no cache. In case it is kept all the same, it says of when it is, and turns
grey by itself: when the claim ends, as far as that is known, and an hour after it was loaded at the latest.
"""

from __future__ import annotations

from datetime import UTC, datetime
from xml.sax.saxutils import escape, quoteattr

import msgspec

WIDTH, HEIGHT = 264, 72  # CSS pixels
ROOM = 176  # of them for a line of text
WAX, GREY = "#9b2d1f", "#6b6b6b"
LONGEST = 3600.0  # seconds after which a picture that was not asked for again turns grey


class Picture(msgspec.Struct, frozen=True):
    """What the picture says: `valid` for how many seconds from now, 0 if it is not; otherwise `why`, in a few words."""

    name: str
    holder: str
    at: datetime
    valid: float
    why: str = ""


def draw(picture: Picture) -> bytes:
    """The picture, in UTF-8."""
    if picture.valid <= 0:
        return _svg(picture, _face(picture, GREY, picture.why or "Not valid")).encode()
    # Two faces lie over each other. SMIL swaps them, since pictures run no script; it begins when the picture loads.
    after = f'begin="{min(picture.valid, LONGEST):.3f}s"'
    checked = picture.at.astimezone(UTC).strftime("Checked %-d %b %Y, %H:%M UTC")
    good = f'<g><set attributeName="visibility" to="hidden" {after}/>{_face(picture, WAX, checked)}</g>'
    gone = _face(picture, GREY, "Reload to check again")
    swap = f'<g visibility="hidden"><set attributeName="visibility" to="visible" {after}/>{gone}</g>'
    return _svg(picture, good + swap).encode()


def _face(picture: Picture, colour: str, line: str) -> str:
    mark = "M25 36.5l8 8 15-18" if colour == WAX else "M27 27l18 18M45 27L27 45"
    return (
        f'<g stroke="{colour}" fill="none"><circle cx="36" cy="36" r="27" stroke-width="2"/>'
        '<circle cx="36" cy="36" r="22.5" stroke-width="2.5" stroke-dasharray="1.2 3.5"/>'
        f'<path d="{mark}" stroke-width="4" stroke-linecap="round" stroke-linejoin="round"/></g>'
        f'<g font-family="system-ui, sans-serif" fill="{colour}">'
        f'<text x="74" y="27" font-size="14" font-weight="700"{_fit(picture.name, 14)}>{escape(picture.name)}</text>'
        f'<text x="74" y="44" font-size="11"{_fit(picture.holder, 11)}>{escape(picture.holder)}</text>'
        f'<text x="74" y="60" font-size="10.5"{_fit(line, 10.5)}>{escape(line)}</text></g>'
    )


def _fit(text: str, size: float) -> str:
    """Squeezes a long text into the room that it has."""
    wide = len(text) * size * 0.6 > ROOM
    return f' textLength="{ROOM}" lengthAdjust="spacingAndGlyphs"' if wide else ""


def _svg(picture: Picture, inside: str) -> str:
    title = f"{picture.name}, {picture.holder}: " + ("valid" if picture.valid > 0 else picture.why or "not valid")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'role="img" aria-label={quoteattr(title)}><title>{escape(title)}</title><rect x=".5" y=".5" '
        f'width="{WIDTH - 1}" height="{HEIGHT - 1}" rx="9.5" fill="#fff" stroke="#d9d9d9"/>{inside}</svg>\n'
    )
