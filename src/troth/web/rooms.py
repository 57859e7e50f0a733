"""The rooms of a server with a store, opened from what there is: the record alone, people too, their vault as well.

`make_app` loads this only where there is a store, so that whoever serves decisions and pages alone pays for none of it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial

import msgspec

from troth.accountability.complaints.desk import ComplaintDesk
from troth.accountability.telling import Teller
from troth.accountability.terms import Terms
from troth.conditions import Register
from troth.conditions.claims.register import ClaimRegister
from troth.decision.point import DecisionPoint
from troth.gates.services import ServiceKeys
from troth.gates.share.files.place import Place
from troth.gates.tally import Tally
from troth.people import ChoiceIndex, People
from troth.policy.history import Policy
from troth.record.log import Log
from troth.vault import Vault
from troth.web.accountability.transparency import TransparencyRoutes
from troth.web.choices.app import ChoicePages
from troth.web.choices.desk import Desk
from troth.web.choices.mail import Post
from troth.web.complaints.app import ComplaintPages
from troth.web.complaints.counts import complained_about, complaint_counts
from troth.web.complaints.place import Place as Complaints
from troth.web.desk.routes import DeskRoutes
from troth.web.headers import secured
from troth.web.hosts import Hosts
from troth.web.mail.desk import MailDesk, MailPlace
from troth.web.mail.pages import MailPages
from troth.web.mounts import Mount, Rooms
from troth.web.promises.routes import PromiseRoutes
from troth.web.recipients.routes import RecipientRoutes
from troth.web.recipients.subscribing import Subscriptions
from troth.web.record import RecordRoutes, publications
from troth.web.seals.routes import PICTURE_HEADERS, SealRoutes
from troth.web.services import Callers
from troth.web.stored import Stored
from troth.web.v1.app import Gates
from troth.web.v1.desk import GateDesk
from troth.web.v1.filing import file_routes


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """What a server with a store is made from; see `make_app`. `local` are the names of this machine alone."""

    policy: Policy
    point: DecisionPoint
    clock: Callable[[], datetime]
    log: Log
    local: Hosts
    site: str | None
    public_url: str | None
    require_keys: bool
    people: People | None
    post: Post | None
    vault: Vault | None
    terms: Terms | None
    files: Place | None
    mail: MailPlace | None
    tally: Tally | None

    @property
    def address(self) -> str:
        """The address under which people read the pages, as far as it is known."""
        return self.site or self.public_url or "http://localhost"


def open_rooms(given: Given) -> Rooms:
    """Open every room that there is what it takes for. Keys and choices are followed from now on."""
    callers = Callers(ServiceKeys(given.log.store), given.require_keys, local=given.local)
    callers.follow()
    rooms = Rooms(
        callers=callers,
        published=publications(given.log, given.policy),
        sealed=ClaimRegister(given.log.store, given.policy).seals(given.clock()),
    )
    _open_the_record(rooms, given)
    if given.people is not None and given.post is not None:
        index = _open_choices(rooms, given, given.people, given.post)
        if given.vault is not None:
            tally = _open_gates(rooms, given, given.vault, index, callers)
            _tell(rooms, given, given.vault, index, given.post, tally)
    if rooms.choices is not None:
        rooms.mounts.append(Mount(rooms.choices.takes, rooms.choices))
    return rooms


def _open_the_record(rooms: Rooms, given: Given) -> None:
    """The pages that show what is in the store, to everybody."""
    stored = Stored(given.log, given.policy, given.clock, rooms.published, given.site, given.people is not None)
    record = RecordRoutes(given.log, given.policy, given.clock, choices=given.people is not None)
    seals, counts = SealRoutes(stored), partial(complaint_counts, given.log.store, given.clock)
    rooms.mounts += [
        Mount(RecordRoutes.takes, secured(record)),
        Mount(RecipientRoutes.takes, secured(RecipientRoutes(stored))),
        Mount(SealRoutes.takes_picture, secured(seals, PICTURE_HEADERS)),
        Mount(SealRoutes.takes, secured(seals)),
        Mount(PromiseRoutes.takes, secured(PromiseRoutes(stored, counts))),
    ]
    if given.people is not None:
        rooms.mounts.append(Mount(TransparencyRoutes.takes, secured(TransparencyRoutes(stored, given.terms))))


def _open_choices(rooms: Rooms, given: Given, people: People, post: Post) -> ChoiceIndex:
    """The pages on which people choose and complain; the index of what they chose, which is followed."""
    people.use(given.policy)
    index = rooms.index = ChoiceIndex(people, given.point)
    index.follow()
    desk = Desk(
        people, given.point, given.log, given.clock, post, given.site, rooms.published, given.vault, given.terms
    )
    rooms.choices = ChoicePages(desk)
    complaints = ComplaintDesk(given.log.store, given.policy, people.key)
    rooms.complained = partial(complained_about, complaints)
    rooms.complaints = Complaints(
        complaints, given.point, given.log, given.clock, rooms.published, given.site or given.public_url, post
    )
    rooms.mounts.append(Mount(ComplaintPages.takes, ComplaintPages(rooms.complaints)))
    return index


def _open_gates(rooms: Rooms, given: Given, vault: Vault, index: ChoiceIndex, callers: Callers) -> Tally:
    """The gates, the files that recipients fetch, and the pages for staff; by what the gates count."""
    people, point, published = vault.people, given.point, rooms.published
    office = MailDesk(people, point, given.mail or MailPlace(site=given.address))
    rooms.gates = Gates(GateDesk(vault, point, index, callers, given.terms, tally=given.tally), office)
    staff = DeskRoutes(people, given.policy, callers, given.clock, published, given.terms)
    rooms.mounts += [
        Mount(MailPages.takes, MailPages(office, callers, given.clock, published)),
        Mount(DeskRoutes.takes, secured(staff)),
    ]
    if given.files is not None:
        rooms.files, routes = file_routes(vault, point, index, given.files, given.terms)
        rooms.mounts.append(Mount(routes.takes, routes))
    rooms.mounts.append(Mount(Gates.takes, rooms.gates))
    return rooms.gates.desk.tally


def _tell(  # noqa: PLR0917 - called in one place
    rooms: Rooms, given: Given, vault: Vault, index: ChoiceIndex, post: Post, tally: Tally
) -> None:
    """Who tells people what they are to be told, and those who follow the list of recipients."""
    address, terms = given.address.rstrip("/"), given.terms or Terms()
    rooms.teller = Teller(vault, given.point, index, terms, post, f"{address}/choices", tally)
    subscriptions = Subscriptions(vault.people, Register(vault.store, given.policy))
    rooms.subscribers = partial(subscriptions.run, post, address)
