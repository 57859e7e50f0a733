"""Content negotiation (RFC 9110, section 12): which form and which language a reader prefers among those there are."""

from __future__ import annotations

from collections.abc import Sequence


def _weighted(header: str) -> list[tuple[str, float]]:
    """The items of a header with their weights; what cannot be read has the weight 0."""
    found = []
    for item in header[:2000].split(","):
        name, *parameters = (piece.strip().lower() for piece in item.split(";"))
        weight = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                try:
                    weight = min(max(float(parameter[2:]), 0.0), 1.0)
                except ValueError:
                    weight = 0.0
        if name:
            found.append((name, weight))
    return found


def best_media_type(accept: str | None, offered: Sequence[str]) -> str | None:
    """The media type that `Accept` prefers, the first on offer when it does not mind, None when it accepts none."""
    if not accept or not accept.strip():
        return offered[0]
    weights = _weighted(accept)

    def weight(media_type: str) -> float:
        for pattern in (media_type, media_type.split("/", maxsplit=1)[0] + "/*", "*/*"):
            for name, value in weights:
                if name == pattern:
                    return value
        return 0.0

    best = max(offered, key=weight)
    return best if weight(best) > 0 else None


def best_language(asked: str | None, accept_language: str | None, offered: Sequence[str]) -> str | None:
    """The language on offer that was asked for, else the one that `Accept-Language` prefers, else the first; None
    when none is on offer (RFC 4647, section 3.4: lookup).
    """
    by_tag = {language.lower(): language for language in reversed(offered)}

    def lookup(tag: str) -> str | None:
        while tag:
            if tag in by_tag:
                return by_tag[tag]
            tag = tag.rpartition("-")[0]
        return None

    if asked and (found := lookup(asked.lower())):
        return found
    ranked = sorted(_weighted(accept_language or ""), key=lambda item: -item[1])
    for tag, weight in ranked:
        if weight > 0 and (found := lookup(tag)):
            return found
    return offered[0] if offered else None
