"""Policies that the tests of the notice share."""

from datetime import UTC, datetime
from pathlib import Path

import troth
from troth.policy.reading import parse_version

EXAMPLE = Path(__file__).parents[2] / "examples" / "citrix-online"
FLAGSHIP = troth.Policy.read(EXAMPLE)
IN_2016 = datetime(2016, 1, 1, tzinfo=UTC)

THREE_TONGUES = """
policy: tongues
title: {en: Privacy, de: Datenschutz, ar: الخصوصية}
effective: 2020-01-01
says: {en: We promise., de: Wir versprechen es., ar: نحن نعد بذلك.}
publisher: {name: Example, address: 1 Street, email: privacy@example.org}
covers:
  shop: {name: Shop, site: https://shop.example, product: true}
collects:
  order:
    says: {en: We ask for your name., de: Wir fragen nach Ihrem Namen., ar: نطلب اسمك.}
    data: identity.name
    from: person
    for: service.provide
  greeting:
    says: {en: We send you greetings if you agree., de: Wir grüßen Sie mit Ihrer Zustimmung.}
    data: contact.email
    from: person
    for: marketing.own
    only_if: greetings
choices:
  greetings: {says: {en: You agree to greetings., ar: توافق على التحيات.}, model: opt-in}
"""
TONGUES = troth.Policy([parse_version(THREE_TONGUES.encode(), "tongues.yaml")])
IN_2020 = datetime(2020, 6, 1, tzinfo=UTC)
