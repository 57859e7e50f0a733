"""Signals of a browser: Global Privacy Control, as its header, its script and its file (W3C, Global Privacy Control).

The header says yes when it is exactly `1` (section 3.3); everything else says nothing. `/.well-known/gpc.json` tells
that the signal counts here (section 3.5), where some choice of the policy lists it.
"""

from __future__ import annotations

from typing import Any

from litestar import Request

from troth.policy.model import Version


def signals_of(request: Request[Any, Any, Any]) -> frozenset[str]:
    """The signals that a request carries."""
    values = request.headers.getall("sec-gpc", [])
    return frozenset({"gpc"}) if values == ["1"] else frozenset()


def signalled(version: Version, signal: str = "gpc") -> tuple[str, ...]:
    """The choices for which a signal counts as out."""
    return tuple(choice.id for choice in version.choices if signal in choice.signals)


def gpc_support(version: Version) -> dict[str, object] | None:
    """What `gpc.json` says; None where the signal counts for nothing. The date is that of the version in force."""
    if not signalled(version):
        return None
    return {"gpc": True, "lastUpdate": version.effective.date().isoformat()}
