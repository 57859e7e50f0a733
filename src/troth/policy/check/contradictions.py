"""Statements that cannot both be meant: a `never` beside what it forbids, a gate that another statement undercuts."""

from __future__ import annotations

from collections.abc import Iterator

from troth.policy.check.shape import Found, Subject, check_that
from troth.policy.coverage import Allowing, Cell, Gates, gates_of, implies
from troth.policy.model import Collects, Never, Shares

_SALES = frozenset({"sell", "trade", "rent"})


@check_that(
    "never-contradicted",
    "error",
    "A statement allows what a `never` forbids.",
    "Nothing overrides a `never`: narrow it, or take what it forbids out of the statement.",
)
def never_contradicted(subject: Subject) -> Iterator[Found]:
    """A statement contradicts a `never` when all of one of its terms is forbidden, for one of its purposes."""
    for statement in subject.gated:
        found: dict[str, Cell] = {}
        named = _named_terms(statement)
        for cell in subject.coverage.cells(statement, subject.frame):
            if cell.data not in named:
                continue
            for never in subject.coverage.forbidding(cell):
                if _whole(subject, never, cell):
                    found.setdefault(never.id, cell)
        for id, cell in found.items():
            place = subject.version.statement(id).place
            message = f"'{statement.id}' allows to {cell.action} '{cell.data}' for '{cell.purpose}'"
            if cell.recipient:
                message += f" with '{cell.recipient}'"
            yield Found(subject.path(statement), f"{message}; '{id}' (line {place.line}) says never.", statement.id)


def _named_terms(statement: Allowing) -> frozenset[str]:
    return frozenset(statement.data)


def _whole(subject: Subject, never: Never, cell: Cell) -> bool:
    """Whether the `never` covers the whole cell and does not only cut a narrower term out of it."""
    path = subject.coverage.path
    return (
        (not never.data or any(term in path("data", cell.data) for term in never.data))
        and (not never.purposes or any(term in path("purpose", cell.purpose) for term in never.purposes))
        and (
            not never.recipients
            or cell.recipient is None
            or any(term in path("recipient", cell.recipient) for term in never.recipients)
        )
    )


@check_that(
    "never-uncontrolled",
    "error",
    "The policy says that data is never sold, traded or rented, and lets a third party take it without anybody's say.",
    "Gate it with a choice or a contract, name the third party in a `shares` statement, or drop the promise.",
)
def never_uncontrolled(subject: Subject) -> Iterator[Found]:
    """ "Never sold" next to beacons that nobody controls: whoever sets them gets the data for their own ends."""
    version = subject.version
    promises = [never for never in version.never if _SALES.intersection(never.actions)]
    if not promises:
        return
    promise = promises[0]
    shared = [shares for shares in version.shares if _to_third_party(subject, shares)]
    for statement in shared:
        if not _controlled(statement):
            message = f"'{promise.id}' promises no sale, yet '{statement.id}' gives data to a third party"
            yield Found(subject.path(statement), f"{message} that no choice stops and no contract binds.", statement.id)
    for collects in version.collects:
        for tracker in collects.trackers:
            if tracker.party == "third" and not _controlled(collects):
                message = f"'{promise.id}' promises no sale, yet anybody's visit lets '{tracker.by or tracker.id}'"
                path = f"{subject.path(collects)}.trackers.{tracker.id}"
                yield Found(path, f"{message} track people under '{collects.id}'.", collects.id)
            elif tracker.party == "third" and not _told(subject, collects, shared):
                message = f"'{promise.id}' promises no sale, yet '{tracker.by or tracker.id}' takes data by its own"
                path = f"{subject.path(collects)}.trackers.{tracker.id}"
                yield Found(path, f"{message} tracker and no `shares` statement says so.", collects.id)


def _to_third_party(subject: Subject, statement: Shares) -> bool:
    return any(
        "third_party" in subject.version.recipient_path(recipient)
        and "third_party.successor" not in subject.version.recipient_path(recipient)
        for recipient in statement.recipients
    )


def _controlled(statement: Allowing) -> bool:
    return bool(statement.unless or statement.only_if or statement.given)


def _told(subject: Subject, collects: Collects, shared: list[Shares]) -> bool:
    overlaps = subject.version.vocabulary.overlaps
    told = [*shared, *(shares for shares in subject.version.shares if "contract" in shares.given)]
    return any(
        not shares.data or any(overlaps("data", one, other) for one in shares.data for other in collects.data)
        for shares in told
    )


