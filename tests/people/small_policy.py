"""A small policy in four versions, with choices of every sort."""

from troth.policy.history import Policy
from troth.policy.reading import parse_version

FIRST = """\
policy: small
title: Small
effective: 2020-01-01
publisher: {name: Small Ltd, address: 1 Lane, email: privacy@small.example}
covers:
  shop: {name: Shop, site: https://shop.example, product: true}
  blog: {name: Blog, site: https://blog.example}
uses:
  news: {says: We mail you news., data: [contact.email], for: [marketing.own], unless: marketing.news}
  counting: {says: We count visits., data: [usage.clickstream], for: [improve.analytics], unless: analytics}
  offers: {says: Partners mail you if you agree., data: [contact.email], for: [marketing.partner], only_if: partners}
choices:
  marketing: {says: You can refuse marketing., model: opt-out, at: choices}
  marketing.news: {says: You can refuse news., model: opt-out, at: choices}
  analytics: {says: You can refuse to be counted., model: opt-out, signals: [gpc], at: choices}
  partners: {says: You can agree to mail of partners., model: opt-in, lasts: 12 months, at: choices}
  partners.events: {says: You can agree to invitations., model: opt-in, signals: [gpc], at: choices}
"""
# News may be sent to the telephone too (asks those of marketing.news), and the rest is as it was.
SECOND = FIRST.replace("2020-01-01", "2021-01-01").replace(
    "We mail you news., data: [contact.email]", "We send you news., data: [contact.email, contact.phone]"
)
# Something new that no choice stops: everybody.
THIRD = SECOND.replace("2021-01-01", "2022-01-01").replace(
    "uses:\n", "uses:\n  health: {says: We use your name to advertise., data: [identity.name], for: [marketing.own]}\n"
)
# Only words.
FOURTH = THIRD.replace("2022-01-01", "2023-01-01").replace("You can refuse news.", "You may refuse news.")


def small_policy() -> Policy:
    """The policy with all its versions."""
    texts = (FIRST, SECOND, THIRD, FOURTH)
    return Policy(parse_version(text.encode(), f"v{number}.yaml") for number, text in enumerate(texts))
