"""The gate `collect`: data comes in when a statement says so, and is kept with the statement, the version and its end.

A submission is taken whole or not at all. What it holds is asked of the decision point in the very transaction that
stores it, by the choices that stand there, so that nothing is stored after a refusal was acknowledged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import msgspec

from troth.decision.point import DecisionPoint
from troth.decision.question import REASONS, Decision, State
from troth.gates.errors import GateError
from troth.gates.fields import Dropped, Field, read_fields, spelling
from troth.gates.tally import NOBODYS, Tally
from troth.people import Identifier, People
from troth.people.changes import CURRENT_OF, in_and_out, read_current
from troth.people.errors import IdentifierError
from troth.people.identifiers import normalise
from troth.people.reading import Who
from troth.people.strictness import effective
from troth.policy.model import Collects, Version
from troth.policy.problems import nearest
from troth.store import Unit
from troth.vault import NewItem, Origin, Vault

AT_ONCE = 200  # submissions in one transaction
REFUSALS = frozenset({*REASONS, "undecided", "undeclared"})  # the codes of what was decided, not of what is no question


class Submission(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be collected: the statement that it comes under, and values by data term.

    `who` is the person; without it, the e-mail address among the fields says whose data it is. `in_browser`: it comes
    from the person's own browser, from which nothing optional of the device is collected before they have agreed.
    """

    statement: str
    fields: Mapping[str, object]
    who: Who | None = None
    product: str | None = None
    moment: str | None = None
    in_browser: bool = False


class Collected(msgspec.Struct, frozen=True, kw_only=True):
    """What was stored, durably. `leaf` is the index of its entry in the record; `duties` come with the allowance."""

    person: str
    leaf: int
    statement: str
    version: str
    sentence: str
    stored: tuple[str, ...]
    dropped: tuple[Dropped, ...] = ()
    masked: tuple[str, ...] = ()
    duties: tuple[str, ...] = ()


class Collecting:
    """The gate over one vault and one decision point. Safe to share between threads. `tally` counts what is decided."""

    def __init__(self, vault: Vault, point: DecisionPoint, tally: Tally | None = None) -> None:
        self._tally = tally
        self._vault = vault
        self._people: People = vault.people
        self._point = point

    def collect(self, submission: Submission) -> Collected:
        """Store a submission; what was stored and what was not, once it is durable.

        GateError: it is refused, and nothing was stored. StoreUnavailableError: the same, and it may be tried again.
        """
        (outcome,) = self.collect_many([submission])
        if isinstance(outcome, GateError):
            raise outcome
        return outcome

    def collect_many(self, submissions: Sequence[Submission]) -> list[Collected | GateError]:
        """Store each submission that is allowed; what became of each, in order. One does not fail for another.

        StoreUnavailableError: those before the failed transaction are stored; trying again stores them twice.
        """
        outcomes: list[Collected | GateError] = []
        for start in range(0, len(submissions), AT_ONCE):
            chunk = submissions[start : start + AT_ONCE]
            done = self._people.write(self._work(chunk))
            if self._tally is not None:
                self._count(self._tally, done)
            outcomes += done
        return outcomes

    def _count(self, tally: Tally, outcomes: Sequence[Collected | GateError]) -> None:
        """Count each submission by its statement, and each field of one that was taken without it.

        What cannot be asked at all was not decided, so it is not counted.
        """
        at = self._people.store.clock()
        version = self._point.policy.in_force(at)
        for one in outcomes:
            if isinstance(one, Collected):
                tally.count("collect", one.statement, one.version, True, at)
                refused = sum(field.reason in REFUSALS for field in one.dropped)  # the others were empty
                if refused:
                    tally.count("collect", one.statement, one.version, False, at, refused)
            elif one.code in REFUSALS:
                of = "" if version is None else version.id
                tally.count("collect", one.statement or NOBODYS, of, False, at)

    def _work(self, submissions: Sequence[Submission]) -> Callable[[Unit], list[Collected | GateError]]:
        def work(unit: Unit) -> list[Collected | GateError]:
            outcomes: list[Collected | GateError] = []
            for submission in submissions:
                try:
                    outcomes.append(self._collect(unit, submission))
                except GateError as refusal:  # it is raised before anything of the submission is written
                    outcomes.append(refusal)
            return outcomes

        return work

    def _collect(self, unit: Unit, submission: Submission) -> Collected:
        version = self._version(unit.at)
        statement = _statement(version, submission.statement)
        _check_place(version, statement, submission)
        fields, dropped = read_fields(version, statement, submission.fields)
        who = submission.who if submission.who is not None else _whose(fields)
        person = self._people.seek(unit, who)
        current = {} if person is None else read_current(unit.rows(CURRENT_OF, {"of_person": person.id}))
        states = in_and_out(current)
        if submission.in_browser and ("device" in statement.sources or statement.trackers):
            _check_agreed(statement, states)
        kept: list[Field] = []
        duties: dict[str, None] = {}
        for field in fields:
            decision = self._decide(statement, submission, field.data, states, unit.at)
            if decision.allowed and statement.id in decision.statements:
                kept.append(field)
                duties |= dict.fromkeys(decision.duties)
                continue
            refusal = _refused(statement, field, decision, states)
            if statement.required:
                raise refusal
            dropped.append(Dropped(field.data, refusal.code, refusal.sentence))
        if not kept:
            first = dropped[0]
            raise GateError(
                first.reason, f"Nothing of it may be collected: {REASONS.get(first.reason, first.reason)}",
                field=first.field, statement=statement.id, sentence=first.sentence,
            )  # fmt: skip
        person = person or self._people.resolve(unit, who)
        origin = Origin(statement.id, version.policy, version.id, submission.product, submission.moment)
        leaf = self._vault.put(
            unit,
            person,
            origin,
            [NewItem(one.data, one.value, statement.keeps, spelling(version, one)) for one in kept],
        )
        return Collected(
            person=person.id,
            leaf=leaf,
            statement=statement.id,
            version=version.id,
            sentence=str(statement.says),
            stored=tuple(one.data for one in kept),
            dropped=tuple(dropped),
            masked=tuple(one.data for one in kept if one.masked),
            duties=tuple(duties),
        )

    def _version(self, at: datetime) -> Version:
        version = self._point.policy.in_force(at)
        if version is None:
            raise GateError("no-policy-in-force", "No version of the policy is in force, so nothing is collected.")
        return version

    def _decide(
        self, statement: Collects, submission: Submission, data: str, states: Mapping[str, State], at: datetime
    ) -> Decision:
        """The decision for one field. Conditions are not the caller's to vouch for, so none is given here."""
        return self._point.decide(
            action="collect", data=data, product=submission.product, moment=submission.moment,
            choices=states, at=at,
        )  # fmt: skip


