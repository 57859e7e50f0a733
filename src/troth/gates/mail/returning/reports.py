"""Reading what comes back from mail: reports of delivery (RFC 3464), complaints (RFC 5965), and messages of people.

Nothing that these say of whom they are about is believed: that is in the address which they came to, or in an address
or link of ours that they quote. They only say what happened.
"""

from __future__ import annotations

import email
import email.header
import re
import unicodedata
from collections.abc import Iterator
from email.message import Message
from email.parser import BytesHeaderParser
from typing import Literal

import msgspec

What = Literal["bounce", "delay", "complaint", "opt-out", "reply", "nothing"]

MOST_BYTES = 2 * 1024 * 1024  # of a message that comes back
MOST_PARTS = 50

# The codes of RFC 3463, section 3, and of RFC 7505, that say for good that an address does not work. Only these
# suppress it; the rest is about the message, the way there, or a policy (5.7.x), which are not the address's fault.
HARD: dict[str, str] = {
    "5.1.1": "Bad destination mailbox address: there is no such mailbox.",
    "5.1.2": "Bad destination system address: there is no such domain.",
    "5.1.3": "Bad destination mailbox address syntax.",
    "5.1.6": "The mailbox has moved, and nobody forwards mail.",
    "5.1.10": "The domain of the address takes no mail (null MX).",
    "5.2.1": "The mailbox is disabled, and takes no mail.",
}

# Words with which people ask to get no more mail, alone or in a short line.
WORDS = re.compile(
    r"\b(unsubscribe|unsubscribed|opt out|opt-out|remove me|take me off|stop sending|abmelden|abbestellen|austragen"
    r"|desinscrire|desinscription|desabonner|desabonnement|darse de baja|darme de baja|baja|cancelar suscripcion"
    r"|uitschrijven|afmelden|disiscrivimi|disiscrivermi|annulla iscrizione|cancelami|remover|descadastrar"
    r"|avregistrera|avsluta|afmeld|meld meg av|wypisz|odhlasit)\b|^stop$"
)
NOT = re.compile(r"\b(not|don't|dont|never|nicht|kein|keine|ne pas|pas|no me|niet|non|nao|inte|ikke)\b")
LINES, LONGEST = 5, 60  # how many lines of a reply are looked at, and how long one that asks is at most

_REPLIED = re.compile(r"^\s*(re|aw|sv|antw|antwort|ref|rif|res|odp|vs|fw|fwd|wg)\s*(\[\d+\])?\s*:", re.IGNORECASE)
_QUOTED = re.compile(
    r"^\s*(>|\||-{2,}\s*(original|forwarded|ursprüngliche)|_{5,}|(on|am|le|el|op|il|em|den)\b.{5,}:$)", re.I
)
_STATUS = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
_ENHANCED = re.compile(r"^\s*(?:[a-z-]+\s*;)?\s*(?:\d{3}[ -])?\s*([245])\.(\d{1,3})\.(\d{1,3})\b", re.IGNORECASE)


class ReportError(ValueError):
    """It cannot be read as a message; the text says why."""


class Read(msgspec.Struct, frozen=True):
    """What came back: what it says happened, the status of a bounce, and texts in which an address of ours may stand.

    A `reply` is a message of somebody that asks for nothing; `nothing` is one that a machine sent.
    """

    what: What
    status: str = ""
    texts: tuple[str, ...] = ()


def is_hard(status: str) -> bool:
    """Whether a status says for good that the address does not work."""
    return status in HARD


def read_report(raw: bytes) -> Read:
    """What a message that came back says. ReportError: it is too large, or no message."""
    if len(raw) > MOST_BYTES:
        raise ReportError(f"It has {len(raw)} bytes; what comes back has at most {MOST_BYTES}.")
    try:
        message = email.message_from_bytes(raw)
        if not message.keys():
            raise ReportError("It has no header, so it is no message.")
        parts = _parts(message)
        kind = message.get_content_type()
        report = str(message.get_param("report-type") or "").lower() if kind == "multipart/report" else ""
        if report == "delivery-status":
            return _delivery(parts)
        if report == "feedback-report":
            return _feedback(message, parts)
        return _message(message, parts)
    except (LookupError, AttributeError, TypeError, ValueError, RecursionError) as problem:
        if isinstance(problem, ReportError):
            raise
        raise ReportError("It cannot be read as a message.") from None


# --- reports ----------------------------------------------------------------------------------------------------------


def _delivery(parts: list[Message]) -> Read:
    """Of a report about several recipients, what became of the worst: each message of ours has one."""
    found: list[tuple[str, str]] = []
    texts: list[str] = []
    for part in parts:
        if part.get_content_type() in ("message/delivery-status", "message/global-delivery-status"):
            for fields in _groups(part):
                action = str(fields.get("Action") or "").strip().lower()
                if action:
                    found.append((action, _status(fields)))
        elif part.get_content_type() in ("message/rfc822", "text/rfc822-headers", "message/global"):
            texts += _headers(part)
    failed = [status for action, status in found if action == "failed"]
    if failed:
        return Read("bounce", next((one for one in failed if is_hard(one)), failed[0]), tuple(texts))
    if any(action == "delayed" for action, _ in found):
        return Read("delay", next(status for action, status in found if action == "delayed"), tuple(texts))
    return Read("nothing", "", tuple(texts))


def _status(fields: Message) -> str:
    """The status of a recipient; where it says no more than its class, that of the server's own words."""
    match = _STATUS.search(str(fields.get("Status") or ""))
    status = "" if match is None else ".".join(match.groups())
    if status in ("", "5.0.0", "4.0.0"):
        said = _ENHANCED.match(str(fields.get("Diagnostic-Code") or ""))
        if said is not None and (not status or said[1] == status[0]):
            return ".".join(said.groups())
    return status


