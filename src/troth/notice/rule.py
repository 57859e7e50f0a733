"""The rule of a statement in plain words: what data, what for, for whom, when, how long, and what stands in the way.

A rule is a few lines, each with a label and what stands under it. The lines are values; pages, Markdown and screens
render the same ones.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from troth.notice import words
from troth.policy.model import (
    Answer,
    Choice,
    Claim,
    Collects,
    Gated,
    Never,
    Protects,
    Rights,
    Shares,
    Statement,
    Tracker,
    Uses,
    Version,
)
from troth.policy.values import Text

# The pages of a server on which people choose; a policy names them in `at`.
PAGES = frozenset({"choices", "unsubscribe"})


class Item(msgspec.Struct, frozen=True):
    """One thing named in a line, with what it leads to: a statement, a covered site, a page, or another address."""

    text: str
    statement: str | None = None
    product: str | None = None
    link: str | None = None
    page: str | None = None


class Line(msgspec.Struct, frozen=True):
    """A line of a rule: `label`, then `before`, the items joined by commas and `word`, and `after`."""

    label: str
    items: tuple[Item, ...] = ()
    before: str = ""
    after: str = ""
    word: str = "and"

    def pieces(self) -> list[tuple[str, Item]]:
        """Each item with what stands before it."""
        return list(zip(words.joints(self.items, self.word), self.items, strict=True))

    def __str__(self) -> str:
        joined = "".join(before + item.text for before, item in self.pieces())
        return " ".join(text for text in (self.before, joined) if text) + self.after


def rule(version: Version, statement: Statement, language: str) -> tuple[Line, ...]:
    """The lines of the rule of a statement."""
    lines: list[Line] = []
    match statement:
        case Collects():
            lines += _collects(version, statement, language)
        case Uses():
            lines += _data(version, statement.data)
            lines += _terms(version, "Used for", "purpose", statement.purposes)
            lines += _text("Automated decision", _in(statement.automated, language))
        case Shares():
            lines += _shares(version, statement, language)
        case Never():
            lines += _never(version, statement)
        case Protects():
            lines += _terms(version, "By", "safeguard", statement.by)
            lines += _terms(version, "Data", "data", statement.data)
        case Choice():
            lines += _choice(version, statement)
        case Rights():
            lines += _rights(statement, language)
        case Claim():
            lines += _claim(statement, language)
        case Answer():
            lines += _answer(version, statement)
    if isinstance(statement, Gated):
        lines += _gates(version, statement, language)
    lines += _where(version, statement)
    return tuple(lines)


# --- what several kinds of statements have ---------------------------------------------------------------------------


def _text(label: str, text: str | None) -> list[Line]:
    return [Line(label, (Item(text),))] if text else []


def _in(text: Text | None, language: str) -> str | None:
    return None if text is None else text.in_(language)


def _terms(version: Version, label: str, kind: str, terms: Iterable[str]) -> list[Line]:
    labels = [version.vocabulary.label(kind, term) for term in terms]
    return [Line(label, tuple(_run_in(labels)))] if labels else []


def _run_in(labels: list[str]) -> list[Item]:
    return [Item(words.capital(text) if index == 0 else words.small(text)) for index, text in enumerate(labels)]


def _data(version: Version, terms: tuple[str, ...]) -> list[Line]:
    return _terms(version, "Data", "data", terms) or [Line("Data", (Item("All data"),))]


def _choices(ids: Iterable[str]) -> tuple[Item, ...]:
    return tuple(Item(f"‘{words.choice(id)}’", statement=id) for id in ids)


def _gates(version: Version, statement: Gated, language: str) -> list[Line]:
    lines: list[Line] = []
    if statement.unless:
        lines.append(
            Line("Your choice", _choices(statement.unless), "Unless you are out of", ". You can refuse.", "or")
        )
    if statement.only_if:
        lines.append(Line("Your choice", _choices(statement.only_if), "Only if you agree to", "."))
    if statement.given:
        lines.append(Line("Only when", tuple(_condition(version, condition) for condition in statement.given)))
    lines += _terms(version, "What comes with it", "duty", statement.must)
    if statement.basis:
        interest = statement.interest.in_(language) if statement.interest else ""
        lines += _text("Legal basis", words.BASES[statement.basis] + (f": {interest}" if interest else ""))
    return lines


def _condition(version: Version, condition: str) -> Item:
    if any(claim.id == condition for claim in version.claims):
        return Item(f"the claim ‘{words.choice(condition)}’ is current", statement=condition)
    return Item(version.vocabulary.label("condition", condition))


def _where(version: Version, statement: Statement) -> list[Line]:
    if not statement.where:
        return [Line("Where", (Item("On every site and product of this policy"),))]
    items = []
    for id in statement.where:
        covered = version.covered(id)
        items.append(Item(covered.name if covered else id, product=id))
    return [Line("Where", tuple(items), "Only on")]


# --- each kind of statement ------------------------------------------------------------------------------------------


def _collects(version: Version, statement: Collects, language: str) -> list[Line]:
    lines = _data(version, statement.data)
    if statement.sources:
        lines += _text("Comes from", words.capital(words.listed(words.SOURCES[source] for source in statement.sources)))
    lines += _terms(version, "By way of", "means", statement.by)
    lines += _terms(version, "When", "moment", statement.when)
    if statement.required:
        otherwise = statement.otherwise.in_(language) if statement.otherwise else ""
        lines += _text("Must you?", f"Yes. {otherwise}".strip())
    elif "person" in statement.sources:
        lines += _text("Must you?", "No, it is up to you.")
    lines += _terms(version, "Used for", "purpose", statement.purposes)
    lines += _text("Kept", words.capital(words.period(statement.keeps)) if statement.keeps else "No period is stated.")
    lines += _terms(version, "Sensitive", "data", statement.sensitive)
    for tracker in statement.trackers:
        lines += _text("Tracker", _tracker(tracker, language))
    return lines


def _tracker(tracker: Tracker, language: str) -> str:
    setter = tracker.by or tracker.host or ("the site itself" if tracker.party == "first" else "a third party")
    about = f" {tracker.about.in_(language)}" if tracker.about else ""
    life = words.period(tracker.lifetime)
    necessary = ", strictly necessary" if tracker.necessary else ""
    return f"‘{tracker.name or tracker.id}’, from {setter}; lives {life}{necessary}.{about}"


def _shares(version: Version, statement: Shares, language: str) -> list[Line]:
    lines = _data(version, statement.data)
    items = []
    for id in statement.recipients:
        recipient = version.recipient(id)
        if recipient is None:
            items.append(Item(version.vocabulary.label("recipient", id)))
        else:
            kind = words.small(version.vocabulary.label("recipient", recipient.kind))
            items.append(Item(f"{recipient.name} ({kind})", link=recipient.site))
    lines.append(Line("Goes to", tuple(items)))
    lines += _terms(version, "Used for", "purpose", statement.purposes)
    if statement.transfer:
        transfer = statement.transfer
        rests = words.TRANSFER_BASES[transfer.by]
        claim = (Item(f"‘{words.choice(transfer.claim)}’", statement=transfer.claim),) if transfer.claim else ()
        lines.append(Line("Other countries", claim, f"{words.listed(transfer.to)}, which rests on {rests}"))
        lines += _text("A copy of that", _in(transfer.copy, language))
    return lines


def _never(version: Version, statement: Never) -> list[Line]:
    lines = _text("We never", words.listed((words.ACTIONS[action] for action in statement.actions), "or"))
    lines += _terms(version, "Data", "data", statement.data) or _text("Data", "Any data")
    lines += _terms(version, "For", "purpose", statement.purposes) or _text("For", "Any purpose")
    if statement.recipients:
        names = [
            recipient.name if (recipient := version.recipient(id)) else version.vocabulary.label("recipient", id)
            for id in statement.recipients
        ]
        lines.append(Line("To", tuple(map(Item, names)), word="or"))
    elif set(statement.actions) - {"collect", "use"}:
        lines += _text("To", "Anybody")
    return [*lines, *_text("Exceptions", "None. Nothing overrides it.")]


def _choice(version: Version, statement: Choice) -> list[Line]:
    lines = _text(
        "How it works",
        "We do it until you refuse." if statement.model == "opt-out" else "We do not do it until you agree.",
    )
    governed = [
        gated
        for gated in version.statements
        if isinstance(gated, Gated)
        and any(gate == statement.id or gate.startswith(f"{statement.id}.") for gate in (*gated.unless, *gated.only_if))
    ]
    if governed:
        items = tuple(Item(words.title(gated.id), statement=gated.id) for gated in governed)
        lines.append(Line("It decides about", items))
    lines += _page(statement.at)
    if statement.signals:
        signals = words.listed(words.SIGNALS[signal] for signal in statement.signals)
        lines += _text("Your browser", f"A signal of your browser counts as refusing: {signals}.")
    lines += _text("In force", f"Within {words.period(statement.within)}" if statement.within else "At once")
    lines += _text("Lasts", words.capital(words.period(statement.lasts)) if statement.lasts else "Until you change it")
    if statement.link_works:
        lines += _text("Link in a mail", f"Works for {words.period(statement.link_works)}")
    needs = words.listed(words.NEEDS[need] for need in statement.needs)
    lines += _text("It takes", words.capital(needs) if needs else "No login, no fee, no more data about you")
    return lines


def _rights(statement: Rights, language: str) -> list[Line]:
    lines = _page(statement.at)
    if statement.within:
        lines += _text("Answered", f"Within {words.period(statement.within)}")
    if statement.confirm_within:
        lines += _text("Confirmed", f"Within {words.period(statement.confirm_within)}")
    lines += _text("How we know you", _in(statement.identity, language))
    lines += _text("Somebody for you", _in(statement.agents, language))
    return lines


def _claim(statement: Claim, language: str) -> list[Line]:
    lines = _text("Framework", statement.framework and words.title(statement.framework))
    lines += _text("Since", words.day(statement.since))
    if statement.void:
        lines += _text("Void since", f"{words.day(statement.void.on)}. {statement.void.why.in_(language)}")
    elif statement.until:
        lines += _text("Until", words.day(statement.until))
    lines += _text("Scope", _in(statement.scope, language))
    if statement.recourse:
        lines += _text("Complaints", "It settles complaints" + (", free of charge." if statement.free else "."))
    if statement.verified:
        how = "By ourselves" if statement.verified.by == "self" else "From outside"
        lines += _text("Verified", f"{how}, on {words.day(statement.verified.on)}, by {statement.verified.signer}")
    if statement.next:
        lines += _text("Due again", words.day(statement.next))
    if statement.site:
        lines.append(Line("Check it", (Item(statement.site.removeprefix("https://"), link=statement.site),)))
    return lines


def _answer(version: Version, statement: Answer) -> list[Line]:
    lines = []
    if statement.email:
        lines.append(Line("Write to", (Item(statement.email, link=f"mailto:{statement.email}"),)))
    lines += _page(statement.at)
    if statement.within:
        lines += _text("Answered", f"Within {words.period(statement.within)}")
    if statement.ahead:
        lines += _text("Told ahead", f"{words.capital(words.period(statement.ahead))} before")
    if statement.then:
        recipient = version.recipient(statement.then)
        claim = next((one for one in version.claims if one.id == statement.then), None)
        named = (claim.programme if claim else None) or words.title(statement.then)
        item = Item(recipient.name) if recipient else Item(named, statement=statement.then)
        lines.append(Line("After that", (item,)))
    if statement.free:
        lines += _text("Costs", "Nothing")
    return lines


def _page(at: str | None) -> list[Line]:
    if not at:
        return []
    if at.startswith(("https://", "http://")):
        return [Line("Page", (Item(at, link=at),))]
    name = at.strip("/")
    return [Line("Page", (Item(words.title(name), page=name if name in PAGES else None),))]
