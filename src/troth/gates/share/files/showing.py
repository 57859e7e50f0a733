"""How a recipient shows that it is the one a link was made for: by its fetch secret, or by a signature.

The signature is that of Standard Webhooks, over the token of the link in place of a body: by the secret that the
recipient's endpoint shares with Troth (`v1`), or by the key with which it acknowledges (`v1a`), if it has one. Nothing
that Troth or a recipient signs elsewhere ends in a token, so no signature can be taken for another.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta

from troth.gates.delivery.endpoints import ENABLED_OF, Endpoints
from troth.gates.delivery.signing import PublicKey, SharedSecret, verified
from troth.gates.share.files.links import Links
from troth.gates.share.files.recipient_keys import RecipientKeys
from troth.people import People
from troth.store import Store

TOLERANCE = timedelta(minutes=5)  # how far the time of a signature may be from ours
# RFC 9110, section 11.1: the scheme in any case; RFC 6750, section 2.1: the token.
_BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/-]+=*) *", re.ASCII | re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]{1,12}", re.ASCII)
_ID = re.compile(r"[A-Za-z0-9_-]{1,100}", re.ASCII)
SIGNED = ("webhook-id", "webhook-timestamp", "webhook-signature")


def signed_content(id: str, timestamp: str, token: str) -> bytes:
    """What a recipient signs: an id of its own for the request, the second since 1970, and the token of the link."""
    return f"{id}.{timestamp}.{token}".encode()


class Showing:
    """Tells which recipient sends a request. Everything raises StoreUnavailableError: nobody is known."""

    def __init__(self, store: Store, people: People, keys: RecipientKeys, links: Links) -> None:
        self._store = store
        self._keys = keys
        self._links = links
        self._endpoints = Endpoints(store, people)

    def who(self, token: str, headers: Mapping[str, str]) -> str | None:
        """The recipient that shows itself for a link, by the headers of a request in small letters; None for nobody.

        Whether there is such a link, only its recipient learns.
        """
        if "authorization" in headers:
            match = _BEARER.fullmatch(headers["authorization"])
            return self._keys.who(match[1]) if match else None
        if all(name in headers for name in SIGNED):
            return self._signer(token, *(headers[name] for name in SIGNED))
        return None

    def _signer(self, token: str, id: str, timestamp: str, signatures: str) -> str | None:
        now = self._store.clock()
        if not _ID.fullmatch(id) or not _NUMBER.fullmatch(timestamp):
            return None
        if abs(int(timestamp) - now.timestamp()) > TOLERANCE.total_seconds():
            return None
        link = self._links.find(token)
        if link is None:
            return None
        with self._store.read() as connection:
            rows = connection.execute(ENABLED_OF, {"of_recipient": link.recipient}).all()
        keyed = self._endpoints.keyed([tuple(row) for row in rows], now)
        if keyed is None:
            return None
        content = signed_content(id, timestamp, token)
        if keyed.endpoint.ack_key is not None:  # then the shared secret, which is known here too, does not count
            right = verified(signatures, content, publics=(PublicKey(keyed.endpoint.ack_key),))
        else:
            secrets = [key for key in keyed.keys if isinstance(key, SharedSecret)]
            right = verified(signatures, content, secrets=secrets)
        return link.recipient if right is not None else None
