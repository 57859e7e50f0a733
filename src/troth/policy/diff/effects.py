"""What was refused and is now allowed, and the reverse: two versions compared cell by cell.

For each cell that a statement of either version covers, and for each way of passing its gates, both versions are asked
whether they allow it then, with which duties, and for how long the data may be kept. What is found is gathered into
boxes (data × purposes × recipients × products × moments) so that people can read it.

Gates only ever ask that a choice be *in* or *not out* or that a condition hold, so the weakest way of passing one
statement's gates decides: if another statement stands then, it stands whenever the first does. Duties add up over all
statements that stand. So for duties, and for how long data is kept, the weakest way of passing the gates of an old
statement and a new one together decides as well: whatever comes or goes at all does so in one of these ways.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from troth.policy.coverage import Allowing, Cell, Coverage, Frame, Gate, Gates, frame_of, gates_of, implies
from troth.policy.diff.shape import Effect, Standing
from troth.policy.model import Collects, Never, Version
from troth.policy.values import Period

Box = tuple[frozenset[str], frozenset[str], frozenset[str], frozenset[str], frozenset[str]]
_NONE = ""  # stands for "no product named" and "no moment" in a box


class Found(msgspec.Struct, frozen=True):
    """An effect and the statements of both versions that speak of it."""

    effect: Effect
    old: tuple[str, ...]
    new: tuple[str, ...]


class _Key(msgspec.Struct, frozen=True):
    """What cells must have in common to be told together."""

    kind: str
    direction: str
    action: str
    was: Standing
    now: Standing
    old: tuple[str, ...]
    new: tuple[str, ...]


def find_effects(old: Version, new: Version) -> list[Found]:
    """Everything that one version allows and the other does not, or not as freely."""
    before, after, frame = Coverage(old), Coverage(new), frame_of(old, new)
    cells: dict[Cell, None] = {}
    for coverage in (before, after):
        version = coverage.version
        allowing: tuple[Allowing, ...] = (*version.collects, *version.uses, *version.shares)
        for statement in allowing:
            cells.update(dict.fromkeys(coverage.cells(statement, frame)))
    gathered: dict[_Key, list[Cell]] = {}
    cache: dict[tuple[object, ...], list[_Key]] = {}
    for cell in cells:
        olds, news = before.covering(cell), after.covering(cell)
        nevers = (
            () if olds else before.forbidding(cell),
            () if news else after.forbidding(cell),
        )
        signature = (cell.action, *(tuple(s.id for s in group) for group in (olds, news, *nevers)))
        keys = cache.get(signature)
        if keys is None:
            keys = cache[signature] = list(_compare(cell.action, olds, news, *nevers))
        for key in keys:
            gathered.setdefault(key, []).append(cell)
    return [found for key, group in gathered.items() for found in _tell(key, group, before, after, frame)]


def _compare(
    action: str,
    olds: Sequence[Allowing],
    news: Sequence[Allowing],
    nevers: Sequence[Never],
    now_nevers: Sequence[Never],
) -> Iterable[_Key]:
    found: dict[_Key, None] = {}

    def note(kind: str, direction: str, was: Standing, now: Standing) -> None:
        found[_Key(kind, direction, action, was, now, was.statements, now.statements)] = None

    alone = dict.fromkeys(gates_of(statement) for statement in (*olds, *news))
    together = dict.fromkeys(gates_of(old) | gates_of(new) for old in olds for new in news)
    told: set[tuple[str, str]] = set()  # each direction with a duty, or with "keeps"
    for gates in (*alone, *(gates for gates in together if gates not in alone)):
        standing_old, standing_new = _standing(olds, gates), _standing(news, gates)
        if standing_old and standing_new:
            for key in _changed(action, standing_old, standing_new, told, again=gates in alone):
                found[key] = None
        elif standing_new:
            note("allowance", "broader", _stands(olds, nevers), _stands(standing_new, ()))
        elif standing_old:
            note("allowance", "narrower", _stands(standing_old, ()), _stands(news, now_nevers))
    return _without_implied(found)


def _changed(
    action: str, olds: Sequence[Allowing], news: Sequence[Allowing], told: set[tuple[str, str]], again: bool
) -> Iterable[_Key]:
    """What is allowed with other duties, or kept for another time, where both versions allow it.

    Without `again` only what was not told yet: whoever passes the gates of two statements passes those of each.
    """
    before, after = _stands(olds, ()), _stands(news, ())

    def key(kind: str, direction: str, was: Standing, now: Standing) -> _Key:
        return _Key(kind, direction, action, was, now, was.statements, now.statements)

    def to_tell(direction: str, names: Iterable[str]) -> list[str]:
        kept = [name for name in names if again or (direction, name) not in told]
        told.update((direction, name) for name in kept)
        return kept

    was, now = _duties(olds), _duties(news)
    if lost := to_tell("broader", [duty for duty in was if duty not in now]):
        yield key("duty", "broader", _with_duties(before, lost), after)
    if gained := to_tell("narrower", [duty for duty in now if duty not in was]):
        yield key("duty", "narrower", before, _with_duties(after, gained))
    if action == "collect":
        old_keeps, new_keeps = _keeps(olds), _keeps(news)
        was_kept, now_kept = _with_keeps(before, old_keeps), _with_keeps(after, new_keeps)
        if _longer(new_keeps, old_keeps) and to_tell("broader", ["keeps"]):
            yield key("retention", "broader", was_kept, now_kept)
        if _longer(old_keeps, new_keeps) and to_tell("narrower", ["keeps"]):
            yield key("retention", "narrower", was_kept, now_kept)


def _without_implied(found: Iterable[_Key]) -> list[_Key]:
    """Leave out what is found under stronger gates and was found under weaker ones already."""
    keys = list(found)

    def said(key: _Key) -> bool:
        return any(
            other is not key
            and (other.kind, other.direction) == (key.kind, key.direction)
            and (other.old, other.new) == (key.old, key.new)
            and keys.index(other) < keys.index(key)
            for other in keys
        )

    return [key for key in keys if not said(key)]


def _standing(statements: Iterable[Allowing], gates: Gates) -> list[Allowing]:
    """The statements that stand for whoever passes `gates` and no more."""
    return [statement for statement in statements if implies(gates, gates_of(statement))]


def _stands(statements: Sequence[Allowing], nevers: Sequence[Never]) -> Standing:
    if nevers:
        return Standing(state="never", statements=tuple(never.id for never in nevers))
    if not statements:
        return Standing(state="not-stated")
    gates = dict.fromkeys(tuple(sorted(gates_of(statement), key=_reading_order)) for statement in statements)
    return Standing(
        state="stated",
        statements=tuple(statement.id for statement in statements),
        gates=() if () in gates else tuple(gates),
    )


def _reading_order(gate: Gate) -> tuple[int, str]:
    return ("only_if", "unless", "given").index(gate.kind), gate.name


def _duties(statements: Iterable[Allowing]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(duty for statement in statements for duty in statement.must))


def _with_duties(standing: Standing, duties: Iterable[str]) -> Standing:
    return msgspec.structs.replace(standing, duties=tuple(duties))


# --- how long data is kept --------------------------------------------------------------------------------------------


def may_be_longer(one: Period | None, other: Period | None) -> bool:
    """Whether the first length of time can end later than the second; None is without end.

    `account + 1 month` ends no earlier than one month after the collection, but nobody knows how much later. Two that
    begin with different events can each be the longer one.
    """
    if one == other or other is None:
        return False
    if one is None:
        return True
    if one.after == other.after or one.after is None:
        return one.days > other.days
    return True


def _keeps(statements: Iterable[Allowing]) -> tuple[Period | None, ...]:
    return tuple(dict.fromkeys(statement.keeps for statement in statements if isinstance(statement, Collects)))


def _longer(ones: Iterable[Period | None], others: Sequence[Period | None]) -> bool:
    return any(all(may_be_longer(one, other) for other in others) for one in ones)


def _with_keeps(standing: Standing, keeps: Iterable[Period | None]) -> Standing:
    words = " or ".join("without limit" if period is None else str(period) for period in keeps)
    return msgspec.structs.replace(standing, keeps=words)


# --- from cells to boxes ----------------------------------------------------------------------------------------------


def _tell(key: _Key, cells: list[Cell], before: Coverage, after: Coverage, frame: Frame) -> Iterable[Found]:
    knowing = after if key.new else before
    for data, purposes, recipients, products, moments in _boxes(cells):
        everywhere = _NONE in products or (bool(frame.products) and products.issuperset(frame.products))
        effect = Effect(
            kind=key.kind,  # type: ignore[arg-type]  # one of the literals: see _compare
            direction=key.direction,  # type: ignore[arg-type]
            action=key.action,
            data=_terms(knowing, "data", data, frame),
            purposes=_terms(knowing, "purpose", purposes, frame),
            recipients=_terms(knowing, "recipient", recipients - {_NONE}, frame),
            products=()
            if everywhere
            else tuple(sorted({one for id in products for one in frame.products.get(id, (id,))})),
            moments=tuple(sorted(moments - {_NONE, "*"})) if "*" not in moments else (),
            was=key.was,
            now=key.now,
        )
        yield Found(effect, key.old, key.new)


def _boxes(cells: Iterable[Cell]) -> list[Box]:
    """The cells as few boxes: those that agree in all dimensions but one are joined, dimension by dimension."""
    boxes: list[Box] = [
        (
            frozenset([cell.data]),
            frozenset([cell.purpose]),
            frozenset([cell.recipient or _NONE]),
            frozenset([cell.product or _NONE]),
            frozenset([cell.moment or _NONE]),
        )
        for cell in cells
    ]
    for dimension in (0, 4, 3, 1, 2):
        joined: dict[tuple[frozenset[str], ...], frozenset[str]] = {}
        for box in boxes:
            rest = (*box[:dimension], *box[dimension + 1 :])
            joined[rest] = joined.get(rest, frozenset()) | box[dimension]
        boxes = [
            (*rest[:dimension], values, *rest[dimension:])  # type: ignore[misc]  # five again
            for rest, values in joined.items()
        ]
    return boxes


def _terms(coverage: Coverage, kind: str, terms: frozenset[str], frame: Frame) -> tuple[str, ...]:
    """The terms as people want them told: the widest, unless only part of what stands below it is meant."""
    roots = coverage.roots(kind)
    if kind == "data" and roots and terms.issuperset(roots):
        return ()
    shown = set(terms)
    for term in sorted(terms, key=lambda term: len(coverage.path(kind, term))):
        children = [other for other in terms if other != term and term in coverage.path(kind, other)]
        if not children:
            continue
        cuts = [cut for cut in frame.cuts.get(kind, ()) if cut != term and term in coverage.path(kind, cut)]
        if cuts and not all(cut in terms for cut in cuts):
            shown.discard(term)
        else:
            shown.difference_update(children)
    return tuple(sorted(shown))
