"""The rules of `troth mail lint` about the header."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from troth.gates.mail.content.mailbox import decode_words
from troth.gates.mail.content.message import Message
from troth.gates.mail.errors import MailError

Found = tuple[str, str]  # the id of a rule, and what was found

# Domains that give everybody an address: nobody but their owner can sign for them.
_EVERYBODY = (
    "gmail.com googlemail.com yahoo.com yahoo.co.uk yahoo.de ymail.com aol.com outlook.com hotmail.com live.com "
    "msn.com icloud.com me.com mac.com gmx.de gmx.net gmx.com web.de t-online.de mail.ru yandex.ru proton.me "
    "protonmail.com orange.fr free.fr laposte.net libero.it qq.com 163.com naver.com"
)
_PUBLIC = frozenset(_EVERYBODY.split())
_FEIGNED = re.compile(r"\s*(re|fwd?|aw|wg|antw|tr|rv|sv|vs)\s*(\[\d+\])?\s*:", re.I)
_ALARM = re.compile(
    r"\b(final notice|last warning|account (?:is )?(?:suspended|blocked|limited)|payment (?:overdue|failed)"
    r"|invoice overdue|you(?:'ve| have) won|urgent(?:!|:)|act now|verify your account)",
    re.I,
)
_MESSAGE_ID = re.compile(r"<[^\s<>@]+@[^\s<>@]+>\Z")


def header_findings(message: Message, at: datetime, marketing: bool) -> Iterator[Found]:
    """What the header breaks."""
    yield from _who(message)
    yield from _when(message, at)
    yield from _subject(message)
    if marketing:
        yield from _lists(message)
    yield from _once(message)
    yield from _signatures(message, marketing)


def aligned(one: str, other: str) -> bool:
    """Whether two domains are the same or one is above the other."""
    return one == other or one.endswith(f".{other}") or other.endswith(f".{one}")


def _who(message: Message) -> Iterator[Found]:
    sender = message.sender
    if sender.domain in _PUBLIC:
        yield "from-domain", f"From is an address of {sender.domain}, for which only its owner can sign."
    shown = re.search(r"[^\s<>@]+@([^\s<>@]+\.[a-z]{2,})", sender.name, re.I)
    if shown and shown[0].lower() != sender.address.lower():
        yield "from-name", f"The name in From shows {shown[0][:60]}, and the address is {sender.address[:60]}."
    local = sender.address.partition("@")[0].lower()
    if re.fullmatch(r"(no|do-?not|donot)[._-]?reply.*", local) and message.text("reply-to") is None:
        yield "reply-address", f"Answers go to {sender.address}, which says that nobody reads them."
    if message.fields.first("bcc") is not None:
        yield "bcc", "The header names who should not be named."


def _when(message: Message, at: datetime) -> Iterator[Found]:
    said = message.text("date")
    if said is None:
        yield "date", "There is no Date."
    else:
        try:
            when = parsedate_to_datetime(said)
            when = when if when.tzinfo else when.replace(tzinfo=UTC)
        except (ValueError, TypeError, OverflowError):
            yield "date", f"The Date {said[:60]!r} cannot be read."
        else:
            if when - at > timedelta(days=1):
                yield "date", f"The Date {said[:60]!r} lies in the future."
    id = message.text("message-id")
    if id is None:
        yield "message-id", "There is no Message-ID."
    elif not _MESSAGE_ID.match(id):
        yield "message-id", f"The Message-ID {id[:60]!r} is not of the form <left@right>."
    if message.text("mime-version") is None and any(one.name.startswith("content-") for one in message.fields):
        yield "mime-version", "There are fields of MIME and no MIME-Version."


def _subject(message: Message) -> Iterator[Found]:
    said = message.text("subject")
    if not said:
        yield "subject", "There is no Subject." if said is None else "The Subject is empty."
        return
    try:
        shown = decode_words(said, "Subject")
    except MailError as error:
        yield "subject", error.text
        return
    if _FEIGNED.match(shown) and message.text("in-reply-to") is None and message.text("references") is None:
        yield "subject-misleads", f"The subject begins like an answer and answers nothing: {shown[:60]!r}."
    letters = [one for one in shown if one.isalpha()]
    if len(letters) > 8 and all(one.isupper() for one in letters) and shown.upper() != shown.lower():
        yield "subject-misleads", f"The subject shouts: {shown[:60]!r}."
    if "!!" in shown or _ALARM.search(shown):
        yield "subject-misleads", f"The subject sounds an alarm: {shown[:60]!r}."


def _lists(message: Message) -> Iterator[Found]:
    said = message.text("list-unsubscribe")
    uris = re.findall(r"<\s*([^>]*?)\s*>", said or "")
    https = [one for one in uris if one.lower().startswith("https:")]
    if said is None:
        yield "list-unsubscribe", "There is no List-Unsubscribe."
    elif len(https) != 1:
        yield "list-unsubscribe", f"List-Unsubscribe has {len(https) or 'no'} https addresses: {said[:80]}"
    if said is not None and not any(one.lower().startswith("mailto:") for one in uris):
        yield "list-unsubscribe-mailto", "List-Unsubscribe has no mailto."
    post = message.text("list-unsubscribe-post")
    if post is None:
        yield "list-unsubscribe-post", "There is no List-Unsubscribe-Post."
    elif post != "List-Unsubscribe=One-Click":
        yield "list-unsubscribe-post", f"List-Unsubscribe-Post says {post[:60]!r}."
    id = message.text("list-id")
    if id is None:
        yield "list-id", "There is no List-Id."
    elif not re.search(r"<[^<>\s@]+\.[^<>\s@]+>\s*\Z", id):
        yield "list-id", f"List-Id has no name with a dot in angle brackets: {id[:60]!r}."


def _once(message: Message) -> Iterator[Found]:
    names = [one.name for one in message.fields if one.name.startswith("list-")]
    for name in sorted({one for one in names if names.count(one) > 1}):
        yield "list-once", f"{name} is there {names.count(name)} times."


def _signatures(message: Message, marketing: bool) -> Iterator[Found]:
    signatures = [_tags(one.text) for one in message.fields.every("dkim-signature")]
    if not signatures:
        yield "dkim-signed", "There is no DKIM-Signature."
        return
    ours = [tags for tags in signatures if aligned(tags.get("d", "").lower(), message.sender.domain)]
    if not ours:
        by = ", ".join(sorted({tags.get("d", "?") for tags in signatures}))
        yield "dkim-aligned", f"The message is from {message.sender.domain} and signed by {by[:80]}."
        return
    wanted = {"from"}
    if marketing:
        wanted |= {name for name in ("list-unsubscribe", "list-unsubscribe-post") if message.fields.first(name)}
    covered = [{name.strip().lower() for name in tags.get("h", "").split(":")} for tags in ours]
    if not any(wanted <= names for names in covered):
        missing = ", ".join(sorted(wanted - covered[0]))
        yield "dkim-covers", f"The signature of {ours[0]['d']} does not cover {missing}."
    if any("l" in tags for tags in ours):
        yield "dkim-whole", "The signature ends within the body (l=), so anything can be added behind it."
    if all(tags.get("a", "").endswith("sha1") for tags in ours):
        yield "dkim-whole", "The signature is by SHA-1."


def _tags(value: str) -> dict[str, str]:
    pairs = (one.partition("=") for one in value.split(";"))
    return {name.strip(): re.sub(r"\s+", "", said) for name, equals, said in pairs if equals}
