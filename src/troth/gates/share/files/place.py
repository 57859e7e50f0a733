"""Where the files of disclosures are."""

from __future__ import annotations

from pathlib import Path

import msgspec


class Place(msgspec.Struct, frozen=True):
    """The folder in which files lie, and the address under which recipients reach this server."""

    folder: Path
    address: str
