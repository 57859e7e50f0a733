"""A difference told to people: lines of plain text, one paragraph for each change."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from troth.policy.diff.shape import Audience, Change, Diff, Effect, Standing
from troth.policy.model import Version
from troth.policy.values import ANCHORS, read_period

Versions = tuple[Version, ...]

_KINDS = {
    "added": "new",
    "removed": "gone",
    "changed": "changed",
    "renamed": "renamed",
    "reworded": "reworded only",
    "translated": "translated only",
}
_DIRECTIONS = {
    "broader": "broader",
    "narrower": "narrower",
    "both": "broader in one respect, narrower in another",
    "same": "no rule changed",
}
_GATES = {"unless": "unless they refuse", "only_if": "if they agree to", "given": "when it holds that"}
_ACTIONS = {
    "collect": "collecting it",
    "use": "using it",
    "share": "giving it",
    "sell": "selling it",
    "trade": "trading it",
    "rent": "renting it out",
}
_SHOWN = 8  # data terms of one line


def as_lines(difference: Diff, old: Version, new: Version) -> list[str]:
    """The whole difference, ready to print."""
    head = f"{difference.policy}: from {difference.old} to {difference.new}"
    if not difference:
        return [head, "", "The two versions say the same."]
    lines = [head, "", *_summary(difference)]
    for change in difference.changes:
        lines += ["", *change_lines(change, old, new)]
    return lines


def change_lines(change: Change, old: Version, new: Version) -> list[str]:
    """One change: a headline, the sentences before and after, what it does, and its fields."""
    kind = _KINDS[change.kind]
    name = change.id if change.part in (change.id, "policy") else f"{change.part}.{change.id}"
    if change.kind == "renamed" and change.old is not None:
        name = f"{change.part}.{change.old.id} → {change.id}"
    only_words = change.kind in ("reworded", "translated", "renamed")
    lines = [f"{name}: {kind}" if only_words else f"{name}: {kind}, {_DIRECTIONS[change.direction]}"]
    was = change.old.says.in_(old.language) if change.old and change.old.says else None
    now = change.new.says.in_(new.language) if change.new and change.new.says else None
    if was is not None and was != now:
        lines.append(f"  before: {was}")
    if now is not None:
        lines.append(f"  {'now' if was != now and was is not None else 'says'}:{'    ' if was != now else '   '}{now}")
    lines += [f"  {line}" for line in effect_lines(change.effects, old, new)]
    for field in change.fields:
        if field.field in ("says", "details"):
            continue
        parts = []
        if len(field.old) <= 1 and len(field.new) <= 1:
            parts.append(f"{_list(field.old) or 'nothing'} → {_list(field.new) or 'nothing'}")
        else:
            parts += [f"+ {value}" for value in field.added] + [f"− {value}" for value in field.removed]
        lines.append(f"  {field.field}: {', '.join(parts) or 'changed'}")
    return lines


def effect_lines(effects: Sequence[Effect], old: Version, new: Version) -> list[str]:
    """Effects as sentences; where collecting and using become allowed together, one sentence says both."""
    uses = {_all_but_action(effect): effect for effect in effects if effect.action == "use"}
    both = {key for effect in effects if effect.action == "collect" and (key := _all_but_action(effect)) in uses}
    lines = []
    for effect in effects:
        joined = _all_but_action(effect) in both
        if effect.action == "collect" and joined:
            lines.append(effect_line(effect, old, new, doing="collecting and using it"))
        elif not (effect.action == "use" and joined):
            lines.append(effect_line(effect, old, new))
    return lines


def _all_but_action(effect: Effect) -> Effect:
    return msgspec.structs.replace(effect, action="", moments=())


def effect_line(effect: Effect, old: Version, new: Version, *, doing: str | None = None) -> str:
    """One effect as a sentence, such as "E-mail address, collected at registration: … became allowed (was never)."."""
    versions = (new, old) if effect.direction == "broader" else (old, new)
    data = _labels(versions, "data", effect.data) or "All data"
    moments = _moments(effect, versions)
    subject = data[:1].upper() + data[1:] + (f", collected {moments}" if moments else "")
    doing = doing or _ACTIONS[effect.action]
    recipients = _recipients(versions, effect.recipients)
    if recipients:
        doing += f" to {recipients}"
    purposes = _list([f"“{_label(versions, 'purpose', purpose)}”" for purpose in effect.purposes])
    if purposes:
        doing += f" for {purposes}"
    if effect.products:
        doing += f" ({', '.join(_product(versions, product) for product in effect.products)})"
    return f"{subject}: {doing} {_outcome(effect, old, new)}."


def _outcome(effect: Effect, old: Version, new: Version) -> str:
    if effect.kind == "duty":
        duties = effect.was.duties if effect.direction == "broader" else effect.now.duties
        labels = _labels((old, new) if effect.direction == "broader" else (new, old), "duty", duties)
        return (
            f"no longer comes with the duty to {labels}"
            if effect.direction == "broader"
            else (f"now comes with the duty to {labels}")
        )
    if effect.kind == "retention":
        return f"means that it is kept {_kept(effect.now)} (was {_kept(effect.was)})"
    if effect.kind == "promise":
        if effect.direction == "broader":
            return "is no longer promised never to happen"
        return "is now promised never to happen"
    was, now = standing_words(effect.was, old), standing_words(effect.now, new)
    if effect.direction == "broader":
        return f"became allowed{now and ' ' + now} (was {was or 'always allowed'})"
    if effect.now.state == "stated":
        return f"is allowed {now} (was {was or 'always allowed'})"
    return f"is no longer allowed: {now} (was {was or 'always allowed'})"


def standing_words(standing: Standing, version: Version) -> str:
    """How a version stands to something, in words; empty for "always"."""
    if standing.state == "never":
        return f"never, by '{standing.statements[0]}'"
    if standing.state == "not-stated":
        return "not stated"
    return " or ".join(" and ".join(_gate(gate.kind, gate.name, version) for gate in gates) for gates in standing.gates)


def _gate(kind: str, name: str, version: Version) -> str:
    if kind == "given":
        if version.vocabulary.knows("condition", name):
            return f"when {version.vocabulary.label('condition', name)}"
        return f"while '{name}' is current"
    return f"{_GATES[kind]} '{name}'"


def _summary(difference: Diff) -> list[str]:
    lines = ["This change is material." if difference.material else "This change is not material."]
    for title, audiences, nobody in (
        ("To be told beforehand", difference.told, "nobody in particular"),
        ("To be asked again", difference.asked, "nobody"),
    ):
        if not audiences:
            lines.append(f"{title}: {nobody}.")
            continue
        lines.append(f"{title}:")
        lines += [f"  - {_audience(audience)}, because of {_list(audience.because)}" for audience in audiences]
    return lines


def _audience(audience: Audience) -> str:
    if audience.choice is not None:
        return f"those who decide by the choice '{audience.choice}'"
    if audience.product is not None:
        return f"those who use {audience.product}"
    return "everybody"


def _kept(standing: Standing) -> str:
    """How long data is kept, from the way it is written in the file."""
    words = []
    for written in (standing.keeps or "").split(" or "):
        try:
            period = read_period(written)
        except ValueError:
            words.append(written)
            continue
        if period.after is None:
            words.append(written)
        else:
            words.append(ANCHORS[period.after] + (f" and {period.count} {period.unit}s more" if period.count else ""))
    return " or ".join(words)


def _moments(effect: Effect, versions: Versions) -> str:
    """When the data is collected: it says whose data it is."""
    if effect.action == "collect":
        found: Iterable[str] = effect.moments
    else:
        found = (
            moment
            for statement in versions[0].collects
            if any(
                versions[0].vocabulary.overlaps("data", term, collected)
                for term in effect.data
                for collected in statement.data
            )
            for moment in statement.when
        )
    moments = tuple(dict.fromkeys(found))
    return _labels(versions, "moment", moments) if 0 < len(moments) <= 3 else ""


def _label(versions: Versions, kind: str, slug: str) -> str:
    """The label of a term in the first version that knows it."""
    knowing = [version for version in versions if version.vocabulary.knows(kind, slug)]
    return knowing[0].vocabulary.label(kind, slug) if knowing else slug


def _labels(versions: Versions, kind: str, slugs: Sequence[str]) -> str:
    labels = [_lower(_label(versions, kind, slug)) for slug in slugs]
    if len(labels) > _SHOWN:
        labels = [*labels[: _SHOWN - 1], f"{len(labels) - _SHOWN + 1} more"]
    return _list(labels)


def _recipients(versions: Versions, slugs: Iterable[str]) -> str:
    names = []
    for slug in slugs:
        declared = next((found for version in versions if (found := version.recipient(slug))), None)
        names.append(declared.name if declared else _lower(_label(versions, "recipient", slug)))
    return _list(names)


def _product(versions: Versions, id: str) -> str:
    return next((found.name for version in versions if (found := version.covered(id))), id)


def _lower(label: str) -> str:
    """A label within a sentence: its first letter small, unless it is an abbreviation such as IP."""
    return label if label[1:2].isupper() else label[:1].lower() + label[1:]


def _list(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else ""
