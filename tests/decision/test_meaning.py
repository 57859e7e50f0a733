"""What a decision means, rule by rule: questions and the outcomes that `docs/reference/decisions.md` states.

Each case names the rule, the question and what is decided: the reason, the deciding statements, and where it matters
the gate, the version and the duties. The reference and the kernel are both held to every case.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest

from troth.decision import reference
from troth.decision.point import DecisionPoint
from troth.decision.question import QUESTION_ERRORS, REASONS, Decision, Gate, Question, QuestionError
from troth.policy.history import Policy
from troth.policy.reading import parse_version

HEAD = """\
policy: acme
title: Privacy at Acme
publisher: {name: Acme, address: 1 Road}
"""

# The version of 2020, that of 2021 below, and the claims that lapse between them and after.
FIRST = (
    HEAD
    + """\
effective: 2020-01-01
covers:
  shop: {name: Shop}
  blog: {name: Blog}
recipients:
  cards: {name: Cards Inc., kind: processor}
uses:
  mail: {says: We write to you., data: contact.email, for: service.notice, must: postal-address}
  calls: {says: We call you., data: contact.phone, for: marketing.own, unless: marketing}
  letters: {says: We send letters., data: contact.address, for: marketing.own, where: blog}
shares:
  anybody: {says: Authorities get what the law wants., with: authority, for: legal.comply, given: legal-process}
  cards: {says: The processor gets your card., data: payment.card, with: cards, for: service.payment}
never:
  faces: {says: We never use your location for news., do: use, data: location, for: marketing}
choices:
  marketing: {says: You can refuse., model: opt-out}
"""
)

SECOND = (
    HEAD
    + """\
effective: 2021-01-01
covers:
  shop: {name: Shop}
  app: {name: App}
vocabulary:
  data:
    pet: {label: Pet, parent: identity}
    pet.name: {label: Name of the pet}
  moment:
    checkout: {label: at the checkout}
recipients:
  cards: {name: Cards Inc., kind: processor}
  helpers: {name: Helpers Inc., kind: processor.sub}
collects:
  account:
    says: When you register, we ask for your name and your pet's.
    data: [identity]
    when: [registration, trial]
    for: [service.register, service.account]
    only_if: terms
  clicks: {says: We count clicks., data: usage.clickstream, for: improve.analytics, where: shop}
uses:
  everything-for-service: {says: We serve you., data: contact, for: service, must: [minimise, confidential]}
  mail: {says: We write to you., data: contact.email, for: service, must: [postal-address, minimise]}
  mail-notice: {says: We send notices., data: [contact, contact.email], for: service.notice}
  news: {says: We send news., data: contact.email, for: marketing, unless: marketing, must: offer-opt-out}
  events: {says: We invite you., data: contact.email, for: marketing.own, unless: marketing.events, where: app}
  calls:
    {says: We call you., data: contact.phone, for: marketing.own, unless: marketing, only_if: phone, given: request}
  letters: {says: We send letters., data: contact.address, for: marketing.own}
  places: {says: The shop looks where you are., data: location, for: marketing, where: shop}
  sealed: {says: The seal lets us., data: usage.referral, for: improve.research, given: seal}
  shielded: {says: The shield lets us., data: account.id, for: improve.research, given: shield}
  two-doors: {says: Both must agree., data: content, for: improve, unless: [marketing, phone]}
shares:
  anybody: {says: Authorities get what the law wants., with: authority, for: legal.comply, given: legal-process}
  processors: {says: Processors get your address., data: contact, with: processor, for: service}
  helpers: {says: Helpers get your address., data: contact, with: helpers, for: service.support}
  subs: {says: Sub-processors too., data: contact, with: processor.sub, for: service.support}
never:
  sale: {says: We sell nothing., do: [sell, trade, rent]}
  ads: {says: No health of devices for ads., do: [use, share], data: device, for: advertising}
  tracker: {says: Trackers get no card., do: share, data: payment.card, with: third_party.tracker}
  cards-only: {says: Cards gets no name., do: share, data: identity.name, with: cards}
  app-location: {says: The app knows no place., do: [collect, use], data: location.coarse, where: app}
  location: {says: No place for news., do: collect, data: location, for: marketing}