def _feedback(message: Message, parts: list[Message]) -> Read:
    kind, texts = "", []
    for part in parts:
        if part.get_content_type() == "message/feedback-report":
            for fields in _groups(part):
                kind = kind or str(fields.get("Feedback-Type") or "").strip().lower()
                texts += [str(value) for value in fields.get_all("Original-Mail-From") or ()]
        elif part.get_content_type() in ("message/rfc822", "text/rfc822-headers", "message/global"):
            texts += _headers(part)
    what: What = {"abuse": "complaint", "opt-out": "opt-out", "opt-out-list": "opt-out"}.get(kind, "nothing")  # type: ignore[assignment]
    return Read(what, "", tuple(texts))


def _groups(part: Message) -> Iterator[Message]:
    """The groups of fields in a part that is made of such: each is parsed as a header."""
    payload = part.get_payload()
    if isinstance(payload, list):
        yield from (one for one in payload if isinstance(one, Message))
        return
    content = part.get_payload(decode=True)
    if isinstance(content, bytes):
        for group in re.split(rb"(?:\r?\n){2,}", content.strip()):
            yield BytesHeaderParser().parsebytes(group.strip() + b"\n\n")


def _headers(part: Message) -> list[str]:
    """The headers of the message that a report is about, in which an address of ours may stand."""
    payload = part.get_payload()
    inner = payload[0] if isinstance(payload, list) and payload else None
    if not isinstance(inner, Message):
        content = part.get_payload(decode=True)
        if not isinstance(content, bytes):
            return []
        inner = BytesHeaderParser().parsebytes(content)
    names = ("return-path", "list-unsubscribe", "reply-to", "x-original-return-path", "envelope-from")
    return [str(value) for name, value in inner.items() if name.lower() in names]


# --- messages of people -----------------------------------------------------------------------------------------------


def _message(message: Message, parts: list[Message]) -> Read:
    automatic = str(message.get("Auto-Submitted") or "no").partition(";")[0].strip().lower() != "no"
    precedence = str(message.get("Precedence") or "").strip().lower() in ("bulk", "junk", "list", "auto_reply")
    subject = _subject(message)
    text = next((text_of(part) for part in parts if part.get_content_type() == "text/plain"), None)
    if text is None:
        text = next((_of_html(text_of(part)) for part in parts if part.get_content_type() == "text/html"), "")
    texts = (*(text_of(part) for part in parts if part.get_content_maintype() == "text"),)
    if automatic or precedence or message.get("X-Autoreply") or message.get("X-Autorespond"):
        return Read("nothing", "", texts)
    asks = (not _REPLIED.match(subject) and asks_to_stop(subject)) or any(map(asks_to_stop, own_lines(text)))
    return Read("opt-out" if asks else "reply", "", texts)


def asks_to_stop(line: str) -> bool:
    """Whether a line asks to get no more mail: it is short, has one of the words, and does not say the opposite."""
    folded = unicodedata.normalize("NFKD", line.strip().lower().replace("’", "'"))
    plain = "".join(one for one in folded if not unicodedata.combining(one)).strip(" \t.,;:!?\"'*_()[]<>-")
    return len(plain) <= LONGEST and WORDS.search(plain) is not None and NOT.search(plain) is None


def own_lines(text: str) -> list[str]:
    """The first lines of a reply that are its writer's own, up to what is quoted."""
    found: list[str] = []
    for line in text.splitlines():
        if _QUOTED.match(line) or line.rstrip() == "--" or line.startswith("-- "):
            break
        if line.strip():
            found.append(line.strip())
        if len(found) == LINES:
            break
    return found


def _subject(message: Message) -> str:
    try:
        decoded = email.header.decode_header(str(message.get("Subject") or ""))
        pieces = [
            piece.decode(charset or "ascii", "replace") if isinstance(piece, bytes) else piece
            for piece, charset in decoded
        ]
    except (LookupError, ValueError):
        return ""
    return " ".join("".join(pieces).split())


def text_of(part: Message) -> str:
    """The text of a part, in characters; what its charset cannot say is replaced."""
    content = part.get_payload(decode=True)
    if not isinstance(content, bytes):
        return ""
    try:
        return content.decode(part.get_content_charset() or "utf-8", "replace")
    except LookupError:
        return content.decode("utf-8", "replace")


def _of_html(text: str) -> str:
    """HTML as lines of text, up to what is quoted."""
    text = re.split(r"<blockquote\b|<div[^>]+(?:gmail_quote|yahoo_quoted|moz-cite)", text, maxsplit=1, flags=re.I)[0]
    text = re.sub(r"<(style|script|head)\b.*?</\1\s*>", " ", text, flags=re.I | re.S)
    text = re.sub(r"<(br|/p|/div|/tr|/h\d)\b[^>]*>", "\n", text, flags=re.I)
    return re.sub(r"<[^>]*>", " ", text).replace("&nbsp;", " ")


def _parts(message: Message) -> list[Message]:
    """The parts of a message, without those of a message within it. ReportError: there are too many."""
    found: list[Message] = []
    waiting = [message]
    while waiting:
        part = waiting.pop(0)
        payload = part.get_payload()
        if part.is_multipart() and part.get_content_maintype() == "multipart" and isinstance(payload, list):
            waiting[:0] = [one for one in payload if isinstance(one, Message)]
        else:
            found.append(part)
        if len(found) + len(waiting) > MOST_PARTS:
            raise ReportError(f"It has more than {MOST_PARTS} parts.")
    return found
