"""A legal request answered by a file, which the authority fetches itself: encrypted to its key, over a single-use link.

What is released, and whether it may be, is for the desk and the gate, as for any release; the file is made, decided
anew and given like every other. What is different: each link to it is signed for by somebody of the staff, nobody is
told of it by a message, and all its entries in the record are sealed, since there may be a gag. It goes on to be
decided by the request: one that is refused, contested or closed before the file was fetched stops the file.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from troth.accountability.errors import CaseError
from troth.accountability.legal.desk import LegalDesk, Signer
from troth.accountability.legal.facts import Linked
from troth.accountability.legal.standing import RequestStanding
from troth.gates.share.files.encrypting import EncryptionError, check_usable
from troth.gates.share.files.links import LONGEST, LinkError, Links
from troth.gates.share.files.receipt import endpoint_of
from troth.gates.share.files.recipient_keys import RecipientKeys
from troth.gates.share.files.row import KEPT
from troth.gates.share.share import Sharing
from troth.gates.share.wanted import Format, Shared
from troth.store import Unit


class Handed(msgspec.Struct, frozen=True):
    """A link to hand over to the authority; it is shown this once, and opens until a moment."""

    link: str
    until: datetime


class ByFile:
    """Releases by file, of one desk. Safe to share between threads. CaseError, StaffError: it cannot be."""

    def __init__(self, desk: LegalDesk, links: Links) -> None:
        self._desk = desk
        self._links = links
        self._keys = RecipientKeys(desk.vault.store)

    def release(
        self, signer: Signer, id: str, sharing: Sharing, *, format: Format = "jsonl", days: int = KEPT.days
    ) -> tuple[RequestStanding, Shared, Handed]:
        """Release what the request allows now as a file, with a link to it: as `LegalDesk.release`, in one act.

        CaseError, too: the authority has no key to which it could be encrypted, or nothing to show who it is by.
        """
        one, at = self._desk.requests.find(id), self._desk.vault.store.clock()
        lasts = _lasts(days)
        if one.releasable(self._desk.terms, at) is None:
            self._check_able(one.received.authority)
        made: list[Handed] = []

        def also(unit: Unit, disclosure: str) -> None:
            made.append(self._put(unit, disclosure, signer, lasts))

        one, shared = self._desk.release(signer, id, sharing, channel="file", format=format, also=also)
        return one, shared, made[-1]

    def link(
        self, signer: Signer, id: str, disclosure: str | None = None, *, days: int = KEPT.days
    ) -> tuple[RequestStanding, str, Handed]:
        """A new link to the file of a disclosure, the latest one without; the request, the disclosure, and the link.

        The file is made again for it, from what may leave then, if it was fetched or has expired.
        """
        one, lasts = self._desk.requests.find(id), _lasts(days)
        there = [found for found in self._links.under(id) if found in one.released]
        if not there or disclosure not in (None, *there):
            named = "Nothing" if disclosure is None else f"'{disclosure[:100]}' is nothing that"
            raise CaseError(
                f"{named} was released by '{id}' as a file that may still leave. "
                f"`troth legal release {id} --file` releases what still may."
            )
        chosen = disclosure or there[0]
        made: list[Handed] = []

        def also(unit: Unit, disclosure: str) -> None:
            made.append(self._put(unit, disclosure, signer, lasts))

        signed = self._desk.signed(signer, id, Linked(disclosure=chosen, days=days), None)
        return self._desk.submit(signed, also=also), chosen, made[-1]

    # --- inside -------------------------------------------------------------------------------------------------------

    def _put(self, unit: Unit, disclosure: str, signer: Signer, lasts: timedelta) -> Handed:
        try:
            return Handed(*self._links.put(unit, disclosure, by=signer.staff.name, lasts=lasts))
        except LinkError as error:
            raise CaseError(str(error)) from None

    def _check_able(self, authority: str) -> None:
        """Raise CaseError for an authority that could do nothing with a file, before anything is decided."""
        key = self._keys.public(authority)
        if key is None or key.public is None:
            raise CaseError(
                f"'{authority}' has no key that a file could be encrypted to. `troth recipient key {authority} FILE` "
                "registers one; make sure first that it is the authority's."
            )
        try:
            check_usable(key.public, self._desk.vault.store.clock())
        except EncryptionError as error:
            raise CaseError(str(error)) from None
        if not self._keys.fetches(authority) and endpoint_of(self._desk.vault.store, authority) is None:
            raise CaseError(
                f"'{authority}' has nothing to show who it is by when it fetches a file. "
                f"`troth recipient key {authority} --fetch-secret` makes a secret to hand over."
            )


def _lasts(days: int) -> timedelta:
    if not 0 < days <= LONGEST.days:
        raise CaseError(f"A link opens for 1 to {LONGEST.days} days.")
    return timedelta(days=days)