choices:
  marketing: {says: You can refuse., model: opt-out}
  marketing.events: {says: You can refuse invitations., model: opt-out}
  marketing.events.local: {says: You can refuse local ones., model: opt-out}
  phone: {says: You can ask for calls., model: opt-in}
  terms: {says: You agree., model: opt-in}
claims:
  seal: {says: We hold the seal., programme: truste, since: 2021-02-01, until: 2021-03-01}
  shield: {says: We hold the shield., framework: shield, since: 2021-01-01, void: {on: 2021-07-16, why: A court.}}
"""
)


def read(*texts: str) -> Policy:
    return Policy(parse_version(text.encode(), f"{number}.yaml") for number, text in enumerate(texts))


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


POLICY = read(FIRST, SECOND)
POINT = DecisionPoint(POLICY)
V1, V2 = "2020-01-01", "2021-01-01"


class Case(NamedTuple):
    rule: str
    asked: dict[str, Any]
    reason: str
    statements: str = ""  # ids, the most specific first
    also: dict[str, Any] | None = None


def ask(what: str, **more: Any) -> dict[str, Any]:
    """Return the arguments of a question: "action data purpose", in 2021 unless told otherwise."""
    action, data, *purpose = what.split()
    return {"action": action, "data": data, "purpose": purpose[0] if purpose else None, "at": day("2021-06-01")} | more


def share(what: str, recipient: str, **more: Any) -> dict[str, Any]:
    return ask(f"share {what}", recipient=recipient, **more)


NEWS = "use contact.email marketing.partner"
EVENTS = "use contact.email marketing.own"
CALLS = "use contact.phone marketing.own"
OUT = {"choices": {"marketing": "out"}}

CASES = [
    # 1. The version in force.
    Case("before the first version", ask(NEWS, at=day("2019-12-31T23:59:59.999999")), "no-policy-in-force"),
    Case("in force at its moment", ask("use contact.email service.notice", at=day("2020-01-01")), "stated", "mail",
         {"version": V1}),
    Case("in force until the next", ask(CALLS, at=day("2020-12-31T23:59:59.999999")), "stated", "calls",
         {"version": V1}),
    Case("the next from its moment", ask(CALLS, at=day("2021-01-01")), "not-opted-in", "calls", {"version": V2}),
    # 2. What the policy covers.
    Case("a product that it covers no longer", ask(NEWS, product="blog"), "not-covered", "", {"version": V2}),
    Case("not covered comes before never", ask("use device.cookie advertising", product="blog"), "not-covered"),
    Case("not covered comes before expired", ask(NEWS, product="blog", expires=day("2021-01-01")), "not-covered"),
    # 3. What may no longer be kept.
    Case("expired at its moment", ask(NEWS, expires=day("2021-06-01")), "expired", "", {"version": V2}),
    Case("not expired before", ask(NEWS, at=day("2021-05-31T23:59:59.999999"), expires=day("2021-06-01")), "stated",
         "news"),
    Case("expired comes before never", ask("use device.cookie advertising", expires=day("2021-01-01")), "expired"),
    # 4. Never: overlapping in each dimension that both state.
    Case("never in all dimensions", ask("sell contact.email", recipient="public"), "never", "sale",
         {"sentence": "We sell nothing.", "gate": None, "duties": ()}),
    Case("never a narrower term", ask("use device.cookie advertising.targeted"), "never", "ads"),
    Case("never a wider purpose", ask("use device advertising"), "never", "ads"),
    Case("a narrower data term forbids the wider one", share("payment service.payment", "third_party.tracker"), "never",
         "tracker"),
    Case("a narrower recipient forbids the wider one", share("payment.card service.payment", "third_party"), "never",
         "tracker"),
    Case("a declared recipient forbids its kind", share("identity.name service.payment", "processor"), "never",
         "cards-only"),
    Case("another recipient is not meant", share("identity.name service.payment", "helpers"), "not-stated"),
    Case("another purpose is not meant", ask("use device.cookie improve.analytics"), "not-stated"),
    Case("another action is not meant", ask("collect device.cookie advertising"), "not-stated"),
    Case("never on the product", ask("use location.coarse service.provide", product="app"), "never", "app-location"),
    Case("not on another product", ask("use location.coarse service.provide", product="shop"), "not-stated"),
    Case("a question without a product speaks of all", ask("use location.coarse service.provide"), "never",
         "app-location"),
    Case("so does one without a purpose", ask("collect location"), "never", "app-location location"),
    Case("all that match, the most specific first", ask("collect location.coarse marketing", product="app"), "never",
         "app-location location"),
    # 5. Candidates.
    Case("what is not said is not done", ask("use payment.card marketing.own"), "not-stated", "", {"version": V2}),
    Case("a narrower statement does not cover a wider question", ask("use contact marketing"), "not-stated"),
    Case("a wider statement covers a narrower question", ask("use contact.phone service.support"), "stated",
         "everything-for-service"),
    Case("collecting for a purpose permits the use", ask("use identity.name service.account", choices={"terms": "in"}),
         "stated", "account"),
    Case("using does not permit collecting", ask("collect contact.email service.notice"), "not-stated"),
    Case("collecting may leave the purpose out", ask("collect identity.name", choices={"terms": "in"}), "stated",
         "account"),
    Case("at one of its moments", ask("collect identity.name", moment="trial", choices={"terms": "in"}), "stated",
         "account"),
    Case("not at another", ask("collect identity.name", moment="visit", choices={"terms": "in"}), "not-stated"),
    Case("any moment where it names none", ask("collect usage.clickstream", moment="visit", product="shop"), "stated",
         "clicks"),
    Case("on the product", ask("collect usage.clickstream improve.analytics", product="shop"), "stated", "clicks"),
    Case("not on another one", ask("collect usage.clickstream improve.analytics", product="app"), "not-stated"),
    Case("a limited statement does not cover all", ask("collect usage.clickstream improve.analytics"), "not-stated"),
    Case("nothing permits to sell", ask("sell contact.email", recipient="cards", at=day("2020-06-01")), "not-stated"),
    Case("a statement without data speaks of all",
         share("payment.card legal.comply", "authority", given=["legal-process"]), "stated", "anybody"),
    Case("an own term covers those below it", ask("use pet.name service.account", choices={"terms": "in"}), "stated",
         "account"),
    Case("a declared recipient is of its kind", share("contact.email service.payment", "helpers"), "stated",
         "processors"),
    # The order of the statements.
    Case("data, then purpose, then the order of the file", ask("use contact.email service.notice"), "stated",
         "mail-notice mail everything-for-service",
         {"duties": ("postal-address", "minimise", "confidential"), "sentence": "We send notices."}),
    Case("the longest of several terms counts", ask("use contact.phone service.notice"), "stated",
         "mail-notice everything-for-service"),
    Case("a declared recipient before any kind", share("contact.email service.support", "helpers"), "stated",
         "helpers subs processors"),
    # 6 and 7. Gates.
    Case("unset is not out", ask(NEWS), "stated", "news", {"duties": ("offer-opt-out",)}),
    Case("opted out", ask(NEWS, **OUT), "opted-out", "news",
         {"gate": Gate("unless", "marketing"), "sentence": "We send news.", "duties": ()}),
    Case("opt-in fails closed", ask("collect identity.name"), "not-opted-in", "account",
         {"gate": Gate("only_if", "terms")}),
    Case("out is not in", ask("collect identity.name", choices={"terms": "out"}), "not-opted-in", "account"),
    Case("unless comes first", ask(CALLS, **OUT), "opted-out", "calls", {"gate": Gate("unless", "marketing")}),
    Case("then only_if", ask(CALLS, choices={"marketing": "in"}), "not-opted-in", "calls",
         {"gate": Gate("only_if", "phone")}),
    Case("then given", ask(CALLS, choices={"phone": "in"}), "condition-not-met", "calls",
         {"gate": Gate("given", "request")}),
    Case("all pass", ask(CALLS, choices={"phone": "in"}, given=["request"]), "stated", "calls"),
    Case("several must all pass, in their order", ask("use content improve.product", choices={"phone": "out"}),
         "opted-out", "two-doors", {"gate": Gate("unless", "phone")}),
    Case("the most specific candidate says why", ask(EVENTS, product="app", **OUT), "opted-out", "events news",
         {"gate": Gate("unless", "marketing.events")}),
    Case("one that stands suffices", ask(EVENTS, product="app", choices={"marketing.events": "out"}), "stated", "news"),
    # Choices nest.
    Case("out of the whole is out of the part", ask(EVENTS, product="app", **OUT), "opted-out", "events news"),
    Case("unless the part is set itself",
         ask(EVENTS, product="app", choices={"marketing": "out", "marketing.events": "in"}), "stated", "events"),
    Case("the part says nothing of the whole", ask(NEWS, choices={"marketing.events": "out"}), "stated", "news"),
    Case("nor of what stands between", ask(EVENTS, product="app", choices={"marketing.events.local": "out"}), "stated",
         "events news"),
    # Conditions that are claims.
    Case("a claim holds from its day", ask("use usage.referral improve.research", at=day("2021-02-01")), "stated",
         "sealed"),
    Case("not before", ask("use usage.referral improve.research", at=day("2021-01-31T23:59:59.999999")),
         "condition-not-met", "sealed", {"gate": Gate("given", "seal")}),
    Case("until its end", ask("use usage.referral improve.research", at=day("2021-02-28T23:59:59.999999")), "stated",
         "sealed"),
    Case("its end excluded", ask("use usage.referral improve.research", at=day("2021-03-01")), "condition-not-met",
         "sealed"),
    Case("the caller's word does not revive it", ask("use usage.referral improve.research", given=["seal"]),
         "condition-not-met", "sealed"),
    Case("nor is it needed", ask("use account.id improve.research"), "stated", "shielded"),
    Case("void from that day", ask("use account.id improve.research", at=day("2021-07-16"), given=["shield"]),
         "condition-not-met", "shielded", {"gate": Gate("given", "shield")}),
    # 8. Data collected under another version.
    Case("both allow, with the duties of both", ask("use contact.email service.notice", collected_under=V1), "stated",
         "mail-notice mail everything-for-service",
         {"version": V2, "duties": ("postal-address", "minimise", "confidential")}),
    Case("the older one does not say it", ask(NEWS, collected_under=V1), "collected-under", "",
         {"version": V1, "sentence": None, "gate": None}),
    Case("the older one refuses by a gate", ask(CALLS, collected_under=V1, given=["request"],
         choices={"marketing": "out", "phone": "in"}), "opted-out", "calls", {"version": V2}),
    Case("the older one forbids", ask("use location marketing", product="shop", collected_under=V1), "collected-under",
         "faces", {"version": V1, "gate": None, "sentence": "We never use your location for news."}),
    Case("agreed to the present one since", ask(NEWS, collected_under=V1, accepted=V2), "stated", "news",
         {"version": V2}),
    Case("agreed to an older one only", ask(NEWS, collected_under=V1, accepted=V1), "collected-under"),
    Case("collected under the present one", ask(NEWS, collected_under=V2), "stated", "news"),
    Case("collected under a later one", ask("use contact.email service.notice", at=day("2020-06-01"),
         collected_under=V2), "stated", "mail", {"version": V1, "duties": ("postal-address", "minimise",
                                                                         "confidential")}),
    Case("agreed to a later one", ask(CALLS, at=day("2020-06-01"), collected_under=V2, accepted=V2), "stated", "calls",
         {"version": V1}),
    Case("a gate of the other version", ask(CALLS, at=day("2020-06-01"), collected_under=V2), "collected-under",
         "calls", {"version": V2, "gate": Gate("only_if", "phone"), "sentence": "We call you."}),
    Case("a product that only the present one covers", ask("use contact.email service.notice", product="app",
         collected_under=V1), "collected-under", "", {"version": V1}),
    Case("without the product both allow", ask("use contact.address marketing.own", collected_under=V2), "stated",
         "letters"),
    Case("limited to a product in the older one", ask("use contact.address marketing.own", collected_under=V1),
         "collected-under", "", {"version": V1}),
    # A term that a version does not know is not stated there, not even by a statement that speaks of all data.
    Case("known now", share("pet.name legal.comply", "authority", given=["legal-process"]), "stated", "anybody"),
    Case("not known then", share("pet.name legal.comply", "authority", given=["legal-process"], collected_under=V1),
         "collected-under", "", {"version": V1}),
    Case("not known yet", share("pet.name legal.comply", "authority", given=["legal-process"], at=day("2020-06-01")),
         "not-stated", "", {"version": V1}),
    Case("a recipient not declared then", share("contact.email service.payment", "helpers", collected_under=V1),
         "collected-under", "", {"version": V1}),
]  # fmt: skip


def reference_point(arguments: dict[str, Any]) -> Decision:
    return reference.decide(POLICY, Question(**arguments | {"given": frozenset(arguments.get("given", ()))}))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule.replace(" ", "-"))
def test_meaning(case: Case) -> None:
    for decision in (reference_point(case.asked), POINT.decide(**case.asked)):
        assert (decision.reason, " ".join(decision.statements)) == (case.reason, case.statements)
        also = case.also or {}
        assert {field: getattr(decision, field) for field in also} == also
        assert decision.allowed == (decision.reason == "stated")
        assert decision.allowed or decision.duties == ()


def test_every_reason_has_a_case() -> None:
    assert {case.reason for case in CASES} == set(REASONS)


# What cannot be asked: the change to a sound question, and the code and the field of the mistake.
GOOD = share("contact.email service.payment", "cards")
MISTAKES = [
    ({"action": "keep"}, "unknown-action", "action"),
    ({"data": "contact.e-mail"}, "unknown-data", "data"),
    ({"purpose": "service.pay"}, "unknown-purpose", "purpose"),
    ({"recipient": "card"}, "unknown-recipient", "recipient"),
    ({"product": "shed"}, "unknown-product", "product"),
    ({"action": "collect", "recipient": None, "moment": "visits"}, "unknown-moment", "moment"),
    ({"choices": {"market": "in"}}, "unknown-choice", "choices"),
    ({"choices": {"marketing": "off"}}, "bad-state", "choices"),
    ({"choices": {"marketing": None}}, "bad-state", "choices"),
    ({"given": ["contracts"]}, "unknown-condition", "given"),
    ({"collected_under": "2020"}, "unknown-version", "collected_under"),
    ({"accepted": "2020"}, "unknown-version", "accepted"),
    ({"at": datetime(2021, 6, 1)}, "bad-time", "at"),  # noqa: DTZ001 - that is the mistake
    ({"expires": datetime(2021, 6, 1)}, "bad-time", "expires"),  # noqa: DTZ001
    ({"purpose": None}, "missing", "purpose"),
    ({"recipient": None}, "missing", "recipient"),
    ({"action": "use"}, "not-taken", "recipient"),
    ({"moment": "visit"}, "not-taken", "moment"),
    # Mistakes are found where they play no part, too.
    ({"expires": day("2021-01-01"), "collected_under": "2020"}, "unknown-version", "collected_under"),
    ({"product": "blog", "choices": {"market": "in"}}, "unknown-choice", "choices"),
    ({"product": "blog", "accepted": "2020"}, "unknown-version", "accepted"),
    ({"at": day("2019-01-01"), "data": "contact.e-mail"}, "unknown-data", "data"),
]


@pytest.mark.parametrize(("change", "code", "field"), MISTAKES)
def test_mistakes(change: dict[str, Any], code: str, field: str) -> None:
    for decide in (reference_point, lambda arguments: POINT.decide(**arguments)):
        with pytest.raises(QuestionError) as caught:
            decide(GOOD | change)
        assert (caught.value.code, caught.value.field) == (code, field)


def test_every_mistake_has_a_case() -> None:
    assert {code for _, code, _ in MISTAKES} == set(QUESTION_ERRORS)


def test_a_mistake_suggests_the_nearest_word() -> None:
    with pytest.raises(QuestionError, match=r"Did you mean 'contact\.email'\?"):
        POINT.decide(action="use", data="contact.e-mail", purpose="service")
