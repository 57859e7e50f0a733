"""The problem of `decision_problem.py` as two other engines would be given it, each in the way that suits it best.

Cedar (`cedarpy`): a permit or forbid for each statement, terms as entities below one another, people as entities with
the sets of choices that they are in and out of; policies and entities are parsed once. It says which policies decided.

JSONLogic (`datalogic-py`): it has no index, so one is made for it: for each action, data term and purpose, the
conditions of the statements that cover them, compiled once into one rule. It says yes or no and no reason.

Neither knows that choices nest, so both get the choices with inheritance applied beforehand.
"""

from __future__ import annotations

import json
from itertools import product
from typing import Any

import cedarpy
import datalogic_py

from bench.decision_problem import (
    CHOICES,
    DATA,
    KINDS,
    PURPOSES,
    RECIPIENTS,
    Question,
    effective,
    path,
    people,
)
from troth.policy.model import Never, Shares, Uses, Version

Permit = Uses | Shares


def permits(version: Version, action: str) -> tuple[Permit, ...]:
    """Return the statements that can permit an action."""
    return version.uses if action == "use" else version.shares


class Cedar:
    """The policy as Cedar policies. A request names the person, and has the rest in its context."""

    def __init__(self, version: Version) -> None:
        statements: list[Permit | Never] = [*version.uses, *version.shares, *version.never]
        self.ids = [statement.id for statement in statements]
        self.policies = cedarpy.PolicySet.from_str("\n".join(self._policy(statement) for statement in statements))
        everybody = []
        for number, stated in enumerate(people()):
            states = effective(stated)
            sets = {way: [choice for choice in CHOICES if states.get(choice) == way] for way in ("in", "out")}
            everybody.append({"uid": self._uid("Person", str(number)), "attrs": sets, "parents": []})
        terms = [
            {
                "uid": self._uid(kind, name),
                "attrs": {},
                "parents": [self._uid(kind, above) for above in path(name)[:-1]],
            }
            for kind, names in (("Data", DATA), ("Purpose", PURPOSES), ("Recipient", KINDS + RECIPIENTS))
            for name in names
        ]
        self.entities = cedarpy.Entities.from_json_str(json.dumps(terms + everybody))

    @staticmethod
    def _uid(kind: str, name: str) -> dict[str, str]:
        return {"type": kind, "id": name}

    def _policy(self, statement: Permit | Never) -> str:
        def among(kind: str, terms: tuple[str, ...]) -> str:
            return f"[{', '.join(f'{kind}::{json.dumps(term)}' for term in terms)}]"

        if isinstance(statement, Never):
            actions = ", ".join(f'Action::"{action}"' for action in statement.actions)
            overlaps = [
                "(" + " || ".join([f"{asked} in {among(kind, terms)}"]
                                  + [f"{kind}::{json.dumps(term)} in {asked}" for term in terms]) + ")"
                for kind, asked, terms in (("Data", "resource", statement.data),
                                           ("Purpose", "context.purpose", statement.purposes))
            ]  # fmt: skip
            return f"forbid(principal, action in [{actions}], resource) when {{ {' && '.join(overlaps)} }};"
        action = "use" if isinstance(statement, Uses) else "share"
        tests = [
            f"resource in {among('Data', statement.data)}",
            f"context.purpose in {among('Purpose', statement.purposes)}",
        ]
        if isinstance(statement, Shares):
            tests.append(f"context.recipient in {among('Recipient', statement.recipients)}")
        tests += [f"!principal.out.contains({json.dumps(choice)})" for choice in statement.unless]
        tests += [f"principal[{json.dumps('in')}].contains({json.dumps(choice)})" for choice in statement.only_if]
        tests += [f"context.given.contains({json.dumps(condition)})" for condition in statement.given]
        return f'permit(principal, action == Action::"{action}", resource) when {{ {" && ".join(tests)} }};'

    def request(self, question: Question) -> dict[str, Any]:
        """Return the question as a request."""
        context: dict[str, Any] = {
            "purpose": {"__entity": self._uid("Purpose", question.purpose)},
            "given": sorted(question.given),
        }
        if question.recipient is not None:
            context["recipient"] = {"__entity": self._uid("Recipient", question.recipient)}
        return {
            "principal": self._uid("Person", str(question.person)),
            "action": self._uid("Action", question.action),
            "resource": self._uid("Data", question.data),
            "context": context,
        }

    def decide(self, requests: list[dict[str, Any]]) -> list[cedarpy.AuthzResult]:
        """Ask one by one."""
        policies, entities = self.policies, self.entities
        return [cedarpy.is_authorized(request, policies, entities) for request in requests]

    def decide_together(self, requests: list[dict[str, Any]]) -> list[cedarpy.AuthzResult]:
        """Ask all at once."""
        return cedarpy.is_authorized_batch(requests, self.policies, self.entities)

    def statements(self, result: cedarpy.AuthzResult) -> set[str]:
        """Return the ids of the statements that decided."""
        return {self.ids[int(reason.removeprefix("policy"))] for reason in result.diagnostics.reasons}


