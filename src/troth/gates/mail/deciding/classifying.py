"""Whether a message on a service stream is what it says: signs of bulk mail hold it, and never let anything through.

The stream of the credential says what a message is. Its headers may only make that stricter: `X-Troth-Stream` can name
a marketing stream on a credential for service mail, and nothing else. On a service stream, headers that only lists have
hold the message, and so do two different signs in its text: it waits for staff, who release or drop it. Marketing is
never looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from troth.gates.mail.streams import Stream, StreamError, Streams
from troth.policy.model import Version

NAMES_STREAM = "x-troth-stream"
# Headers that mail to a list has and a message to one person has not (RFC 2369, RFC 2919, RFC 8058).
LIST_HEADERS = frozenset((
    "list-unsubscribe", "list-unsubscribe-post", "list-id", "list-post", "list-owner", "list-archive", "list-subscribe",
    "feedback-id", "x-campaign", "x-campaignid", "x-mailer-list",
))  # fmt: skip
BULK = frozenset(("bulk", "list", "junk"))  # values of Precedence (RFC 3834, section 3.1.8, names them)
TEXT_SIGNS: dict[str, re.Pattern[str]] = {
    "it says how to unsubscribe": re.compile(
        r"unsubscribe|opt[ -]out|abbestellen|newsletter abmelden|désinscri|désabonn|uitschrijven|darse de baja"
        r"|disiscriv|cancelar a subscri",
        re.IGNORECASE,
    ),
    "it offers to be read in the browser": re.compile(
        r"(view|read|open|see) (this|it)?( e-?mail| message)? ?(in|on) (your|a|the) (web )?browser"
        r"|im browser (ansehen|öffnen)|dans (votre|le) navigateur",
        re.IGNORECASE,
    ),
    "it offers a price": re.compile(
        r"\b\d{1,2} ?% (off|discount|rabatt|de réduction|de descuento|korting|sconto)|\bcoupon\b|\bpromo(tion)? code\b"
        r"|\blimited[- ]time offer\b|\bspecial offer\b|\bbuy now\b|\bshop now\b",
        re.IGNORECASE,
    ),
    "it calls itself a newsletter": re.compile(r"\bnewsletter\b", re.IGNORECASE),
    "it counts who opens it": re.compile(
        r"<img\b(?=[^>]*\bwidth=[\"']?1[\"'\s/>])(?=[^>]*\bheight=[\"']?1[\"'\s/>])|[?&]utm_(campaign|source|medium)=",
        re.IGNORECASE,
    ),
}
ENOUGH = 2  # signs in the text, each of another kind


class Classified(msgspec.Struct, frozen=True):
    """The stream that a message goes as, whether that is marketing, and why it is held, if it is.

    `held` is a sentence for staff; None for a message that goes on.
    """

    stream: Stream
    marketing: bool
    held: str | None = None


def classify(
    streams: Streams,
    stream: Stream,
    version: Version | None,
    headers: Iterable[tuple[str, str]],
    texts: Iterable[str] = (),
) -> Classified:
    """What a message is, by the stream of its credential and its headers; `texts` are its decoded text parts.

    StreamError: it names a stream that there is not, or one that would make it less strict or another thing.
    """
    lowered = [(name.lower(), value.strip()) for name, value in headers]
    for named in [value for name, value in lowered if name == NAMES_STREAM]:
        other = streams.find(named)
        if other.id == stream.id:
            continue
        if stream.is_marketing(version) or not other.is_marketing(version):
            raise StreamError(
                f"X-Troth-Stream names '{other.id}', and the credential is for '{stream.id}'. A header can only make "
                "service mail marketing; use a credential of the other stream."
            )
        stream = other
    if stream.is_marketing(version):
        return Classified(stream, True)
    listed = sorted({name for name, _ in lowered if name in LIST_HEADERS})
    if listed:
        return Classified(stream, False, f"It bears {', '.join(listed)}, as mail to a list does.")
    bulk = next((value for name, value in lowered if name == "precedence" and value.lower() in BULK), None)
    if bulk is not None:
        return Classified(stream, False, f"It bears Precedence: {bulk.lower()}, as mail to a list does.")
    signs = signs_of_bulk(texts)
    if len(signs) >= ENOUGH:
        return Classified(stream, False, f"It looks like marketing: {', '.join(signs)}.")
    return Classified(stream, False)


def signs_of_bulk(texts: Iterable[str]) -> list[str]:
    """The signs of bulk mail in some texts, each once, in words."""
    several = list(texts)
    return [sign for sign, pattern in TEXT_SIGNS.items() if any(pattern.search(text) for text in several)]