@check_that(
    "undercut",
    "error",
    "A statement's gates stop nothing: another statement allows the same without them.",
    "Give the other statement the same gates, or narrow its terms.",
)
def undercut(subject: Subject) -> Iterator[Found]:
    """People who refuse here are served by the other statement there."""
    for statement, other, cell in _covered(subject, weaker=True):
        message = f"'{statement.id}' has gates, but '{other.id}' (line {other.place.line}) allows the same without them"
        message += f": to {cell.action} '{cell.data}' for '{cell.purpose}'"
        message += f" with '{cell.recipient}'." if cell.recipient else "."
        yield Found(subject.path(statement), message, statement.id)


@check_that(
    "unreachable",
    "warning",
    "Nothing reaches a statement: another allows all of it, under the same gates.",
    "Remove the statement, or say what it adds.",
)
def unreachable(subject: Subject) -> Iterator[Found]:
    """One statement covers all cells of another, with gates that are no stronger and all of its duties."""
    for statement, other, _ in _covered(subject, weaker=False):
        message = f"Everything that '{statement.id}' allows, '{other.id}' (line {other.place.line}) allows already."
        yield Found(subject.path(statement), message, statement.id)


def _covered(subject: Subject, *, weaker: bool) -> Iterator[tuple[Allowing, Allowing, Cell]]:
    gates_by_id = {statement.id: gates_of(statement) for statement in subject.gated}
    # Only a statement without choices undercuts one that has some: in a large policy few pairs are left to compare.
    others = [other for other in subject.gated if not weaker or not _choices(gates_by_id[other.id])]
    ids_of: dict[Cell, frozenset[str]] = {}  # by id: comparing whole statements would cost more than finding them
    for statement in subject.gated:
        gates = gates_by_id[statement.id]
        if weaker and not _choices(gates):
            continue
        cells = [
            cell
            for cell in subject.coverage.cells(statement, subject.frame)
            # What a `collects` statement adds to a `uses` statement is the collecting.
            if not (isinstance(statement, Collects) and cell.action == "use")
        ]
        for cell in cells:
            if cell not in ids_of:
                ids_of[cell] = frozenset(by.id for by in subject.coverage.covering(cell))
        for other in others:
            if other.id == statement.id or not implies(gates, gates_by_id[other.id]):
                continue
            covered = [cell for cell in cells if other.id in ids_of[cell]]
            if not covered:
                continue
            if weaker:
                if _same_moment(statement, other):
                    yield statement, other, covered[0]
                    break
            elif len(covered) == len(cells) and _adds_nothing(statement, other):
                yield statement, other, covered[0]
                break


def _choices(gates: Gates) -> bool:
    return any(gate.kind != "given" for gate in gates)


def _same_moment(statement: Allowing, other: Allowing) -> bool:
    """A `uses` statement undercuts no collecting: it only speaks of what was collected."""
    return not isinstance(statement, Collects) or isinstance(other, Collects)


def _adds_nothing(statement: Allowing, other: Allowing) -> bool:
    if not set(statement.must) <= set(other.must):
        return False
    if isinstance(statement, Collects) and isinstance(other, Collects):
        return not statement.trackers and statement.keeps == other.keeps
    if isinstance(statement, Shares) and isinstance(other, Shares) and statement.transfer != other.transfer:
        return False
    same = gates_of(statement) == gates_of(other)
    # Two statements of the same extent: the later one is the one too many.
    return not (same and _equal_terms(statement, other) and statement.order < other.order)


def _equal_terms(statement: Allowing, other: Allowing) -> bool:
    return all(
        set(getattr(statement, name, ())) == set(getattr(other, name, ()))
        for name in ("data", "purposes", "recipients", "where", "when")
    )


@check_that(
    "gate-never-passes",
    "warning",
    "A statement depends on a claim that is not current, so it allows nothing.",
    "Remove the statement, or rest it on something that holds.",
)
def gate_never_passes(subject: Subject) -> Iterator[Found]:
    """A condition that bears the id of a claim holds while that claim is current."""
    current = {claim.id for claim in subject.claims}
    for statement in subject.gated:
        for claim in subject.version.claims:
            if claim.id in statement.given and claim.id not in current:
                message = f"'{statement.id}' is given '{claim.id}', which is not current."
                yield Found(subject.path(statement, "given"), message, statement.id)
