"""The event loop that mail is served on: uvloop, whose TLS is compiled, and where there is none (Windows) asyncio's."""

from __future__ import annotations

try:
    from uvloop import new_event_loop
except ImportError:  # pragma: no cover
    from asyncio import new_event_loop

__all__ = ["new_event_loop"]
