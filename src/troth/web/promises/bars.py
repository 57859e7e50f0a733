"""A small drawing of what was decided under a promise: a bar for each day, what was allowed above, refused below."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from markupsafe import Markup

from troth.gates.tally import Counted

DAYS = 90
BAR, GAP, HALF = 5, 2, 30  # CSS pixels


def bars(counted: Sequence[Counted], today: date, days: int = DAYS) -> Markup:
    """The drawing as SVG, as wide as the days are many; the highest bar fills its half."""
    by_day = {one.day: one for one in counted}
    most = max((max(one.allowed, one.refused) for one in counted), default=0) or 1
    width = days * (BAR + GAP) - GAP
    drawn = []
    for place in range(days):
        one = by_day.get(today - timedelta(days=days - 1 - place))
        if one is None:
            continue
        x = place * (BAR + GAP)
        for name, number in (("allowed", one.allowed), ("refused", one.refused)):
            if number:
                height = max(2.0, HALF * number / most)
                y = HALF - height if name == "allowed" else HALF + 1
                drawn.append(f'<rect class="{name}" x="{x}" y="{y:.1f}" width="{BAR}" height="{height:.1f}"/>')
    allowed, refused = (sum(getattr(one, name) for one in counted) for name in ("allowed", "refused"))
    label = f"{days} days: {allowed} allowed, {refused} refused"
    # What is drawn are numbers and words of our own alone.
    return Markup(  # noqa: S704
        f'<svg class="bars" viewBox="0 0 {width} {2 * HALF + 1}" role="img" aria-label="{label}">'
        f'<path class="line" d="M0 {HALF + 0.5}H{width}"/>{"".join(drawn)}</svg>'
    )