def _statement(version: Version, id: str) -> Collects:
    for statement in version.collects:
        if statement.id == id:
            return statement
    known = [statement.id for statement in version.collects]
    near = nearest(id, known)
    hint = f" Did you mean '{near}'?" if near else ""
    raise GateError("unknown-statement", f"The policy in force collects nothing under '{id[:100]}'.{hint}")


def _check_place(version: Version, statement: Collects, submission: Submission) -> None:
    """The product is covered and the statement speaks of it; the moment is one of the statement's."""
    product, moment = submission.product, submission.moment
    about = {"statement": statement.id, "sentence": str(statement.says)}
    if product is not None and version.covered(product) is None:
        known = [covered.id for covered in version.covers]
        near = nearest(product, known)
        hint = f" Did you mean '{near}'?" if near else f" It covers: {', '.join(known)}."
        raise GateError(
            "unknown-product", f"The policy does not cover '{product[:100]}'.{hint}", field="product", **about
        )
    if statement.where and product not in statement.where:
        said = "Say on which" if product is None else f"It is not collected on {product}. Say on which"
        raise GateError(
            "not-stated", f"{said} site or product it is collected: {', '.join(statement.where)}.", field="product",
            **about,
        )  # fmt: skip
    if moment is not None and not version.vocabulary.knows("moment", moment):
        raise GateError("unknown-moment", f"'{moment[:100]}' is not a moment of collection.", field="moment", **about)
    if moment is not None and statement.when and moment not in statement.when:
        text = f"It is collected at: {', '.join(statement.when)}; not at '{moment}'."
        raise GateError("not-stated", text, field="moment", **about)


def _check_agreed(statement: Collects, states: Mapping[str, State]) -> None:
    """On the person's own device something optional waits for a yes, whatever the policy would allow without."""
    gates = (*statement.unless, *statement.only_if)
    if not gates:
        if all(tracker.necessary for tracker in statement.trackers):
            return
        text = "It uses trackers that are not strictly necessary, and no choice lets a person agree to them."
        raise GateError("undecided", text, statement=statement.id, sentence=str(statement.says))
    said = [effective(dict(states), gate) for gate in gates]
    if "in" not in said and "out" not in said:  # a refusal is for the decision to tell, with its sentence
        raise GateError(
            "undecided", f"The person has not agreed to it yet: {', '.join(gates)}.", statement=statement.id,
            sentence=str(statement.says),
        )  # fmt: skip


def _refused(statement: Collects, field: Field, decision: Decision, states: Mapping[str, State]) -> GateError:
    """The refusal of a field. Where another statement would allow it, the gate of this one that fails counts."""
    sentence, reason = decision.sentence or str(statement.says), decision.reason
    if decision.allowed:
        sentence = str(statement.says)
        out = any(effective(dict(states), name) == "out" for name in (*statement.unless, *statement.only_if))
        agreed = all(effective(dict(states), name) == "in" for name in statement.only_if)
        reason = "opted-out" if out else "condition-not-met" if agreed else "not-opted-in"
    return GateError(
        reason, f"'{field.data}' may not be collected: {REASONS.get(reason, reason)}", field=field.data,
        statement=statement.id, sentence=str(sentence),
    )  # fmt: skip


def _whose(fields: Sequence[Field]) -> Identifier:
    """Whose data it is, by the e-mail address among the fields."""
    for field in fields:
        if field.data.startswith("contact.email") and isinstance(field.value, str):
            identifier = Identifier("email", field.value)
            try:
                normalise(identifier)
            except IdentifierError as problem:
                raise GateError("bad-field", str(problem), field=field.data) from None
            return identifier
    raise GateError("whose", "Say whose data it is: give `person`, or an e-mail address among the fields.")
