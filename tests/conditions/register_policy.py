"""A policy in two versions with recipients of several kinds, transfers, and a framework that is struck down."""

from troth.policy.history import Policy
from troth.policy.reading import parse_version

FIRST = """\
policy: small
title: Small
effective: 2020-01-01
publisher: {name: Small Ltd, address: 1 Lane, email: privacy@small.example, country: DE}
covers:
  shop: {name: Shop, site: https://shop.example, product: true}
recipients:
  cards: {name: Cards Inc., kind: processor, country: US}
  letters: {name: Letter House, kind: processor, country: DE}
  club: {name: The Club, kind: joint}
shares:
  payments:
    says: A card firm takes your payments, under contract.
    data: [payment.card, identity]
    with: cards
    for: service.payment
    given: contract
    transfer: {to: US, by: standard-clauses}
  post:
    says: Letter houses get your address, under contract.
    data: contact
    with: letters
    for: [service.notice, service.payment]
    given: contract
  partners:
    says: Partners get your e-mail address when you were told.
    data: contact.email
    with: joint
    for: partner.programme
    given: [contract, notice-given]
  shielded:
    says: Companies of our group in the United States help us, under the framework.
    data: content
    with: group
    for: service.notice
    given: [contract, shield]
    transfer: {to: [US, IN], by: framework, claim: shield}
claims:
  shield: {says: We are in the framework., framework: dpf, since: 2020-01-01, void: {on: 2020-07-16, why: Struck down.}}
"""
# The same, with less for the letter house.
SECOND = FIRST.replace("2020-01-01\npublisher", "2021-01-01\npublisher").replace(
    "data: contact\n", "data: contact.address\n"
)


def register_policy() -> Policy:
    """The policy with both versions."""
    return Policy(parse_version(text.encode(), f"v{number}.yaml") for number, text in enumerate((FIRST, SECOND)))
