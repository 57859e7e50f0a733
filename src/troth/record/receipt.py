"""Receipts: `.tlog-proof` files that prove, offline, that an entry is in the record (c2sp.org/tlog-proof)."""

from __future__ import annotations

import base64
from collections.abc import Sequence


def write_receipt(index: int, proof: Sequence[bytes], checkpoint: bytes, entry: bytes | None = None) -> bytes:
    """The bytes of a receipt. The entry goes with it as the extra data, so that the receipt needs nothing beside it."""
    lines = ["c2sp.org/tlog-proof@v1"]
    if entry is not None:
        lines.append(f"extra {base64.b64encode(entry).decode()}")
    lines.append(f"index {index}")
    lines += [base64.b64encode(node).decode() for node in proof]
    return ("\n".join(lines) + "\n\n").encode() + checkpoint