class JsonLogic:
    """The policy as compiled JSONLogic rules, found by action, data and purpose."""

    def __init__(self, version: Version) -> None:
        engine = datalogic_py.Engine()
        self.session = engine.session()
        self.rules = {
            (action, data, purpose): engine.compile(self._rule(version, action, data, purpose))
            for action, data, purpose in product(("use", "share"), DATA, PURPOSES)
        }

    @staticmethod
    def _rule(version: Version, action: str, data: str, purpose: str) -> Any:
        def overlaps(asked: str, terms: tuple[str, ...]) -> bool:
            return any(term in path(asked) or asked in path(term) for term in terms)

        for never in version.never:
            if action in never.actions and overlaps(data, never.data) and overlaps(purpose, never.purposes):
                return False
        doors = []
        for statement in permits(version, action):
            if not set(path(data)) & set(statement.data) or not set(path(purpose)) & set(statement.purposes):
                continue
            tests: list[Any] = []
            if isinstance(statement, Shares):
                tests.append({"or": [{"in": [term, {"var": "recipient"}]} for term in statement.recipients]})
            tests += [{"!==": [{"var": choice}, "out"]} for choice in map(plain, statement.unless)]
            tests += [{"===": [{"var": choice}, "in"]} for choice in map(plain, statement.only_if)]
            tests += [{"in": [condition, {"var": "given"}]} for condition in statement.given]
            doors.append({"and": tests} if tests else True)
        return {"or": doors} if doors else False

    def data(self, question: Question) -> dict[str, Any]:
        """Return the question as data: what the index does not need."""
        states = effective(people()[question.person])
        found: dict[str, Any] = {plain(choice): state for choice, state in states.items()}
        found["given"] = sorted(question.given)
        if question.recipient is not None:
            found["recipient"] = list(path(question.recipient))
        return found

    def handle(self, question: Question) -> datalogic_py.DataHandle:
        """Return the question as data that is parsed already."""
        return datalogic_py.DataHandle(json.dumps(self.data(question)))

    def decide(self, keys: list[tuple[str, str, str]], data: list[dict[str, Any]]) -> list[bool]:
        """Ask one by one, with mappings."""
        ask, rules = self.session.evaluate, self.rules
        return [ask(rules[key], some) for key, some in zip(keys, data, strict=True)]

    def decide_parsed(self, keys: list[tuple[str, str, str]], handles: list[datalogic_py.DataHandle]) -> list[bool]:
        """Ask one by one, with data that is parsed already."""
        ask, rules = self.session.evaluate_truthy, self.rules
        return [ask(rules[key], some) for key, some in zip(keys, handles, strict=True)]


def plain(choice: str) -> str:
    """Return the name of a choice without dots, which JSONLogic reads as a path."""
    return choice.replace(".", "-")
