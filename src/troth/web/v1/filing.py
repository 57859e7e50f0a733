"""The files of disclosures for one application: the gate's files, and the routes by which recipients fetch them."""

from __future__ import annotations

from troth.accountability.answers import make_conditions
from troth.accountability.terms import Terms
from troth.decision.point import DecisionPoint
from troth.gates.delivery.queue import Queue
from troth.gates.share.deciding import Deciding
from troth.gates.share.files.files import Files
from troth.gates.share.files.place import Place
from troth.gates.share.files.showing import Showing
from troth.gates.share.files.source import Gate
from troth.people import ChoiceIndex
from troth.vault import Vault
from troth.web.v1.files import FileRoutes


def files_of(vault: Vault, point: DecisionPoint, index: ChoiceIndex, place: Place, terms: Terms | None = None) -> Files:
    """The files of a vault's disclosures, decided by one policy; recipients with an endpoint are told of theirs."""
    gate = Gate(Deciding(vault, point, index, make_conditions(vault.store, point.policy, terms)))
    return Files(vault.store, place.folder, gate, place.address, Queue(vault.store, vault.people))


def file_routes(
    vault: Vault, point: DecisionPoint, index: ChoiceIndex, place: Place, terms: Terms | None = None
) -> tuple[Files, FileRoutes]:
    """The same, with the routes."""
    files = files_of(vault, point, index, place, terms)
    return files, FileRoutes(files, Showing(vault.store, vault.people, files.keys, files.links))
