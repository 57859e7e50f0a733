"""The same request sent twice is done once: what was answered is kept by the caller's key, in the same transaction.

Neither the key nor the request is kept, only an HMAC of each.
"""

from __future__ import annotations

import hmac

import msgspec
from sqlalchemy import bindparam, select

from troth.people.errors import OtherRequestError
from troth.people.keys import IndexKey
from troth.store import Unit
from troth.store.schema import requests, to_micros

ANSWERED = select(requests.c.digest, requests.c.result).where(requests.c.key == bindparam("of_key"))
ADD_REQUEST = requests.insert().values({name: bindparam(name) for name in ("key", "digest", "result", "at", "person")})
LONGEST = 512  # characters of a caller's key


class Request:
    """A request that may come again. `content` says all that it asks for."""

    __slots__ = ("_digest", "_key")

    def __init__(self, index_key: IndexKey, key: str, content: object) -> None:
        if not 0 < len(key) <= LONGEST:
            raise OtherRequestError(f"The key of a request has 1 to {LONGEST} characters.")
        self._key = index_key.blind_request(f"key {key}")
        self._digest = index_key.blind_request("content " + msgspec.json.encode(content, order="sorted").decode())

    def answered(self, unit: Unit) -> list[int] | None:
        """The indices of the entries that it led to when it came before; None the first time.

        OtherRequestError: the key came before with another request.
        """
        rows = unit.rows(ANSWERED, {"of_key": self._key})
        if not rows:
            return None
        if not hmac.compare_digest(bytes(rows[0][0]), self._digest):
            raise OtherRequestError("This key came before with another request. Nothing was changed; use a new key.")
        return msgspec.json.decode(rows[0][1], type=list[int])

    def answer(self, unit: Unit, leaves: list[int], person: str) -> None:
        """Keep what it led to, and for whom, so that it goes when that person is erased."""
        values = {"key": self._key, "digest": self._digest, "result": msgspec.json.encode(leaves).decode()}
        unit.change(ADD_REQUEST, {**values, "at": to_micros(unit.at), "person": person})
